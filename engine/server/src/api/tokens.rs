//! `/tokens`: making tokens, listing them, and taking them back.

use axum::response::NoContent;
use kiket_core::{Timestamp, TokenId};
use kiket_store::{Change, NewToken, Token};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Problem;
use super::auth::{Authorized, may};
use super::contract::PROJECT;
use super::extract::{Created, Json, Limit, Page, Path, Query, Time};
use super::projects;
use super::routes::{Routes, delete, get, post};
use crate::scope::Scope;
use crate::{clock, token};

pub(super) fn operations() -> Routes {
    Routes::new()
        .add(post("/tokens", "createToken", "Make a token, which is shown this once").fails(&[404]), create)
        .add(get("/tokens", "listTokens", "List the tokens, the latest first"), list)
        .add(delete("/tokens/{token}", "revokeToken", "Take a token back, at once and for good"), revoke)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "NewToken", extend("not" = {
    "required": ["project"],
    "properties": { "project": { "type": "string" }, "scopes": { "contains": { "const": "admin" } } },
}))]
struct Wanted {
    /// What it is called: the name that stands for whoever uses it, in approvals and in the audit log.
    #[schemars(regex(pattern = "^[A-Za-z0-9][A-Za-z0-9 ._@/-]{0,99}$"))]
    name: String,
    /// What it may do.
    #[schemars(length(min = 1, max = 7))]
    scopes: Vec<Scope>,
    /// The only project that it sees; none is every project. `admin` cannot be limited.
    #[schemars(regex(pattern = PROJECT))]
    #[serde(default)]
    project: Option<String>,
    /// When it stops working, RFC 3339; none is never.
    #[schemars(with = "Option<Timestamp>")]
    #[serde(default)]
    expires_at: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Paging {
    /// `next_cursor` of the page before.
    #[schemars(with = "Option<TokenId>")]
    cursor: Option<String>,
    /// How many to return.
    #[serde(default)]
    limit: Limit,
}

/// A token, without what makes it one.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Token")]
struct View {
    id: TokenId,
    name: String,
    scopes: Vec<String>,
    /// The only project that it sees.
    project: Option<String>,
    /// The token that made it; null is the server itself.
    created_by: Option<String>,
    created_at: Time,
    expires_at: Option<Time>,
    revoked_at: Option<Time>,
}

/// A token that was just made.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "MadeToken")]
struct NewlyMade {
    #[serde(flatten)]
    about: View,
    /// The token itself; it is shown this once.
    token: String,
}

async fn create(api: Authorized<may::Admin>, Json(wanted): Json<Wanted>) -> Result<Created<NewlyMade>, Problem> {
    let name = wanted.name;
    if !is_name(&name) {
        let detail =
            "a token's name has 1 to 100 of A-Z, a-z, 0-9, space and ._@/-, and begins with a letter or a digit";
        return Err(Problem::invalid("invalid_name", detail));
    }
    let mut scopes = wanted.scopes;
    if scopes.is_empty() || scopes.len() > Scope::ALL.len() {
        let detail = format!("a token has 1 to {} scopes", Scope::ALL.len());
        return Err(Problem::invalid("invalid_scopes", detail));
    }
    scopes.sort_unstable();
    scopes.dedup();
    let is_admin = scopes.contains(&Scope::Admin);
    if is_admin && wanted.project.is_some() {
        return Err(Problem::invalid("invalid_scopes", "`admin` is everything: it cannot be limited to a project"));
    }
    let project = match &wanted.project {
        Some(name) => Some(projects::find(&api, name).await?),
        None => None,
    };
    let created_at = clock::now();
    let expires_at = wanted.expires_at.as_deref().map(|text| end(text, created_at)).transpose()?;
    let token = token::make(if is_admin { "admin" } else { "api" });
    let hash = token::hash(&token).unwrap_or_default();
    let row = NewToken {
        id: TokenId::new(clock::ulid()),
        hash,
        name,
        scopes: scopes.iter().map(|scope| scope.as_str().to_owned()).collect(),
        project: project.as_ref().map(|project| project.id),
        created_by: Some(api.bearer.name.clone()),
        created_at,
        expires_at,
    };
    let about = View {
        id: row.id,
        name: row.name.clone(),
        scopes: row.scopes.clone(),
        project: project.map(|project| project.name),
        created_by: row.created_by.clone(),
        created_at: Time(created_at),
        expires_at: expires_at.map(Time),
        revoked_at: None,
    };
    let note = api.note("token.create", row.id.to_string(), row.project);
    api.store.commit(vec![Change::Token(row), note]).await?;
    Ok(Created::new(NewlyMade { about, token }))
}

async fn list(api: Authorized<may::Admin>, Query(page): Query<Paging>) -> Result<Json<Page<View, TokenId>>, Problem> {
    let before = page.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| Problem::cursor())?;
    let rows = api.store.tokens(before, page.limit.get()).await?;
    let next_cursor = rows.last().filter(|_| rows.len() == page.limit.get() as usize).map(|token| token.id);
    Ok(Json(Page { data: rows.into_iter().map(describe).collect(), next_cursor }))
}

async fn revoke(api: Authorized<may::Admin>, Path(token): Path<String>) -> Result<NoContent, Problem> {
    let id: TokenId = token.parse().map_err(|_| Problem::not_found("token", &token))?;
    let note = api.note("token.revoke", token, None);
    let committed =
        api.store.commit(vec![Change::RevokeToken(kiket_store::RevokeToken { id, at: clock::now() }), note]);
    committed.await?;
    api.bearers.revoke(id);
    Ok(NoContent)
}

fn is_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || b" ._@/-".contains(&byte);
    name.starts_with(|first: char| first.is_ascii_alphanumeric()) && name.len() <= 100 && name.bytes().all(rest)
}

fn end(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let end = Timestamp::parse(text).filter(|end| *end > now);
    end.ok_or_else(|| Problem::invalid("invalid_expiry", "`expires_at` is a time to come, in RFC 3339"))
}

fn describe(token: Token) -> View {
    View {
        id: token.id,
        name: token.name,
        scopes: token.scopes,
        project: token.project.map(|(_, name)| name),
        created_by: token.created_by,
        created_at: Time(token.created_at),
        expires_at: token.expires_at.map(Time),
        revoked_at: token.revoked_at.map(Time),
    }
}
