//! Wiring: the parts of a server, made once and put together.

use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use kiket_host::{Host, HostConfig, Outbound};
use kiket_store::{Change, NewToken, Store};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Api};
use crate::config::Config;
use crate::dispatch::{Assignment, Dispatch, Slots};
use crate::driver::{self, Driver, Guests};
use crate::items::Items;
use crate::plugins::Plugins;
use crate::publish::{self, GitSource, Publisher};
use crate::revisions::Revisions;
use crate::{clock, token};

/// Everything but the listener: what `serve` and `run` have in common.
pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) items: Arc<Items>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// A server that answers.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// The admin token, on the very first start only.
    pub admin_token: Option<String>,
    engine: Engine,
    listening: JoinHandle<std::io::Result<()>>,
}

impl Engine {
    /// Opens what is kept in `data` and starts the workers.
    ///
    /// Compiled code is kept in `cache`; what is in it gets executed, so it belongs to this user alone.
    pub(crate) async fn open(
        data: &Path,
        cache: PathBuf,
        slots: usize,
        organisation: Option<GitSource>,
    ) -> anyhow::Result<Self> {
        let mut private = std::fs::DirBuilder::new();
        let made = private.recursive(true).mode(0o700).create(data);
        made.with_context(|| format!("the data folder {} cannot be made", data.display()))?;
        let store = Store::open(&data.join("kiket.db")).await?;
        let host = Host::new(HostConfig { cache_dir: Some(cache), ..HostConfig::default() })?;
        let folder = data.join("plugins");
        let plugins = tokio::task::spawn_blocking(move || Plugins::open(host, folder)).await??;
        let plugins = Arc::new(plugins);
        let revisions = Arc::new(Revisions::new(store.clone(), Arc::clone(&plugins)));
        let slots = Arc::new(Slots::new(slots));
        let owner = format!("node/{}", clock::ulid());
        let (hand, handed) = mpsc::unbounded_channel::<Assignment>();
        let dispatch = Dispatch::new(store.clone(), Arc::clone(&revisions), Arc::clone(&slots), owner.clone(), hand);
        let dispatch = Arc::new(dispatch);
        let items = Arc::new(Items::new(store.clone(), Arc::clone(&revisions), Arc::clone(&dispatch)));
        let publisher = Arc::new(Publisher {
            store: store.clone(),
            plugins: Arc::clone(&plugins),
            revisions,
            dispatch: Arc::clone(&dispatch),
            mirrors: data.join("git"),
            organisation,
        });
        let shutdown = CancellationToken::new();
        let guests = Guests::start()?;
        let driver = Driver {
            store: store.clone(),
            dispatch: Arc::clone(&dispatch),
            items: Arc::clone(&items),
            plugins: Arc::clone(&plugins),
            outbound: Outbound::new()?,
            slots,
            owner: owner.clone(),
            guests: guests.handle(),
        };
        let tasks = vec![
            tokio::spawn(driver::run(driver, guests, handed, shutdown.clone())),
            tokio::spawn(publish::run(store.clone(), Arc::clone(&publisher), owner, shutdown.clone())),
        ];
        Ok(Self { store, plugins, dispatch, items, publisher, shutdown, tasks })
    }

    /// Stops the workers. What is under way is cut off and found again at the next start.
    pub(crate) async fn close(self) {
        self.shutdown.cancel();
        for task in self.tasks {
            let _ = task.await;
        }
        self.store.close().await;
    }
}

impl Server {
    /// Starts a server; it answers from here on.
    pub async fn start(config: &Config) -> anyhow::Result<Self> {
        let engine =
            Engine::open(&config.data, config.cache.clone(), config.slots, config.organisation.clone()).await?;
        let admin_token = first_token(&engine.store).await?;
        let listener = TcpListener::bind(config.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let api = Api::new(
            Arc::clone(&engine.publisher),
            Arc::clone(&engine.dispatch),
            Arc::clone(&engine.items),
            public_url.trim_end_matches('/'),
            engine.shutdown.clone(),
        );
        let plugins = Arc::clone(&engine.plugins);
        tokio::spawn(async move { plugins.warm_up().await });
        let shutdown = engine.shutdown.clone();
        let serve = axum::serve(listener, api::router(api)).with_graceful_shutdown(shutdown.cancelled_owned());
        let listening = tokio::spawn(serve.into_future());
        Ok(Self { address, admin_token, engine, listening })
    }

    /// Stops accepting, ends the streams, stops the workers and closes the store.
    pub async fn stop(self) {
        self.engine.shutdown.cancel();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(10), self.listening).await;
        self.engine.close().await;
    }
}

/// Makes the one admin token of a new server.
async fn first_token(store: &Store) -> anyhow::Result<Option<String>> {
    if !store.tokens().await?.is_empty() {
        return Ok(None);
    }
    let token = token::make("admin");
    let hash = token::hash(&token).context("a token that was just made has a hash")?;
    let row = NewToken { hash, name: "first".to_owned(), kind: "admin".to_owned(), created_at: clock::now() };
    store.commit(vec![Change::Token(row)]).await?;
    Ok(Some(token))
}
