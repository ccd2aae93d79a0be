//! `kiket plugin test`: cases from `tests/*.yaml`, run on the real host.

mod calls;
mod difference;
mod end;
mod run;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use kiket_core::case::Case;
use kiket_core::diagnostic::Severity;

use super::Refused;
use super::build::{Tools, from_crate};
use super::component::{Component, host};
use crate::cli::text::{clean, emit};

/// Run a plugin's test cases on the real host
#[derive(clap::Args)]
#[command(
    after_help = "Cases are files tests/*.yaml beside manifest.yaml; `kiket schema --all DIR` writes their schema, \
case.schema.json. A case says what the plugin is granted, and answers its requests: no network is used.\n\n\
Exit code: 0 every case passed, 1 one did not, 2 a case or the component has errors\n\n\
Examples:\n  kiket plugin test greet\n  kiket plugin test tools/greet.wasm --cases greet/tests"
)]
pub(super) struct Arguments {
    /// Folder of a crate, which is built first, or a component
    #[arg(default_value = ".", value_name = "DIR|FILE")]
    plugin: PathBuf,
    /// Folder of the cases; `tests` beside manifest.yaml, or beside the component, where nothing is said
    #[arg(long, value_name = "DIR")]
    cases: Option<PathBuf>,
    #[command(flatten)]
    tools: Tools,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { plugin, cases, tools } = arguments;
    let is_folder = plugin.is_dir();
    let beside = if is_folder { plugin.as_path() } else { plugin.parent().unwrap_or(&plugin) };
    let folder = cases.unwrap_or_else(|| beside.join("tests"));
    let cases = match read(&folder)? {
        Ok(cases) => cases,
        Err(refused) => return Ok(refused.end()),
    };
    let component = if is_folder {
        from_crate(&plugin, &tools).await?.map(|finished| finished.component)
    } else {
        Component::read(&plugin)?
    };
    let component = match component {
        Ok(component) => component,
        Err(refused) => return Ok(refused.end()),
    };
    let host = host()?;
    if let Err(error) = host.load(&component.digest, &component.bytes).await {
        return Ok(Refused::component(&plugin.display().to_string(), error).end());
    }
    let mut failed = 0;
    for (path, case) in &cases {
        let wrong = run::run(&host, &component, case).await;
        failed += usize::from(!wrong.is_empty());
        emit(&line(path, case, &wrong))?;
    }
    emit(&format!("\n{} passed, {failed} failed\n", cases.len() - failed))?;
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Reads the cases of a folder, in the order of the files' names.
fn read(folder: &Path) -> anyhow::Result<Result<Vec<(String, Case)>, Refused>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml"));
    paths.sort();
    let (mut cases, mut shown) = (Vec::new(), String::new());
    for path in paths {
        let name = path.strip_prefix(".").unwrap_or(&path).display().to_string();
        let text = fs::read_to_string(&path).with_context(|| format!("{name} cannot be read"))?;
        let (read, found) = Case::read(&name, &text);
        if found.iter().any(|found| found.severity == Severity::Error) {
            shown += &Refused::of(&found, Some(&text)).0;
        }
        cases.extend(read.into_iter().map(|case| (name.clone(), case)));
    }
    if shown.is_empty() && cases.is_empty() {
        bail!(
            "there is no case in {}\nhelp: write one, works.yaml: {{ name: works, expect: {{ output: {{}} }} }}",
            folder.display()
        );
    }
    Ok(if shown.is_empty() { Ok(cases) } else { Err(Refused(shown)) })
}

/// A case and what was wrong with it.
fn line(path: &str, case: &Case, wrong: &[String]) -> String {
    if wrong.is_empty() {
        return format!("ok      {}\n", clean(&case.name));
    }
    let mut text = format!("FAILED  {}  {path}:{}\n", clean(&case.name), case.span.line);
    for line in wrong.iter().flat_map(|wrong| wrong.lines()) {
        text += &format!("        {}\n", clean(line));
    }
    text
}
