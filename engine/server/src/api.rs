//! The HTTP interface under `/api/v1`: what can be asked of a server, and the event streams.
//!
//! Every handler but `/up`, `/metrics` and the webhook takes an [`auth::Admin`], which only a valid token makes.

mod approvals;
mod artifacts;
mod auth;
mod body;
mod comments;
mod definitions;
mod deployments;
mod env;
mod health;
mod hooks;
mod items;
mod problem;
mod projects;
mod runs;
mod secrets;
mod stream;

use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::{Router, middleware};
use kiket_store::Store;
use tokio_util::sync::CancellationToken;

pub(crate) use health::Workers;
pub(crate) use problem::Problem;

use crate::artifacts::Artifacts;
use crate::deployments::Deployments;
use crate::dispatch::Dispatch;
use crate::events::Feed;
use crate::items::Items;
use crate::metrics::Metrics;
use crate::publish::Publisher;
use crate::revisions::Revisions;
use crate::secrets::Secrets;

/// Largest body of a request, but for webhooks.
const BODY_BYTES: usize = 1024 * 1024;

/// What handlers work with.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) store: Store,
    pub(crate) dispatch: Arc<Dispatch>,
    pub(crate) items: Arc<Items>,
    pub(crate) artifacts: Arc<Artifacts>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) revisions: Arc<Revisions>,
    pub(crate) deployments: Arc<Deployments>,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) tokens: Arc<auth::Tokens>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) workers: Workers,
    pub(crate) public_url: Arc<str>,
    pub(crate) shutdown: CancellationToken,
}

impl Api {
    /// Makes the state of the handlers; the parts come from the one place that wires them.
    #[expect(clippy::too_many_arguments, reason = "one for each part of the server that handlers ask")]
    pub(crate) fn new(
        publisher: Arc<Publisher>,
        dispatch: Arc<Dispatch>,
        items: Arc<Items>,
        deployments: Arc<Deployments>,
        secrets: Arc<Secrets>,
        artifacts: Arc<Artifacts>,
        metrics: Arc<Metrics>,
        feed: Arc<Feed>,
        workers: Workers,
        public_url: &str,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store: publisher.store.clone(),
            revisions: Arc::clone(&publisher.revisions),
            tokens: Arc::default(),
            dispatch,
            items,
            deployments,
            secrets,
            artifacts,
            metrics,
            feed,
            workers,
            publisher,
            public_url: public_url.into(),
            shutdown,
        }
    }
}

/// Builds the routes.
pub(crate) fn router(api: Api) -> Router {
    let v1 = Router::new()
        .merge(projects::router())
        .merge(runs::router())
        .merge(approvals::router())
        .merge(artifacts::router())
        .merge(definitions::router())
        .merge(deployments::router())
        .merge(items::router())
        .merge(comments::router())
        .merge(secrets::router())
        .merge(env::router())
        .merge(stream::router())
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .merge(hooks::router());
    Router::new()
        .nest("/api/v1", v1)
        .merge(health::router())
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address does not take that method")
        })
        .layer(middleware::from_fn_with_state(api.clone(), health::count))
        .with_state(api)
}
