//! Pipelines that come with a request: they run with what their project has and never more, and survive a restart.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::world::World;

const PIPELINE: &str = "model_version: \"1.0\"
pipeline: { id: tried, inputs: { who: { type: string } } }
stages:
  ask: { approval: {} }
  say: { needs: [ask], uses: ./tools/probe.wasm/echo, with: { who: '${{ inputs.who }}' } }
outputs: { who: '${{ stages.say.outputs.input.who }}' }
";

async fn shop() -> World {
    let world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    world.finish(&run).await;
    world
}

async fn submit(world: &World, body: Json) -> (StatusCode, Json) {
    let answer = world.post("/runs").header("Idempotency-Key", "s").json(&body).send().await.expect("an answer");
    (answer.status(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_submitted_pipeline_goes_on_after_a_restart() {
    let mut world = shop().await;
    let body = json!({ "project": "shop", "definition": PIPELINE, "inputs": { "who": "ada" } });
    let (status, first) = submit(&world, body.clone()).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{first:#}");
    let (_, again) = submit(&world, body).await;
    assert_eq!(again, first);
    let (status, problem) = submit(&world, json!({ "project": "shop", "definition": PIPELINE })).await;
    assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency_mismatch")));
    let run = first["id"].as_str().unwrap();
    world.kill();
    world.boot();
    world.ok(world.post(&format!("/runs/{run}/stages/ask/approve"))).await;
    let done = world.finish(run).await;
    assert_eq!((&done["status"], &done["outputs"]), (&json!("succeeded"), &json!({ "who": "ada" })), "{done:#}");
    // It is nobody's definition but the run's, and the project's are what they were.
    let revisions = world.ok(world.get("/projects/shop/revisions")).await;
    let listed = revisions["data"].as_array().unwrap();
    assert!(listed.iter().all(|revision| revision["id"] != done["revision"]), "{revisions:#}");
    let own = format!("/projects/shop/revisions/{}", done["revision"].as_str().unwrap());
    assert_eq!(world.ok(world.get(&own)).await["status"], "submitted");
    let definition = world.get("/projects/shop/definitions/pipeline/tried").send().await.unwrap();
    assert_eq!(definition.status(), StatusCode::NOT_FOUND);
    world.end().await;
}

#[tokio::test]
async fn an_object_is_taken_as_well_and_replaces_its_namesake() {
    let world = shop().await;
    let definition = json!({
        "model_version": "1.0",
        "pipeline": { "id": "p" },
        "stages": { "other": { "uses": "./tools/probe.wasm/noop" } },
    });
    let (status, accepted) = submit(&world, json!({ "project": "shop", "definition": definition })).await;
    assert_eq!(status, StatusCode::ACCEPTED, "{accepted:#}");
    let done = world.finish(accepted["id"].as_str().unwrap()).await;
    assert_eq!((&done["status"], &done["stages"][0]["id"]), (&json!("succeeded"), &json!("other")));
    world.end().await;
}

#[tokio::test]
async fn says_what_is_wrong_and_where_and_grants_nothing() {
    let world = shop().await;
    let refuse = async |definition: Json| {
        let (status, problem) = submit(&world, json!({ "project": "shop", "definition": definition })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem:#}");
        problem
    };
    let wrong = PIPELINE.replace("needs: [ask]", "needs: [aks]");
    let problem = refuse(wrong.into()).await;
    let error = &problem["errors"][0];
    assert_eq!((&problem["code"], &error["line"]), (&json!("invalid_definition"), &json!(5)), "{problem:#}");
    assert_eq!(error["column"], json!(18));
    assert!(error["hint"].as_str().unwrap().contains("ask"), "{problem:#}");
    // A component that the project's definitions do not use is not one of its plugins.
    refuse(PIPELINE.replace("probe.wasm", "other.wasm").into()).await;
    let fetch = PIPELINE.replace("probe.wasm/echo, with: { who:", "probe.wasm/fetch, with: { url:");
    let (status, accepted) =
        submit(&world, json!({ "project": "shop", "definition": fetch, "inputs": { "who": "http://127.0.0.1:9" } }))
            .await;
    if status == StatusCode::ACCEPTED {
        let run = accepted["id"].as_str().unwrap();
        world.ok(world.post(&format!("/runs/{run}/stages/ask/approve"))).await;
        assert_eq!(world.finish(run).await["status"], "failed");
    }
    for odd in [json!(7), json!("model_version: \"1.0\"\nplugins: {}\n"), json!("{"), json!("")] {
        refuse(odd).await;
    }
    let unknown = submit(&world, json!({ "project": "nope", "definition": PIPELINE })).await;
    assert_eq!(unknown.0, StatusCode::NOT_FOUND);
    world.end().await;
}
