//! The four system calls that no safe wrapper offers. All that is unsafe in kiket is in this file.

use std::fs;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use rustix::process::Pid;

/// Which of the two processes this one is after a [`fork`].
pub(super) enum Fork {
    Parent(Pid),
    Child,
}

/// Makes a second process of this one.
pub(super) fn fork() -> io::Result<Fork> {
    if fs::read_dir("/proc/self/task")?.count() != 1 {
        return Err(io::Error::other("a process with several threads cannot be forked"));
    }
    #[expect(unsafe_code, reason = "fork has no safe form")]
    // SAFETY: this process has one thread, as was just seen, so no lock and no allocator is left half-way in the child,
    // which may therefore do whatever its parent may.
    match unsafe { nix::unistd::fork() }? {
        nix::unistd::ForkResult::Child => Ok(Fork::Child),
        nix::unistd::ForkResult::Parent { child } => {
            Pid::from_raw(child.as_raw()).map(Fork::Parent).ok_or_else(|| io::ErrorKind::NotFound.into())
        }
    }
}

/// Closes every file but the three standard ones. Only before this process has opened any itself.
pub(super) fn close_inherited() -> io::Result<()> {
    #[expect(unsafe_code, reason = "rustix and nix have no close_range")]
    // SAFETY: no pointers. This is the first thing that the launcher does: nothing in this process owns what is closed.
    let result = unsafe { libc::syscall(libc::SYS_close_range, 3_u32, u32::MAX, 0_u32) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Leaves the keys of the session behind, which are inherited like files.
pub(super) fn leave_keyring() -> io::Result<()> {
    #[expect(unsafe_code, reason = "rustix and nix have no keyctl")]
    // SAFETY: the only pointer is a null one, which asks for a keyring without a name.
    let result = unsafe { libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, ptr::null::<u8>()) };
    match io::Error::last_os_error() {
        // Without keys in the kernel, or where a container's filter keeps everybody from them, there is nothing to leave.
        error if result < 0 && !matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => Err(error),
        _ => Ok(()),
    }
}

/// What a mount does not allow.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Restrict {
    /// Devices and set-user-id programs, in the mount and all below.
    Tree,
    /// The same, and changes.
    TreeToReading,
    /// Changes, in this mount alone.
    MountToReading,
}

/// Takes rights from a mount, or from a tree of mounts.
pub(super) fn restrict(mount: impl AsFd, what: Restrict) -> io::Result<()> {
    let safe = libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
    let (attributes, below) = match what {
        Restrict::Tree => (safe, libc::AT_RECURSIVE),
        Restrict::TreeToReading => (safe | libc::MOUNT_ATTR_RDONLY, libc::AT_RECURSIVE),
        Restrict::MountToReading => (libc::MOUNT_ATTR_RDONLY, 0),
    };
    let attributes = libc::mount_attr { attr_set: attributes, attr_clr: 0, propagation: 0, userns_fd: 0 };
    #[expect(unsafe_code, reason = "rustix and nix have no mount_setattr")]
    // SAFETY: the descriptor is open, the path is an empty string with its end, and the structure lives through the
    // call and is as long as is said.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            libc::AT_EMPTY_PATH | below,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
