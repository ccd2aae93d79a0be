//! Which definitions count: of two with one kind and one id, the one of the stronger level.

use std::collections::BTreeMap;

use super::Provenance;
use crate::definition::{self, Definition, Kind, Parsed};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::source::{Level, Source};

/// The files that count, in the order of the sources, and where their definitions come from.
pub(super) struct Chosen<'s> {
    pub(super) files: Vec<File<'s>>,
    pub(super) provenance: Vec<Provenance>,
}

/// A file and what it defines.
pub(super) struct File<'s> {
    pub(super) source: &'s Source,
    pub(super) parsed: Parsed,
}

/// Parses all sources and leaves out what stronger levels replace.
pub(super) fn choose(sources: &[Source]) -> Chosen<'_> {
    let mut files: Vec<File<'_>> =
        sources.iter().map(|source| File { source, parsed: definition::read(source) }).collect();
    let mut by_key: BTreeMap<(Kind, String), Vec<usize>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        if let Some(definition) = &file.parsed.definition {
            let key = (definition.kind(), definition.id(&file.source.path));
            by_key.entry(key).or_default().push(index);
        }
    }
    let mut provenance = Vec::new();
    let mut replaced = vec![false; files.len()];
    for ((kind, id), mut homes) in by_key {
        // The strongest level first; on one level the first file.
        homes.sort_by_key(|index| std::cmp::Reverse(files[*index].source.origin.level));
        let Some(&winner) = homes.first() else { continue };
        let source = files[winner].source;
        let mut replaces: Vec<Level> = Vec::new();
        for &other in &homes[1..] {
            let level = files[other].source.origin.level;
            if level == source.origin.level {
                let twin = twin(&files[other], kind, &id, &source.path);
                files[other].parsed.diagnostics.extend(twin);
            } else {
                replaced[other] = true;
                replaces.push(level);
            }
        }
        replaces.dedup();
        let line = files[winner].parsed.definition.as_ref().map_or(1, |definition| definition.span().line.max(1));
        let (path, origin) = (source.path.clone(), source.origin.clone());
        provenance.push(Provenance { kind, id, path, line, origin, replaces });
    }
    let kept = files.into_iter().zip(replaced).filter(|(_, replaced)| !replaced).map(|(file, _)| file).collect();
    Chosen { files: kept, provenance }
}

/// Reports the second of two definitions of one level.
fn twin(file: &File<'_>, kind: Kind, id: &str, home: &str) -> Vec<Diagnostic> {
    let mut problems = Problems::of(file.source);
    let span = file.parsed.definition.as_ref().map(Definition::span).unwrap_or_default();
    let message = match id {
        "" => format!("a project has one {} file, and that is {home}", kind.word()),
        id => format!("{} \"{id}\" is already defined in {home}", kind.word()),
    };
    problems.report(Code::DuplicateId, span, message);
    problems.into_diagnostics()
}
