//! Items as plugins see and change them: those of the run's own project, in the plugin's name, and within its scopes.

use serde_json::{Value as Json, json};

use crate::world::World;

const WORKFLOW: &str = "model_version: \"1.0\"
workflow: { id: w, name: W }
states: { open: { type: initial }, doing: { type: active }, done: { type: final } }
transitions:
  - { from: open, to: doing, name: Start }
  - { from: doing, to: done, name: Finish, conditions: [{ field: assignee, operator: is_present }, { field: fields.risk, equals: low }] }
  - from: open
    to: done
    name: Round
    wait: true
    actions:
      again: { uses: ./tools/probe.wasm/items_transition, with: { id: '${{ item.id }}', name: Start } }
      told: { uses: ./tools/probe.wasm/items_get, needs: [again], with: { id: '${{ item.key }}' } }
";

/// A project `shop` whose probe may do this with items, and another one, each with an item.
async fn shop(scopes: &str) -> World {
    let world = World::start().await;
    world.add_project().await;
    world.add_project_with(json!({ "name": "other" })).await;
    let grants = format!(
        "model_version: \"1.0\"\nplugins: {{ ./tools/probe.wasm: {{ grants: {{ items: {{ scopes: [{scopes}] }} }} }} }}\n"
    );
    world.push(&[(".kiket/workflows/w.yaml", WORKFLOW), (".kiket/plugins.yaml", &grants)]);
    for project in ["shop", "other"] {
        let synced = world.ok(world.post(&format!("/projects/{project}/sync"))).await;
        assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
        let body = json!({ "title": format!("First of {project}"), "labels": ["a"], "fields": { "risk": "high" } });
        world.ok(world.post(&format!("/projects/{project}/items")).json(&body)).await;
    }
    world
}

/// Runs actions of the probe one after the other; returns what each answered.
async fn answers(world: &World, calls: &[(&str, &str, &str)]) -> Vec<Json> {
    let mut stages = "stages:\n".to_owned();
    let mut before = String::new();
    for (id, action, with) in calls {
        stages +=
            &format!("  {id}: {{ {before}run_on: always, uses: ./tools/probe.wasm/items_{action}, with: {with} }}\n");
        before = format!("needs: [{id}], ");
    }
    let run = world.run_pipeline(&stages).await;
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "succeeded", "{finished:#}");
    finished["stages"].as_array().expect("a list").iter().map(|stage| stage["outputs"].clone()).collect()
}

fn error<'a>(answer: &'a Json, kind: &str) -> &'a str {
    assert_eq!(answer["error"], kind, "{answer:#}");
    answer["reasons"][0].as_str().expect("there is a reason")
}

