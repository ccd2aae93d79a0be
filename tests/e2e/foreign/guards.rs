//! Foreign guests as guards.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use super::world;
use crate::world::World;

const WORKFLOW: &str = "model_version: \"1.0\"
workflow: { id: w, name: W }
states: { open: { type: initial }, done: { type: final } }
transitions:
  - { from: open, to: done, name: Low, guards: [{ uses: ./tools/guest.wasm/risk, with: { accept: [low, none] } }] }
  - { from: open, to: done, name: High, guards: [{ uses: ./tools/guest.wasm/risk, with: { accept: [high] } }] }
  - { from: open, to: done, name: Broken, guards: [{ uses: ./tools/guest.wasm/throws }] }
";

/// Asks for a transition.
async fn take(world: &World, id: &str, name: &str) -> (StatusCode, Json) {
    let asked = world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": name })).send();
    let answer = asked.await.expect("the server answers");
    (answer.status(), answer.json().await.expect("the answer is JSON"))
}

/// It lets through, refuses with its reason, and refuses where it throws, with what it threw.
pub(super) async fn a_guard_decides_by_what_it_is_given(language: &str, thrown: &str) {
    let world = world(language, "").await;
    world.push(&[(".kiket/workflows/w.yaml", WORKFLOW)]);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
    let body = json!({ "title": "An item", "fields": { "risk": "high" } });
    let item = world.ok(world.post("/projects/shop/items").json(&body)).await;
    let id = item["id"].as_str().expect("an item has an id");

    let (status, refused) = take(&world, id, "Low").await;
    let reason = &refused["errors"][0];
    assert_eq!((status, &reason["cause"]), (StatusCode::CONFLICT, &json!("denied")), "{refused:#}");
    let detail = reason["detail"].as_str().expect("a text");
    assert!(detail.ends_with("says no: the risk is high, accepted is low, none"), "{detail}");

    let (status, refused) = take(&world, id, "Broken").await;
    let reason = &refused["errors"][0];
    assert_eq!((status, &reason["cause"]), (StatusCode::CONFLICT, &json!("trap")), "{refused:#}");
    let detail = reason["detail"].as_str().expect("a text");
    assert!(detail.contains(thrown), "{detail}");

    let (status, moved) = take(&world, id, "High").await;
    assert_eq!((status, &moved["state"]), (StatusCode::OK, &json!("done")), "{moved:#}");
    world.end().await;
}
