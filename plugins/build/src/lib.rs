//! Builds the repository in a workspace of the commit, and keeps what comes of it.
//!
//! Four phases, each a heading in the log and a progress report: caches are put back, the commands run, artifacts are
//! kept, caches are kept. Nothing of a build that failed is kept.

mod cache;
mod commands;
mod find;
mod input;

use kiket_plugin::{Call, Failure, artifacts, log, plugin, progress};
use serde::Serialize;

use input::Input;

plugin! { manifest: "manifest.yaml", actions: { "run" => build } }

/// Most artifacts of one build.
const ARTIFACTS: usize = 1_000;

#[derive(Serialize)]
struct Output {
    artifacts: Vec<String>,
    files: Vec<File>,
    duration_ms: u64,
}

#[derive(Serialize)]
struct File {
    name: String,
    digest: String,
    size: u64,
}

/// How far the build has come.
struct Phases {
    done: u64,
    total: u64,
}

impl Phases {
    fn enter(&mut self, name: &str) {
        progress::report(name, self.done, self.total);
        log::info!("==> {name}");
        self.done += 1;
    }
}

fn build(input: Input, call: &Call) -> Result<Output, Failure> {
    let commands = input.commands()?;
    let timeout = input.timeout()?;
    let caches = cache::names(&input.cache, input.cache_key.as_deref().unwrap_or(call.stage()))?;
    let around = u64::from(!input.artifacts.is_empty()) + 2 * u64::from(!caches.is_empty());
    let mut phases = Phases { done: 0, total: commands.len() as u64 + around };

    if !caches.is_empty() {
        phases.enter("restore cache");
        caches.iter().try_for_each(cache::restore)?;
    }
    let env = input.env(call);
    let mut spent = std::time::Duration::ZERO;
    for command in &commands {
        phases.enter(&format!("run {}", commands::shown(command)));
        spent += commands::run(command, &input.folder, &env, timeout.map(|timeout| timeout.saturating_sub(spent)))?;
    }
    let mut files = Vec::new();
    if !input.artifacts.is_empty() {
        phases.enter("keep artifacts");
        files = keep(&input.artifacts)?;
    }
    if !caches.is_empty() {
        phases.enter("save cache");
        caches.iter().try_for_each(cache::save)?;
    }
    progress::report("done", phases.total, phases.total);
    Ok(Output {
        artifacts: files.iter().map(|file| file.digest.clone()).collect(),
        files,
        duration_ms: u64::try_from(spent.as_millis()).unwrap_or(u64::MAX),
    })
}

/// Keeps everything that the patterns name, each path once.
fn keep(patterns: &[String]) -> Result<Vec<File>, Failure> {
    let mut paths: Vec<String> = Vec::new();
    for pattern in patterns {
        let found = find::paths(pattern, &find::Workspace)?;
        if found.is_empty() {
            return Err(Failure::permanent(format!("artifacts: nothing fits `{pattern}`")));
        }
        for path in found {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        if paths.len() > ARTIFACTS {
            let message =
                format!("artifacts: more than {ARTIFACTS} paths fit; keep their folder, which is one artifact");
            return Err(Failure::permanent(message));
        }
    }
    paths.into_iter().map(keep_one).collect()
}

fn keep_one(path: String) -> Result<File, Failure> {
    let name = if path.is_empty() { "workspace" } else { &path };
    let kept = artifacts::keep(name, &path).map_err(|error| match error {
        artifacts::Error::NotFound(_) => Failure::permanent(format!("artifacts: there is nothing at `{path}`")),
        other => other.into(),
    })?;
    log::info!("{name}: {} bytes, {}", kept.size, kept.digest);
    Ok(File { name: kept.name, digest: kept.digest, size: kept.size })
}
