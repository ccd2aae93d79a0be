//! The file tree that a program sees: the granted paths, five devices, a `/proc` of its own, and nothing else.
//!
//! Invariant: what is granted is opened before anything is covered, and put into place without following a link.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
use rustix::mount::{
    MountFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags, mount, mount_change, move_mount,
    open_tree, unmount,
};
use rustix::process::{chdir, pivot_root};

use crate::error::Missing;
use crate::wire::Failure;

use super::Step;
use super::grants::Grants;
use super::sys::{Restrict, restrict};

/// Where the new tree is put together. Every system has this folder, and the mount is seen by nobody else.
const BASE: &str = "/proc";
/// How what is granted is opened: a copy of the mount and of those below it.
const COPY: OpenTreeFlags = OpenTreeFlags::OPEN_TREE_CLONE
    .union(OpenTreeFlags::OPEN_TREE_CLOEXEC)
    .union(OpenTreeFlags::AT_RECURSIVE)
    .union(OpenTreeFlags::AT_SYMLINK_NOFOLLOW);
/// Devices without a state and without a machine behind them.
pub(super) const DEVICES: [&str; 5] = ["/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"];
const LINKS: [(&str, &str); 4] = [
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

/// Makes the tree and puts this process and its future children into it.
pub(super) fn build(grants: &Grants) -> Step<()> {
    let missing = || Failure::missing(Missing::FileTree);
    let trees = open(grants).map_err(missing())?;
    assemble(trees).map_err(missing())?;
    proc().map_err(Failure::missing(Missing::Proc))?;
    move_in(grants).map_err(missing())
}

/// Copies of the granted mounts, with the rights that they will have.
fn open(grants: &Grants) -> io::Result<Vec<(PathBuf, OwnedFd)>> {
    let open = |path: &Path, rights: Option<Restrict>| {
        let tree = open_tree(CWD, path, COPY)?;
        rights.map_or(Ok(()), |rights| restrict(&tree, rights))?;
        Ok((path.to_path_buf(), tree))
    };
    let readable = grants.readable.iter().map(|path| open(path, Some(Restrict::TreeToReading)));
    let writable = grants.writable.iter().map(|path| open(path, Some(Restrict::Tree)));
    let devices = DEVICES.iter().map(|path| open(Path::new(path), None));
    readable.chain(writable).chain(devices).collect()
}

/// Makes the new tree the only one, adds links, and closes it to changes.
fn move_in(grants: &Grants) -> io::Result<()> {
    chdir(BASE)?;
    pivot_root(".", ".")?;
    unmount(".", UnmountFlags::DETACH)?;
    chdir("/")?;
    let fixed = LINKS.iter().map(|(link, target)| (Path::new(link), Path::new(target)));
    for (link, target) in fixed.chain(grants.links.iter().map(|(link, target)| (&**link, &**target))) {
        if link.symlink_metadata().is_err() {
            fs::create_dir_all(link.parent().unwrap_or(link))?;
            symlink(target, link)?;
        }
    }
    let root = open_path(CWD, Path::new("/"), ResolveFlags::empty())?;
    restrict(root, Restrict::MountToReading)
}

fn open_path(folder: impl AsFd, path: &Path, resolve: ResolveFlags) -> io::Result<OwnedFd> {
    Ok(openat2(folder, path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty(), resolve)?)
}

/// Makes the new tree out of mounts, each at the path that it has outside.
fn assemble(mut trees: Vec<(PathBuf, OwnedFd)>) -> io::Result<()> {
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    mount("tmpfs", BASE, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=755,size=1m")?;
    // What lies below another comes after it.
    trees.sort_by_key(|(path, _)| path.components().count());
    trees.iter().try_for_each(|(path, tree)| place(path, tree))
}

/// Puts a mount into the new tree, at the path that it has outside.
fn place(path: &Path, tree: &OwnedFd) -> io::Result<()> {
    let inside = path.strip_prefix("/").map_err(io::Error::other)?;
    let at = Path::new(BASE).join(inside);
    if at.symlink_metadata().is_err() {
        if path.is_dir() {
            fs::create_dir_all(&at)?;
        } else {
            fs::create_dir_all(at.parent().unwrap_or(&at))?;
            File::create(&at)?;
        }
    }
    let root = open_path(CWD, Path::new(BASE), ResolveFlags::empty())?;
    let target = open_path(&root, inside, ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS)?;
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(move_mount(tree, "", target, "", flags)?)
}

/// Mounts the jail's own processes, forbids user namespaces below this one on the way, and empties what only root may
/// read: a program of root may act on root's files, and these are the kernel's.
fn proc() -> io::Result<()> {
    let at = Path::new(BASE).join("proc");
    fs::create_dir_all(&at)?;
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    mount("proc", &at, "proc", flags, None)?;
    fs::write(at.join("sys/user/max_user_namespaces"), "0")?;
    for entry in fs::read_dir(&at)? {
        let (path, metadata) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
        if metadata.is_file() && metadata.mode() & 0o004 == 0 {
            let nothing = open_tree(CWD, Path::new(BASE).join("dev/null"), COPY)?;
            move_mount(nothing, "", CWD, path, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
        }
    }
    restrict(open_path(CWD, &at, ResolveFlags::empty())?, Restrict::MountToReading)
}
