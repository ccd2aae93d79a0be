//! The guest's stdout and stderr: what it prints becomes log lines.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use crate::calls::Lost;
use crate::error::Stop;
use crate::journal::{Journal, Stream};

/// How many bytes may wait before the guest has to.
const WINDOW: usize = 64 * 1024;

/// A handle to one of the guest's streams. All handles write into one journal.
#[derive(Clone)]
pub(crate) struct Stdio {
    journal: Arc<Journal>,
    stream: Stream,
    /// Why the last lines could not be sent, until the guest's next step raises it.
    lost: Option<Lost>,
}

impl Stdio {
    pub(crate) fn stdout(journal: &Arc<Journal>) -> Self {
        Self { journal: Arc::clone(journal), stream: Stream::Stdout, lost: None }
    }

    pub(crate) fn stderr(journal: &Arc<Journal>) -> Self {
        Self { journal: Arc::clone(journal), stream: Stream::Stderr, lost: None }
    }
}

impl IsTerminal for Stdio {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Stdio {
    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }

    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl OutputStream for Stdio {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.journal.write(self.stream, &bytes).map_err(|stop| StreamError::Trap(stop.into()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        match self.lost.take() {
            Some(lost) => Err(StreamError::Trap(Stop::Lost(lost).into())),
            None => Ok(WINDOW.saturating_sub(self.journal.pending())),
        }
    }
}

#[async_trait]
impl Pollable for Stdio {
    async fn ready(&mut self) {
        self.lost = self.journal.drain().await.err();
    }
}

/// The other face the trait asks for; no interface this host links uses it.
impl AsyncWrite for Stdio {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.journal.write(self.stream, bytes).map_err(io::Error::other);
        Poll::Ready(written.map(|()| bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