#[tokio::test]
async fn a_plugin_sees_items_of_its_own_project_and_no_others() {
    let world = shop("items:read").await;
    for title in ["Second", "Third one", "Fourth one"] {
        world.ok(world.post("/projects/shop/items").json(&json!({ "title": title }))).await;
    }
    let stranger = world.ok(world.get("/items/OTHER-1")).await["id"].as_str().unwrap().to_owned();
    let by_id = format!("{{ id: {stranger} }}");
    let found = answers(
        &world,
        &[
            ("get", "get", "{ id: shop-1 }"),
            ("by_id", "get", "{ id: '${{ stages.get.outputs.answer.id }}' }"),
            ("missing", "get", "{ id: SHOP-99 }"),
            ("nonsense", "get", "{ id: '' }"),
            ("other_key", "get", "{ id: OTHER-1 }"),
            ("other_id", "get", &by_id),
            ("all", "find", "{ state: open }"),
            ("page", "find", "{ limit: 2 }"),
            ("next", "find", "{ after: '${{ stages.page.outputs.answer[1].id }}' }"),
            ("text", "find", "{ text: ONE, limit: 1 }"),
            ("label", "find", "{ label: a }"),
            ("none", "find", "{ state: done }"),
            ("cursor", "find", "{ after: nonsense }"),
        ],
    )
    .await;
    let shown = world.ok(world.get("/items/SHOP-1")).await;
    assert_eq!((&found[0]["answer"], &found[1]["answer"]), (&shown, &shown));
    for answer in &found[2..=5] {
        assert!(error(answer, "not_found").contains("has no item"), "{answer:#}");
    }
    let keys = |answer: &Json| -> Vec<String> {
        answer["answer"]
            .as_array()
            .expect("items")
            .iter()
            .map(|item| item["key"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(keys(&found[6]), ["SHOP-1", "SHOP-2", "SHOP-3", "SHOP-4"]);
    assert_eq!(
        (keys(&found[7]), keys(&found[8])),
        (vec!["SHOP-1".into(), "SHOP-2".into()], vec!["SHOP-3".into(), "SHOP-4".into()])
    );
    assert_eq!((keys(&found[9]), keys(&found[10])), (vec!["SHOP-3".to_owned()], vec!["SHOP-1".to_owned()]));
    assert_eq!(found[11]["answer"], json!([]));
    assert!(error(&found[12], "invalid").contains("nonsense"));
    let listed = world.ok(world.get("/projects/shop/items")).await;
    assert_eq!(found[6]["answer"][0], listed["data"][3]);
    world.end().await;
}

#[tokio::test]
async fn a_plugin_changes_items_in_its_own_name_and_is_told_every_refusal() {
    let world = shop("items:read, items:write, transitions:write").await;
    let found = answers(
        &world,
        &[
            ("create", "create", "{ values: { title: Made, labels: [x], fields: { risk: low } } }"),
            ("no_title", "create", "{ values: { title: 3, fields: { 'a b': 1 } } }"),
            ("no_object", "create", "{ values: [1] }"),
            ("no_type", "create", "{ values: { title: x, type: nothing } }"),
            ("update", "update", "{ id: SHOP-2, values: { title: Renamed, custom_fields: { n: 1 } } }"),
            ("no_state", "update", "{ id: SHOP-2, values: { state: done } }"),
            ("no_other", "update", "{ id: OTHER-1, values: { title: Mine } }"),
            ("comment", "comment", "{ id: SHOP-2, text: hello }"),
            ("no_comment", "comment", "{ id: SHOP-2, text: ' ' }"),
            ("move", "transition", "{ id: SHOP-2, name: Start, comment: off we go }"),
            ("no_move", "transition", "{ id: SHOP-2, name: Start }"),
            ("conditions", "transition", "{ id: SHOP-2, name: Finish }"),
            ("no_other_move", "transition", "{ id: OTHER-1, name: Start }"),
        ],
    )
    .await;
    assert_eq!(
        (&found[0]["answer"]["key"], &found[0]["answer"]["reporter"], &found[0]["answer"]["fields"]),
        (&json!("SHOP-2"), &json!("plugin:./tools/probe.wasm"), &json!({ "risk": "low" }))
    );
    let reasons = error(&found[1], "invalid");
    assert!(reasons.contains("title: it is text") && reasons.contains("fields.a b: "), "{reasons}");
    assert!(error(&found[2], "invalid").contains("not a JSON object"));
    assert!(error(&found[3], "invalid").contains("nothing"));
    assert_eq!((&found[4]["answer"]["title"], &found[4]["answer"]["fields"]["n"]), (&json!("Renamed"), &json!(1)));
    assert!(error(&found[5], "invalid").contains("state"));
    error(&found[6], "not_found");
    assert_eq!(found[7], json!({ "answer": null }));
    assert!(error(&found[8], "invalid").contains("a comment has"));
    assert_eq!(found[9]["answer"]["state"], "doing");
    assert!(error(&found[10], "refused").contains("no transition \"Start\" leads out of doing"));
    assert_eq!(found[11]["reasons"].as_array().map(Vec::len), Some(1), "{:#}", found[11]);
    assert!(error(&found[11], "refused").contains("assignee"));
    error(&found[12], "not_found");
    let history = world.ok(world.get("/items/SHOP-2/history")).await;
    let told: Vec<String> =
        history["data"].as_array().unwrap().iter().map(|entry| format!("{} {}", entry["kind"], entry["by"])).collect();
    let by = "\"plugin:./tools/probe.wasm\"";
    let kinds = ["updated", "commented", "transitioned", "refused", "refused"];
    assert_eq!(told[1..], kinds.map(|kind| format!("\"item.{kind}\" {by}")), "{history:#}");
    assert_eq!(world.ok(world.get("/items/OTHER-1")).await["title"], "First of other");
    world.end().await;
}

#[tokio::test]
async fn a_plugin_does_with_items_what_its_scopes_say() {
    for (scopes, allowed) in [
        ("items:read", [true, false, false]),
        ("items:write", [false, true, false]),
        ("transitions:write", [false, false, true]),
    ] {
        let world = shop(scopes).await;
        let found = answers(
            &world,
            &[
                ("get", "get", "{ id: SHOP-1 }"),
                ("update", "update", "{ id: SHOP-1, values: { title: x } }"),
                ("transition", "transition", "{ id: SHOP-1, name: Start }"),
            ],
        )
        .await;
        for (answer, allowed) in found.iter().zip(allowed) {
            assert_eq!(answer.get("answer").is_some(), allowed, "{scopes}: {answer:#}");
            if !allowed {
                assert!(error(answer, "denied").contains("scopes"), "{answer:#}");
            }
        }
        world.end().await;
    }
}

#[tokio::test]
async fn a_transition_does_not_wait_for_itself() {
    let world = shop("items:read, transitions:write").await;
    let asked = world.ok(world.post("/items/SHOP-1/transitions").json(&json!({ "name": "Round" }))).await;
    let run = asked["pending"]["run"].as_str().unwrap().to_owned();
    let finished = world.finish(&run).await;
    let again = &finished["stages"][0]["outputs"];
    assert!(error(again, "refused").contains("waits for its actions"), "{finished:#}");
    let moved = world
        .until(async || {
            let item = world.ok(world.get("/items/SHOP-1")).await;
            item["pending"].is_null().then_some(item)
        })
        .await;
    assert_eq!(moved["state"], "done");
    world.end().await;
}
