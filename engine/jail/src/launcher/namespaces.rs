//! Enters the namespaces of a jail and forks its process 1, which does the rest.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process;

use nix::sched::{CloneFlags, unshare};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{DumpableBehavior, Signal, WaitOptions, set_dumpable_behavior, set_parent_process_death_signal};

use crate::error::Missing;
use crate::wire::{self, Failure, Order, Report};

use super::grants::Grants;
use super::sys::{self, Fork};
use super::{BROKEN, Step, Task, supervise, view};

/// Makes the jail, runs the program in it, and returns when nothing of it is alive. Process 1 reports by itself.
pub(super) fn enter(order: &Order, stdin: &OwnedFd, control: &mut UnixStream) -> Step<()> {
    unshare(CloneFlags::CLONE_NEWUSER).map_err(Failure::missing(Missing::UserNamespace))?;
    wire::report(control, &Report::Unshared).map_err(Failure::broken("asking for ids"))?;
    control.read_exact(&mut [0]).map_err(Failure::broken("waiting for ids"))?;
    let mut spaces = CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWPID | CloneFlags::CLONE_NEWIPC;
    spaces.set(CloneFlags::CLONE_NEWNET, !order.rules.network);
    unshare(spaces).map_err(Failure::missing(Missing::Namespaces))?;

    // Nothing is ever written to this pipe: its other end closes when the launcher dies.
    let (alive, life) = std::io::pipe().map_err(Failure::broken("making a pipe"))?;
    match sys::fork().map_err(Failure::broken("starting process 1"))? {
        Fork::Child => {
            drop(life);
            let told = outlive_nobody(&OwnedFd::from(alive))
                .and_then(|()| as_process_1(Task { order, stdin }, control))
                .or_else(|failure| {
                    wire::report(control, &Report::Failed(failure)).map_err(Failure::broken("reporting"))
                });
            process::exit(if told.is_ok() { 0 } else { BROKEN })
        }
        Fork::Parent(init) => {
            // Returns when process 1 is gone, and with it, by the kernel's hand, everything else in the jail.
            rustix::process::waitpid(Some(init), WaitOptions::empty()).map_err(Failure::broken("waiting"))?;
            Ok(())
        }
    }
}

/// Ties process 1 to the launcher: it is killed when the launcher ends, also if that happened before this line.
fn outlive_nobody(launcher: &OwnedFd) -> Step<()> {
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(Failure::broken("tying process 1 to the launcher"))?;
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    match poll(&mut [PollFd::new(launcher, PollFlags::IN)], Some(&now)) {
        Ok(0) => Ok(()),
        _ => Err(Failure::Broken("the launcher is gone".into())),
    }
}

fn as_process_1(task: Task<'_>, control: &mut UnixStream) -> Step<()> {
    rustix::process::setsid().map_err(Failure::broken("making a session"))?;
    // Nobody inside may look into process 1, which knows more than they do.
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(Failure::broken("closing process 1 to others"))?;
    let grants = Grants::of(&task.order.rules)?;
    view::build(&grants)?;
    supervise::in_jail(task, &grants, control)
}
