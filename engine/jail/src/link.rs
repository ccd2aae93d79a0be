//! The line between the caller and one launcher: how it is started, what is said, and what the program writes.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;

use crate::error::{JailError, Missing, Unavailable};
use crate::ids::Ids;
use crate::program::{Chunk, Stream};
use crate::wire::{self, Mode, Report};

/// Starts a launcher; what it says comes over the socket.
pub(crate) fn spawn(launcher: &Path, mode: Mode) -> io::Result<(Child, BufReader<UnixStream>)> {
    let (ours, theirs) = StdUnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let child = Command::new(launcher)
        .arg(wire::ARGUMENT)
        .env_clear()
        .current_dir(Path::new("/"))
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Not the terminal's: what interrupts the caller is the caller's to pass on.
        .process_group(0)
        // Without a jail the launcher has to live to kill the rest; it does so when the socket closes.
        .kill_on_drop(mode == Mode::Jailed)
        .spawn()?;
    Ok((child, BufReader::new(UnixStream::from_std(ours)?)))
}

/// Sends the order, maps ids when asked, and returns the last report; [`Report::Unshared`] if there was no last one.
pub(crate) async fn converse(
    mut control: BufReader<UnixStream>,
    order: &[u8],
    stdin: &[u8],
    ids: Ids,
    child: &Child,
) -> Result<Report, JailError> {
    // A launcher that is gone already may have said why: what cannot be written is no error yet.
    if control.write_all(order).await.is_ok() {
        control.write_all(stdin).await.ok();
    }
    let mut line = String::new();
    while control.read_line(&mut line).await.is_ok_and(|bytes| bytes > 0) {
        match serde_json::from_str(&line) {
            Ok(Report::Unshared) => {
                let launcher = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
                let mapped = launcher.map(|launcher| ids.map(launcher));
                mapped
                    .unwrap_or_else(|| Err(io::ErrorKind::NotFound.into()))
                    .map_err(|error| Unavailable { missing: Missing::Ids, reason: error.to_string() })?;
                control.write_all(b"m").await.ok();
            }
            Ok(last) => return Ok(last),
            Err(error) => return Err(JailError::Lost(error.to_string())),
        }
        line.clear();
    }
    Ok(Report::Unshared)
}

/// Passes on what is read until its end.
pub(crate) async fn pump(mut from: impl AsyncRead + Unpin, stream: Stream, to: &mpsc::Sender<Chunk>) {
    let mut buffer = vec![0; 32 * 1024];
    while let Ok(bytes @ 1..) = from.read(&mut buffer).await {
        // A receiver that is gone does not stop the program: the rest is read and forgotten.
        to.send(Chunk { stream, bytes: buffer[..bytes].to_vec() }).await.ok();
    }
}
