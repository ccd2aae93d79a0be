//! `kiket schema`: the JSON Schemas of definition files, for editors and for tools.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use kiket_core::definition::Kind;
use kiket_core::schemas;

use super::text::{emit, json_text};
use super::unknown::unknown;

/// Print the JSON Schema of a kind of definition file
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket schema pipeline > pipeline.schema.json\n  \
                        kiket schema --all schemas\n  kiket schema")]
pub(super) struct Arguments {
    /// The kind, such as pipeline; without one, all kinds are listed
    #[arg(conflicts_with = "all")]
    kind: Option<String>,
    /// Write every schema into this folder: <KIND>.schema.json, and those of the plugin manifest and of events
    #[arg(long, value_name = "DIR")]
    all: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let text = match (arguments.kind, arguments.all) {
        (_, Some(folder)) => write_all(&folder)?,
        (Some(word), None) => match kinds().find(|kind| kind.word() == word) {
            Some(kind) => json_text(&kind.schema()),
            None => return Err(unknown("kind", &word, kinds().map(Kind::word))),
        },
        (None, None) => list(),
    };
    emit(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn kinds() -> impl Iterator<Item = Kind> {
    Kind::ALL.iter().copied()
}

/// Writes every schema, over an older one if there is one, and returns the names of the files.
fn write_all(folder: &Path) -> anyhow::Result<String> {
    let mut written = String::new();
    for (name, schema) in schemas::all() {
        let path = folder.join(name);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        fs::write(&path, json_text(&schema)).with_context(|| format!("{} cannot be written", path.display()))?;
        written += &format!("{}\n", path.display());
    }
    Ok(written)
}

/// Lists the kinds with what they are.
fn list() -> String {
    let width = kinds().map(|kind| kind.word().len()).max().unwrap_or(0);
    kinds()
        .map(|kind| {
            let schema = kind.schema();
            let description = schema["description"].as_str().unwrap_or_default();
            format!("{:<width$}  {description}", kind.word()).trim_end().to_owned() + "\n"
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use serde_json::Value as Json;

    use super::*;

    #[test]
    fn every_kind_is_listed_and_has_a_schema() {
        let list = list();
        for kind in kinds() {
            let line = list.lines().find(|line| line.split_whitespace().next() == Some(kind.word()));
            assert!(line.is_some_and(|line| line.contains(' ')), "{} in\n{list}", kind.word());
        }
        assert_eq!(list.lines().count(), kinds().count());
    }

    #[test]
    fn all_schemas_are_written_as_files_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let written = write_all(&folder.path().join("schemas")).unwrap();
        for path in written.lines() {
            let schema: Json = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema", "{path}");
        }
        for kind in kinds() {
            let name = format!("schemas/{}.schema.json", kind.word());
            assert!(folder.path().join(&name).exists(), "{name}");
        }
    }
}
