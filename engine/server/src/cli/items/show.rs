//! `kiket items show|ways|history`.

use std::process::ExitCode;

use serde_json::Value as Json;

use super::super::client::Connection;
use super::super::table::Table;
use super::super::text::{clean, emit, field, json_line};

/// Show an item
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket items show shop-12")]
pub(super) struct Show {
    /// The item
    item: String,
    #[command(flatten)]
    connection: Connection,
}

/// Show which transitions lead on, and why others do not
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket items ways shop-12")]
pub(super) struct Ways {
    /// The item
    item: String,
    /// Ask the guards as well, which may take a while
    #[arg(long)]
    ask: bool,
    #[command(flatten)]
    connection: Connection,
}

/// Show everything that happened to an item
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket items history shop-12")]
pub(super) struct History {
    /// The item
    item: String,
    #[command(flatten)]
    connection: Connection,
}

impl Show {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let item = self.connection.client()?.get(&["items", &self.item], &[]).await?;
        emit(&if self.connection.json { json_line(&item) + "\n" } else { describe(&item) })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Ways {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let query: &[(&str, &str)] = if self.ask { &[("ask", "true")] } else { &[] };
        let answer = self.connection.client()?.get(&["items", &self.item, "transitions"], query).await?;
        emit(&if self.connection.json { json_line(&answer["data"]) + "\n" } else { ways(&answer["data"], self.ask) })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl History {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let client = self.connection.client()?;
        let mut cursor = String::from("0");
        loop {
            let query = [("cursor", cursor.as_str()), ("limit", "200")];
            let page = client.get(&["items", &self.item, "history"], &query).await?;
            for entry in page["data"].as_array().into_iter().flatten() {
                emit(&if self.connection.json { json_line(entry) + "\n" } else { happened(entry) })?;
            }
            match &page["next_cursor"] {
                Json::Number(next) => cursor = next.to_string(),
                _ => return Ok(ExitCode::SUCCESS),
            }
        }
    }
}

fn describe(item: &Json) -> String {
    let mut text = format!("{} {}\n", field(item, "key"), field(item, "title"));
    let mut line = |title: &str, value: &str| {
        if !value.is_empty() {
            text += &format!("  {title:<12}{value}\n");
        }
    };
    for key in ["id", "type", "workflow", "state", "priority", "assignee", "reporter", "created_at", "updated_at"] {
        line(&key.replace('_', " "), &field(item, key));
    }
    let labels: Vec<_> = item["labels"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    line("labels", &clean(&labels.join(", ")));
    for (name, value) in item["fields"].as_object().into_iter().flatten() {
        line(&clean(name), &value_text(value));
    }
    if item["pending"].is_object() {
        line(
            "waits for",
            &format!("\"{}\", run {}", field(&item["pending"], "transition"), field(&item["pending"], "run")),
        );
    }
    let description = item["description"].as_str().unwrap_or_default();
    for part in description.lines() {
        text += &format!("  | {}\n", clean(part));
    }
    text
}

fn ways(ways: &Json, asked: bool) -> String {
    let mut table = Table::new(&["TRANSITION", "TO", "POSSIBLE"]);
    let mut reasons = String::new();
    for way in ways.as_array().into_iter().flatten() {
        let guards: Vec<&str> = way["guards"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let possible = match way["possible"] == true {
            false => "no".into(),
            true if asked || guards.is_empty() => "yes".into(),
            true => clean(&format!("if {} says so", guards.join(" and "))).into_owned().into(),
        };
        table.row([field(way, "name"), field(way, "to"), possible]);
        for reason in way["reasons"].as_array().into_iter().flatten() {
            reasons += &format!("  {}: {}\n", field(way, "name"), field(reason, "message"));
        }
    }
    let mut text = table.render("nothing leads out of this state");
    if !reasons.is_empty() {
        text += &format!("why not:\n{reasons}");
    }
    text
}

fn happened(entry: &Json) -> String {
    let what = match entry["kind"].as_str().unwrap_or_default() {
        "item.created" => format!("created in {} by {}", field(entry, "state"), field(entry, "reporter")),
        "item.updated" => format!("{} set by {}", value_text(&entry["values"]), field(entry, "by")),
        "item.commented" => format!("{}: {}", field(entry, "by"), field(entry, "body")),
        "item.waiting" => {
            format!(
                "\"{}\" to {} waits for run {}",
                field(entry, "transition"),
                field(entry, "to"),
                field(entry, "run")
            )
        }
        "item.transitioned" => format!(
            "{} → {} by \"{}\", {}",
            field(entry, "from"),
            field(entry, "to"),
            field(entry, "transition"),
            field(entry, "by")
        ),
        "item.refused" => {
            let reasons = entry["reasons"].as_array().into_iter().flatten();
            let reasons: Vec<_> = reasons.map(|reason| field(reason, "message").into_owned()).collect();
            format!("\"{}\" refused to {}: {}", field(entry, "transition"), field(entry, "by"), reasons.join("; "))
        }
        other => clean(other).into_owned(),
    };
    format!("{}  {what}\n", field(entry, "at"))
}

fn value_text(value: &Json) -> String {
    match value {
        Json::String(text) => clean(text).into_owned(),
        other => json_line(other),
    }
}
