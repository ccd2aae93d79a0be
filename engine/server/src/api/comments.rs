//! What was said about an item, and everything that happened to it.

use kiket_core::item::Command;
use kiket_store::{Entry, Filter, Position};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value as JsonValue, json};

use super::auth::{Access, Authorized, may};
use super::extract::{Created, Json, Limit, Page, Path, Place, Query};
use super::routes::{Routes, get, post};
use super::{Problem, items};
use crate::items::present::COMMENT_BYTES;

pub(super) fn operations() -> Routes {
    Routes::new()
        .add(get("/items/{item}/comments", "listComments", "List what was said about an item"), list)
        .add(post("/items/{item}/comments", "addComment", "Say something about an item").fails(&[409]), add)
        .add(get("/items/{item}/history", "listHistory", "List everything that happened to an item"), history)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Comment {
    /// What is said.
    #[schemars(length(min = 1, max = 65536), regex(pattern = r"\S"))]
    body: String,
}

/// What was said, and by whom.
#[derive(Serialize, JsonSchema)]
struct Said {
    body: String,
    by: String,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Paging {
    /// `next_cursor` of the page before.
    #[serde(default)]
    cursor: Place,
    /// How many to return.
    #[serde(default)]
    limit: Limit,
}

/// An event of an item: its position, its time, and what belongs to its kind.
#[derive(Serialize, JsonSchema)]
#[serde(transparent)]
struct Happened(serde_json::Map<String, JsonValue>);

async fn add(
    api: Authorized<may::Items>,
    Path(item): Path<String>,
    Json(Comment { body }): Json<Comment>,
) -> Result<Created<Said>, Problem> {
    if body.trim().is_empty() || body.len() > COMMENT_BYTES {
        return Err(Problem::invalid("invalid_comment", format!("a comment has 1 to {COMMENT_BYTES} bytes")));
    }
    let id = items::find(&api, &item).await?.id;
    api.items.tell(id, Command::Comment { body: body.clone() }, &api.actor(), None).await?;
    Ok(Created::new(Said { body, by: api.bearer.name.clone() }))
}

async fn list(
    api: Authorized<may::Read>,
    Path(item): Path<String>,
    Query(page): Query<Paging>,
) -> Result<Json<Page<Happened, i64>>, Problem> {
    entries(&api, &item, vec!["item.commented".to_owned()], &page).await
}

async fn history(
    api: Authorized<may::Read>,
    Path(item): Path<String>,
    Query(page): Query<Paging>,
) -> Result<Json<Page<Happened, i64>>, Problem> {
    entries(&api, &item, Vec::new(), &page).await
}

/// Reads a page of an item's log, oldest first.
async fn entries(
    api: &Access,
    item: &str,
    kinds: Vec<String>,
    page: &Paging,
) -> Result<Json<Page<Happened, i64>>, Problem> {
    let id = items::find(api, item).await?.id;
    let limit = page.limit.get();
    let after = Position::new(page.cursor.get());
    let filter = Filter { item: Some(id), kinds, ..Filter::default() };
    let found = api.store.tail(after, &filter, limit).await?;
    let next_cursor = found.last().filter(|_| found.len() == limit as usize).map(|entry| entry.position.get());
    Ok(Json(Page { data: found.iter().map(describe).collect(), next_cursor }))
}

fn describe(entry: &Entry) -> Happened {
    let mut data: serde_json::Map<String, JsonValue> = serde_json::from_str(&entry.data).unwrap_or_default();
    data.insert("position".to_owned(), json!(entry.position.get()));
    data.insert("at".to_owned(), json!(entry.at.to_string()));
    Happened(data)
}
