//! Items: create, list, show, change; the ways that lead on, and taking one.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use kiket_core::ItemId;
use kiket_core::item::{Command, Possibility, Wanted};
use kiket_store::{ItemFilter, ItemRow};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as JsonValue, json};

use super::auth::{Access, Authorized, may};
use super::contract::Contract;
use super::extract::{Json, Limit, Page, Path, Query};
use super::routes::{Routes, get, patch, post};
use super::{Problem, etag, if_match, item_values, page, projects};
use crate::items::present::{COMMENT_BYTES, NAME_BYTES, values};
use crate::items::{ItemError, Outcome, Wish};

pub(super) fn operations() -> Routes {
    let seen = |contract: &mut Contract<'_>| {
        let about = "ETags of earlier answers: the item has to be as it was in one of them.";
        contract.header("If-Match", json!({ "type": "string", "description": about }));
    };
    let create_one =
        post("/projects/{project}/items", "createItem", "Make an item").answers::<201, Shown>().fails(&[409]);
    let show_one = get("/items/{item}", "getItem", "Show an item").answers::<200, Shown>().with(etag::takes_tag);
    let update_one = patch("/items/{item}", "updateItem", "Change an item").answers::<200, Shown>().fails(&[409, 412]);
    let moved = post("/items/{item}/transitions", "transitionItem", "Take a transition, or ask for it")
        .answers::<200, Shown>()
        .answers::<202, Shown>()
        .fails(&[409, 412]);
    let ways = get("/items/{item}/transitions", "listTransitions", "List the ways that lead on from an item's state");
    Routes::new()
        .add(create_one, create)
        .add(get("/projects/{project}/items", "listItems", "List the items of a project"), list)
        .add(show_one, show)
        .add(update_one.with(seen), update)
        .add(ways.fails(&[409]), possibilities)
        .add(moved.with(seen), transition)
}

