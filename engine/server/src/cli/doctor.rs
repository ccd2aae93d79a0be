//! `kiket doctor`: is a server's data folder, and its machine, as it should be?

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::json;

use super::serve::{Place, place};
use super::text::{clean, emit, json_line};
use crate::doctor::{self, Patient, Verdict};

/// Look at a server's data folder and machine, and say what to do
///
/// It runs on the server's machine, as the server's user, beside a running server or without one, and changes nothing.
/// All of the database and of the artifacts is read.
#[derive(clap::Args)]
#[command(after_help = "Exit code: 0 all is well or nearly so, 1 something is bad\n\n\
                        Example:\n  kiket doctor --data /var/lib/kiket")]
pub(super) struct Arguments {
    /// File of settings of the server; kiket.toml where that is there
    #[arg(long, env = "KIKET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of everything the server keeps
    #[arg(long, env = "KIKET_DATA", default_value = "kiket-data", value_name = "DIR")]
    data: PathBuf,
    /// File of the master key, where it is not master.key in the data folder
    #[arg(long, env = "KIKET_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// Address the server listens on
    #[arg(long, env = "KIKET_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// Address it serves sites from, or `off`
    #[arg(long, env = "KIKET_SITES_LISTEN", default_value = "127.0.0.1:8081", value_name = "ADDR", value_parser = place)]
    sites_listen: Place,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let master_key = arguments.master_key_file.unwrap_or_else(|| arguments.data.join("master.key"));
    let (listen, sites) = (arguments.listen, arguments.sites_listen.0);
    let checks = doctor::examine(&Patient { data: &arguments.data, master_key: &master_key, listen, sites }).await;
    let worst = checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Ok);
    let text = if arguments.json {
        json_line(&json!({ "verdict": worst, "checks": checks })) + "\n"
    } else {
        let lines = checks.iter().map(|check| {
            let advice = check.advice.as_deref().map(|advice| format!("\n{:>21}do: {}", "", clean(advice)));
            let (word, found) = (check.verdict.word(), clean(&check.found));
            format!("{word:<5} {:<14} {found}{}\n", check.name, advice.unwrap_or_default())
        });
        lines.collect()
    };
    emit(&text)?;
    Ok(if worst == Verdict::Bad { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
