//! `kiket project definitions`: what is in force, and where each of it comes from.

use std::process::ExitCode;

use super::super::client::Connection;
use super::super::table::Table;
use super::super::text::{commit, emit, field, json_line};

/// List the definitions that are in force, with the level and commit that each comes from
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket project definitions shop")]
pub(super) struct Definitions {
    /// Name of the project
    name: String,
    #[command(flatten)]
    connection: Connection,
}

impl Definitions {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let answer = self.connection.client()?.get_all(&["projects", &self.name, "definitions"], &[]).await?;
        if self.connection.json {
            emit(&(json_line(&answer.into()) + "\n"))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut table = Table::new(&["KIND", "ID", "LEVEL", "COMMIT", "FILE", "REPLACES"]);
        for found in &answer {
            let replaces: Vec<&str> =
                found["replaces"].as_array().into_iter().flatten().filter_map(|level| level.as_str()).collect();
            let file = format!("{}:{}", field(found, "path"), found["line"]);
            let (kind, id, level) = (field(found, "kind"), field(found, "id"), field(found, "level"));
            table.row([&kind, &id, &level, &commit(found).into(), &file.into(), &replaces.join(", ").into()]);
        }
        emit(&table.render("nothing is in force yet; `kiket project sync NAME` looks at the repository"))?;
        Ok(ExitCode::SUCCESS)
    }
}
