//! From a push to a finished run.

use insta::assert_snapshot;
use serde_json::json;

use crate::world::{Frame, World};

/// One line an event, without what differs from run to run: whether a plugin is compiled
/// already shows in the progress.
fn story(frames: &[Frame]) -> String {
    let line = |frame: &Frame| match frame.data["stage"].as_str() {
        Some(stage) => format!("{} {stage}", frame.kind),
        None => frame.kind.clone(),
    };
    frames.iter().filter(|frame| frame.kind != "stage.progress").map(line).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn a_push_becomes_a_run_whose_stages_execute_and_tell() {
    let world = World::start().await;
    let project = world.add_project().await;
    assert_eq!(project["active_revision"], json!(null));
    let run = world
        .run_pipeline(
            "stages:
  say: { uses: execute, with: { language: javascript, source: \"console.log('hello ' + env.WHO); 6 * 7\" }, env: { WHO: '${{ git.branch }}' } }
  echo: { uses: ./tools/probe.wasm/echo, needs: [say], with: { answer: '${{ stages.say.outputs.result }}' } }
finally: { bye: { uses: ./tools/probe.wasm/noop } }
outputs: { answer: '${{ stages.echo.outputs.input.answer }}' }
",
        )
        .await;
    let frames = world.follow(&run, None).await;
    assert_snapshot!(story(&frames));
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "succeeded", "{finished:#}");
    assert_eq!(finished["outputs"], json!({"answer": 42}));
    let log = world.get(&format!("/runs/{run}/stages/say/log")).send().await.unwrap().text().await.unwrap();
    assert_eq!(log, "hello main\n");
    world.end().await;
}

#[tokio::test]
async fn broken_definitions_are_rejected_and_the_last_good_revision_stays_active() {
    let world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    world.finish(&run).await;
    let good = world.ok(world.get("/projects/shop")).await["active_revision"]["id"].clone();

    let commit = world.push(&[(
        ".kiket/pipelines/p.yaml",
        "model_version: \"1.0\"\npipeline: { id: p }\nstages: { a: { uses: nothing, needs: [b] } }\n",
    )]);
    world.deliver(&commit, world.payload(&commit)).await;
    let rejected = world
        .until(async || {
            let revisions = world.ok(world.get("/projects/shop/revisions")).await;
            revisions["data"].as_array().unwrap().iter().find(|revision| revision["status"] == "rejected").cloned()
        })
        .await;
    assert_eq!(rejected["commit"], commit);
    let id = rejected["id"].as_str().unwrap();
    let whole = world.ok(world.get(&format!("/projects/shop/revisions/{id}"))).await;
    let codes: Vec<_> = whole["diagnostics"].as_array().unwrap().iter().map(|found| found["code"].clone()).collect();
    assert_eq!(codes, [json!("E0109"), json!("E0104")], "{whole:#}");
    assert_eq!(world.ok(world.get("/projects/shop")).await["active_revision"]["id"], good);
    let run = world.trigger("p").await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    world.end().await;
}

#[tokio::test]
async fn a_push_to_another_branch_runs_its_own_pipelines_under_the_grants_of_the_active_one() {
    let world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    world.finish(&run).await;
    let active = world.ok(world.get("/projects/shop")).await["active_revision"]["id"].clone();
    crate::world::git(&world.work(), &["checkout", "--quiet", "-b", "feature"]);
    let grants = "model_version: \"1.0\"\nplugins: { ./tools/probe.wasm: { grants: { http: [{ scheme: http, host: 127.0.0.1, port: 1 }] } } }\n";
    let pipeline = "model_version: \"1.0\"\npipeline: { id: p, on: { push: {} } }\nstages: { b: { uses: ./tools/probe.wasm/fetch, with: { url: 'http://127.0.0.1:1/' } } }\n";
    let commit = world.push(&[(".kiket/plugins.yaml", grants), (".kiket/pipelines/p.yaml", pipeline)]);
    let body = json!({"ref": "refs/heads/feature", "after": commit}).to_string().into_bytes();
    world.deliver("feature", body).await;
    let run = world.run_of(&commit).await;
    let finished = world.finish(&run).await;
    assert_eq!(finished["stages"][0]["error"]["code"], "denied", "{finished:#}");
    assert_eq!(world.ok(world.get("/projects/shop")).await["active_revision"]["id"], active);
    world.end().await;
}

#[tokio::test]
async fn the_first_sync_starts_nothing_and_a_later_one_starts_what_a_lost_webhook_should_have() {
    let world = World::start().await;
    let text =
        "model_version: \"1.0\"\npipeline: { id: p, on: push }\nstages: { a: { uses: ./tools/probe.wasm/noop } }\n";
    world.push(&[(".kiket/pipelines/p.yaml", text)]);
    let project = world.add_project().await;
    assert_eq!(project["active_revision"]["status"], "active", "{project:#}");
    assert_eq!(world.ok(world.get("/runs")).await["data"], json!([]));

    let commit = world.push(&[("README.md", "more")]);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["runs"].as_array().unwrap().len(), 1, "{synced:#}");
    let again = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(again["runs"], json!([]));
    let late = world.deliver("late", world.payload(&commit)).await;
    assert_eq!(late.status(), 202);
    let run = world.run_of(&commit).await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    world.end().await;
}