/// An item as its workflow shows it: what every item has, and its fields.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Item")]
#[serde(transparent)]
struct Shown(Map<String, JsonValue>);

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Transition", extend("oneOf" = [
    { "required": ["name"], "properties": { "name": { "type": "string" }, "to": { "type": "null" } } },
    { "required": ["to"], "properties": { "to": { "type": "string" }, "name": { "type": "null" } } },
]))]
struct TransitionBody {
    /// The transition's name; either this or `to`.
    #[schemars(length(max = 500))]
    #[serde(default)]
    name: Option<String>,
    /// The state it leads to.
    #[schemars(length(max = 500))]
    #[serde(default)]
    to: Option<String>,
    /// What is said with it.
    #[schemars(length(max = 65536))]
    #[serde(default)]
    comment: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Of this type.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// In this state.
    state: Option<String>,
    /// In a state of this category.
    category: Option<String>,
    /// Of this person.
    assignee: Option<String>,
    /// Of this priority.
    priority: Option<String>,
    /// With this label.
    label: Option<String>,
    /// With this text in their title.
    #[schemars(length(max = 500))]
    q: Option<String>,
    /// `next_cursor` of the page before.
    #[schemars(with = "Option<ItemId>")]
    cursor: Option<String>,
    /// How many to return.
    #[serde(default)]
    limit: Limit,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct PossibilitiesQuery {
    /// Whether guards are asked, which may take a while; without it they are only named.
    #[serde(default)]
    ask: bool,
}

async fn create(
    api: Authorized<may::Items>,
    Path(project): Path<String>,
    Json(item_values::Wanted(body)): Json<item_values::Wanted>,
) -> Result<Response, Problem> {
    let project = projects::find(&api, &project).await?;
    let wish = Wish::read(body).map_err(invalid_item)?;
    let outcome = api.items.create(&project, wish, &api.actor()).await?;
    let location = format!("/api/v1/items/{}", outcome.snapshot["id"].as_str().unwrap_or_default());
    let mut answer = answer(StatusCode::CREATED, &outcome)?;
    answer.headers_mut().extend(HeaderValue::from_str(&location).ok().map(|value| (header::LOCATION, value)));
    Ok(answer)
}

async fn list(
    api: Authorized<may::Read>,
    Path(project): Path<String>,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Shown, ItemId>>, Problem> {
    let project = projects::find(&api, &project).await?;
    let (before, limit) = (page::cursor(query.cursor.as_deref())?, query.limit.get());
    if query.q.as_ref().is_some_and(|text| text.len() > NAME_BYTES) {
        let detail = format!("`q` has at most {NAME_BYTES} bytes");
        return Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_query", detail));
    }
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
    let next_cursor = page::next(&rows, limit, |row| row.id);
    Ok(Json(Page { data: data.into_iter().map(shown).collect(), next_cursor }))
}

async fn show(api: Authorized<may::Read>, Path(item): Path<String>, headers: HeaderMap) -> Result<Response, Problem> {
    let row = find(&api, &item).await?;
    let (item, snapshot) = api.items.reader().show(&row).await?;
    etag::answer(StatusCode::OK, &headers, Some(item.version), &snapshot)
}

async fn update(
    api: Authorized<may::Items>,
    Path(item): Path<String>,
    headers: HeaderMap,
    Json(item_values::Changed(body)): Json<item_values::Changed>,
) -> Result<Response, Problem> {
    let row = find(&api, &item).await?;
    let command = Command::Update { values: values(body).map_err(invalid_item)? };
    let seen = seen_version(&api, &row, &headers).await?;
    let outcome = api.items.tell(row.id, command, &api.actor(), seen).await?;
    answer(StatusCode::OK, &outcome)
}

async fn possibilities(
    api: Authorized<may::Read>,
    Path(item): Path<String>,
    Query(PossibilitiesQuery { ask }): Query<PossibilitiesQuery>,
) -> Result<Json<Page<Possibility>>, Problem> {
    let id = find(&api, &item).await?.id;
    let data = api.items.possibilities(id, &api.actor(), ask).await?;
    Ok(Json(Page::whole(data)))
}

async fn transition(
    api: Authorized<may::Items>,
    Path(item): Path<String>,
    headers: HeaderMap,
    Json(body): Json<TransitionBody>,
) -> Result<Response, Problem> {
    let TransitionBody { name, to, comment } = body;
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
    let row = find(&api, &item).await?;
    let command = Command::Transition { wanted, comment };
    let seen = seen_version(&api, &row, &headers).await?;
    let outcome = api.items.tell(row.id, command, &api.actor(), seen).await?;
    if !outcome.refused.is_empty() {
        return Err(Problem::refused(&outcome.refused));
    }
    let status = if outcome.item.pending.is_some() { StatusCode::ACCEPTED } else { StatusCode::OK };
    answer(status, &outcome)
}

/// Finds an item by what people call it.
pub(super) async fn find(api: &Access, text: &str) -> Result<ItemRow, Problem> {
    let found = match api.only_project() {
        Some(project) => api.items.reader().find_in(project, text).await,
        None => api.items.reader().find(text).await,
    };
    found.map_err(|error| match error {
        ItemError::Unknown => Problem::not_found("item", text),
        error => error.into(),
    })
}

fn shown(item: JsonValue) -> Shown {
    match item {
        JsonValue::Object(item) => Shown(item),
        _ => Shown(Map::new()),
    }
}

fn invalid_item(reason: String) -> Problem {
    Problem::invalid("invalid_item", reason)
}

/// Finds the version that a caller has seen: the one of `If-Match` (RFC 9110) that the item has, or else any of them.
async fn seen_version(api: &Access, row: &ItemRow, headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(versions) = if_match::read(headers)? else { return Ok(None) };
    if versions.len() < 2 {
        let none = || Problem::new(StatusCode::PRECONDITION_FAILED, "changed", "the item never had this version");
        return versions.first().copied().map(Some).ok_or_else(none);
    }
    let (item, _) = api.items.reader().show(row).await?;
    Ok(versions.iter().find(|version| **version == item.version).or(versions.first()).copied())
}

/// Answers what became of an item, tagged as it would be shown.
fn answer(status: StatusCode, outcome: &Outcome) -> Result<Response, Problem> {
    let snapshot = &outcome.snapshot;
    let mut response = etag::answer(status, &HeaderMap::new(), Some(outcome.item.version), snapshot)?;
    *response.body_mut() = outcome.shown().to_string().into();
    Ok(response)
}
