//! Runs that wait: for the time of another attempt, or for people.

use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn an_approval_survives_a_restart_and_lets_the_run_go_on() {
    let mut world = World::start().await;
    world.add_project().await;
    let run = world
        .run_pipeline(
            "stages:
  a: { uses: ./tools/probe.wasm/noop }
  ask: { needs: [a], approval: { message: 'Ship ${{ git.branch }}?', approvers: [{ role: lead }] } }
  b: { needs: [ask], uses: ./tools/probe.wasm/noop }
",
        )
        .await;
    let state = async |world: &World| world.ok(world.get(&format!("/runs/{run}"))).await;
    world.until(async || (state(&world).await["status"] == "waiting").then_some(())).await;
    let waiting = state(&world).await;
    assert_eq!(waiting["stages"][1]["wait"]["request"]["message"], "Ship main?", "{waiting:#}");
    world.kill();
    world.boot();
    let early = world.post(&format!("/runs/{run}/stages/b/approve")).send().await.unwrap();
    assert_eq!(early.status(), 409);
    let unknown = world.post(&format!("/runs/{run}/stages/nope/approve")).send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let approve = world.post(&format!("/runs/{run}/stages/ask/approve")).json(&json!({ "comment": "yes" }));
    assert_eq!(world.ok(approve).await["status"], "succeeded");
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "succeeded", "{finished:#}");
    assert_eq!(finished["stages"][1]["outputs"], json!({ "approved_by": ["first"] }));
    world.end().await;
}

#[tokio::test]
async fn a_refusal_and_a_deadline_fail_the_run() {
    let world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline("stages: { ask: { approval: {} } }").await;
    let refuse = world.post(&format!("/runs/{run}/stages/ask/reject")).json(&json!({ "comment": "not today" }));
    world.ok(refuse).await;
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "failed");
    assert_eq!(finished["stages"][0]["error"]["message"], "first rejected it: not today");
    let run = world.run_pipeline("stages: { ask: { approval: { deadline: 300ms } } }").await;
    let finished = world.finish(&run).await;
    assert_eq!(finished["stages"][0]["error"]["code"], "approval_expired", "{finished:#}");
    world.end().await;
}

#[tokio::test]
async fn a_failure_that_may_pass_is_tried_again_and_then_undone() {
    let world = World::start().await;
    world.add_project().await;
    let run = world
        .run_pipeline(
            "stages:
  a: { uses: ./tools/probe.wasm/noop, compensate: { uses: ./tools/probe.wasm/noop } }
  b:
    needs: [a]
    uses: ./tools/probe.wasm/fail
    with: { kind: transient, message: busy }
    retry: { max_attempts: 3, backoff: 50ms }
",
        )
        .await;
    let frames = world.follow(&run, None).await;
    let kinds: Vec<&str> = frames.iter().map(|frame| frame.kind.as_str()).collect();
    assert_eq!(kinds.iter().filter(|kind| **kind == "stage.retrying").count(), 2, "{kinds:?}");
    let finished = world.ok(world.get(&format!("/runs/{run}"))).await;
    assert_eq!((&finished["status"], &finished["compensated"]), (&json!("failed"), &json!(true)), "{finished:#}");
    assert_eq!(finished["stages"][0]["status"], "compensated");
    assert_eq!(finished["stages"][1]["attempt"], 3);
    world.end().await;
}
