//! `kiket project`: the repositories that a server follows.

mod definitions;
mod schedules;
mod set;

use std::io::{self, BufRead as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use serde_json::{Map, Value as Json};

use super::client::{Client, Connection};
use super::table::Table;
use super::text::{commit, emit, field, json_line, style_of};

/// Add, set up, sync and list the projects of a server
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket project add shop https://git.example.com/team/shop.git")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Add(Add),
    Set(set::Set),
    Sync(Sync),
    Ls(Ls),
    Definitions(definitions::Definitions),
    Schedules(schedules::Schedules),
}

/// Follow a Git repository
///
/// The answer holds the webhook's address and its secret, which is shown only this once.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket project add shop https://git.example.com/team/shop.git\n  \
                        kiket project add shop file:///srv/git/shop.git --branch main --secret-stdin < secret.txt")]
struct Add {
    /// Name of the project
    name: String,
    /// Address of the repository: https://, http:// or file://
    url: String,
    /// Branch whose definitions are active; the repository's default branch if none is given
    #[arg(long, short, value_name = "BRANCH")]
    branch: Option<String>,
    /// How often to look at it whatever webhooks tell, such as 10m, or `off`; 5m if nothing is said
    #[arg(long, value_name = "DURATION")]
    sync_every: Option<String>,
    /// Read the webhook's secret from standard input instead of having one made
    #[arg(long)]
    secret_stdin: bool,
    /// Repository whose definitions are laid over the project's own fallbacks
    #[arg(long, value_name = "URL")]
    overrides_url: Option<String>,
    /// Its branch, where it is not the default one
    #[arg(long, value_name = "BRANCH", requires = "overrides_url")]
    overrides_branch: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Fetch a project's repository now, and publish or reject what it holds
#[derive(clap::Args)]
#[command(
    after_help = "Exit code: 0 published or unchanged, 2 the definitions have errors, 1 it could not be done\n\n\
                        Example:\n  kiket project sync shop --branch main"
)]
struct Sync {
    /// Name of the project
    name: String,
    /// Branch to sync; the project's own if none is given
    #[arg(long, short, value_name = "BRANCH")]
    branch: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// List the projects
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket project ls --json")]
struct Ls {
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Add(add) => add.run().await,
        Command::Set(set) => set.run().await,
        Command::Sync(sync) => sync.run().await,
        Command::Ls(ls) => ls.run().await,
        Command::Definitions(definitions) => definitions.run().await,
        Command::Schedules(schedules) => schedules.run().await,
    }
}

impl Add {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let client: Client = self.connection.client()?;
        let mut body = Map::new();
        body.insert("name".to_owned(), self.name.into());
        body.insert("url".to_owned(), self.url.into());
        body.extend(self.branch.map(|branch| ("branch".to_owned(), branch.into())));
        body.extend(self.sync_every.map(|every| ("sync_every".to_owned(), every.into())));
        if let Some(url) = self.overrides_url {
            body.insert("overrides".to_owned(), serde_json::json!({ "url": url, "branch": self.overrides_branch }));
        }
        if self.secret_stdin {
            body.insert("hook_secret".to_owned(), read_secret()?.into());
        }
        let project = client.post(&["projects"], &Json::Object(body)).await?;
        emit(&if self.connection.json { json_line(&project) + "\n" } else { describe_added(&project) })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Sync {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let mut body = Map::new();
        body.extend(self.branch.map(|branch| ("branch".to_owned(), branch.into())));
        let client = self.connection.client()?;
        let synced = client.post(&["projects", &self.name, "sync"], &Json::Object(body)).await?;
        emit(&if self.connection.json { json_line(&synced) + "\n" } else { describe_synced(&synced) })?;
        let rejected = synced["revision"]["status"] == "rejected";
        Ok(if rejected { ExitCode::from(2) } else { ExitCode::SUCCESS })
    }
}

