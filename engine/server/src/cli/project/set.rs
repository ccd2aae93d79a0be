//! `kiket project set`: what is followed, how often it is looked at, and which forge is told of runs.

use std::process::ExitCode;

use clap::ValueEnum;
use serde_json::{Map, Value as Json, json};

use super::super::client::Connection;
use super::super::text::{emit, field, json_line};
use super::describe_revision;

/// Change what a project follows, how often it is looked at, and which forge is told of its runs
///
/// Another branch or repository is looked at at once; the first look starts no run.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket project set shop --branch release --sync-every 10m\n  \
                        kiket project set shop --forge github --repository team/shop --token-secret FORGE_TOKEN\n  \
                        kiket project set shop --forge off")]
pub(super) struct Set {
    /// Name of the project
    name: String,
    /// Address of the repository
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Branch whose definitions are active
    #[arg(long, short, value_name = "BRANCH", conflicts_with = "default_branch")]
    branch: Option<String>,
    /// Follow the repository's default branch
    #[arg(long)]
    default_branch: bool,
    /// How often to look at it whatever webhooks tell, such as 10m, or `off`
    #[arg(long, value_name = "DURATION")]
    sync_every: Option<String>,
    /// Forge that is told what became of the commits that were pushed
    #[arg(long, value_name = "FORGE")]
    forge: Option<Forge>,
    /// Address of its API, where it is not https://api.github.com
    #[arg(long, value_name = "URL", requires = "forge")]
    api_url: Option<String>,
    /// The repository there
    #[arg(long, value_name = "OWNER/NAME", requires = "forge")]
    repository: Option<String>,
    /// The project's secret that is the forge's token
    #[arg(long, value_name = "NAME", requires = "forge")]
    token_secret: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

#[derive(Clone, Copy, ValueEnum, PartialEq)]
enum Forge {
    Github,
    Forgejo,
    Gitea,
    Gitlab,
    Off,
}

impl Set {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut body = Map::new();
        let mut set = |name: &str, value: Json| drop(body.insert(name.to_owned(), value));
        if let Some(url) = &self.url {
            set("url", json!(url));
        }
        if self.branch.is_some() || self.default_branch {
            set("branch", json!(self.branch));
        }
        if let Some(every) = &self.sync_every {
            set("sync_every", json!(every));
        }
        if let Some(forge) = self.forge {
            set("forge", self.settings_of(forge)?);
        }
        anyhow::ensure!(!body.is_empty(), "nothing to set; `kiket project set --help` says what there is");
        let client = self.connection.client()?;
        let project = client.patch(&["projects", &self.name], &Json::Object(body)).await?;
        emit(&if self.connection.json { json_line(&project) + "\n" } else { describe(&project) })?;
        Ok(ExitCode::SUCCESS)
    }

    fn settings_of(&self, forge: Forge) -> anyhow::Result<Json> {
        if forge == Forge::Off {
            return Ok(Json::Null);
        }
        let kind = forge.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default();
        let default = (forge == Forge::Github).then(|| "https://api.github.com".to_owned());
        let Some(api_url) = self.api_url.clone().or(default) else { anyhow::bail!("--api-url says where {kind} is") };
        let (Some(repository), Some(token)) = (&self.repository, &self.token_secret) else {
            anyhow::bail!("--forge {kind} wants --repository OWNER/NAME and --token-secret NAME")
        };
        Ok(json!({ "kind": kind, "api_url": api_url, "repository": repository, "token_secret": token }))
    }
}

fn describe(project: &Json) -> String {
    let mut text = format!("project {}\n", field(project, "name"));
    let mut line = |title: &str, value: &str| text += &format!("  {title:<11}{value}\n");
    line("repository", &field(project, "url"));
    line(
        "branch",
        if project["branch"].is_string() { project["branch"].as_str().unwrap_or("") } else { "the default" },
    );
    line("sync every", &field(project, "sync_every"));
    if project["forge"].is_object() {
        let forge = &project["forge"];
        line("forge", &format!("{} {}", field(forge, "kind"), field(forge, "repository")));
    }
    match &project["active_revision"] {
        Json::Object(_) => line("revision", &describe_revision(&project["active_revision"])),
        _ => line("revision", "none yet"),
    }
    for what in ["sync_error", "forge_error"] {
        if project[what].is_string() {
            line("warning", &field(project, what));
        }
    }
    text
}
