//! Who asks: the tokens that the store has confirmed, kept in memory.
//!
//! Invariant: a token that was taken back is unknown here before its revocation is answered. A look-up that was under
//! way meanwhile does not bring it back: what it read counts only if nothing was revoked since it began.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use kiket_core::{ProjectId, Timestamp, TokenId};
use kiket_store::{Store, Token};
use tokio_util::sync::CancellationToken;

use super::Problem;
use crate::scope::Scope;
use crate::{clock, token};

/// Most tokens kept; what comes beyond them is looked up each time.
const KEPT: usize = 10_000;

/// A token that is valid, and what it may do.
#[derive(Debug)]
pub(crate) struct Bearer {
    pub(crate) id: TokenId,
    /// The token's name: who acts.
    pub(crate) name: String,
    pub(super) scopes: Vec<Scope>,
    /// The only project it sees.
    pub(super) project: Option<(ProjectId, String)>,
    pub(super) expires_at: Option<Timestamp>,
    /// Cancelled when the token is taken back: what is still being sent to it ends.
    pub(super) revoked: CancellationToken,
}

/// Tokens that the store has confirmed, by their hashes.
#[derive(Default)]
pub(crate) struct Bearers {
    known: RwLock<HashMap<String, Arc<Bearer>>>,
    revocations: AtomicU64,
}

impl Bearer {
    /// Tells whether the token may do something.
    pub(super) fn may(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|had| *had == scope || *had == Scope::Admin)
    }

    /// Tells whether the token still works.
    pub(super) fn is_valid(&self, now: Timestamp) -> bool {
        !self.revoked.is_cancelled() && self.expires_at.is_none_or(|end| end > now)
    }
}

impl Bearers {
    /// Finds out who sends these headers.
    pub(super) async fn identify(&self, store: &Store, headers: &HeaderMap) -> Result<Arc<Bearer>, Problem> {
        let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(header) = header else {
            return Err(Problem::unauthorized("no_token", "send a token: `Authorization: Bearer kkt_…`"));
        };
        let token = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let hash = token.and_then(|(_, token)| token::hash(token.trim()));
        let Some(hash) = hash else {
            return Err(Problem::unauthorized("invalid_token", "this is not a token of kiket"));
        };
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned();
        let bearer = match known {
            Some(bearer) => bearer,
            None => self.look_up(store, hash).await?,
        };
        match bearer.is_valid(clock::now()) {
            true => Ok(bearer),
            false => Err(Problem::unauthorized("token_expired", "this token has expired")),
        }
    }

    /// Forgets a token that the store has revoked, and ends what is being sent to it.
    pub(super) fn revoke(&self, id: TokenId) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        self.revocations.fetch_add(1, Ordering::SeqCst);
        known.retain(|_, bearer| {
            if bearer.id == id {
                bearer.revoked.cancel();
            }
            bearer.id != id
        });
    }

    async fn look_up(&self, store: &Store, hash: String) -> Result<Arc<Bearer>, Problem> {
        loop {
            let before = self.revocations.load(Ordering::SeqCst);
            let Some(token) = store.token(&hash).await? else {
                return Err(Problem::unauthorized("invalid_token", "the server does not know this token"));
            };
            if token.revoked_at.is_some() {
                return Err(Problem::unauthorized("token_revoked", "this token was revoked"));
            }
            let bearer = Arc::new(read(token)?);
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if self.revocations.load(Ordering::SeqCst) != before {
                continue;
            }
            if known.len() < KEPT {
                // Whoever was faster has the one that a revocation will end.
                return Ok(Arc::clone(known.entry(hash).or_insert(bearer)));
            }
            return Ok(bearer);
        }
    }
}

fn read(token: Token) -> Result<Bearer, Problem> {
    let scopes = token.scopes.iter().map(|word| word.parse()).collect::<Result<_, String>>();
    let scopes = scopes.map_err(|_| Problem::unauthorized("invalid_token", "this version does not know its scopes"))?;
    let Token { id, name, project, expires_at, .. } = token;
    Ok(Bearer { id, name, scopes, project, expires_at, revoked: CancellationToken::new() })
}
