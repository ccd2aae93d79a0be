//! kill -9 at random moments: every run ends, and what had ended does not run again.

use std::time::Instant;

use serde_json::Value as Json;

use crate::world::World;

const SIX: &str = "stages:
  a: { uses: ./tools/probe.wasm/work, with: { ms: 30 } }
  b: { uses: ./tools/probe.wasm/work, with: { ms: 30 }, needs: [a] }
  c: { uses: ./tools/probe.wasm/work, with: { ms: 30 }, needs: [a] }
  d: { uses: ./tools/probe.wasm/work, with: { ms: 30 }, needs: [b, c] }
  e: { uses: ./tools/probe.wasm/count, with: { lines: 50, text: x }, needs: [d] }
  f: { uses: ./tools/probe.wasm/work, with: { ms: 30 }, needs: [e] }
";

#[tokio::test]
async fn ten_kills_lose_nothing_and_repeat_nothing() {
    let mut world = World::start().await;
    world.add_project().await;
    let first = world.run_pipeline(SIX).await;
    world.finish(&first).await;
    let mut runs = Vec::new();
    for round in 0..10_u64 {
        for _ in 0..3 {
            runs.push(world.trigger("p").await);
        }
        // Somewhere in the life of a run: after as many events as the round says.
        wait_for_events(&world, runs.last().expect("a run was started"), (round * 7 + 3) % 19).await;
        world.kill();
        world.boot();
    }
    all_succeed(world, &runs).await;
}

#[tokio::test]
async fn ten_kills_at_random_times_lose_nothing_and_repeat_nothing() {
    let mut world = World::start().await;
    world.add_project().await;
    let first = world.run_pipeline(SIX).await;
    world.finish(&first).await;
    // The first run waits for the plugin to be compiled; the second shows how long a run lives.
    let begun = Instant::now();
    let second = world.trigger("p").await;
    world.finish(&second).await;
    let life = begun.elapsed();
    let mut runs = Vec::new();
    for _ in 0..10 {
        for _ in 0..3 {
            runs.push(world.trigger("p").await);
        }
        // The clock and not an event says when: the moment is the test.
        let moment = life.mul_f64(rand::random_range(0.0..2.0));
        eprintln!("killed {moment:?} after the runs began");
        tokio::time::sleep(moment).await;
        world.kill();
        world.boot();
    }
    all_succeed(world, &runs).await;
}

async fn all_succeed(world: World, runs: &[String]) {
    for run in runs {
        let finished = world.finish(run).await;
        assert_eq!(finished["status"], "succeeded", "{finished:#}");
    }
    // That nothing is stuck, and that no stage which had ended started again, is for the checker to say.
    world.end().await;
}

async fn wait_for_events(world: &World, run: &str, count: u64) {
    let mut answer = world.get(&format!("/runs/{run}/events")).send().await.expect("the server answers");
    let mut text = String::new();
    while let Some(chunk) = answer.chunk().await.expect("the stream goes on") {
        text += &String::from_utf8_lossy(&chunk);
        if text.matches("\nid: ").count() as u64 >= count || text.contains("event: end") {
            return;
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_is_there_after_a_kill() {
    let mut world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    world.finish(&run).await;
    for round in 0..5 {
        let commit = world.push(&[("round", &format!("{round}"))]);
        assert_eq!(world.deliver(&commit, world.payload(&commit)).await.status(), 202);
        world.kill();
        world.boot();
        let run = world.run_of(&commit).await;
        let finished: Json = world.finish(&run).await;
        assert_eq!(finished["status"], "succeeded");
    }
    world.end().await;
}

#[tokio::test]
async fn a_run_whose_plugin_is_gone_fails_instead_of_staying_open() {
    let mut world = World::start().await;
    world.add_project().await;
    let run = world
        .run_pipeline(
            "stages: { a: { uses: ./tools/probe.wasm/spin }, b: { uses: ./tools/probe.wasm/noop, needs: [a] } }",
        )
        .await;
    wait_for_events(&world, &run, 3).await;
    world.kill();
    let plugins = std::fs::read_dir(world.data().join("plugins")).expect("components are kept there");
    let probe = std::fs::metadata(crate::world::probe()).expect("the probe is built").len();
    for kept in plugins.flatten().filter(|kept| kept.metadata().is_ok_and(|kept| kept.len() == probe)) {
        std::fs::remove_file(kept.path()).expect("it can be removed");
    }
    world.boot();
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "failed");
    assert_eq!(finished["stages"][0]["error"]["code"], "revision", "{finished:#}");
    assert_eq!(finished["stages"][1]["status"], "skipped");
    world.end().await;
}
