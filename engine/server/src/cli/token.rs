//! `kiket token`: who may ask a server for what.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Subcommand;
use kiket_core::duration;
use serde_json::{Value as Json, json};

use super::client::Connection;
use super::table::Table;
use super::text::{clean, day_and_clock, emit, field, json_line};
use crate::clock;
use crate::scope::Scope;

/// Make, list and revoke the tokens of a server
#[derive(clap::Args)]
#[command(after_help = "A token has one or more scopes; each is what it says and nothing beside it:\n  \
read      see everything\n  runs      start, cancel and retry runs\n  \
approve   say yes or no to what waits for people\n  items     make and change items\n  \
projects  add projects, sync them, set their plain values\n  secrets   set and remove secrets\n  \
admin     everything, tokens and the audit log with it\n\n\
Example:\n  kiket token create ci --scope read --scope runs --project shop --expires 90d")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Create(Create),
    Ls(Ls),
    Revoke(Revoke),
}

/// Make a token; it is shown this once
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket token create ci --scope read --scope runs --project shop\n  \
                        kiket token create ada --scope read --scope approve --expires 90d")]
struct Create {
    /// What it is called: the name that approvals and the audit log show
    name: String,
    /// What it may do
    #[arg(long = "scope", required = true, value_name = "SCOPE", value_enum)]
    scopes: Vec<Scope>,
    /// The only project that it sees
    #[arg(long, value_name = "PROJECT")]
    project: Option<String>,
    /// How long it works: 12h, 90d
    #[arg(long, value_name = "DURATION")]
    expires: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

/// List the tokens, the latest first
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket token ls")]
struct Ls {
    #[command(flatten)]
    connection: Connection,
}

/// Take a token back, at once and for good
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket token revoke tok_01jd3v7k2mfq9x8y5t4r6s0abc")]
struct Revoke {
    /// Id of the token
    id: String,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Create(create) => create.run().await,
        Command::Ls(ls) => ls.run().await,
        Command::Revoke(revoke) => revoke.run().await,
    }
}

impl Create {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let scopes: Vec<&str> = self.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut body = json!({ "name": self.name, "scopes": scopes });
        if let Some(project) = &self.project {
            body["project"] = json!(project);
        }
        if let Some(expires) = &self.expires {
            let length = duration::parse(expires);
            let length = length.with_context(|| format!("`{expires}` is no duration such as 12h or 90d"))?;
            body["expires_at"] = json!(clock::now().after(length).to_string());
        }
        let made = self.connection.client()?.post(&["tokens"], &body).await?;
        if self.connection.json {
            emit(&(json_line(&made) + "\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let text = |key: &str| clean(made[key].as_str().unwrap_or_default());
        emit(&format!("{}\n", text("token")))?;
        eprintln!("it is shown this once; `kiket token revoke {}` takes it back", text("id"));
        Ok(ExitCode::SUCCESS)
    }
}

impl Ls {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = self.connection.client()?.get(&["tokens"], &[("limit", "200")]).await?;
        if self.connection.json {
            emit(&(json_line(&answer["data"]) + "\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&["ID", "NAME", "SCOPES", "PROJECT", "MADE", "ENDS"]);
        for token in answer["data"].as_array().into_iter().flatten() {
            let scopes = token["scopes"].as_array().into_iter().flatten().filter_map(Json::as_str);
            let scopes = clean(&scopes.collect::<Vec<_>>().join(" ")).to_string();
            let ends = match &token["revoked_at"] {
                Json::Null => day_and_clock(&token["expires_at"]).unwrap_or_default(),
                revoked => format!("revoked {}", day_and_clock(revoked).unwrap_or_default()),
            };
            let made = day_and_clock(&token["created_at"]).unwrap_or_default();
            let (id, name, project) = (field(token, "id"), field(token, "name"), field(token, "project"));
            table.row([id, name, scopes.into(), project, made.into(), ends.into()]);
        }
        emit(&table.render("no tokens"))?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Revoke {
    async fn run(self) -> anyhow::Result<ExitCode> {
        self.connection.client()?.delete(&["tokens", &self.id]).await?;
        if !self.connection.json {
            emit(&format!("token {} revoked\n", clean(&self.id)))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
