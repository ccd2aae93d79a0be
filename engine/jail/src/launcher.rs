//! The launcher: what the caller's binary is when its first argument says so.
//!
//! Invariant: one thread, from the first line to the last. Every `fork` rests on it.

mod confine;
mod grants;
mod landlock;
mod namespaces;
mod supervise;
mod sys;
mod tree;
mod usage;
mod view;

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::panic;
use std::process;

use rustix::fs::{MemfdFlags, Mode as FileMode, SeekFrom, memfd_create, seek};

use crate::wire::{self, ARGUMENT, Failure, Mode, Order, Report};

/// The exit codes of a launcher; nobody decides by them.
const CALLED_BY_HAND: i32 = 64;
const BROKEN: i32 = 70;

/// Does the launcher's work and ends the process if that is what it was started for, and returns otherwise. Has to be
/// the first line of `main`, before anything opens a file or starts a thread.
pub fn become_launcher_if_asked() {
    if std::env::args_os().nth(1).is_none_or(|argument| argument != ARGUMENT) {
        return;
    }
    panic::set_hook(Box::new(|panic| {
        eprintln!("{panic}");
        process::exit(BROKEN);
    }));
    match launch() {
        Ok(()) => process::exit(0),
        Err(error) => {
            eprintln!("`{ARGUMENT}` is how this program starts others; it is not called by hand: {error}");
            process::exit(CALLED_BY_HAND);
        }
    }
}

/// Reads the order and follows it. An error is one of the socket: nobody is there to be told.
fn launch() -> io::Result<()> {
    sys::close_inherited()?;
    rustix::process::umask(FileMode::from_raw_mode(0o022));
    // On a full machine the program goes, not the one who asked for it.
    std::fs::write("/proc/self/oom_score_adj", "500").ok();
    let mut control = UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?);
    let order = wire::decode(&mut control)?;
    let stdin = keep(&mut control, order.stdin)?;
    let outcome = match order.mode {
        Mode::Jailed => namespaces::enter(&order, &stdin, &mut control),
        Mode::Unjailed => supervise::without_jail(&order, &stdin, &mut control),
    };
    outcome.or_else(|failure| wire::report(&mut control, &Report::Failed(failure)))
}

/// A file without a name that holds the program's standard input.
fn keep(control: &mut UnixStream, bytes: u64) -> io::Result<OwnedFd> {
    let file = memfd_create("stdin", MemfdFlags::CLOEXEC)?;
    let mut file = std::fs::File::from(file);
    if io::copy(&mut control.take(bytes), &mut file)? != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    seek(&file, SeekFrom::Start(0))?;
    Ok(file.into())
}

/// What every step of the launcher ends in.
type Step<T> = Result<T, Failure>;

/// What a launcher needs to know to start the program.
#[derive(Clone, Copy)]
struct Task<'a> {
    order: &'a Order,
    stdin: &'a OwnedFd,
}
