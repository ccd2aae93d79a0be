//! Wiring: the parts of a server, made once and put together.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::serve::ListenerExt as _;
use kiket_core::TokenId;
use kiket_host::{Host, HostConfig, Outbound};
use kiket_store::{Change, NewToken, Store};
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::api::{self, Api, Workers};
use crate::artifacts::Artifacts;
use crate::config::{Config, Machine, PluginLimits, Sites};
use crate::deployments::{self, Addresses, Deployments, Door};
use crate::dispatch::{Assignment, Dispatch, Slots};
use crate::driver::{self, Driver, Guests};
use crate::events::Feed;
use crate::items::{Guards, Items, Reader};
use crate::metrics::Metrics;
use crate::plugins::{PluginError, Plugins};
use crate::programs::Programs;
use crate::publish::{self, GitSource, Publisher};
use crate::retention::Retention;
use crate::revisions::Revisions;
use crate::scope::Scope;
use crate::secrets::{Origin, Secrets};
use crate::statuses::Statuses;
use crate::turns::Turns;
use crate::workspaces::Workspaces;
use crate::{clock, compiler, folders, token};

/// Everything but the listener: what `serve` and `run` have in common.
pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) items: Arc<Items>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) artifacts: Arc<Artifacts>,
    pub(crate) programs: Arc<Programs>,
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) slots: Arc<Slots>,
    outbound: Outbound,
    /// Where sites are served from, if anywhere.
    pub(crate) sites: Option<SocketAddr>,
    pub(crate) shutdown: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// What an engine is made of.
pub(crate) struct Setup<'s> {
    /// The folder that everything is kept below.
    pub(crate) data: &'s Path,
    /// Where compiled code is kept.
    pub(crate) cache: PathBuf,
    /// How many stages run at once.
    pub(crate) slots: usize,
    /// The repository of definitions that every project falls back to.
    pub(crate) organisation: Option<GitSource>,
    /// Where sites are served, if anywhere.
    pub(crate) sites: Option<&'s Sites>,
    /// Where secrets come from.
    pub(crate) secrets: Origin,
    /// What programs of plugins see of this machine.
    pub(crate) machine: &'s Machine,
    /// How much plugins may take.
    pub(crate) limits: PluginLimits,
}

/// A server that answers.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it serves sites from, if anywhere.
    pub sites: Option<SocketAddr>,
    /// The admin token, on the very first start only.
    pub admin_token: Option<String>,
    engine: Engine,
    listening: JoinHandle<std::io::Result<()>>,
}

