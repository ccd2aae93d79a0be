//! `kiket items`: what lives in the workflows of a server's projects.

mod change;
mod show;

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::{Map, Value as Json};

use super::client::Connection;
use super::table::Table;
use super::text::{emit, field, json_line};

/// Create, list and move the items of a project
#[derive(clap::Args)]
#[command(after_help = "An item is named by its id or by its project and number.\n\n\
Examples:\n  kiket items ls shop --state review\n  kiket items create shop \"Checkout fails\" --type bug --set severity=high\n  \
kiket items ways shop-12\n  kiket items move shop-12 \"Start Triage\"")]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Ls(Ls),
    Show(show::Show),
    Ways(show::Ways),
    History(show::History),
    Create(change::Create),
    Edit(change::Edit),
    Comment(change::Comment),
    Move(change::Move),
}

/// List items, the newest first
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket items ls shop --type bug --assignee ada")]
struct Ls {
    /// Name of the project
    project: String,
    /// Only of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    /// Only in this state
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// Only with this assignee
    #[arg(long, value_name = "NAME")]
    assignee: Option<String>,
    /// Only with this label
    #[arg(long, value_name = "LABEL")]
    label: Option<String>,
    /// Only with this in the title
    #[arg(long, short = 'q', value_name = "TEXT")]
    search: Option<String>,
    /// How many
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200), value_name = "N")]
    limit: u32,
    #[command(flatten)]
    connection: Connection,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Ls(ls) => ls.run().await,
        Command::Show(show) => show.run().await,
        Command::Ways(ways) => ways.run().await,
        Command::History(history) => history.run().await,
        Command::Create(create) => create.run().await,
        Command::Edit(edit) => edit.run().await,
        Command::Comment(comment) => comment.run().await,
        Command::Move(way) => way.run().await,
    }
}

impl Ls {
    async fn run(self) -> anyhow::Result<ExitCode> {
        let limit = self.limit.to_string();
        let filters = [
            ("type", &self.kind),
            ("state", &self.state),
            ("assignee", &self.assignee),
            ("label", &self.label),
            ("q", &self.search),
        ];
        let mut query = vec![("limit", limit.as_str())];
        query.extend(filters.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))));
        let answer = self.connection.client()?.get(&["projects", &self.project, "items"], &query).await?;
        if self.connection.json {
            emit(&(json_line(&answer["data"]) + "\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&["ITEM", "TYPE", "STATE", "PRIORITY", "ASSIGNEE", "TITLE"]);
        for item in answer["data"].as_array().into_iter().flatten() {
            let cells = ["key", "type", "state", "priority", "assignee", "title"];
            table.row(cells.map(|key| field(item, key)));
        }
        emit(&table.render("no items; `kiket items create PROJECT TITLE` makes one"))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads `--set name=value`: a JSON value, or else text. Names of an item's own are what they are, all others are
/// fields.
fn values(texts: &[String]) -> anyhow::Result<Map<String, Json>> {
    const OWN: [&str; 7] = ["title", "description", "priority", "assignee", "labels", "watchers", "checked"];
    let mut values = Map::new();
    let mut fields = Map::new();
    for text in texts {
        let Some((name, value)) = text.split_once('=') else { anyhow::bail!("`{text}` is not NAME=VALUE") };
        let value = serde_json::from_str(value).unwrap_or_else(|_| Json::from(value));
        let into = if OWN.contains(&name) { &mut values } else { &mut fields };
        into.insert(name.trim_start_matches("fields.").to_owned(), value);
    }
    if !fields.is_empty() {
        values.insert("fields".to_owned(), fields.into());
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_set_is_json_or_else_text() {
        let texts = ["priority=high", "labels=[\"a\"]", "severity=p1", "fields.count=3"].map(str::to_owned);
        let expected = json!({ "priority": "high", "labels": ["a"], "fields": { "severity": "p1", "count": 3 } });
        assert_eq!(Json::Object(values(&texts).unwrap()), expected);
        assert!(values(&["x".to_owned()]).is_err());
    }
}
