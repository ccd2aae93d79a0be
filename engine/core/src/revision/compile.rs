//! Sources to a revision. Every problem is reported; there is a revision only where none is an error.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::choose::{self, Chosen, File};
use super::{Revision, pins};
use crate::catalog::{Catalog, split_uses};
use crate::definition::undeclared::{self, Declared};
use crate::definition::{self, Definition, LockDefinition};
use crate::diagnostic::{Code, Diagnostic, Problems, Severity};
use crate::grants::PluginGrants;
use crate::plan::Surroundings;
use crate::source::{Level, Source};

/// What plugins may do, by their names in `uses:`.
pub(super) type Grants = BTreeMap<String, Arc<PluginGrants>>;

/// What `plugins.lock` is to a compilation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Locks {
    /// Everything is held against it.
    Hold,
    /// It was held against it before; what it says counts.
    Trust,
}

/// Returns the components of the repository that the sources use: paths from its root.
#[must_use]
pub fn component_paths(sources: &[Source]) -> Vec<String> {
    // Most files use none, and show that without being parsed.
    let sources = sources.iter().filter(|source| source.text.contains("./"));
    let definitions: Vec<Definition> = sources.filter_map(|source| definition::parse(source).0).collect();
    let calls = definitions.iter().flat_map(Definition::calls);
    let paths: BTreeSet<&str> = calls.filter_map(|call| call.component_path()).collect();
    paths.into_iter().map(str::to_owned).collect()
}

/// Parses and compiles all sources. Every problem is reported; there is a revision only where none is an error.
#[must_use]
pub fn compile(sources: &[Source], catalog: &Catalog) -> (Option<Revision>, Vec<Diagnostic>) {
    build(sources, catalog, Locks::Hold)
}

/// Compiles sources again that were a revision before, with the plugins of that time.
///
/// Where they hold a `plugins.lock`, plugins may do what it pins. That is what they might do when the revision was
/// published, whatever a later kiket's built-in grants are.
#[must_use]
pub fn rebuild(sources: &[Source], catalog: &Catalog) -> Option<Revision> {
    build(sources, catalog, Locks::Trust).0
}

/// Writes the `plugins.lock` that fits the sources of a project's own repository; `None` where something in them is
/// wrong, which is reported. A lock that they hold is left out of account.
#[must_use]
pub fn lock(sources: &[Source], catalog: &Catalog) -> (Option<String>, Vec<Diagnostic>) {
    let is_lock = |source: &&Source| definition::is_lock(&source.path);
    let sources: Vec<Source> = sources.iter().filter(|source| !is_lock(source)).cloned().collect();
    let (revision, found) = compile(&sources, catalog);
    let own: Vec<&Source> = sources.iter().filter(|source| source.origin.level == Level::Repository).collect();
    let definitions: Vec<Definition> = own.into_iter().filter_map(|source| definition::parse(source).0).collect();
    let used = used(definitions.iter());
    (revision.map(|revision| pins::pin(&used, catalog, &revision.grants).render()), found)
}