impl Engine {
    /// Opens what is kept in `data` and starts the workers.
    ///
    /// Compiled code is kept in `cache`; what is in it gets executed, so it belongs to this user alone.
    pub(crate) async fn open(setup: Setup<'_>) -> anyhow::Result<Self> {
        let Setup { data, cache, slots, organisation, sites, secrets, machine, limits } = setup;
        // Compilers are started in another folder: names have to mean the same there.
        let (data, cache) = (&std::path::absolute(data)?, std::path::absolute(cache)?);
        // What is in it already may have been put there by a process that was killed before it could wait for the disk.
        let made = folders::make(data).and_then(|()| folders::settle(data));
        made.with_context(|| format!("the data folder {} cannot be made", data.display()))?;
        let store = Store::open(&data.join("kiket.db")).await?;
        let secrets = Arc::new(Secrets::open(store.clone(), secrets).await?);
        let host = Host::new(HostConfig {
            cache_dir: Some(cache),
            compiler: Some(compiler::this_program(limits.compile)),
            component_bytes: limits.component_bytes,
            ..HostConfig::default()
        })?;
        let folder = data.join("plugins");
        // Nobody publishes yet: what no revision names now is named by none.
        let pinned = store.pinned_plugins().await?;
        let plugins = tokio::task::spawn_blocking(move || {
            let plugins = Plugins::open(host, folder)?;
            plugins.sweep(&pinned)?;
            Ok::<_, PluginError>(plugins)
        });
        let plugins = Arc::new(plugins.await??);
        let revisions = Arc::new(Revisions::new(store.clone(), Arc::clone(&plugins)));
        let slots = Arc::new(Slots::new(slots));
        let owner = format!("node/{}", clock::ulid());
        let (hand, handed) = mpsc::unbounded_channel::<Assignment>();
        let dispatch = Dispatch::new(store.clone(), Arc::clone(&revisions), Arc::clone(&slots), owner.clone(), hand);
        let dispatch = Arc::new(dispatch);
        let mirrors = data.join("git");
        // The store is ours alone by now, and so is everything beside it.
        let workspaces = Arc::new(Workspaces::open(&data.join("workspaces"))?);
        let artifacts = Arc::new(Artifacts::open(store.clone(), data.join("artifacts")).await?);
        let programs = Arc::new(Programs::new(machine)?);
        // Before the workers begin: what they find under way may be a deployment.
        let (listener, door) = listen_for_visitors(sites).await?.unzip();
        let sites = listener.as_ref().map(TcpListener::local_addr).transpose()?;
        let deployments = Deployments::open(store.clone(), Arc::clone(&artifacts), data.join("sites"), door).await?;
        let (guests, outbound) = (Guests::start()?, Outbound::new()?);
        let reader = Reader::new(store.clone(), Arc::clone(&revisions));
        let (outside, held) = (outbound.clone(), Arc::clone(&secrets));
        let guards = Guards::new(Arc::clone(&plugins), outside, held, reader.clone(), guests.handle());
        let items = Arc::new(Items::new(reader, Arc::clone(&dispatch), guards));
        let metrics = Metrics::new(clock::now())?;
        let publisher = Arc::new(Publisher {
            store: store.clone(),
            plugins: Arc::clone(&plugins),
            revisions,
            dispatch: Arc::clone(&dispatch),
            mirrors: mirrors.clone(),
            organisation,
            component_bytes: limits.component_bytes,
            metrics: Arc::clone(&metrics),
            turns: Turns::default(),
            timers: Notify::new(),
            ticks: Notify::new(),
        });
        let shutdown = CancellationToken::new();
        let driver = Driver {
            store: store.clone(),
            dispatch: Arc::clone(&dispatch),
            items: Arc::clone(&items),
            secrets: Arc::clone(&secrets),
            plugins: Arc::clone(&plugins),
            deployments: Arc::clone(&deployments),
            outbound: outbound.clone(),
            workspaces,
            artifacts: Arc::clone(&artifacts),
            programs: Arc::clone(&programs),
            mirrors,
            slots: Arc::clone(&slots),
            owner: owner.clone(),
            guests: guests.handle(),
            cpu: limits.cpu,
            metrics: Arc::clone(&metrics),
        };
        let mut tasks = vec![
            tokio::spawn(driver::run(driver, guests, handed, shutdown.clone())),
            tokio::spawn(publish::run(store.clone(), Arc::clone(&publisher), owner, shutdown.clone())),
        ];
        if let Some(listener) = listener {
            tasks.push(tokio::spawn(deployments::serve(listener, Arc::clone(&deployments), shutdown.clone())));
        }
        Ok(Self {
            store,
            plugins,
            dispatch,
            items,
            secrets,
            publisher,
            artifacts,
            programs,
            deployments,
            metrics,
            slots,
            outbound,
            sites,
            shutdown,
            tasks,
        })
    }

    /// Begins to look at projects and to start runs whenever it is time. A run at a terminal has no need of that.
    fn look_now_and_then(&mut self) {
        let owner = format!("node/{}", clock::ulid());
        let (publisher, shutdown) = (Arc::clone(&self.publisher), self.shutdown.clone());
        self.tasks.push(tokio::spawn(publish::look_now_and_then(publisher, owner.clone(), shutdown)));
        let (publisher, shutdown) = (Arc::clone(&self.publisher), self.shutdown.clone());
        self.tasks.push(tokio::spawn(publish::start_in_time(publisher, owner, shutdown)));
    }

    /// Begins to forget what is old.
    pub(crate) fn forget_what_is_old(&mut self, kept: Duration) {
        let (store, artifacts, metrics) = (self.store.clone(), Arc::clone(&self.artifacts), Arc::clone(&self.metrics));
        let retention = Retention { store, artifacts, metrics, kept };
        self.tasks.push(tokio::spawn(retention.run(self.shutdown.clone())));
    }

    /// Begins to tell forges what became of runs.
    async fn tell_forges(&mut self, public_url: &str) -> anyhow::Result<Arc<Statuses>> {
        let (store, secrets, metrics) = (self.store.clone(), Arc::clone(&self.secrets), Arc::clone(&self.metrics));
        let statuses = Statuses::open(store, secrets, self.outbound.clone(), metrics, public_url).await?;
        self.tasks.push(tokio::spawn(Arc::clone(&statuses).run(self.shutdown.clone())));
        Ok(statuses)
    }

