//! `kiket items create|edit|comment|move`.

use std::process::ExitCode;

use serde_json::{Map, Value as Json, json};

use super::super::client::{Connection, Refused};
use super::super::text::{clean, emit, field, json_line};
use super::values;

/// Create an item
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket items create shop \"Checkout fails\" --type bug --set severity=high")]
pub(super) struct Create {
    /// Name of the project
    project: String,
    /// One line that says what it is
    title: String,
    /// Its type; the project's first where none is given
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// A value or a field: a JSON value, or else text
    #[arg(long, value_name = "NAME=VALUE")]
    set: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Change what an item says
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket items edit shop-12 --set assignee=ada --set root_cause=\"a lock\"")]
pub(super) struct Edit {
    /// The item
    item: String,
    /// A value or a field: a JSON value, or else text; null takes it away
    #[arg(long, value_name = "NAME=VALUE", required = true)]
    set: Vec<String>,
    #[command(flatten)]
    connection: Connection,
}

/// Say something about an item
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket items comment shop-12 \"reproduced on staging\"")]
pub(super) struct Comment {
    /// The item
    item: String,
    /// What
    body: String,
    #[command(flatten)]
    connection: Connection,
}

/// Take an item along a transition, or to a state
#[derive(clap::Args)]
#[command(after_help = "Exit code: 0 moved or waiting for its actions, 2 refused, 1 it could not be asked\n\n\
Examples:\n  kiket items move shop-12 \"Start Triage\"\n  kiket items move shop-12 --to done")]
pub(super) struct Move {
    /// The item
    item: String,
    /// The transition's name
    #[arg(required_unless_present = "to", conflicts_with = "to")]
    transition: Option<String>,
    /// The state it leads to
    #[arg(long, value_name = "STATE")]
    to: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    comment: Option<String>,
    #[command(flatten)]
    connection: Connection,
}

impl Create {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut body = values(&self.set)?;
        body.insert("title".to_owned(), self.title.into());
        body.extend(self.kind.map(|kind| ("type".to_owned(), kind.into())));
        let item = self.connection.client()?.post(&["projects", &self.project, "items"], &Json::Object(body)).await?;
        report(&self.connection, &item, "created")
    }
}

impl Edit {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let body = Json::Object(values(&self.set)?);
        let item = self.connection.client()?.patch(&["items", &self.item], &body).await?;
        report(&self.connection, &item, "changed")
    }
}

impl Comment {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let body = json!({ "body": self.body });
        let comment = self.connection.client()?.post(&["items", &self.item, "comments"], &body).await?;
        if self.connection.json {
            emit(&(json_line(&comment) + "\n"))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Move {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let mut body = Map::new();
        body.extend(self.transition.map(|name| ("name".to_owned(), name.into())));
        body.extend(self.to.map(|to| ("to".to_owned(), to.into())));
        body.extend(self.comment.map(|comment| ("comment".to_owned(), comment.into())));
        let client = self.connection.client()?;
        match client.post(&["items", &self.item, "transitions"], &Json::Object(body)).await {
            Ok(item) => report(&self.connection, &item, "moved"),
            Err(error)
                if error.downcast_ref::<Refused>().is_some_and(|refused| refused.code == "transition_refused") =>
            {
                eprintln!("{} stays where it is: {error}", self.item);
                Ok(ExitCode::from(2))
            }
            Err(error) => Err(error),
        }
    }
}

fn report(connection: &Connection, item: &Json, done: &str) -> anyhow::Result<ExitCode> {
    let pending = &item["pending"];
    let text = match pending.is_object() {
        _ if connection.json => json_line(item),
        true => format!(
            "{} waits in {} for the actions of \"{}\": kiket runs watch {}",
            field(item, "key"),
            field(item, "state"),
            field(pending, "transition"),
            field(pending, "run")
        ),
        false => {
            let runs: Vec<_> = item["runs"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
            let runs = if runs.is_empty() { String::new() } else { format!(" (run {})", clean(&runs.join(", "))) };
            format!("{} {done}: {} \"{}\"{runs}", field(item, "key"), field(item, "state"), field(item, "title"))
        }
    };
    emit(&(text + "\n"))?;
    Ok(ExitCode::SUCCESS)
}
