//! What a person reads about each broken file: one snapshot a file, under the file's name.
//!
//! A file is called after the code of its problem, and begins with a comment that says where in a repository it
//! stands, `# path: .kiket/workflows/a.yaml`, and which files of `beside` stand there too: `# beside: calls-build`.

use std::collections::BTreeSet;
use std::path::Path;

use insta::{Settings, assert_snapshot};
use kiket_core::diagnostic::{Code, Diagnostic, Severity};

use crate::support::{Broken, broken};

/// Compares what is said about each file of a folder with what it said last time.
fn compare(folder: &str, files: &[Broken]) {
    let snapshots = Path::new("snapshots").join(folder);
    for file in files {
        let mut settings = Settings::clone_current();
        settings.set_snapshot_path(&snapshots);
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| assert_snapshot!(file.name.as_str(), file.rendered()));
    }
    let known = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics").join(&snapshots);
    for entry in std::fs::read_dir(known).expect("the snapshots can be listed").flatten() {
        let name = entry.file_name().into_string().expect("its name is text");
        let name = name.split(".snap").next().unwrap_or_default();
        assert!(files.iter().any(|file| file.name == name), "{folder}/{name}.yaml is gone, and its snapshot is not");
    }
}

/// Returns the code that a file is called after.
fn code_of(file: &Broken) -> Code {
    let code = file.name.split('-').next().and_then(Code::from_text);
    code.unwrap_or_else(|| panic!("{} is not called after a code", file.name))
}

/// Returns what is said about a file besides what is said of a right one as well: that it, or a part of it, is checked
/// and not acted on. A file that is called after such a code is about nothing else.
fn about(file: &Broken, code: Code) -> Vec<Diagnostic> {
    let mut found = file.diagnostics();
    found.retain(|found| found.code == code || !matches!(found.code, Code::NotActedOnYet | Code::NotActedOn));
    found
}

#[test]
fn one_mistake_is_one_error() {
    let files = broken("one");
    assert!(files.len() >= 85, "only {} files", files.len());
    compare("one", &files);
    let mut wrong = String::new();
    for file in &files {
        match about(file, code_of(file)).as_slice() {
            [only] if only.code == code_of(file) && only.severity == Severity::Error => {}
            _ => wrong.push_str(&format!("{}:\n{}\n", file.name, file.rendered())),
        }
    }
    assert!(wrong.is_empty(), "not exactly one error of the code in the name:\n{wrong}");
}

#[test]
fn one_oversight_is_one_warning() {
    let files = broken("warnings");
    compare("warnings", &files);
    let mut wrong = String::new();
    for file in &files {
        match about(file, code_of(file)).as_slice() {
            [only] if only.code == code_of(file) && only.severity != Severity::Error => {}
            _ => wrong.push_str(&format!("{}:\n{}\n", file.name, file.rendered())),
        }
    }
    assert!(wrong.is_empty(), "not exactly one diagnostic of the code in the name:\n{wrong}");
}

#[test]
fn many_mistakes_are_all_reported_in_the_order_of_their_places() {
    let files = broken("many");
    assert_eq!(files.len(), 12);
    compare("many", &files);
    let mut wrong = String::new();
    for file in &files {
        let expected = file.said("expect").unwrap_or_default();
        let named = if expected.contains("W0290") { Code::NotActedOnYet } else { Code::Syntax };
        let found = about(file, named);
        assert!((5..=15).contains(&found.len()), "{} has {} problems", file.name, found.len());
        assert!(found.is_sorted_by_key(|found| (found.span.line, found.span.column)), "{}", file.name);
        let codes: Vec<&str> = found.iter().map(|found| found.code.text()).collect();
        if codes.join(" ") != expected {
            wrong.push_str(&format!("{}: {}\n{}\n", file.name, codes.join(" "), file.rendered()));
        }
    }
    assert!(wrong.is_empty(), "not what the file says at its top:\n{wrong}");
}

#[test]
fn there_is_a_file_for_every_code() {
    let named: BTreeSet<Code> = broken("one").iter().chain(&broken("warnings")).map(code_of).collect();
    let missing: Vec<&Code> = Code::ALL.iter().filter(|code| !named.contains(code)).collect();
    assert!(missing.is_empty(), "nothing shows {missing:?}");
}
