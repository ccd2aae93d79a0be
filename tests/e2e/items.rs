//! Items over HTTP: they are created, changed and moved; what a transition does in the world runs as stages.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::world::World;

const WORKFLOW: &str = "model_version: \"1.0\"
workflow: { id: release, name: Release }
states:
  open: { type: initial, category: pending }
  live: { type: active, category: active, on_enter: [{ uses: ./tools/probe.wasm/noop }] }
  done: { type: final, category: completed }
transitions:
  - from: open
    to: live
    name: Ship
    wait: true
    actions: { build: { uses: ./tools/probe.wasm/noop }, tell: { uses: ./tools/probe.wasm/noop, needs: [build], env: { WHAT: '${{ item.title }}' } } }
  - from: open
    to: live
    name: Ship badly
    wait: true
    actions: [{ uses: ./tools/probe.wasm/fail, with: { kind: permanent, message: not today } }]
    on_failure: [{ action: add_label, label: failed }]
  - { from: live, to: done, name: Finish, conditions: [{ field: fields.verified, equals: true }] }
";

async fn shop() -> World {
    let world = World::start().await;
    world.add_project().await;
    world.push(&[(".kiket/workflows/release.yaml", WORKFLOW)]);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
    world
}

async fn create(world: &World, title: &str) -> String {
    let item = world.ok(world.post("/projects/shop/items").json(&json!({ "title": title }))).await;
    item["id"].as_str().expect("an item has an id").to_owned()
}

async fn settled(world: &World, id: &str) -> Json {
    world
        .until(async || {
            let item = world.ok(world.get(&format!("/items/{id}"))).await;
            item["pending"].is_null().then_some(item)
        })
        .await
}

#[tokio::test]
async fn a_transition_waits_for_its_actions_and_a_failure_leaves_the_state_as_it_was() {
    let world = shop().await;
    let id = create(&world, "v1").await;
    let asked = world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": "Ship" }));
    let answer = asked.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::ACCEPTED);
    let waiting: Json = answer.json().await.unwrap();
    assert_eq!((&waiting["state"], &waiting["pending"]["to"]), (&json!("open"), &json!("live")), "{waiting:#}");
    let run = waiting["pending"]["run"].as_str().unwrap();
    let finished = world.finish(run).await;
    assert_eq!((&finished["status"], &finished["trigger"]["type"]), (&json!("succeeded"), &json!("item")));
    assert_eq!(settled(&world, &id).await["state"], "live");

    let id = create(&world, "v2").await;
    world.ok(world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": "Ship badly" }))).await;
    let after = settled(&world, &id).await;
    assert_eq!((&after["state"], &after["labels"]), (&json!("open"), &json!(["failed"])));
    let history = world.ok(world.get(&format!("/items/{id}/history"))).await;
    let kinds: Vec<&str> =
        history["data"].as_array().unwrap().iter().filter_map(|entry| entry["kind"].as_str()).collect();
    assert_eq!(kinds, ["item.created", "item.waiting", "item.refused", "item.updated"], "{history:#}");
    let reason = history["data"][2]["reasons"][0]["message"].as_str().unwrap();
    assert!(reason.contains("not today"), "{reason}");
    drain(&world).await;
    world.end().await;
}

#[tokio::test]
async fn a_wait_survives_kills() {
    let mut world = shop().await;
    for round in 0..5 {
        let id = create(&world, &format!("v{round}")).await;
        world.ok(world.post(&format!("/items/{id}/transitions")).json(&json!({ "to": "live" }))).await;
        world.kill();
        world.boot();
        assert_eq!(settled(&world, &id).await["state"], "live");
    }
    drain(&world).await;
    world.end().await;
}

#[tokio::test]
async fn an_etag_keeps_people_from_overwriting_each_other() {
    let world = shop().await;
    let id = create(&world, "v1").await;
    let shown = world.get(&format!("/items/{id}")).send().await.unwrap();
    let tag = shown.headers()["etag"].to_str().unwrap().to_owned();
    let edit = |tag: &str, title: &str| {
        world.patch(&format!("/items/{id}")).header("If-Match", tag.to_owned()).json(&json!({ "title": title }))
    };
    let first = edit(&tag, "mine").send().await.unwrap();
    assert_eq!(first.status(), StatusCode::OK);
    let second = edit(&tag, "theirs").send().await.unwrap();
    assert_eq!(second.status(), StatusCode::PRECONDITION_FAILED);
    assert_eq!(second.json::<Json>().await.unwrap()["code"], "changed");
    // A refused transition changes nothing, so the tag still holds.
    let tag = first.headers()["etag"].to_str().unwrap().to_owned();
    let refused = world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": "Finish" }));
    assert_eq!(refused.send().await.unwrap().status(), StatusCode::CONFLICT);
    assert_eq!(edit(&tag, "again").send().await.unwrap().status(), StatusCode::OK);
    world.end().await;
}

