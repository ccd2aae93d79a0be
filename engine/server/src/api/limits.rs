//! How often one token may ask, and how often one address may be refused for want of a valid one.
//!
//! Admin tokens are not limited: whoever has one could lift the limit.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::DefaultKeyedStateStore;
use governor::{Quota, RateLimiter};
use kiket_core::TokenId;

use super::bearer::Bearer;
use super::{Api, Problem, tickets};
use crate::scope::Scope;

/// How many are remembered before those are forgotten that have asked for nothing lately.
const REMEMBERED: usize = 10_000;

type Limiter = RateLimiter<Key, DefaultKeyedStateStore<Key>, DefaultClock, StateInformationMiddleware>;

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Token(TokenId),
    Address(IpAddr),
}

/// Counts requests; twice as many as in a second may come at once.
pub(crate) struct Limits(Option<(Limiter, NonZeroU32)>);

/// Somebody asks too often.
struct Exceeded {
    /// In seconds.
    retry_after: u64,
}

impl Limits {
    /// Allows this many requests in a second; 0 is any number.
    pub(crate) fn new(per_second: u32) -> Self {
        Self(NonZeroU32::new(per_second).map(|rate| {
            let quota = Quota::per_second(rate).allow_burst(rate.saturating_mul(TWO));
            (RateLimiter::dashmap(quota).with_middleware(), rate)
        }))
    }

    /// Counts a request of a token; returns what to tell of the limit.
    fn of_token(&self, bearer: &Bearer) -> Result<Option<HeaderMap>, Exceeded> {
        let Some((limiter, rate)) = self.0.as_ref().filter(|_| !bearer.may(Scope::Admin)) else { return Ok(None) };
        let burst = rate.saturating_mul(TWO).get();
        let left = count(limiter, Key::Token(bearer.id))?;
        let reset = (burst - left.min(burst)).div_ceil(rate.get());
        let told = [
            ("ratelimit-policy", format!("\"token\";q={burst};w={TWO}")),
            ("ratelimit", format!("\"token\";r={left};t={reset}")),
        ];
        let told = told
            .into_iter()
            .filter_map(|(name, value)| Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?)));
        Ok(Some(told.collect()))
    }

    /// Counts a request that had no valid token.
    fn of_address(&self, address: IpAddr) -> Result<(), Exceeded> {
        let Some((limiter, _)) = &self.0 else { return Ok(()) };
        if limiter.len() > REMEMBERED {
            limiter.retain_recent();
        }
        count(limiter, Key::Address(address)).map(drop)
    }
}

const TWO: NonZeroU32 = NonZeroU32::MIN.saturating_add(1);

/// Takes one from what is left, and returns the rest.
fn count(limiter: &Limiter, key: Key) -> Result<u32, Exceeded> {
    let found = limiter.check_key(&key).map(|left| left.remaining_burst_capacity());
    found.map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        Exceeded { retry_after: wait.as_secs() + 1 }
    })
}

impl Exceeded {
    fn answer(&self) -> Response {
        let detail = "too many requests; `Retry-After` says when to ask again";
        let mut answer = Problem::new(StatusCode::TOO_MANY_REQUESTS, "too_many_requests", detail).into_response();
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(self.retry_after));
        answer
    }
}

/// Finds out who asks, and refuses whoever asks too often. Whether they may, the handlers' own types say.
pub(super) async fn admit(State(api): State<Api>, mut request: Request, next: Next) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| address.ip());
    let mut told = None;
    if let Some(bearer) = identify(&api, &mut request).await {
        match api.limits.of_token(&bearer) {
            Ok(headers) => told = headers,
            Err(exceeded) => return exceeded.answer(),
        }
        request.extensions_mut().insert(bearer);
    }
    let mut answer = next.run(request).await;
    if let (StatusCode::UNAUTHORIZED, Some(address)) = (answer.status(), address)
        && let Err(exceeded) = api.limits.of_address(address)
    {
        return exceeded.answer();
    }
    answer.headers_mut().extend(told.unwrap_or_default());
    answer
}

/// Whose token or ticket comes with a request; what is wrong with one that is not valid, the handler answers.
async fn identify(api: &Api, request: &mut Request) -> Option<Arc<Bearer>> {
    if request.headers().contains_key(header::AUTHORIZATION) {
        return api.bearers.identify(&api.store, request.headers()).await.ok();
    }
    let (bearer, overtaken) = tickets::redeem(&api.tickets, request.uri(), request.headers())?;
    request.extensions_mut().insert(overtaken);
    Some(bearer)
}
