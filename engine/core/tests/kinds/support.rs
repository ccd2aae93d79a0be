//! Files in, definitions and diagnostics out.

use kiket_core::Source;
use kiket_core::definition::undeclared::{self, Declared};
use kiket_core::definition::{self, Definition, Parsed};
use kiket_core::diagnostic::{Diagnostic, Severity, render};

/// Returns what a file below `.kiket/` defines; it has to be read without an error.
pub(crate) fn read(path: &str, text: &str) -> Definition {
    let (definition, found) = definition::parse(&source(path, text));
    let errors: Vec<&Diagnostic> = found.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    definition.expect("the file is of a kind that is known")
}

/// Returns everything that is said about one file.
pub(crate) fn complaints(path: &str, text: &str) -> String {
    let (_, found) = definition::parse(&source(path, text));
    found.iter().map(|found| render(found, Some(text))).collect()
}

pub(crate) fn source(path: &str, text: &str) -> Source {
    Source::new(format!(".kiket/{path}"), text)
}

/// Returns what is said about files when each is held against what all of them declare.
pub(crate) fn undeclared(files: &[(&str, &str)]) -> String {
    let sources: Vec<Source> = files.iter().map(|(path, text)| source(path, text)).collect();
    across(&sources).iter().map(|(text, found)| render(found, Some(text))).collect()
}

/// Returns every diagnostic across files, with the text that it is about.
pub(crate) fn across(sources: &[Source]) -> Vec<(&str, Diagnostic)> {
    let parsed: Vec<(&Source, Parsed)> = sources.iter().map(|source| (source, definition::read(source))).collect();
    let declared = Declared::of(parsed.iter().map(|(_, parsed)| parsed));
    let check = |(source, parsed): &(&'_ Source, Parsed)| undeclared::check(source, parsed, &declared);
    parsed.iter().flat_map(|pair| check(pair).into_iter().map(|found| (pair.0.text.as_str(), found))).collect()
}
