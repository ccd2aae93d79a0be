//! Files of `tests/diagnostics`, and a catalog to compile them against.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use kiket_core::Source;
use kiket_core::catalog::{Catalog, Plugin};
use kiket_core::diagnostic::{Diagnostic, render};
use kiket_core::manifest::Manifest;
use kiket_core::revision::compile;

const WORK: &str = r#"
id: work
actions:
  run:
    effect: pure
    input:
      type: object
      properties:
        count: { type: integer, minimum: 1 }
        source: { type: string, x-kiket-code: true }
      additionalProperties: true
  undo: { effect: idempotent }
"#;

const REQUEST: &str = r#"
id: request
actions:
  run:
    effect: checkable
    input:
      type: object
      required: [url]
      properties:
        url: { type: string, x-kiket-url: true }
        script: { type: string, x-kiket-code: true }
        method: { enum: [GET, POST] }
        headers:
          type: array
          items:
            type: object
            required: [name]
            properties: { name: { type: string }, value: { type: string } }
            additionalProperties: false
        retries: { type: object, properties: { codes: { type: array, items: { type: integer } } } }
      additionalProperties: false
  ping: { effect: pure }
"#;

/// A broken file: its name without its ending, and what it says.
pub(crate) struct Broken {
    pub(crate) name: String,
    pub(crate) source: Source,
}

impl Broken {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("the file is text");
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("its name is text").to_owned();
        let place = said(&text, "path").unwrap_or(".kiket/pipelines/p.yaml").to_owned();
        Self { name, source: Source::new(place, text) }
    }

    /// Returns what stands behind a word in the comments at the top of the file.
    pub(crate) fn said(&self, word: &str) -> Option<&str> {
        said(&self.source.text, word)
    }

    /// Returns everything that is said about the file.
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        complain(&self.source)
    }

    /// Returns the same as a person reads it.
    pub(crate) fn rendered(&self) -> String {
        self.diagnostics().iter().map(|found| render(found, Some(&self.source.text))).collect()
    }
}

fn said<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let comments = text.lines().map_while(|line| line.strip_prefix("# "));
    comments.filter_map(|line| line.strip_prefix(word)?.strip_prefix(": ")).next()
}

/// Returns the files of a folder below `tests/diagnostics`, in the order of their names.
pub(crate) fn broken(folder: &str) -> Vec<Broken> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/diagnostics").join(folder);
    let mut paths: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("the folder can be listed")
        .map(|entry| entry.expect("it is there").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| Broken::read(path)).collect()
}

/// Returns everything that is said about one source.
pub(crate) fn complain(source: &Source) -> Vec<Diagnostic> {
    compile(std::slice::from_ref(source), &catalog()).1
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for (name, manifest) in [("work", WORK), ("request", REQUEST)] {
        let manifest = Manifest::parse(manifest).expect("the manifest is valid");
        catalog.insert(name, Arc::new(Plugin::new("sha256:00", manifest).expect("its schemas are valid")));
    }
    catalog
}
