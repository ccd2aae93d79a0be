//! Items: create, list, show, change; the ways that lead on, and taking one.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kiket_core::item::{Command, Item, Wanted};
use kiket_core::run::Actor;
use kiket_store::{ItemFilter, ItemRow};
use serde::Deserialize;
use serde_json::{Map, Value as JsonValue, json};

use super::auth::Admin;
use super::{Api, Problem, projects};
use crate::items::present::{COMMENT_BYTES, NAME_BYTES, values};
use crate::items::{ItemError, Outcome, Wish};

pub(super) fn router() -> Router<Api> {
    Router::new()
        .route("/projects/{project}/items", post(create).get(list))
        .route("/items/{item}", get(show).patch(update))
        .route("/items/{item}/transitions", get(possibilities).post(transition))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TransitionBody {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    to: Option<String>,
    #[serde(default)]
    comment: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    #[serde(rename = "type")]
    kind: Option<String>,
    state: Option<String>,
    category: Option<String>,
    assignee: Option<String>,
    priority: Option<String>,
    label: Option<String>,
    q: Option<String>,
    cursor: Option<String>,
    limit: Option<u32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PossibilitiesQuery {
    /// Whether guards are asked, which may take a while; without it they are only named.
    #[serde(default)]
    ask: bool,
}

async fn create(
    State(api): State<Api>,
    admin: Admin,
    Path(project): Path<String>,
    body: Result<Json<Map<String, JsonValue>>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(body) = body?;
    let project = projects::find(&api, &project).await?;
    let wish = Wish::read(body).map_err(invalid_item)?;
    let outcome = api.items.create(&project, wish, &Actor::admin(&admin.name)).await?;
    let location = format!("/api/v1/items/{}", outcome.snapshot["id"].as_str().unwrap_or_default());
    let mut answer = answer(StatusCode::CREATED, outcome);
    answer.headers_mut().extend(HeaderValue::from_str(&location).ok().map(|value| (header::LOCATION, value)));
    Ok(answer)
}

async fn list(
    State(api): State<Api>,
    _: Admin,
    Path(project): Path<String>,
    query: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<JsonValue>, Problem> {
    let Query(query) = query?;
    let project = projects::find(&api, &project).await?;
    let before = query.cursor.as_deref().map(str::parse).transpose();
    let before = before
        .map_err(|_| Problem::new(StatusCode::BAD_REQUEST, "invalid_cursor", "this cursor is not one of ours"))?;
    if query.q.as_ref().is_some_and(|text| text.len() > NAME_BYTES) {
        let detail = format!("`q` has at most {NAME_BYTES} bytes");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail));
    }
    let limit = query.limit.unwrap_or(50).clamp(1, 200);
    let filter = ItemFilter {
        project: Some(project.id),
        kind: query.kind,
        state: query.state,
        category: query.category,
        assignee: query.assignee,
        priority: query.priority,
        label: query.label,
        text: query.q,
        before,
        ..ItemFilter::default()
    };
    let (rows, data) = api.items.reader().list(&filter, limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.id);
    Ok(Json(json!({ "data": data, "next_cursor": next })))
}

async fn show(State(api): State<Api>, _: Admin, Path(item): Path<String>) -> Result<Response, Problem> {
    let row = find(&api, &item).await?;
    let (item, snapshot) = api.items.reader().show(&row).await?;
    Ok(tagged(StatusCode::OK, &item, snapshot))
}

async fn update(
    State(api): State<Api>,
    admin: Admin,
    Path(item): Path<String>,
    headers: HeaderMap,
    body: Result<Json<Map<String, JsonValue>>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(body) = body?;
    let id = find(&api, &item).await?.id;
    let command = Command::Update { values: values(body).map_err(invalid_item)? };
    let outcome = api.items.tell(id, command, &Actor::admin(&admin.name), seen_version(&headers)?).await?;
    Ok(answer(StatusCode::OK, outcome))
}

async fn possibilities(
    State(api): State<Api>,
    admin: Admin,
    Path(item): Path<String>,
    query: Result<Query<PossibilitiesQuery>, QueryRejection>,
) -> Result<Json<JsonValue>, Problem> {
    let Query(PossibilitiesQuery { ask }) = query?;
    let id = find(&api, &item).await?.id;
    let data = api.items.possibilities(id, &Actor::admin(&admin.name), ask).await?;
    Ok(Json(json!({ "data": data, "next_cursor": null })))
}

async fn transition(
    State(api): State<Api>,
    admin: Admin,
    Path(item): Path<String>,
    headers: HeaderMap,
    body: Result<Json<TransitionBody>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(TransitionBody { name, to, comment }) = body?;
    let wanted = match (name, to) {
        (Some(name), None) if name.len() <= NAME_BYTES => Wanted::Name(name),
        (None, Some(to)) if to.len() <= NAME_BYTES => Wanted::To(to),
        _ => {
            return Err(Problem::invalid(
                "invalid_transition",
                format!(
                    "give either the transition's `name` or the state it leads `to`, of at most {NAME_BYTES} bytes"
                ),
            ));
        }
    };
    if comment.as_ref().is_some_and(|comment| comment.len() > COMMENT_BYTES) {
        return Err(Problem::invalid("invalid_comment", format!("a comment has at most {COMMENT_BYTES} bytes")));
    }
    let id = find(&api, &item).await?.id;
    let command = Command::Transition { wanted, comment };
    let outcome = api.items.tell(id, command, &Actor::admin(&admin.name), seen_version(&headers)?).await?;
    if !outcome.refused.is_empty() {
        return Err(Problem::refused(&outcome.refused));
    }
    let status = if outcome.item.pending.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(answer(status, outcome))
}

/// Finds an item by what people call it.
pub(super) async fn find(api: &Api, text: &str) -> Result<ItemRow, Problem> {
    api.items.reader().find(text).await.map_err(|error| match error {
        ItemError::Unknown => Problem::not_found("item", text),
        error => error.into(),
    })
}

fn invalid_item(reason: String) -> Problem {
    Problem::invalid("invalid_item", reason)
}

/// Reads the version that a caller has seen: `If-Match: "7"`.
fn seen_version(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(tag) = headers.get(header::IF_MATCH) else { return Ok(None) };
    let tag = tag.to_str().unwrap_or_default().trim();
    if tag == "*" {
        return Ok(None);
    }
    let version = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"')).and_then(|tag| tag.parse().ok());
    let invalid =
        || Problem::new(StatusCode::BAD_REQUEST, "invalid_header", "If-Match is the ETag of an earlier answer");
    version.map(Some).ok_or_else(invalid)
}

fn answer(status: StatusCode, outcome: Outcome) -> Response {
    tagged(status, &outcome.item, outcome.shown())
}

fn tagged(status: StatusCode, item: &Item, body: JsonValue) -> Response {
    let mut response = (status, Json(body)).into_response();
    let tag = HeaderValue::from_str(&format!("\"{}\"", item.version)).ok();
    response.headers_mut().extend(tag.map(|tag| (header::ETAG, tag)));
    response
}
