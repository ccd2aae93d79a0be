//! A commit's files in a folder, honest ones and those of somebody who means harm.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use kiket_sync::{Checkout, CheckoutLimits, CommitId, Skip, SyncError};

use crate::harness::{Copy, Origin};

/// Checks a commit out beside a file that nothing may touch.
fn check_out(origin: &Origin, commit: &CommitId) -> (Copy, PathBuf, Checkout) {
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    let into = copy.folder.path().join("files");
    fs::write(copy.folder.path().join("outside"), "outside").unwrap();
    let done = copy.mirror.checkout(commit, &into, &CheckoutLimits::default()).unwrap();
    assert_eq!(fs::read_to_string(copy.folder.path().join("outside")).unwrap(), "outside");
    (copy, into, done)
}

fn refusal(origin: &Origin, commit: &CommitId, limits: &CheckoutLimits) -> SyncError {
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    copy.mirror.checkout(commit, &copy.folder.path().join("files"), limits).unwrap_err()
}

/// Every path below a folder, links not followed.
fn list(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            found.push(entry.path().strip_prefix(folder).unwrap().display().to_string());
            if entry.file_type().unwrap().is_dir() {
                open.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

fn skipped(done: &Checkout) -> Vec<(&str, Skip)> {
    done.skipped.iter().map(|skipped| (skipped.path.as_str(), skipped.reason)).collect()
}

#[test]
fn files_are_written_as_they_are_with_their_modes() {
    let origin = Origin::new();
    let commit = origin.commit_as(&[
        ("100644", "README.md", b"# Shop\r\n"),
        ("100755", "bin/build", b"#!/bin/sh\n"),
        ("100644", "bin/data", b"\0\xff"),
        ("120000", "latest", b"bin/data"),
        ("120000", "bin/up", b"../README.md"),
        ("100644", ".gitattributes", b"* filter=evil ident text eol=crlf\nbin/data export-ignore\n"),
    ]);
    let (_copy, into, done) = check_out(&origin, &commit);
    assert_eq!(list(&into), [".gitattributes", "README.md", "bin", "bin/build", "bin/data", "bin/up", "latest"]);
    assert_eq!((done.files, done.bytes, done.skipped.len()), (6, 77, 0));
    assert_eq!(fs::read(into.join("README.md")).unwrap(), b"# Shop\r\n");
    assert_eq!(fs::read(into.join("latest")).unwrap(), b"\0\xff");
    let mode = |path: &str| fs::metadata(into.join(path)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("bin"), mode("bin/build"), mode("bin/data")), (0o755, 0o755, 0o644));
}

#[test]
fn an_earlier_commit_is_written_as_it_was() {
    let origin = Origin::new();
    let before = origin.commit(&[("a", "1"), ("b", "1")]);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    origin.commit(&[("a", "2")]);
    origin.remove("b");
    copy.fetch("main");
    let into = copy.folder.path().join("files");
    copy.mirror.checkout(&before, &into, &CheckoutLimits::default()).unwrap();
    assert_eq!((list(&into), fs::read_to_string(into.join("a")).unwrap()), (vec!["a".into(), "b".into()], "1".into()));
}

#[test]
fn links_that_lead_out_and_submodules_are_skipped_and_named() {
    let origin = Origin::new();
    let long = [b'a'; 1_025];
    let commit = origin.commit_as(&[
        ("100644", "a/b/c", b"1"),
        ("120000", "absolute", b"/etc/passwd"),
        ("120000", "above", b"../outside"),
        ("120000", "a/b/far", b"../../../outside"),
        ("120000", "root", b"."),
        ("120000", "detour", b"root/../outside"),
        ("120000", "nothing", b""),
        ("120000", "nul", b"a\0/../../outside"),
        ("120000", "long", &long),
        ("120000", "inside", b"a/b"),
        ("160000", "module", b""),
    ]);
    let (_copy, into, done) = check_out(&origin, &commit);
    assert_eq!(list(&into), ["a", "a/b", "a/b/c", "inside", "root"]);
    let out = ["a/b/far", "above", "absolute", "detour", "long"].map(|path| (path, Skip::LeadsOut));
    let last = [("module", Skip::Submodule), ("nothing", Skip::LeadsOut), ("nul", Skip::LeadsOut)];
    assert_eq!(skipped(&done), [&out[..], &last].concat());
}

#[test]
fn names_that_are_no_names_are_skipped_and_named() {
    let origin = Origin::new();
    let blob = origin.write_blob(b"1");
    let evil = origin.write_tree(&[("100644", b"hook", &blob)]);
    let long = vec![b'n'; 256];
    let names: [&[u8]; 9] = [b"..", b".", b"../outside", b"/outside", b"a\\b", b"\xff", b"cr\r", &long, b"ok"];
    let mut entries: Vec<_> = names.iter().map(|name| ("100644", *name, blob.as_str())).collect();
    entries.extend([("40000", &b".git"[..], evil.as_str()), ("40000", b"..", &evil), ("40000", b".GIT", &evil)]);
    let commit = origin.commit_tree(&origin.write_tree(&entries));
    let (copy, into, done) = check_out(&origin, &commit);
    assert_eq!(list(&into), ["ok"]);
    assert_eq!(done.skipped.len(), 11);
    assert!(done.skipped.iter().all(|skipped| skipped.reason == Skip::UnsafeName), "{:?}", done.skipped);
    assert!(!copy.folder.path().join("hook").exists());
}

#[test]
fn nothing_is_written_through_a_link_of_the_same_name() {
    let origin = Origin::new();
    let blob = origin.write_blob(b"1");
    let target = origin.write_blob(b"..");
    let folder = origin.write_tree(&[("100644", b"outside", &blob)]);
    let inner = origin.write_tree(&[
        ("120000", b"up", target.as_str()),
        ("40000", b"up", folder.as_str()),
        ("100644", b"up", blob.as_str()),
    ]);
    let commit = origin.commit_tree(&origin.write_tree(&[("40000", b"a", &inner)]));
    let (_copy, into, done) = check_out(&origin, &commit);
    assert_eq!(list(&into), ["a", "a/up"]);
    assert_eq!(skipped(&done), [("a/up", Skip::DuplicateName), ("a/up", Skip::DuplicateName)]);
}

#[test]
fn only_a_fresh_folder_is_written_into() {
    let origin = Origin::new();
    let commit = origin.commit(&[("a", "1")]);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    let (folder, link) = (copy.folder.path().join("files"), copy.folder.path().join("link"));
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink("files", &link).unwrap();
    for into in [&folder, &link] {
        let error = copy.mirror.checkout(&commit, into, &CheckoutLimits::default()).unwrap_err();
        assert!(matches!(error, SyncError::Write { .. }), "{error:?}");
    }
    assert_eq!(list(&folder), Vec::<String>::new());
}

#[test]
fn a_tree_beyond_a_budget_is_refused_as_a_whole() {
    let origin = Origin::new();
    let commit = origin.commit(&[("a/b/c", "123"), ("d", "4567")]);
    let refusal = |limits: CheckoutLimits| refusal(&origin, &commit, &limits).to_string();
    let limits = CheckoutLimits::default();
    assert_eq!(refusal(CheckoutLimits { depth: 1, ..limits.clone() }), "levels of folders exceed the limit of 1");
    assert_eq!(refusal(CheckoutLimits { entries: 3, ..limits.clone() }), "entries of the tree exceed the limit of 3");
    assert_eq!(refusal(CheckoutLimits { bytes: 6, ..limits.clone() }), "bytes of the tree exceed the limit of 6");
    assert_eq!(refusal(CheckoutLimits { file_bytes: 3, ..limits }), "bytes of one file exceed the limit of 3");
}

#[test]
fn a_bomb_of_a_tree_costs_no_more_than_the_budget() {
    let origin = Origin::new();
    let blob = origin.write_blob(b"boom");
    let mut tree = origin.write_tree(&[("100644", b"0", &blob), ("100644", b"1", &blob)]);
    for _ in 0..40 {
        tree = origin.write_tree(&[("40000", b"0", &tree), ("40000", b"1", &tree)]);
    }
    let commit = origin.commit_tree(&tree);
    let limits = CheckoutLimits { entries: 1_000, ..CheckoutLimits::default() };
    let error = refusal(&origin, &commit, &limits);
    assert_eq!(error.to_string(), "entries of the tree exceed the limit of 1000");
}

#[test]
fn a_path_that_is_too_long_for_the_system_is_refused() {
    let origin = Origin::new();
    let name = [b'n'; 250];
    let mut tree = origin.write_tree(&[("100644", b"end", &origin.write_blob(b"1"))]);
    for _ in 0..12 {
        tree = origin.write_tree(&[("40000", &name, &tree)]);
    }
    let error = refusal(&origin, &origin.commit_tree(&tree), &CheckoutLimits::default());
    assert_eq!(error.to_string(), "bytes of one path exceed the limit of 2048");
}
