//! Any text as a definition file of any kind: it parses and compiles, or it ends in diagnostics.

#![no_main]

use kiket_core::Source;
use kiket_core::catalog::Catalog;
use kiket_core::diagnostic::render;
use kiket_core::revision::compile;
use libfuzzer_sys::fuzz_target;

/// The first byte chooses the path, which says what kind a file without a root key is.
const PATHS: [&str; 8] = [
    ".kiket/pipelines/a.yaml",
    ".kiket/workflows/a.yaml",
    ".kiket/plugins.yaml",
    ".kiket/issue_types.yaml",
    ".kiket/project.yaml",
    ".kiket/boards/a.yaml",
    ".kiket/automations/a.yaml",
    ".kiket/workflows/a/automation_recipes/a.yaml",
];

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let Ok(text) = std::str::from_utf8(rest) else { return };
    let source = Source::new(PATHS[usize::from(*first) % PATHS.len()], text);
    let (_, found) = compile(std::slice::from_ref(&source), &Catalog::default());
    for diagnostic in found {
        let _ = render(&diagnostic, Some(&source.text));
    }
});
