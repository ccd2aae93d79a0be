//! Who may do what: every operation of the OpenAPI document, asked by everybody there is.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Method;
use serde_json::{Value as Json, json};

use super::{shop, token};
use crate::world::World;

/// One operation: the scope it takes, a body that fits, what whoever may do it is answered, and what somebody with all
/// scopes is answered whose token is limited to another project.
struct Row(&'static str, &'static str, &'static str, u16, u16);

/// Everything that takes a token. `{…}` is filled in with what there is.
const TABLE: &[Row] = &[
    Row("POST /api/v1/projects", "projects", r#"{"name": "shop", "url": "file:///nowhere"}"#, 409, 403),
    Row("GET /api/v1/projects", "read", "", 200, 200),
    Row("GET /api/v1/projects/{project}", "read", "", 200, 404),
    Row("PATCH /api/v1/projects/{project}", "projects", r#"{"sync_every": "off"}"#, 200, 404),
    Row("GET /api/v1/projects/{project}/deliveries", "read", "", 200, 404),
    Row("GET /api/v1/projects/{project}/schedules", "read", "", 200, 404),
    Row("POST /api/v1/projects/{project}/sync", "projects", "", 200, 404),
    Row("GET /api/v1/projects/{project}/revisions", "read", "", 200, 404),
    Row("GET /api/v1/projects/{project}/revisions/{revision}", "read", "", 200, 404),
    Row("GET /api/v1/projects/{project}/definitions", "read", "", 200, 404),
    Row("GET /api/v1/projects/{project}/definitions/{kind}/{id}", "read", "", 200, 404),
    Row("GET /api/v1/projects/{project}/deployments", "read", "", 200, 404),
    Row("GET /api/v1/projects/{project}/events", "read", "", 200, 404),
    Row("GET /api/v1/projects/{project}/env", "read", "", 200, 404),
    Row("GET /api/v1/projects/{project}/env/{name}", "read", "", 200, 404),
    Row("PUT /api/v1/projects/{project}/env/{name}", "projects", r#"{"value": "1"}"#, 204, 404),
    Row("DELETE /api/v1/projects/{project}/env/{name}", "projects", "", 404, 404),
    Row("GET /api/v1/projects/{project}/secrets", "read", "", 200, 404),
    Row("PUT /api/v1/projects/{project}/secrets/{name}", "secrets", r#"{"value": "1"}"#, 204, 404),
    Row("DELETE /api/v1/projects/{project}/secrets/{name}", "secrets", "", 404, 404),
    Row("GET /api/v1/projects/{project}/artifacts/{digest}", "read", "", 404, 404),
    Row("DELETE /api/v1/projects/{project}/artifacts/{digest}", "projects", "", 404, 404),
    Row("GET /api/v1/projects/{project}/items", "read", "", 200, 404),
    Row("POST /api/v1/projects/{project}/items", "items", r#"{"title": "one more"}"#, 201, 404),
    Row("POST /api/v1/projects/{project}/pipelines/{pipeline}/runs", "runs", "{}", 202, 404),
    Row("GET /api/v1/runs", "read", "", 200, 200),
    Row("GET /api/v1/runs/{run}", "read", "", 200, 404),
    Row("GET /api/v1/runs/{run}/artifacts", "read", "", 200, 404),
    Row("GET /api/v1/runs/{run}/events", "read", "", 200, 404),
    Row("GET /api/v1/runs/{run}/stages/{stage}/log", "read", "", 200, 404),
    Row("POST /api/v1/runs", "runs", r#"{"project": "shop", "definition": "nothing"}"#, 422, 404),
    Row("POST /api/v1/runs/{run}/retry", "runs", r#"{"from_start": true}"#, 202, 404),
    Row("POST /api/v1/runs/{run}/resume", "runs", "{}", 409, 404),
    Row("POST /api/v1/runs/{run}/replay", "read", "{}", 200, 404),
    Row("POST /api/v1/runs/{run}/cancel", "runs", "", 409, 404),
    Row("POST /api/v1/runs/{run}/stages/{stage}/approve", "approve", "{}", 409, 404),
    Row("POST /api/v1/runs/{run}/stages/{stage}/reject", "approve", "{}", 409, 404),
    Row("POST /api/v1/runs/{run}/stages/{stage}/resolve", "approve", r#"{"resolution": "retry"}"#, 409, 404),
    Row("GET /api/v1/items/{item}", "read", "", 200, 404),
    Row("PATCH /api/v1/items/{item}", "items", r#"{"title": "another"}"#, 200, 404),
    Row("GET /api/v1/items/{item}/transitions", "read", "", 200, 404),
    Row("POST /api/v1/items/{item}/transitions", "items", r#"{"name": "Nothing"}"#, 409, 404),
    Row("GET /api/v1/items/{item}/comments", "read", "", 200, 404),
    Row("POST /api/v1/items/{item}/comments", "items", r#"{"body": "well"}"#, 201, 404),
    Row("GET /api/v1/items/{item}/history", "read", "", 200, 404),
    Row("GET /api/v1/items/{item}/events", "read", "", 200, 404),
    Row("GET /api/v1/events", "read", "", 200, 200),
    Row("POST /api/v1/tickets", "read", r#"{"stream": "/api/v1/events"}"#, 201, 201),
    Row("GET /api/v1/tokens", "admin", "", 200, 403),
    Row("POST /api/v1/tokens", "admin", r#"{"name": "more", "scopes": ["read"]}"#, 201, 403),
    Row("DELETE /api/v1/tokens/{token}", "admin", "", 404, 403),
    Row("GET /api/v1/dead-letters", "read", "", 200, 200),
    Row("POST /api/v1/dead-letters/{letter}/retry", "runs", "", 404, 404),
    Row("POST /api/v1/dead-letters/{letter}/discard", "runs", "", 404, 404),
    Row("GET /api/v1/audit", "admin", "", 200, 403),
];

/// Everything that everybody is answered, and how.
const PUBLIC: &[(&str, u16)] = &[
    ("POST /api/v1/hooks/{project}", 401),
    ("GET /api/v1/openapi.json", 200),
    ("GET /api/docs", 200),
    ("GET /api/docs/viewer.js", 200),
    ("GET /api/docs/viewer.css", 200),
    ("GET /up", 200),
    ("GET /metrics", 200),
];

/// All scopes that may be limited to a project.
const SCOPES: [&str; 6] = ["read", "runs", "approve", "items", "projects", "secrets"];

async fn ask(world: &World, operation: &str, body: &str, token: Option<&str>) -> (u16, Option<String>) {
    let (method, path) = operation.split_once(' ').expect("a method and a path");
    let mut request = world.bare(method.parse::<Method>().expect("a method"), path);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if !body.is_empty() {
        request = request.header("content-type", "application/json").body(body.to_owned());
    }
    let answer = world.send(request).await;
    let status = answer.status();
    if status.is_success() {
        return (status.as_u16(), None);
    }
    assert_eq!(answer.headers()["content-type"], "application/problem+json", "{operation}");
    let problem: Json = answer.json().await.expect("a problem");
    (status.as_u16(), problem["code"].as_str().map(str::to_owned))
}

fn fill(operation: &str, names: &BTreeMap<&'static str, String>) -> String {
    // What is removed is not there in the first place, so that everybody is answered alike.
    let operation =
        if operation.starts_with("DELETE") { operation.replace("{name}", "NOBODY") } else { operation.into() };
    names.iter().fold(operation, |filled, (name, value)| filled.replace(&format!("{{{name}}}"), value))
}

async fn operations(world: &World) -> BTreeSet<String> {
    let document = world.ok(world.bare(Method::GET, "/api/v1/openapi.json")).await;
    let paths = document["paths"].as_object().expect("paths").iter();
    paths
        .flat_map(|(path, methods)| {
            let methods = methods.as_object().expect("methods").keys();
            methods.map(move |method| format!("{} {path}", method.to_uppercase()))
        })
        .collect()
}

#[tokio::test]
async fn every_route_lets_in_whom_the_table_says_and_nobody_else() {
    let (world, names) = shop().await;
    let rows = TABLE.iter().map(|row| row.0).chain(PUBLIC.iter().map(|(operation, _)| *operation));
    assert_eq!(operations(&world).await, rows.map(str::to_owned).collect(), "the table and the document differ");

    let soon = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis() + 1500;
    let soon = kiket_core::Timestamp::from_millis(i64::try_from(soon).expect("a time")).to_string();
    let (_, expired) = token(&world, json!({ "name": "old", "scopes": ["admin"], "expires_at": soon })).await;
    let (id, revoked) = token(&world, json!({ "name": "gone", "scopes": ["admin"] })).await;
    assert_eq!(ask(&world, "GET /api/v1/projects", "", Some(&revoked)).await.0, 200);
    world.ok_empty(world.delete(&format!("/tokens/{id}"))).await;
    let (_, admin) = token(&world, json!({ "name": "boss", "scopes": ["admin"] })).await;
    let (_, limited) = token(&world, json!({ "name": "guest", "scopes": SCOPES, "project": "other" })).await;
    let mut single = Vec::new();
    for scope in SCOPES {
        single.push((scope, token(&world, json!({ "name": scope, "scopes": [scope] })).await.1));
    }
    while ask(&world, "GET /api/v1/projects", "", Some(&expired)).await.0 == 200 {}

    let mut wrong = Vec::new();
    for Row(operation, needed, body, good, limits) in TABLE {
        let filled = fill(operation, &names);
        let mut expect = async |who: &str, token: Option<&str>, status: u16, code: Option<&str>| {
            let answer = ask(&world, &filled, body, token).await;
            if answer.0 != status || code.is_some_and(|code| answer.1.as_deref() != Some(code)) {
                wrong.push(format!("{operation} as {who}: {answer:?} instead of {status} {code:?}"));
            }
        };
        expect("nobody", None, 401, Some("no_token")).await;
        expect("junk", Some("kkt_admin_junk"), 401, Some("invalid_token")).await;
        expect("expired", Some(&expired), 401, Some("token_expired")).await;
        expect("revoked", Some(&revoked), 401, Some("token_revoked")).await;
        for (scope, token) in &single {
            match scope == needed {
                true => expect(scope, Some(token), *good, None).await,
                false => expect(scope, Some(token), 403, Some("missing_scope")).await,
            }
        }
        expect("limited to another project", Some(&limited), *limits, None).await;
        expect("admin", Some(&admin), *good, None).await;
    }
    for (operation, status) in PUBLIC {
        let answer = ask(&world, &fill(operation, &names), "", None).await;
        if answer.0 != *status {
            wrong.push(format!("{operation} as anybody: {answer:?} instead of {status}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.end().await;
}
