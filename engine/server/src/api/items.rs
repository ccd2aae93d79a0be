//! Items: create, list, show, change; the ways that lead on, and taking one.

use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use kiket_core::item::{Command, Item, Wanted};
use kiket_core::run::Actor;
use kiket_core::{ItemId, ProjectId};
use kiket_store::{ItemFilter, ItemRow};
use serde::Deserialize;
use serde_json::{Map, Value as JsonValue, json};

use super::auth::Admin;
use super::comments::COMMENT_BYTES;
use super::{Api, Problem, projects};
use crate::items::{Outcome, Wish};

/// Longest text that titles are searched for, and longest name of a transition or a state that is asked for, in bytes.
const NAME_BYTES: usize = 500;

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

async fn create(
    State(api): State<Api>,
    admin: Admin,
    Path(project): Path<String>,
    body: Result<Json<Map<String, JsonValue>>, JsonRejection>,
) -> Result<Response, Problem> {
    let Json(mut body) = body?;
    let project = projects::find(&api, &project).await?;
    let kind = text(&mut body, "type")?;
    let state = text(&mut body, "state")?;
    let wish = Wish { kind, state, values: values(body)? };
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
    };
    let rows = api.store.items(&filter, limit).await?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|row| row.id);
    let data: Vec<JsonValue> = rows.iter().map(describe_row).collect();
    Ok(Json(json!({ "data": data, "next_cursor": next })))
}

async fn show(State(api): State<Api>, _: Admin, Path(item): Path<String>) -> Result<Response, Problem> {
    let id = find(&api, &item).await?;
    let (item, snapshot) = api.items.show(id).await?;
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
    let id = find(&api, &item).await?;
    let command = Command::Update { values: values(body)? };
    let outcome = api.items.tell(id, command, &Actor::admin(&admin.name), seen_version(&headers)?).await?;
    Ok(answer(StatusCode::OK, outcome))
}

async fn possibilities(
    State(api): State<Api>,
    admin: Admin,
    Path(item): Path<String>,
) -> Result<Json<JsonValue>, Problem> {
    let id = find(&api, &item).await?;
    let data = api.items.possibilities(id, &Actor::admin(&admin.name)).await?;
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
    let id = find(&api, &item).await?;
    let command = Command::Transition { wanted, comment };
    let outcome = api.items.tell(id, command, &Actor::admin(&admin.name), seen_version(&headers)?).await?;
    if !outcome.refused.is_empty() {
        return Err(Problem::refused(&outcome.refused));
    }
    let status = if outcome.item.pending.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(answer(status, outcome))
}

/// Finds an item by its id, by its key, or by its project's name and its number: `shop-12`.
pub(super) async fn find(api: &Api, text: &str) -> Result<ItemId, Problem> {
    let unknown = || Problem::not_found("item", text);
    if let Ok(id) = text.parse::<ItemId>() {
        return api.store.item(id).await?.map(|row| row.id).ok_or_else(unknown);
    }
    let (project, number) = text.rsplit_once('-').ok_or_else(unknown)?;
    let number: i64 = number.parse().map_err(|_| unknown())?;
    let project = project_of(api, project).await?.ok_or_else(unknown)?;
    api.store.item_by_number(project, number).await?.map(|row| row.id).ok_or_else(unknown)
}

/// Finds a project by its name, or else by the key that its definitions give it, in any case.
async fn project_of(api: &Api, name: &str) -> Result<Option<ProjectId>, Problem> {
    if let Some(project) = api.store.project_by_name(&name.to_ascii_lowercase()).await? {
        return Ok(Some(project.id));
    }
    for project in api.store.projects().await? {
        let Some(active) = project.active_revision else { continue };
        let Ok(revision) = api.revisions.get(active).await else { continue };
        if revision.project_key(&project.name).eq_ignore_ascii_case(name) {
            return Ok(Some(project.id));
        }
    }
    Ok(None)
}

/// Turns what a request says of an item into values by their names.
fn values(body: Map<String, JsonValue>) -> Result<Map<String, JsonValue>, Problem> {
    let mut values = Map::new();
    for (name, value) in body {
        let part = match name.as_str() {
            "fields" | "custom_fields" => "fields",
            "checked" => "checked",
            _ => {
                values.insert(name, value);
                continue;
            }
        };
        let JsonValue::Object(entries) = value else {
            return Err(Problem::invalid("invalid_item", format!("`{name}` is an object")));
        };
        values.extend(entries.into_iter().map(|(key, value)| (format!("{part}.{key}"), value)));
    }
    Ok(values)
}

fn text(body: &mut Map<String, JsonValue>, key: &str) -> Result<Option<String>, Problem> {
    match body.shift_remove(key) {
        None | Some(JsonValue::Null) => Ok(None),
        Some(JsonValue::String(text)) => Ok(Some(text)),
        Some(_) => Err(Problem::invalid("invalid_item", format!("`{key}` is text"))),
    }
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
    let mut snapshot = outcome.snapshot;
    snapshot["runs"] = json!(outcome.runs);
    tagged(status, &outcome.item, snapshot)
}

fn tagged(status: StatusCode, item: &Item, body: JsonValue) -> Response {
    let mut response = (status, Json(body)).into_response();
    let tag = HeaderValue::from_str(&format!("\"{}\"", item.version)).ok();
    response.headers_mut().extend(tag.map(|tag| (header::ETAG, tag)));
    response
}

/// An item in a list: what columns hold, without its fields.
fn describe_row(row: &ItemRow) -> JsonValue {
    let item: Item = serde_json::from_str(&row.data).unwrap_or_default();
    json!({
        "id": row.id,
        "key": item.created.as_ref().map(|created| created.key.clone()),
        "number": row.number,
        "type": row.kind,
        "workflow": row.workflow,
        "title": row.title,
        "state": row.state,
        "category": row.category,
        "priority": row.priority,
        "assignee": row.assignee,
        "labels": row.labels,
        "fields": item.fields,
        "pending": item.pending,
        "version": item.version,
        "created_at": row.created_at.to_string(),
        "updated_at": row.updated_at.to_string(),
    })
}
