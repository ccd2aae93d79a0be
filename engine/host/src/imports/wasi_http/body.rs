//! Bodies that the host holds while a guest writes or reads them, and how many bytes that may be.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use wasmtime_wasi_http::Error;
use wasmtime_wasi_http::p2::body::{HyperIncomingBody, HyperOutgoingBody};

/// Most bytes of one request's body: as many as one host call may hand over.
const REQUEST: usize = 8 * 1024 * 1024;

/// Counts the bytes that all bodies of one call have together. They are outside of the guest's memory, and bounded
/// by as much.
#[derive(Clone)]
pub(super) struct Account {
    held: Arc<AtomicUsize>,
    allowed: usize,
}

/// Bytes that are counted; gives them back when it goes.
pub(super) struct Held {
    account: Account,
    bytes: usize,
}

impl Account {
    pub(super) fn new(allowed: usize) -> Self {
        Self { held: Arc::default(), allowed }
    }

    /// Nothing yet.
    pub(super) fn open(&self) -> Held {
        Held { account: self.clone(), bytes: 0 }
    }
}

impl Held {
    /// Counts more bytes; says whether there is room for them.
    pub(super) fn grow(&mut self, bytes: usize) -> bool {
        let before = self.account.held.fetch_add(bytes, Relaxed);
        self.bytes += bytes;
        before.saturating_add(bytes) <= self.account.allowed
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.account.held.fetch_sub(self.bytes, Relaxed);
    }
}

/// Takes what a guest writes until it says that it is all. What is beyond the limits ends the body there.
pub(super) async fn collect(body: HyperOutgoingBody, account: Account) -> Result<Vec<u8>, Error> {
    let (mut body, mut held) = (pin!(body), account.open());
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        // A request that leaves here has no trailers.
        let data = frame?.into_data().map_err(|_| Error::HttpRequestTrailerSectionSize(Some(0)))?;
        if whole.len() + data.len() > REQUEST || !held.grow(data.len()) {
            return Err(Error::HttpRequestBodySize(Some(REQUEST as u64)));
        }
        whole.extend_from_slice(&data);
    }
    Ok(whole)
}

/// A response's body, for a guest to read; counted until the guest lets go of it.
pub(super) fn hold(bytes: Vec<u8>, account: &Account) -> Result<HyperIncomingBody, Error> {
    let mut held = account.open();
    let length = bytes.len();
    if !held.grow(length) {
        return Err(Error::HttpResponseBodySize(Some(length as u64)));
    }
    let counted = move |never| {
        let _ = &held;
        match never {}
    };
    Ok(Full::new(Bytes::from(bytes)).map_err(counted).boxed_unsync())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_count_together_until_they_are_let_go() {
        let account = Account::new(100);
        let first = hold(vec![0; 60], &account).expect("there is room");
        assert!(matches!(hold(vec![0; 60], &account), Err(Error::HttpResponseBodySize(Some(60)))));
        drop(first);
        assert!(hold(vec![0; 60], &account).is_ok());
    }
}
