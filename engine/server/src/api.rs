//! The HTTP interface under `/api/v1`: what can be asked of a server, and the event streams.
//!
//! Every handler takes an [`auth::Authorized`], which only a token with the scope it names makes; those of [`PUBLIC`]
//! take an [`auth::Public`]. Routes, extractors, answers and the OpenAPI document are one thing: [`routes::Routes`].

mod again;
mod approvals;
mod artifacts;
mod audit;
mod auth;
mod bearer;
mod body;
mod comments;
mod contract;
mod dead_letters;
mod definitions;
mod deliveries;
mod deployments;
mod env;
mod etag;
mod extract;
mod health;
mod hooks;
mod idempotency;
mod if_match;
mod item_values;
mod items;
mod limits;
mod log;
mod openapi;
mod page;
mod problem;
mod project_settings;
mod projects;
mod routes;
mod runs;
mod schedules;
mod secrets;
mod stream;
mod submit;
mod tickets;
mod tokens;

use std::collections::BTreeSet;
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
use crate::statuses::Statuses;
use limits::Limits;
use routes::Routes;

/// Largest body of a request, but for webhooks.
const BODY_BYTES: usize = 1024 * 1024;

/// What everybody may ask, without a token. Webhooks have signatures of their own.
pub(crate) const PUBLIC: [&str; 7] = [
    "/api/v1/hooks/{project}",
    "/api/v1/openapi.json",
    "/api/docs",
    "/api/docs/viewer.js",
    "/api/docs/viewer.css",
    "/up",
    "/metrics",
];

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
    pub(crate) bearers: Arc<bearer::Bearers>,
    pub(crate) tickets: Arc<tickets::Tickets>,
    pub(crate) limits: Arc<limits::Limits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) feed: Arc<Feed>,
    pub(crate) statuses: Arc<Statuses>,
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
        statuses: Arc<Statuses>,
        workers: Workers,
        public_url: &str,
        rate_limit: u32,
        shutdown: CancellationToken,
    ) -> Self {
        Self {
            store: publisher.store.clone(),
            revisions: Arc::clone(&publisher.revisions),
            bearers: Arc::default(),
            tickets: Arc::default(),
            limits: Arc::new(Limits::new(rate_limit)),
            dispatch,
            items,
            deployments,
            secrets,
            artifacts,
            metrics,
            feed,
            statuses,
            workers,
            publisher,
            public_url: public_url.into(),
            shutdown,
        }
    }
}

/// The operations below `/api/v1`.
fn versioned() -> Routes {
    Routes::new()
        .merge(projects::operations())
        .merge(project_settings::operations())
        .merge(deliveries::operations())
        .merge(schedules::operations())
        .merge(dead_letters::operations())
        .merge(runs::operations())
        .merge(again::operations())
        .merge(submit::operations())
        .merge(log::operations())
        .merge(approvals::operations())
        .merge(artifacts::operations())
        .merge(definitions::operations())
        .merge(deployments::operations())
        .merge(items::operations())
        .merge(comments::operations())
        .merge(secrets::operations())
        .merge(env::operations())
        .merge(tokens::operations())
        .merge(tickets::operations())
        .merge(audit::operations())
        .merge(stream::operations())
        .merge(openapi::operations())
        .merge(hooks::operations())
}

/// The operations beside them.
fn unversioned() -> Routes {
    Routes::new().merge(health::operations()).merge(openapi::viewer())
}

/// The operations that everybody may ask, as they are.
fn public() -> BTreeSet<String> {
    let all = [("/api/v1", versioned()), ("", unversioned())];
    let all = all.iter().flat_map(|(prefix, routes)| routes.operations.iter().map(move |one| (prefix, one)));
    let open = all.filter(|(_, one)| one.scope.is_none());
    open.map(|(prefix, one)| format!("{prefix}{}", one.operation.path)).collect()
}

/// Builds the routes.
pub(crate) fn router(api: Api) -> Router {
    debug_assert_eq!(public(), PUBLIC.into_iter().map(str::to_owned).collect());
    Router::new()
        .nest("/api/v1", versioned().router)
        .merge(unversioned().router)
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address"))
        .method_not_allowed_fallback(async || {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", "this address does not take that method")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(middleware::from_fn_with_state(api.clone(), limits::admit))
        .layer(middleware::from_fn_with_state(api.clone(), health::count))
        .with_state(api)
}