    /// The tasks that work, to be watched.
    fn workers(&self) -> Workers {
        let tasks = self.tasks.iter().map(JoinHandle::abort_handle).collect();
        Workers { tasks, slots: Arc::clone(&self.slots) }
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
        let setup = Setup {
            data: &config.data,
            cache: config.cache.clone(),
            slots: config.slots,
            organisation: config.organisation.clone(),
            sites: config.sites.as_ref(),
            secrets: Origin::Stored(config.master_key.clone()),
            machine: &config.machine,
            limits: config.plugins,
        };
        let mut engine = Engine::open(setup).await?;
        engine.secrets.seal_what_is_clear().await?;
        engine.look_now_and_then();
        engine.forget_what_is_old(config.retention);
        let admin_token = first_token(&engine.store).await?;
        let listener = TcpListener::bind(config.listen).await;
        let listener = listener.with_context(|| format!("cannot listen on {}", config.listen))?;
        let address = listener.local_addr()?;
        let public_url = config.public_url.clone().unwrap_or_else(|| format!("http://{address}"));
        let feed = Arc::new(Feed::new(engine.store.clone()));
        let statuses = engine.tell_forges(public_url.trim_end_matches('/')).await?;
        let api = Api::new(
            Arc::clone(&engine.publisher),
            Arc::clone(&engine.dispatch),
            Arc::clone(&engine.items),
            Arc::clone(&engine.deployments),
            Arc::clone(&engine.secrets),
            Arc::clone(&engine.artifacts),
            Arc::clone(&engine.metrics),
            Arc::clone(&feed),
            statuses,
            engine.workers(),
            public_url.trim_end_matches('/'),
            config.rate_limit,
            engine.shutdown.clone(),
        );
        tokio::spawn(feed.follow_store(engine.shutdown.clone()));
        let plugins = Arc::clone(&engine.plugins);
        tokio::spawn(async move { plugins.warm_up().await });
        let programs = Arc::clone(&engine.programs);
        tokio::spawn(async move { programs.announce().await });
        let shutdown = engine.shutdown.clone();
        // What a stream sends is small and wanted at once: it does not wait for the client to acknowledge what came before.
        let listener = listener.tap_io(|stream| {
            if let Err(error) = stream.set_nodelay(true) {
                tracing::debug!(%error, "a connection sends when it likes to");
            }
        });
        // One set of routes for all connections; a router that is served as it is would copy them for each.
        let routes = api::router(api).into_make_service_with_connect_info::<SocketAddr>();
        let serve = axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned());
        let listening = tokio::spawn(serve.into_future());
        Ok(Self { address, sites: engine.sites, admin_token, engine, listening })
    }

    /// Waits until the server cannot go on, and answers why: a write could not be made durable. Nothing that it says
    /// after that would be true for long, so it is to be stopped, and started again.
    pub async fn failed(&self) -> anyhow::Error {
        self.engine.store.failed().await.into()
    }

    /// Stops accepting, ends the streams, stops the workers and closes the store.
    pub async fn stop(self) {
        self.engine.shutdown.cancel();
        let _ = tokio::time::timeout(Duration::from_secs(10), self.listening).await;
        self.engine.close().await;
    }
}

/// Makes the one admin token of a new server.
async fn first_token(store: &Store) -> anyhow::Result<Option<String>> {
    if !store.tokens(None, 1).await?.is_empty() {
        return Ok(None);
    }
    let token = token::make("admin");
    let hash = token::hash(&token).context("a token that was just made has a hash")?;
    let row = NewToken {
        id: TokenId::new(clock::ulid()),
        hash,
        name: "first".to_owned(),
        scopes: vec![Scope::Admin.as_str().to_owned()],
        project: None,
        created_by: None,
        created_at: clock::now(),
        expires_at: None,
    };
    store.commit(vec![Change::Token(row)]).await?;
    Ok(Some(token))
}

/// Listens for visitors of sites, and knows how to be one.
async fn listen_for_visitors(sites: Option<&Sites>) -> anyhow::Result<Option<(TcpListener, Door)>> {
    let Some(Sites { listen, url }) = sites else { return Ok(None) };
    let listener = TcpListener::bind(listen).await;
    let listener = listener.with_context(|| format!("cannot serve sites on {listen}; --sites-listen says where"))?;
    let address = listener.local_addr()?;
    let addresses = Addresses::parse(url.as_deref().unwrap_or(&format!("http://{address}")))?;
    let door = Door::new(address, addresses)?;
    Ok(Some((listener, door)))
}
