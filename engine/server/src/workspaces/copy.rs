//! A copy of a working tree as Git sees it: what is tracked or could be, without what is ignored.
//!
//! The rules are those of `.gitignore`, not Git's index: a file that was added although it is ignored is left out.
//! Repositories inside, links that may lead out and what is no file are skipped and named.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::mpsc;

use ignore::{DirEntry, WalkBuilder};
use kiket_sync::{CheckoutLimits, stays_inside};

use super::source::Filled;
use super::{WorkspaceError, failed};

/// Makes the folder `into` and copies the files of `root` into it.
pub(super) fn tree(root: &Path, into: &Path, limits: &CheckoutLimits) -> Result<Filled, WorkspaceError> {
    fs::create_dir(into).map_err(|error| failed("the workspace", &error))?;
    let (name, named) = mpsc::channel();
    let own = root.to_owned();
    let wanted = move |entry: &DirEntry| {
        let inner = entry.depth() > 0 && entry.file_type().is_some_and(|kind| kind.is_dir());
        if inner && entry.path().join(".git").exists() {
            let _ = name.send(skip(&own, entry.path(), "another repository, which is not copied"));
            return false;
        }
        entry.file_name() != ".git"
    };
    let walk = WalkBuilder::new(root)
        .hidden(false)
        .ignore(false)
        .require_git(false)
        .follow_links(false)
        .max_depth(Some(limits.depth))
        .filter_entry(wanted)
        .build();
    let mut filled = Filled::default();
    let mut entries = 0;
    for entry in walk {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                filled.skipped.push(error.to_string());
                continue;
            }
        };
        entries += 1;
        if entries > limits.entries {
            return Err(too_much(&format!("more than {} files and folders", limits.entries)));
        }
        copy(root, into, &entry, limits, &mut filled)
            .map_err(|error| failed(&entry.path().display().to_string(), &error))?;
        if filled.bytes > limits.bytes {
            return Err(too_much(&format!("more than {} bytes", limits.bytes)));
        }
    }
    filled.skipped.extend(named.try_iter());
    filled.skipped.sort();
    Ok(filled)
}

/// Copies one entry. Folders are made when something in them is copied: Git knows no empty ones.
fn copy(root: &Path, into: &Path, entry: &DirEntry, limits: &CheckoutLimits, filled: &mut Filled) -> io::Result<()> {
    let path = entry.path();
    let inside = path.strip_prefix(root).map_err(io::Error::other)?;
    let target = into.join(inside);
    let kind = entry.file_type();
    if kind.is_some_and(|kind| kind.is_dir()) {
        return Ok(());
    }
    let folder = target.parent().unwrap_or(into);
    fs::create_dir_all(folder)?;
    if kind.is_some_and(|kind| kind.is_file()) {
        let from = File::open(path)?;
        let executable = from.metadata()?.permissions().mode() & 0o111 != 0;
        let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target)?;
        // One byte more than there may be shows that there is too much.
        let left = limits.bytes.saturating_sub(filled.bytes).saturating_add(1);
        filled.bytes += io::copy(&mut from.take(left), &mut to)?;
        to.set_permissions(Permissions::from_mode(if executable { 0o755 } else { 0o644 }))
    } else if kind.is_some_and(|kind| kind.is_symlink()) {
        let leads = fs::read_link(path)?;
        let depth = inside.components().count().saturating_sub(1);
        if leads.to_str().is_some_and(|leads| stays_inside(depth, leads)) {
            return symlink(leads, &target);
        }
        filled.skipped.push(skip(root, path, "a symbolic link that may lead out"));
        Ok(())
    } else {
        filled.skipped.push(skip(root, path, "not a file"));
        Ok(())
    }
}

fn skip(root: &Path, path: &Path, why: &str) -> String {
    format!("{}: {why}", path.strip_prefix(root).unwrap_or(path).display())
}

fn too_much(what: &str) -> WorkspaceError {
    WorkspaceError::OverQuota(format!("the working tree holds {what}"))
}
