//! `kiket serve`.

mod limits;

use std::io::{Write as _, stdout};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::app::Server;
use crate::config::{Config, GitSource, Sites};

/// Start a server
#[derive(clap::Args)]
#[command(after_help = "Example:\n  kiket serve --data /var/lib/kiket --listen 127.0.0.1:8080")]
pub(super) struct Arguments {
    /// File of settings, whose keys are the names of these options; kiket.toml where that is there
    #[arg(long, env = "KIKET_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// Show every setting and who said it, as a file of settings, and start nothing
    #[arg(long)]
    print_config: bool,
    /// Folder of everything the server keeps
    #[arg(long, env = "KIKET_DATA", default_value = "kiket-data", value_name = "DIR")]
    data: PathBuf,
    /// Folder of compiled code, where it is not the data folder's own
    #[arg(long, env = "KIKET_CACHE", value_name = "DIR")]
    cache: Option<PathBuf>,
    /// File of the key that secrets are encrypted with, where it is not master.key in the data folder
    #[arg(long, env = "KIKET_MASTER_KEY_FILE", value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// Address to listen on
    #[arg(long, env = "KIKET_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDR")]
    listen: SocketAddr,
    /// Address to serve the sites from that stages put live, or `off`
    #[arg(long, env = "KIKET_SITES_LISTEN", default_value = "127.0.0.1:8081", value_name = "ADDR", value_parser = place)]
    sites_listen: Place,
    /// Address that visitors reach the sites at, where it is not the one they are served from; with
    /// `https://{app}.{project}.sites.example.com` each app has a host of its own
    #[arg(long, env = "KIKET_SITES_URL", value_name = "URL")]
    sites_url: Option<String>,
    /// How many stages run at once
    #[arg(long, env = "KIKET_SLOTS", default_value_t = Config::SLOTS, value_name = "N")]
    slots: usize,
    /// Requests that one token may make in a second, and twice as many at once; 0 is any number, and admin tokens have
    /// no limit
    #[arg(long, env = "KIKET_RATE_LIMIT", default_value_t = Config::RATE_LIMIT, value_name = "N")]
    rate_limit: u32,
    /// Address that clients reach the server at, where it is not the one it listens on
    #[arg(long, env = "KIKET_PUBLIC_URL", value_name = "URL")]
    public_url: Option<String>,
    /// Repository of definitions that every project falls back to
    #[arg(long, env = "KIKET_ORGANISATION_URL", value_name = "URL")]
    organisation_url: Option<String>,
    /// Its branch, where it is not the default one
    #[arg(long, env = "KIKET_ORGANISATION_BRANCH", value_name = "BRANCH", requires = "organisation_url")]
    organisation_branch: Option<String>,
    /// Collector to send traces to, over OTLP with HTTP: its address without `/v1/traces`
    #[arg(long, env = "KIKET_OTLP_ENDPOINT", value_name = "URL")]
    pub(super) otlp_endpoint: Option<String>,
    #[command(flatten)]
    machine: super::machine::Programs,
    #[command(flatten)]
    plugins: limits::PluginArguments,
}

/// Where to listen, if anywhere.
#[derive(Clone)]
pub(super) struct Place(pub(super) Option<SocketAddr>);

pub(super) fn place(text: &str) -> Result<Place, String> {
    if text == "off" {
        return Ok(Place(None));
    }
    let address = text.parse().map_err(|_| "it is neither an address with a port nor `off`".to_owned());
    address.map(|address| Place(Some(address)))
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    #[cfg(all(feature = "planted", debug_assertions))]
    plant()?;
    let Arguments { data, cache, master_key_file, listen, sites_listen, sites_url, slots, public_url, .. } = arguments;
    let Arguments { organisation_url, organisation_branch, machine, plugins, rate_limit, .. } = arguments;
    anyhow::ensure!(slots > 0, "a server without slots would run nothing: --slots is at least 1");
    let defaults = Config::new(data, listen);
    let organisation = organisation_url.map(|url| GitSource { url, branch: organisation_branch });
    let cache = cache.unwrap_or(defaults.cache.clone());
    let master_key = master_key_file.unwrap_or(defaults.master_key.clone());
    let sites = sites_listen.0.map(|listen| Sites { listen, url: sites_url });
    let (machine, plugins) = (machine.into(), plugins.into());
    let config =
        Config { cache, master_key, slots, public_url, sites, organisation, machine, plugins, rate_limit, ..defaults };
    let server = Server::start(&config).await?;
    // Whoever reads the greeting may send a signal at once.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut greeting = format!("listening on http://{}\n", server.address);
    if let Some(token) = &server.admin_token {
        greeting +=
            &format!("admin token: {token}\n(it is shown this once; clients take it as --token or KIKET_TOKEN)\n");
    }
    if let Some(address) = server.sites {
        greeting += &format!("sites on http://{address}\n");
    }
    // Whoever started the server may not listen to it any more.
    let _ = stdout().write_all(greeting.as_bytes());
    let failure = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        failure = server.failed() => Some(failure),
    };
    tracing::info!("stopping");
    server.stop().await;
    failure.map_or(Ok(ExitCode::SUCCESS), |failure| {
        Err(failure.context("the server stopped; what it acknowledged is kept"))
    })
}

/// Plants the bugs that the tests ask for: `KIKET_PLANTED=timer-early,wake-up-lost`.
#[cfg(all(feature = "planted", debug_assertions))]
fn plant() -> anyhow::Result<()> {
    use kiket_core::planted::{Bug, plant};

    let asked = std::env::var("KIKET_PLANTED").unwrap_or_default();
    for name in asked.split(',').filter(|name| !name.is_empty()) {
        let bug = Bug::ALL.iter().find(|bug| bug.name() == name);
        plant(*bug.ok_or_else(|| anyhow::anyhow!("there is no bug `{name}` to plant"))?);
    }
    Ok(())
}
