//! The `.kiket/` folder of a working tree, compiled with the bundled plugins.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use kiket_core::Source;
use kiket_core::catalog::Catalog;
use kiket_core::diagnostic::{Code, Diagnostic, Problems, Span};
use kiket_core::revision::{Revision, compile, component_paths};
use kiket_host::{CompileLimits, Host, HostConfig};

use super::report::Report;
use crate::compiler;
use crate::plugins::Plugins;

/// Deepest folder below `.kiket/` that is looked into.
const DEPTH: usize = 16;

/// A working tree that was read and compiled.
pub(super) struct Tree {
    pub(super) sources: Vec<Source>,
    pub(super) revision: Option<Revision>,
    pub(super) diagnostics: Vec<Diagnostic>,
    pub(super) pinned: BTreeMap<String, String>,
    /// The plugins that it can use.
    pub(super) catalog: Catalog,
}

/// Finds the folder that holds `.kiket/`: the given one, or the nearest above it.
pub(super) fn find_root(from: &Path) -> anyhow::Result<PathBuf> {
    let from = from.canonicalize().with_context(|| format!("{} cannot be read", from.display()))?;
    let start = if from.ends_with(".kiket") { from.parent().unwrap_or(&from) } else { &from };
    match start.ancestors().find(|folder| folder.join(".kiket").is_dir()) {
        Some(root) => Ok(root.to_owned()),
        None => bail!("there is no .kiket/ folder in {} or above it", start.display()),
    }
}

/// Reads and compiles the working tree that `path` is in, for a command that looks at it and runs nothing.
pub(super) async fn look(path: &Path) -> anyhow::Result<Tree> {
    let root = find_root(path)?;
    // No plugin is called: one small host to look at components, in a folder that is gone afterwards.
    let scratch = tempfile::tempdir()?;
    let compiler = compiler::this_program(CompileLimits::default());
    let cache_dir = Some(scratch.path().join("compiled"));
    let host = Host::new(HostConfig { instances: 1, compiler: Some(compiler), cache_dir, ..HostConfig::default() })?;
    let plugins = Plugins::open(host, scratch.path().join("plugins"))?;
    read(&root, &plugins).await
}

/// Reads and compiles everything below `.kiket/`.
pub(super) async fn read(root: &Path, plugins: &Plugins) -> anyhow::Result<Tree> {
    let mut sources = Vec::new();
    let mut diagnostics = Vec::new();
    collect(root, Path::new(".kiket"), DEPTH, &mut sources, &mut diagnostics)?;
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    // As on a server, what is not here falls back to what kiket ships.
    sources.extend(crate::bundled::defaults());
    let mut catalog = plugins.bundled().clone();
    for path in component_paths(&sources) {
        add_component(root, &path, plugins, &mut catalog, &mut diagnostics).await;
    }
    let (revision, found) = compile(&sources, &catalog);
    diagnostics.extend(found);
    let pinned = catalog.names().filter_map(|name| Some((name.to_owned(), catalog.get(name)?.digest.clone())));
    let pinned = pinned.collect();
    Ok(Tree { sources, revision, diagnostics, pinned, catalog })
}

impl Tree {
    /// Returns all diagnostics as a person reads them.
    pub(super) fn render(&self) -> String {
        Report::of(self).render()
    }
}

fn collect(
    root: &Path,
    folder: &Path,
    depth: usize,
    sources: &mut Vec<Source>,
    diagnostics: &mut Vec<Diagnostic>,
) -> anyhow::Result<()> {
    let entries = fs::read_dir(root.join(folder)).with_context(|| format!("{} cannot be read", folder.display()))?;
    for entry in entries {
        let entry = entry?;
        let kind = entry.file_type()?;
        let path = folder.join(entry.file_name());
        let name = path.to_string_lossy().replace('\\', "/");
        if kind.is_dir() && depth > 0 {
            collect(root, &path, depth - 1, sources, diagnostics)?;
        } else if kind.is_file() {
            match String::from_utf8(fs::read(root.join(&path))?) {
                Ok(text) => sources.push(Source::new(name, text)),
                Err(_) => skip(&name, "skipped: it is not UTF-8 text", diagnostics),
            }
        } else if kind.is_symlink() {
            skip(&name, "skipped: links are not followed", diagnostics);
        }
    }
    Ok(())
}

fn skip(path: &str, reason: &str, diagnostics: &mut Vec<Diagnostic>) {
    let mut problems = Problems::new(path);
    problems.report(Code::NotActedOn, Span::default(), reason);
    diagnostics.extend(problems.into_diagnostics());
}

async fn add_component(
    root: &Path,
    path: &str,
    plugins: &Plugins,
    catalog: &mut Catalog,
    diagnostics: &mut Vec<Diagnostic>,
) {
    // A path that leads out of the tree is not looked at: the compiler reports it as missing.
    if path.split('/').any(|part| part == ".." || part.is_empty()) {
        return;
    }
    let Ok(bytes) = fs::read(root.join(path)) else { return };
    match plugins.keep(&bytes).await {
        Ok(plugin) => catalog.insert(format!("./{path}"), plugin),
        Err(error) => {
            let mut problems = Problems::new(path);
            problems.report(Code::UnusableComponent, Span::default(), format!("not a usable plugin: {error}"));
            diagnostics.extend(problems.into_diagnostics());
        }
    }
}