#[tokio::test]
async fn items_are_found_numbered_and_talked_about() {
    let world = shop().await;
    let titles = ["Pay by card", "Pay by phone", "Search"];
    let made = futures::future::join_all((0..30).map(|index| {
        let body = json!({
            "title": titles[index % 3], "priority": if index % 2 == 0 { "high" } else { "low" },
            "labels": [format!("l{}", index % 5)], "fields": { "index": index },
        });
        world.ok(world.post("/projects/shop/items").json(&body))
    }))
    .await;
    let mut numbers: Vec<i64> = made.iter().filter_map(|item| item["number"].as_i64()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=30).collect::<Vec<i64>>());
    let count = async |query: &str| {
        world.ok(world.get(&format!("/projects/shop/items?limit=200&{query}"))).await["data"].as_array().unwrap().len()
    };
    assert_eq!((count("").await, count("q=PAY").await, count("priority=high").await), (30, 20, 15));
    assert_eq!((count("label=l1").await, count("state=open").await, count("state=live").await), (6, 30, 0));
    let page = world.ok(world.get("/projects/shop/items?limit=7")).await;
    let next = page["next_cursor"].as_str().unwrap();
    let second = world.ok(world.get(&format!("/projects/shop/items?limit=7&cursor={next}"))).await;
    assert_ne!(page["data"][6]["id"], second["data"][0]["id"]);
    // By its key as well as by its id; comments stay in order.
    for body in ["first", "second"] {
        world.ok(world.post("/items/shop-3/comments").json(&json!({ "body": body }))).await;
    }
    let comments = world.ok(world.get("/items/SHOP-3/comments")).await;
    let bodies: Vec<&Json> = comments["data"].as_array().unwrap().iter().map(|comment| &comment["body"]).collect();
    assert_eq!(bodies, ["first", "second"]);
    world.end().await;
}