impl Ls {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = self.connection.client()?.get_all(&["projects"], &[]).await?;
        if self.connection.json {
            emit(&(json_line(&answer.into()) + "\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&["NAME", "REVISION", "COMMIT", "BRANCH", "REPOSITORY"]);
        for project in &answer {
            let revision = &project["active_revision"];
            let status = field(revision, "status");
            let status = if status.is_empty() { "none".into() } else { status };
            let branch = field(project, "branch");
            table.row([&field(project, "name"), &status, &commit(revision).into(), &branch, &field(project, "url")]);
        }
        emit(&table.render("no projects yet; `kiket project add NAME URL` adds one"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads one line; what is around it is not part of a secret.
fn read_secret() -> anyhow::Result<String> {
    let mut secret = String::new();
    io::stdin().lock().read_line(&mut secret).context("the secret cannot be read from standard input")?;
    let secret = secret.trim();
    anyhow::ensure!(!secret.is_empty(), "standard input holds no secret");
    Ok(secret.to_owned())
}

fn describe_added(project: &Json) -> String {
    let mut text = format!("project {} added\n", field(project, "name"));
    let mut line = |title: &str, value: &str| text += &format!("  {title:<11}{value}\n");
    line("repository", &field(project, "url"));
    line("webhook", &field(project, "hook_url"));
    if project["hook_secret"].is_string() {
        line("secret", &format!("{}   (shown only this once)", field(project, "hook_secret")));
    }
    match &project["active_revision"] {
        Json::Object(_) => line("revision", &describe_revision(&project["active_revision"])),
        _ => line("revision", "none yet"),
    }
    if project["sync_error"].is_string() {
        line("warning", &format!("the first sync failed: {}", field(project, "sync_error")));
    }
    text
}

fn describe_synced(synced: &Json) -> String {
    let revision = &synced["revision"];
    if !revision.is_object() {
        return "nothing to publish\n".to_owned();
    }
    let mut text = String::new();
    for diagnostic in revision["diagnostics"].as_array().into_iter().flatten() {
        text += &describe_diagnostic(diagnostic);
    }
    text += &format!("revision {}\n", describe_revision(revision));
    for run in synced["runs"].as_array().into_iter().flatten() {
        text += &format!("run {} {} started\n", field(run, "id"), field(run, "pipeline"));
    }
    text
}

fn describe_revision(revision: &Json) -> String {
    let status = field(revision, "status");
    let painted = style_of(&status).apply_to(&status);
    format!("{} {painted} at {}", field(revision, "id"), commit(revision))
}

/// Says a diagnostic as `kiket check` does, without the source's text.
fn describe_diagnostic(diagnostic: &Json) -> String {
    let mut text = format!(
        "{}[{}] {}:{}:{} {}\n",
        field(diagnostic, "severity"),
        field(diagnostic, "code"),
        field(diagnostic, "path"),
        diagnostic["line"],
        diagnostic["column"],
        field(diagnostic, "message"),
    );
    if diagnostic["hint"].is_string() {
        text += &format!("  help: {}\n", field(diagnostic, "hint"));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn shows_a_generated_secret_once_and_what_went_wrong() {
        let text = describe_added(&json!({
            "name": "shop", "url": "file:///srv/shop.git", "hook_url": "http://localhost/api/v1/hooks/shop",
            "hook_secret": "s3cret", "active_revision": null, "sync_error": "cannot reach it",
        }));
        insta::assert_snapshot!(text, @r"
        project shop added
          repository file:///srv/shop.git
          webhook    http://localhost/api/v1/hooks/shop
          secret     s3cret   (shown only this once)
          revision   none yet
          warning    the first sync failed: cannot reach it
        ");
    }

    #[test]
    fn shows_why_a_revision_was_rejected() {
        let text = describe_synced(&json!({
            "revision": {"id": "rev_01", "status": "rejected", "commit": "0123456789abcdef", "diagnostics": [{
                "severity": "error", "code": "E0104", "path": ".kiket/pipelines/release.yaml", "line": 14, "column": 12,
                "message": "stage \"deploy\" needs \"biuld\", which does not exist", "hint": "did you mean \"build\"?",
            }]},
            "runs": [],
        }));
        insta::assert_snapshot!(console::strip_ansi_codes(&text), @r#"
        error[E0104] .kiket/pipelines/release.yaml:14:12 stage "deploy" needs "biuld", which does not exist
          help: did you mean "build"?
        revision rev_01 rejected at 0123456789
        "#);
        assert_eq!(describe_synced(&json!({"revision": null, "runs": []})), "nothing to publish\n");
    }
}
