//! The public packs of Kiket: no error, and every warning is true.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use kiket_core::Source;
use kiket_core::definition::{self, Kind};
use kiket_core::diagnostic::{Severity, render};

use crate::support::across;

/// Returns the text of one file of a pack.
pub(crate) fn text(pack: &str, path: &str) -> String {
    fs::read_to_string(packs().join(pack).join(".kiket").join(path)).expect("the file is there")
}

fn packs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")
}

/// Returns every file of a pack, in the order of their paths.
pub(crate) fn sources(pack: &str) -> Vec<Source> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).expect("the folder can be listed").flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                let name = path.strip_prefix(root).expect("it is below the pack").to_str().expect("names are UTF-8");
                found.push(Source::new(name, fs::read_to_string(&path).expect("files are text")));
            }
        }
    }
    let root = packs().join(pack);
    let mut found = Vec::new();
    walk(&root.join(".kiket"), &root, &mut found);
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// Returns all warnings about a pack: those of each file, but for workflows alone, then those across files.
fn warnings(pack: &str) -> String {
    let sources = sources(pack);
    let mut shown = String::new();
    for source in &sources {
        let parsed = definition::read(source);
        for found in parsed.diagnostics {
            assert_ne!(found.severity, Severity::Error, "{}", render(&found, Some(&source.text)));
            if found.severity == Severity::Warning && parsed.kind != Some(Kind::Workflow) {
                shown.push_str(&render(&found, Some(&source.text)));
            }
        }
    }
    shown.extend(across(&sources).iter().map(|(text, found)| render(found, Some(text))));
    shown
}

#[test]
fn engineering() {
    assert_snapshot!(warnings("engineering"));
}

#[test]
fn kanban() {
    assert_snapshot!(warnings("kanban"));
}

#[test]
fn release_management() {
    assert_snapshot!(warnings("release-mgmt"));
}

#[test]
fn support() {
    assert_snapshot!(warnings("support"));
}

/// What is kept without acting on it, by key and file: nobody has to look for it.
#[test]
fn what_is_only_kept_is_said() {
    let lines = ["engineering", "kanban", "release-mgmt", "support"].iter().flat_map(|pack| {
        let parsed = sources(pack).into_iter().map(|source| definition::read(&source));
        let others = parsed.filter(|parsed| parsed.kind != Some(Kind::Workflow));
        let infos = others.flat_map(|parsed| parsed.diagnostics).filter(|found| found.severity == Severity::Info);
        infos.map(move |found| format!("{pack} {}", render(&found, None)))
    });
    assert_snapshot!(lines.collect::<String>());
}
