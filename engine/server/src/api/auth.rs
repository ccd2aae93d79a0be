//! Who asks. [`Admin`] can only be had from a valid token, and handlers take it as an argument.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;

use super::{Api, Problem};
use crate::token;

/// Proof that the request carries an admin token.
pub(crate) struct Admin {
    /// The token's name: who acts.
    pub(crate) name: String,
}

/// Names of tokens that the store has confirmed, by their hashes. Tokens cannot be revoked yet, so a
/// confirmed one stays valid as long as the process.
#[derive(Default)]
pub(crate) struct Tokens(RwLock<HashMap<String, String>>);

impl FromRequestParts<Api> for Admin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(header) = header else {
            return Err(Problem::unauthorized("no_token", "send a token: `Authorization: Bearer kkt_…`"));
        };
        let token = header.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let hash = token.and_then(|(_, token)| token::hash(token.trim()));
        let Some(hash) = hash else {
            return Err(Problem::unauthorized("invalid_token", "this is not a token of kiket"));
        };
        if let Some(name) = api.tokens.0.read().unwrap_or_else(PoisonError::into_inner).get(&hash) {
            return Ok(Self { name: name.clone() });
        }
        match api.store.token(&hash).await? {
            Some(token) => {
                api.tokens.0.write().unwrap_or_else(PoisonError::into_inner).insert(hash, token.name.clone());
                Ok(Self { name: token.name })
            }
            None => Err(Problem::unauthorized("invalid_token", "the server does not know this token")),
        }
    }
}
