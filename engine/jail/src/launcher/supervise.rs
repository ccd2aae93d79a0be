//! Watches the program and everything that it started, ends it all, and reports.
//!
//! In a jail this is process 1: what it misses, the kernel kills when it exits. Without a jail it is the launcher, as
//! the subreaper of what the program leaves behind.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, WaitOptions, WaitStatus, getpid, pidfd_open, set_child_subreaper, wait};

use crate::program::{End, Finished, Rules};
use crate::wire::{self, Failure, Order, Report};

use super::grants::Grants;
use super::sys::{self, Fork};
use super::usage::used;
use super::{Step, Task, confine, tree};

/// How often the tree is looked at.
const TICK: Duration = Duration::from_millis(100);
/// How long to wait for those who were just killed without a jail, before looking for more.
const PAUSE: Duration = Duration::from_millis(5);

/// Runs the program in the jail that this process is the first of.
pub(super) fn in_jail(task: Task<'_>, grants: &Grants, control: &mut UnixStream) -> Step<()> {
    if !task.order.probe && !grants.may_write(&task.order.program.dir) {
        return Err(outside(task.order));
    }
    supervise(task, Some(grants), control)
}

/// Runs the program with the launcher's own rights.
pub(super) fn without_jail(order: &Order, stdin: &OwnedFd, control: &mut UnixStream) -> Step<()> {
    if !order.probe && !Grants::of(&order.rules)?.may_write(&order.program.dir) {
        return Err(outside(order));
    }
    set_child_subreaper(Some(getpid())).map_err(Failure::broken("becoming a subreaper"))?;
    supervise(Task { order, stdin }, None, control)
}

fn outside(order: &Order) -> Failure {
    Failure::Invalid(format!("the working folder {} is not in what may be written", order.program.dir.display()))
}

fn supervise(task: Task<'_>, grants: Option<&Grants>, control: &mut UnixStream) -> Step<()> {
    if !task.order.program.path.is_absolute() {
        return Err(Failure::Invalid(format!(
            "the program {} has no absolute path",
            task.order.program.path.display()
        )));
    }
    let started = Instant::now();
    let program = start(task, grants)?;
    let end = watch(program, &task.order.rules, started, control);
    let wall = started.elapsed();
    end_all(grants.is_some());
    let report = Report::Finished(Finished { end: end?, usage: used()?, wall });
    wire::report(control, &report).map_err(Failure::broken("reporting"))
}

/// Forks the process that becomes the program, and waits until it has.
fn start(task: Task<'_>, grants: Option<&Grants>) -> Step<Pid> {
    // Closes by itself when the program is executed; until then, it carries the reason why not.
    let (mut reason, told) = std::io::pipe().map_err(Failure::broken("making a pipe"))?;
    match sys::fork().map_err(Failure::broken("starting the program"))? {
        Fork::Child => {
            drop(reason);
            let Err(failure) = confine::become_program(task, grants);
            serde_json::to_writer(told, &failure).ok();
            process::exit(super::BROKEN)
        }
        Fork::Parent(program) => {
            drop(told);
            let mut text = Vec::new();
            reason.read_to_end(&mut text).map_err(Failure::broken("starting the program"))?;
            if text.is_empty() {
                return Ok(program);
            }
            Err(serde_json::from_slice(&text).unwrap_or_else(Failure::broken("starting the program")))
        }
    }
}

/// Returns when the program has ended, or has to.
fn watch(program: Pid, rules: &Rules, started: Instant, control: &UnixStream) -> Step<End> {
    let ended = pidfd_open(program, PidfdFlags::empty()).map_err(Failure::broken("watching the program"))?;
    loop {
        let left = rules.wall.saturating_sub(started.elapsed()).min(TICK);
        let timeout = Timespec { tv_sec: 0, tv_nsec: left.subsec_nanos().into() };
        let mut files = [PollFd::new(&ended, PollFlags::IN), PollFd::new(control, PollFlags::IN)];
        match poll(&mut files, Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(Failure::broken("watching the program")(error)),
        }
        if !files[1].revents().is_empty() {
            return Err(Failure::Broken("nobody waits for the program any more".into()));
        }
        if let Some(status) = reap(program).map_err(Failure::broken("waiting"))? {
            return Ok(of(status));
        }
        if started.elapsed() >= rules.wall {
            return Ok(End::WallLimit);
        }
        let living = tree::descendants();
        if used()?.cpu() + living.iter().map(|process| process.cpu).sum::<Duration>() >= rules.cpu {
            return Ok(End::CpuLimit);
        }
        // Shared memory is counted once, but only where it matters: that costs more.
        if living.iter().map(|process| process.resident).sum::<u64>() > rules.memory
            && living.iter().map(|process| process.proportional()).sum::<u64>() > rules.memory
        {
            return Ok(End::MemoryLimit);
        }
    }
}

/// Waits for all who have ended; returns the program's status when it is among them.
fn reap(program: Pid) -> Result<Option<WaitStatus>, Errno> {
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if pid == program => return Ok(Some(status)),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) => return Ok(None),
            Err(error) => return Err(error),
        }
    }
}

fn of(status: WaitStatus) -> End {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => End::Exited(code),
        (None, Some(libc::SIGXCPU)) => End::CpuLimit,
        (None, signal) => End::Signalled(signal.unwrap_or_default()),
    }
}

/// Kills all that is left, and waits for it.
fn end_all(jailed: bool) {
    loop {
        if jailed {
            // All of the process namespace but its process 1, in one step that no fork escapes.
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(-1), nix::sys::signal::SIGKILL).ok();
        } else {
            tree::descendants().into_iter().for_each(tree::Process::kill);
        }
        loop {
            match wait(if jailed { WaitOptions::empty() } else { WaitOptions::NOHANG }) {
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => break thread::sleep(PAUSE),
                // Nobody is left.
                Err(_) => return,
            }
        }
    }
}
