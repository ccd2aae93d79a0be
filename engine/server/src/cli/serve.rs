//! `kiket serve`.

use std::io::{Write as _, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::app::Server;
use crate::config::{Config, GitSource};

/// Start a server
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket serve --data /var/lib/kiket --listen 127.0.0.1:8080")]
pub(super) struct Arguments {
    /// Folder of everything the server keeps
    #[arg(long, env = "KIKET_DATA", default_value = "kiket-data", value_name = "DIR")]
    data: PathBuf,
    /// Folder of compiled code, where it is not the data folder's own
    #[arg(long, env = "KIKET_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,
    /// Address to listen on
    #[arg(long, env = "KIKET_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// How many stages run at once
    #[arg(long, env = "KIKET_SLOTS", default_value_t = Config::SLOTS, value_name = "N")]
    slots: usize,
    /// Address that clients reach the server at, where it is not the one it listens on
    #[arg(long, env = "KIKET_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Repository of definitions that every project falls back to
    #[arg(long, env = "KIKET_ORGANISATION_URL", value_name = "URL")]
    organisation_url: Option<String>,
    /// Its branch, where it is not the default one
    #[arg(long, env = "KIKET_ORGANISATION_BRANCH", value_name = "BRANCH", requires = "organisation_url")]
    organisation_branch: Option<String>,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Arguments { data, cache, listen, slots, public_url, organisation_url, organisation_branch } = arguments;
    anyhow::ensure!(slots > 0, "a server without slots would run nothing: --slots is at least 1");
    let defaults = Config::new(data, listen);
    let organisation = organisation_url.map(|url| GitSource { url, branch: organisation_branch });
    let cache = cache.unwrap_or(defaults.cache.clone());
    let config = Config { cache, slots, public_url, organisation, ..defaults };
    let server = Server::start(&config).await?;
    let mut greeting = format!("listening on http://{}\n", server.address);
    if let Some(token) = &server.admin_token {
        greeting +=
            &format!("admin token: {token}\n(it is shown this once; clients take it as --token or KIKET_TOKEN)\n");
    }
    // Whoever started the server may not listen to it any more.
    let _ = stdout().write_all(greeting.as_bytes());
    wait_for_signal().await?;
    tracing::info!("stopping");
    server.stop().await;
    Ok(ExitCode::SUCCESS)
}

async fn wait_for_signal() -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result,
        _ = terminate.recv() => Ok(()),
    }
}