fn build(sources: &[Source], catalog: &Catalog, locks: Locks) -> (Option<Revision>, Vec<Diagnostic>) {
    let Chosen { files, provenance } = choose::choose(sources);
    let mut revision = Revision {
        provenance,
        commit: sources
            .iter()
            .find(|source| source.origin.level == Level::Repository)
            .and_then(|source| source.origin.commit.clone()),
        ..Revision::default()
    };
    let pinned = files.iter().find_map(|file| match &file.parsed.definition {
        Some(Definition::Lock(lock)) => Some((file.source.origin.level, lock.clone())),
        _ => None,
    });
    let mut grants = granted(&files, catalog);
    if let (Locks::Trust, Some((_, pinned))) = (locks, &pinned) {
        let pins = pinned.plugins.iter().map(|plugin| (plugin.name.value.clone(), Arc::new(plugin.grants.clone())));
        grants.extend(pins);
    }
    let used: BTreeSet<String> = used(files.iter().filter_map(|file| file.parsed.definition.as_ref()));
    let surroundings = Surroundings { catalog, grants: &|plugin| grants.get(plugin).map(Arc::as_ref) };
    let declared = Declared::of(files.iter().map(|file| &file.parsed));
    let mut diagnostics = Vec::new();
    for file in files {
        let mut problems = Problems::of(file.source);
        let level = file.source.origin.level;
        let mut found = undeclared::check(file.source, &file.parsed, &declared);
        if let Some(definition) = &file.parsed.definition {
            revision.add(definition, level, surroundings, &mut problems);
            warn_of_unused(definition, &used, &mut problems);
            if locks == Locks::Hold {
                hold(definition, level, pinned.as_ref(), &used, surroundings, &mut problems);
            }
        }
        found.extend(file.parsed.diagnostics);
        found.extend(problems.into_diagnostics());
        found.sort_by_key(|found| found.span);
        if level < Level::Project {
            // What is not the project's to change is only worth a word where it keeps the project from working.
            found.retain(|found| found.severity == Severity::Error);
        }
        diagnostics.extend(found);
    }
    revision.grants = grants;
    let accepted = diagnostics.iter().all(|found| found.severity != Severity::Error);
    (accepted.then_some(revision), diagnostics)
}

/// Returns what plugins may do: what is built in, and over it what the file of grants says.
fn granted(files: &[File<'_>], catalog: &Catalog) -> Grants {
    let builtin = |name: &str| catalog.builtin(name).cloned().unwrap_or_default();
    let bundled = catalog.names().map(|name| (name.to_owned(), builtin(name))).filter(|(_, grants)| !grants.is_empty());
    let mut all: Grants = bundled.map(|(name, grants)| (name, Arc::new(grants))).collect();
    for file in files {
        let Some(Definition::Plugins(plugins)) = &file.parsed.definition else { continue };
        for (name, grants) in &plugins.plugins {
            all.insert(name.value.clone(), Arc::new(builtin(&name.value).merge(grants)));
        }
    }
    all
}

/// Returns the plugins that definitions use.
fn used<'d>(definitions: impl Iterator<Item = &'d Definition>) -> BTreeSet<String> {
    definitions.flat_map(Definition::calls).map(|call| split_uses(&call.uses.value).0.to_owned()).collect()
}

/// Warns of grants and pins of plugins that nothing uses. Where nothing uses any plugin there is nothing to compare.
fn warn_of_unused(definition: &Definition, used: &BTreeSet<String>, problems: &mut Problems<'_>) {
    let names: Vec<_> = match definition {
        Definition::Plugins(plugins) => plugins.plugins.iter().map(|(name, _)| name).collect(),
        Definition::Lock(lock) => lock.plugins.iter().map(|plugin| &plugin.name).collect(),
        _ => return,
    };
    if used.is_empty() {
        return;
    }
    let listed: BTreeSet<&str> = names.iter().map(|name| name.value.as_str()).collect();
    let others: Vec<&str> = used.iter().map(String::as_str).filter(|used| !listed.contains(used)).collect();
    for name in names.iter().filter(|name| !used.contains(&name.value)) {
        let message = format!("nothing uses plugin \"{:.80}\", and what stands here has no effect", name.value);
        problems.report_unknown(Code::UnusedPlugin, name.span, message, &name.value, others.iter().copied());
    }
}

/// Holds a definition against the lock, where there is one. What definitions of other levels use need not stand in it:
/// whoever writes it does not see them.
fn hold(
    definition: &Definition,
    level: Level,
    pinned: Option<&(Level, LockDefinition)>,
    used: &BTreeSet<String>,
    surroundings: Surroundings<'_>,
    problems: &mut Problems<'_>,
) {
    let Some((home, pinned)) = pinned else { return };
    if let Definition::Lock(lock) = definition {
        pins::compare(lock, used, surroundings, problems);
    }
    if level == *home {
        pins::refuse_unpinned(definition, pinned, surroundings.catalog, problems);
    }
}
