//! `kiket init`: definitions to begin with.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::templates::{self, Template};
use super::text::emit;
use super::unknown::unknown;

/// What is written where nobody asks for something else.
const DEFAULT: &str = "hello";

/// Write definitions to begin with into .kiket/
#[derive(clap::Args)]
#[command(after_help = "No file that is there is ever written over.\n\n\
                        Examples:\n  kiket init\n  kiket init --list\n  kiket init --template release --path shop")]
pub(super) struct Arguments {
    /// Which definitions; --list names them
    #[arg(long, short, default_value = DEFAULT, value_name = "NAME")]
    template: String,
    /// Folder that .kiket/ is to stand in
    #[arg(long, default_value = ".", value_name = "DIR")]
    path: PathBuf,
    /// List the templates
    #[arg(long)]
    list: bool,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let templates = templates::all();
    if arguments.list {
        emit(&list(&templates))?;
        return Ok(ExitCode::SUCCESS);
    }
    let Some(template) = templates.iter().find(|template| template.name == arguments.template) else {
        return Err(unknown("template", &arguments.template, templates.iter().map(|template| template.name)));
    };
    write(template, &arguments.path)?;
    emit(&describe(template, &arguments.path))?;
    Ok(ExitCode::SUCCESS)
}

fn list(templates: &[Template<'_>]) -> String {
    let width = templates.iter().map(|template| template.name.len()).max().unwrap_or(0);
    templates.iter().map(|template| format!("{:<width$}  {}\n", template.name, template.about)).collect()
}

/// Writes all files of a template, or none where one of them is there already.
fn write(template: &Template<'_>, folder: &Path) -> anyhow::Result<()> {
    let is_there = |path: &&str| folder.join(path).symlink_metadata().is_ok();
    let there: Vec<&str> = template.files.iter().map(|(path, _)| *path).filter(is_there).collect();
    if !there.is_empty() {
        let folder = folder.display();
        bail!("nothing is written, because this is already there in {folder}\n  {}", there.join("\n  "));
    }
    for (path, text) in &template.files {
        let path = folder.join(path);
        let parent = path.parent().unwrap_or(folder);
        fs::create_dir_all(parent).with_context(|| format!("{} cannot be made", parent.display()))?;
        // One that has come into being since is not written over either.
        let written = File::create_new(&path).and_then(|mut file| file.write_all(text.as_bytes()));
        written.with_context(|| format!("{} cannot be written", path.display()))?;
    }
    Ok(())
}

/// Names what was written, and says what to do next.
fn describe(template: &Template<'_>, folder: &Path) -> String {
    let mut text = String::new();
    for (path, _) in &template.files {
        let path = folder.join(path);
        text += &format!("wrote {}\n", path.strip_prefix(".").unwrap_or(&path).display());
    }
    let here = folder == Path::new(".");
    let place = |before: &str| if here { String::new() } else { format!(" {before}{}", folder.display()) };
    let mut next = vec![(format!("kiket check{}", place("")), "finds every problem in one pass")];
    if let Some(pipeline) = template.pipeline() {
        next.push((format!("kiket run {pipeline}{}", place("--path ")), "runs it here, without a server"));
    }
    let width = next.iter().map(|(command, _)| command.len()).max().unwrap_or(0);
    text += "\nnext:\n";
    for (command, does) in next {
        text += &format!("  {command:<width$}  {does}\n");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::templates::tests::two;

    #[test]
    fn the_default_is_one_of_the_templates() {
        assert!(templates::all().iter().any(|template| template.name == DEFAULT && template.pipeline().is_some()));
    }

    #[test]
    fn writes_everything_once_and_never_over_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let template = &two()[1];
        let read = |path: &str| fs::read_to_string(folder.path().join(path)).unwrap();
        write(template, folder.path()).unwrap();
        assert_eq!(read(".kiket/pipelines/deploy.yaml"), "deploy");
        assert_eq!(read(".kiket/project.yaml"), "project");
        fs::write(folder.path().join(".kiket/project.yaml"), "mine").unwrap();
        fs::remove_file(folder.path().join(".kiket/pipelines/deploy.yaml")).unwrap();
        let error = write(template, folder.path()).unwrap_err().to_string();
        assert!(error.ends_with("\n  .kiket/project.yaml"), "{error}");
        assert_eq!(read(".kiket/project.yaml"), "mine");
        assert!(!folder.path().join(".kiket/pipelines/deploy.yaml").exists());
    }

    #[test]
    fn names_the_files_and_the_next_steps() {
        insta::assert_snapshot!(describe(&two()[1], Path::new(".")), @r"
        wrote .kiket/pipelines/deploy.yaml
        wrote .kiket/project.yaml

        next:
          kiket check       finds every problem in one pass
          kiket run deploy  runs it here, without a server
        ");
        insta::assert_snapshot!(describe(&two()[1], Path::new("shop")), @r"
        wrote shop/.kiket/pipelines/deploy.yaml
        wrote shop/.kiket/project.yaml

        next:
          kiket check shop              finds every problem in one pass
          kiket run deploy --path shop  runs it here, without a server
        ");
        assert_eq!(list(&two()), "a-b  \na    Does it all.\n");
    }
}