#[tokio::test]
async fn nonsense_about_items_gets_the_fitting_answer() {
    let world = shop().await;
    let id = create(&world, "v1").await;
    let long = "x".repeat(70_000);
    let cases = [
        (world.get("/items/itm_nope"), 404),
        (world.get("/items/shop-99"), 404),
        (world.get("/items/nobody-1"), 404),
        (world.get("/projects/nobody/items"), 404),
        (world.get("/projects/shop/items?cursor=x"), 400),
        (world.get("/projects/shop/items?nonsense=x"), 400),
        (world.get(&format!("/projects/shop/items?q={}", "_".repeat(30_000))), 400),
        (world.post("/projects/shop/items").json(&json!({})), 422),
        (world.post("/projects/shop/items").json(&json!({ "title": 3 })), 422),
        (world.post("/projects/shop/items").json(&json!({ "title": "x", "type": "nope" })), 422),
        (world.post("/projects/shop/items").json(&json!({ "title": "x", "state": "nope" })), 422),
        (world.post("/projects/shop/items").json(&json!({ "title": "x", "description": long })), 422),
        (world.post("/projects/shop/items").json(&json!(["title"])), 422),
        (world.patch(&format!("/items/{id}")).json(&json!({ "state": "live" })), 422),
        (world.patch(&format!("/items/{id}")).json(&json!({ "fields": 3 })), 422),
        (world.patch(&format!("/items/{id}")).json(&json!({ "fields": { "a b": 1 } })), 422),
        (world.patch(&format!("/items/{id}")).header("If-Match", "nonsense").json(&json!({})), 400),
        (world.post(&format!("/items/{id}/transitions")).json(&json!({})), 422),
        (world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": "Ship", "to": "live" })), 422),
        (world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": "Fly" })), 409),
        (world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": long })), 422),
        (world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": "Ship", "comment": long })), 422),
        (world.post(&format!("/items/{id}/comments")).json(&json!({ "body": " " })), 422),
        (world.get("/projects/shop/definitions/workflow/nope"), 404),
    ];
    for (request, expected) in cases {
        let answer = request.send().await.unwrap();
        let (status, url) = (answer.status(), answer.url().clone());
        let body: Json = answer.json().await.unwrap_or_else(|_| panic!("{url} answers with JSON"));
        assert_eq!(status.as_u16(), expected, "{url}: {body}");
        assert!(body["code"].is_string() && body["detail"].is_string(), "{url}: {body}");
    }
    for (method, path) in [
        (Method::GET, "/items/shop-1"),
        (Method::PATCH, "/items/shop-1"),
        (Method::GET, "/items/shop-1/transitions"),
        (Method::POST, "/items/shop-1/transitions"),
        (Method::POST, "/items/shop-1/comments"),
        (Method::GET, "/items/shop-1/history"),
        (Method::GET, "/items/shop-1/events"),
        (Method::POST, "/projects/shop/items"),
        (Method::GET, "/projects/shop/items"),
        (Method::GET, "/projects/shop/definitions"),
        (Method::POST, "/runs/run_01jd3v7k2mfq9x8y5t4r6s0abc/stages/a/approve"),
        (Method::POST, "/runs/run_01jd3v7k2mfq9x8y5t4r6s0abc/stages/a/reject"),
    ] {
        let answer = world.bare(method.clone(), &format!("/api/v1{path}")).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    world.end().await;
}

/// Waits until every run has ended.
async fn drain(world: &World) {
    world
        .until(async || {
            let runs = world.ok(world.get("/runs?project=shop&limit=200")).await;
            let open = |run: &Json| !["succeeded", "failed", "cancelled"].iter().any(|status| run["status"] == *status);
            (!runs["data"].as_array().expect("a list").iter().any(open)).then_some(())
        })
        .await;
}

#[tokio::test]
async fn no_two_projects_call_their_items_the_same() {
    let world = World::start().await;
    world.add_project().await;
    world.add_project_with(json!({ "name": "other", "branch": "other" })).await;
    let definitions = |key: &str| format!("model_version: \"1.0\"\nproject: {{ key: {key}, name: Things }}\n");
    let sync =
        async |project: &str| world.ok(world.post(&format!("/projects/{project}/sync"))).await["revision"].clone();
    let create = async |project: &str| {
        let made = world.post(&format!("/projects/{project}/items")).json(&json!({ "title": project }));
        world.ok(made).await["key"].clone()
    };
    let title = async |item: &str| world.ok(world.get(&format!("/items/{item}"))).await["title"].clone();
    world.push(&[(".kiket/workflows/release.yaml", WORKFLOW), (".kiket/project.yaml", &definitions("WEB"))]);
    assert_eq!(sync("shop").await["status"], "active");
    assert_eq!(
        (create("shop").await, title("web-1").await, title("shop-1").await),
        ("WEB-1".into(), "shop".into(), "shop".into())
    );
    crate::world::git(&world.work(), &["checkout", "--quiet", "-b", "other"]);
    for (key, owner) in [("Web", "shop"), ("shop", "shop")] {
        world.push(&[(".kiket/project.yaml", &definitions(key))]);
        let refused = sync("other").await;
        assert_eq!(refused["status"], "rejected", "{refused:#}");
        let whole =
            world.ok(world.get(&format!("/projects/other/revisions/{}", refused["id"].as_str().unwrap()))).await;
        let mut found = whole["diagnostics"].as_array().unwrap().iter();
        let found = found.find(|found| found["severity"] == "error").unwrap();
        assert_eq!((&found["code"], &found["path"]), (&json!("E0107"), &json!(".kiket/project.yaml")), "{whole:#}");
        assert!(found["message"].as_str().unwrap().contains(owner), "{found:#}");
    }
    world.push(&[(".kiket/project.yaml", &definitions("API"))]);
    assert_eq!(sync("other").await["status"], "active");
    assert_eq!(
        (create("other").await, title("API-1").await, title("web-1").await),
        ("API-1".into(), "other".into(), "shop".into())
    );
    // Nor can a project be named as the items of another are called.
    let body = json!({ "name": "web", "url": "https://example.com/web.git", "hook_secret": crate::world::SECRET });
    let taken = world.post("/projects").json(&body).send().await.unwrap();
    assert_eq!(taken.status(), StatusCode::CONFLICT);
    assert_eq!(taken.json::<Json>().await.unwrap()["code"], "key_taken");
    world.end().await;
}
