//! What was said about an item, and everything that happened to it.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use kiket_core::item::Command;
use kiket_core::run::Actor;
use kiket_store::{Entry, Filter, Position};
use serde::Deserialize;
use serde_json::{Value as JsonValue, json};

use super::auth::Admin;
use super::{Api, Problem, items};
use crate::items::present::COMMENT_BYTES;

pub(super) fn router() -> Router<Api> {
    Router::new().route("/items/{item}/comments", get(list).post(add)).route("/items/{item}/history", get(history))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Comment {
    body: String,
}

#[derive(Deserialize)]
struct Page {
    cursor: Option<i64>,
    limit: Option<u32>,
}

async fn add(
    State(api): State<Api>,
    admin: Admin,
    Path(item): Path<String>,
    body: Result<Json<Comment>, JsonRejection>,
) -> Result<(StatusCode, Json<JsonValue>), Problem> {
    let Json(Comment { body }) = body?;
    if body.trim().is_empty() || body.len() > COMMENT_BYTES {
        return Err(Problem::invalid("invalid_comment", format!("a comment has 1 to {COMMENT_BYTES} bytes")));
    }
    let id = items::find(&api, &item).await?.id;
    let actor = Actor::admin(&admin.name);
    api.items.tell(id, Command::Comment { body: body.clone() }, &actor, None).await?;
    Ok((StatusCode::CREATED, Json(json!({ "body": body, "by": admin.name }))))
}

async fn list(
    State(api): State<Api>,
    _: Admin,
    Path(item): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<JsonValue>, Problem> {
    entries(&api, &item, vec!["item.commented".to_owned()], page?.0).await
}

async fn history(
    State(api): State<Api>,
    _: Admin,
    Path(item): Path<String>,
    page: Result<Query<Page>, QueryRejection>,
) -> Result<Json<JsonValue>, Problem> {
    entries(&api, &item, Vec::new(), page?.0).await
}

/// Reads a page of an item's log, oldest first.
async fn entries(api: &Api, item: &str, kinds: Vec<String>, page: Page) -> Result<Json<JsonValue>, Problem> {
    let id = items::find(api, item).await?.id;
    let limit = page.limit.unwrap_or(50).clamp(1, 200);
    let after = Position::new(page.cursor.unwrap_or_default().max(0));
    let filter = Filter { item: Some(id), kinds, ..Filter::default() };
    let found = api.store.tail(after, &filter, limit).await?;
    let next = found.last().filter(|_| found.len() == limit as usize).map(|entry| entry.position.get());
    let data: Vec<JsonValue> = found.iter().map(describe).collect();
    Ok(Json(json!({ "data": data, "next_cursor": next })))
}

fn describe(entry: &Entry) -> JsonValue {
    let mut data: JsonValue = serde_json::from_str(&entry.data).unwrap_or_default();
    data["position"] = json!(entry.position.get());
    data["at"] = json!(entry.at.to_string());
    data
}
