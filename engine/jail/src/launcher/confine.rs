//! The last steps of the process that becomes the program: it gives up what it may not keep, and executes.

use std::convert::Infallible;
use std::env;
use std::os::unix::process::CommandExt;
use std::process::{self, Command};
use std::time::Duration;

use rustix::io;
use rustix::process::{Gid, Resource, Rlimit, Signal, Uid, getrlimit, set_parent_process_death_signal, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, clear_ambient_capability_set, configure_capability_in_ambient_set,
    remove_capability_from_bounding_set, set_capabilities, set_keep_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};

use crate::error::Missing;
use crate::ids::NOBODY;
use crate::program::Rules;
use crate::wire::Failure;

use super::grants::Grants;
use super::{Step, Task, landlock, sys};

/// What a program of root keeps, over files of root and of its own alone: these are the ids that its namespace knows.
const KEPT: CapabilitySet = CapabilitySet::DAC_OVERRIDE.union(CapabilitySet::FOWNER);
/// The launcher and process 1 run as the program's user where that is not `nobody`, and count as its processes.
const SUPERVISORS: u32 = 2;

/// Becomes the program, in its jail or, without grants, outside of one. A probe ends here instead, with code 0.
pub(super) fn become_program(task: Task<'_>, grants: Option<&Grants>) -> Step<Infallible> {
    let Task { order, stdin } = task;
    rustix::stdio::dup2_stdin(stdin).map_err(Failure::broken("handing over the input"))?;
    env::set_current_dir(&order.program.dir)
        .map_err(|error| Failure::Invalid(format!("{}: {error}", order.program.dir.display())))?;
    if let Some(grants) = grants {
        give_up(order.nobody).map_err(Failure::missing(Missing::Privileges))?;
        sys::leave_keyring().map_err(Failure::missing(Missing::Privileges))?;
        set_no_new_privs(true).map_err(Failure::missing(Missing::Privileges))?;
        landlock::restrict(grants, order.rules.network).map_err(Failure::missing(Missing::Landlock))?;
    } else {
        // In a jail the kernel sees to both.
        rustix::process::setsid().map_err(Failure::broken("making a session"))?;
        set_parent_process_death_signal(Some(Signal::KILL)).map_err(Failure::broken("tying the program"))?;
        set_no_new_privs(true).map_err(Failure::broken("refusing new privileges"))?;
    }
    let supervisors = if grants.is_some() && !order.nobody { SUPERVISORS } else { 0 };
    limit(&order.rules, supervisors).map_err(Failure::broken("setting limits"))?;
    if order.probe {
        process::exit(0);
    }
    let environment = order.program.env.iter().map(|(name, value)| (name, value));
    let mut command = Command::new(&order.program.path);
    let error = command.args(&order.program.args).env_clear().envs(environment).exec();
    Err(Failure::NotStarted(error.raw_os_error().unwrap_or(libc::EINVAL)))
}

/// Gives up capabilities, and the user where that is root.
fn give_up(nobody: bool) -> io::Result<()> {
    let kept = if nobody { KEPT } else { CapabilitySet::empty() };
    // While the bounding set still holds them: what is inherited must have been in it.
    set_capabilities(None, CapabilitySets { inheritable: kept, ..capabilities(None)? })?;
    for capability in CapabilitySet::all().iter() {
        match remove_capability_from_bounding_set(capability) {
            // This kernel does not know it.
            Ok(()) | Err(io::Errno::INVAL) => {}
            Err(error) => return Err(error),
        }
    }
    if nobody {
        set_keep_capabilities(true)?;
        set_thread_groups(&[])?;
        let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
        set_thread_res_gid(group, group, group)?;
        set_thread_res_uid(user, user, user)?;
        set_keep_capabilities(false)?;
    }
    set_capabilities(None, CapabilitySets { effective: kept, permitted: kept, inheritable: kept })?;
    clear_ambient_capability_set()?;
    kept.iter().try_for_each(|capability| configure_capability_in_ambient_set(capability, true))
}

/// Sets the kernel's limits, none of them above what this process may have itself.
fn limit(rules: &Rules, supervisors: u32) -> io::Result<()> {
    let seconds = (rules.cpu + Duration::from_millis(999)).as_secs();
    // CPU time of the tree is watched by process 1; the kernel stands behind it, a second later.
    let limits = [
        (Resource::Cpu, seconds.saturating_add(1), seconds.saturating_add(2)),
        (Resource::Data, rules.memory, rules.memory),
        (Resource::Fsize, rules.file_bytes, rules.file_bytes),
        (Resource::Nofile, rules.open_files, rules.open_files),
        (Resource::Nproc, u64::from(rules.processes) + u64::from(supervisors), u64::MAX),
        (Resource::Core, 0, 0),
    ];
    for (resource, soft, hard) in limits {
        let own = getrlimit(resource).maximum.unwrap_or(u64::MAX);
        let hard = if resource == Resource::Nproc { soft.min(own) } else { hard.min(own) };
        setrlimit(resource, Rlimit { current: Some(soft.min(hard)), maximum: Some(hard) })?;
    }
    Ok(())
}
