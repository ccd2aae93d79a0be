//! `kiket runs start` and `kiket runs submit`: runs of a pipeline of the project, or of one in a file.

use std::io::Read as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde_json::{Value as Json, json};

use super::super::client::{Client, Connection, Refused};
use super::super::run::parse_inputs;
use super::super::text::{emit, field, json_line};
use super::super::unknown::unknown;
use super::watch;

/// Start a pipeline of a project
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket runs start shop release -i version=1.4 --watch\n  \
                        kiket runs start shop nightly --key nightly-2026-01-02")]
pub(super) struct Start {
    /// Name of the project
    project: String,
    /// The pipeline's id
    pipeline: String,
    #[command(flatten)]
    given: Given,
}

/// Run a pipeline from a file with what a project has
///
/// It runs on the commit of the project's active definitions, with their plugins and what those may do, never more.
/// `-` reads standard input.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket runs submit shop try.yaml --watch\n  \
                        sed s/staging/test/ release.yaml | kiket runs submit shop - -i version=1.4")]
pub(super) struct Submit {
    /// Name of the project
    project: String,
    /// The file: YAML or JSON
    file: PathBuf,
    #[command(flatten)]
    given: Given,
}

/// What a run is started with.
#[derive(clap::Args)]
struct Given {
    /// An input; what is not JSON is text
    #[arg(short, long, value_name = "NAME=VALUE")]
    input: Vec<String>,
    #[command(flatten)]
    after: After,
}

/// What happens once a run is accepted.
#[derive(clap::Args)]
pub(super) struct After {
    /// Starts one run however often it is sent (Idempotency-Key)
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// Follow the run to its end; the exit code is its outcome
    #[arg(long, short)]
    watch: bool,
    #[command(flatten)]
    pub(super) connection: Connection,
}

impl Start {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.given.after.connection.client()?;
        let body = json!({ "inputs": parse_inputs(&self.given.input)? });
        let path = ["projects", &self.project, "pipelines", &self.pipeline, "runs"];
        match self.given.after.send(&client, &path, &body).await {
            Err(error) if is_not_found(&error) => Err(self.not_found(&client, error).await),
            outcome => outcome,
        }
    }

    /// Says what was probably meant. Whatever goes wrong on the way there, the first error stands.
    async fn not_found(&self, client: &Client, error: anyhow::Error) -> anyhow::Error {
        let path = ["projects", self.project.as_str(), "definitions"];
        let Ok(definitions) = client.get_all(&path, &[]).await else {
            return no_project(client, &self.project, error).await;
        };
        let pipelines = definitions.iter().filter(|found| found["kind"] == "pipeline");
        unknown("pipeline", &self.pipeline, pipelines.filter_map(|found| found["id"].as_str()))
    }
}

impl Submit {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.given.after.connection.client()?;
        let mut text = String::new();
        if self.file.as_os_str() == "-" {
            std::io::stdin().lock().read_to_string(&mut text).context("standard input is not text")?;
        } else {
            let read = std::fs::read_to_string(&self.file);
            text = read.with_context(|| format!("{} cannot be read as text", self.file.display()))?;
        }
        let inputs = parse_inputs(&self.given.input)?;
        let body = json!({ "project": self.project, "definition": text, "inputs": inputs });
        match self.given.after.send(&client, &["runs"], &body).await {
            Err(error) if is_not_found(&error) => Err(no_project(&client, &self.project, error).await),
            outcome => outcome,
        }
    }
}

impl After {
    /// Asks for a run, and follows it where that is wanted.
    pub(super) async fn send(&self, client: &Client, path: &[&str], body: &Json) -> anyhow::Result<ExitCode> {
        let run = client.post_once(path, body, self.key.as_deref()).await?;
        let id = field(&run, "id").into_owned();
        if self.watch {
            return watch(client, &id, self.connection.json).await;
        }
        if self.connection.json {
            emit(&(json_line(&run) + "\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let kept: Vec<&str> = run["kept"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let kept = if kept.is_empty() { String::new() } else { format!(", keeps {}", kept.join(", ")) };
        emit(&format!("{id} is {}{kept}; to follow it: kiket runs watch {id}\n", field(&run, "status")))?;
        Ok(ExitCode::SUCCESS)
    }
}

pub(super) fn is_not_found(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == "not_found")
}

async fn no_project(client: &Client, name: &str, error: anyhow::Error) -> anyhow::Error {
    let Ok(projects) = client.get_all(&["projects"], &[]).await else { return error };
    let names: Vec<&str> = projects.iter().filter_map(|project| project["name"].as_str()).collect();
    if names.contains(&name) { error } else { unknown("project", name, names) }
}
