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
guards:
  run: { input: { type: object, properties: { count: { type: integer, minimum: 1 } } } }
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

const SCORE: &str = r#"
id: score
capabilities: [kv, { name: http, optional: true, reason: To ask others }]
actions: { run: { effect: pure } }
guards: { check: { input: { type: object, properties: { count: { type: integer }, key: { type: string } } } } }
"#;

const CHAT: &str = r#"
id: chat
capabilities: [http, secrets, { name: mail }]
actions: { run: { input: { type: object, properties: { url: { type: string, x-kiket-url: true } } } } }
"#;

/// A broken file: its name without its ending, and what it says.
pub(crate) struct Broken {
    pub(crate) name: String,
    pub(crate) source: Source,
    /// Files without a fault that stand beside it in the project.
    beside: Vec<Source>,
}

impl Broken {
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).expect("the file is text");
        let name = path.file_stem().and_then(|stem| stem.to_str()).expect("its name is text").to_owned();
        let beside = said(&text, "beside").unwrap_or_default().split_whitespace().map(beside).collect();
        Self { name, source: placed(text), beside }
    }

    /// Returns what stands behind a word in the comments at the top of the file.
    pub(crate) fn said(&self, word: &str) -> Option<&str> {
        said(&self.source.text, word)
    }

    /// Returns everything that is said about the file.
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        let mut sources = self.beside.clone();
        sources.push(self.source.clone());
        let found = complain_all(&sources);
        assert!(found.iter().all(|found| found.path == self.source.path), "{}: {found:#?}", self.name);
        found
    }

    /// Returns the same as a person reads it.
    pub(crate) fn rendered(&self) -> String {
        self.diagnostics().iter().map(|found| render(found, Some(&self.source.text))).collect()
    }
}

/// Returns a file that others name by `# beside:`.
fn beside(name: &str) -> Source {
    let path = folder("beside").join(format!("{name}.yaml"));
    placed(std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

fn placed(text: String) -> Source {
    Source::new(said(&text, "path").unwrap_or(".kiket/pipelines/p.yaml").to_owned(), text)
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/diagnostics").join(name)
}

fn said<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let comments = text.lines().map_while(|line| line.strip_prefix("# "));
    comments.filter_map(|line| line.strip_prefix(word)?.strip_prefix(": ")).next()
}

/// Returns the files of a folder below `tests/diagnostics`, in the order of their names.
pub(crate) fn broken(folder: &str) -> Vec<Broken> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(self::folder(folder))
        .expect("the folder can be listed")
        .map(|entry| entry.expect("it is there").path())
        .collect();
    paths.sort();
    paths.iter().map(|path| Broken::read(path)).collect()
}

/// Returns everything that is said about one source.
pub(crate) fn complain(source: &Source) -> Vec<Diagnostic> {
    complain_all(std::slice::from_ref(source))
}

/// Returns everything that is said about the sources of a project.
pub(crate) fn complain_all(sources: &[Source]) -> Vec<Diagnostic> {
    compile(sources, &catalog()).1
}

fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    let plugin = |manifest: &str| {
        let manifest = Manifest::parse(manifest).expect("the manifest is valid");
        Arc::new(Plugin::new("sha256:0123abcd", manifest).expect("its schemas are valid"))
    };
    for (name, manifest) in [("work", WORK), ("request", REQUEST), ("./tools/score.wasm", SCORE), ("chat", CHAT)] {
        catalog.insert(name, plugin(manifest));
    }
    catalog.insert_bundled("build", plugin("id: build\nactions: { run: { effect: idempotent } }"));
    catalog
}
