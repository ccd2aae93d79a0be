//! Bugs on purpose in a real server: each is caught by the checker over what is left behind.

use kiket::invariants::Invariant;
use serde_json::json;

use crate::checker::{contradictions, violations};
use crate::world::World;

const STAGES: &str =
    "stages: { a: { uses: ./tools/probe.wasm/noop }, b: { uses: ./tools/probe.wasm/noop, needs: [a] } }";

/// Runs a pipeline on a server with a bug, and answers what the checker finds.
async fn found_with(bug: &str) -> Vec<Invariant> {
    let mut world = World::start_with(&[("KIKET_PLANTED", bug)]).await;
    world.add_project().await;
    let run = world.run_pipeline(STAGES).await;
    world.finish(&run).await;
    world.kill();
    let found = violations(&world.data().join("kiket.db")).await;
    world.end_badly();
    let mut broken: Vec<Invariant> = found.into_iter().map(|violation| violation.invariant).collect();
    broken.sort();
    broken.dedup();
    broken
}

#[tokio::test]
async fn state_not_advanced_is_caught_by_the_fold() {
    assert_eq!(found_with("").await, []);
    let found = found_with("state-not-advanced").await;
    assert_eq!(found, [Invariant::StateIsFold, Invariant::RowIsState]);
}

#[tokio::test]
async fn gap_in_sequence_is_caught_by_the_rule_of_the_sequence() {
    assert_eq!(found_with("gap-in-sequence").await, [Invariant::SequenceGapless]);
}

#[tokio::test]
async fn trigger_key_ignored_is_caught_by_what_clients_were_answered() {
    let mut world = World::start_with(&[("KIKET_PLANTED", "trigger-key-ignored")]).await;
    world.add_project().await;
    let run = world.run_pipeline(STAGES).await;
    world.finish(&run).await;
    for _ in 0..2 {
        let ask = world.post("/projects/shop/pipelines/p/runs").json(&json!({}));
        world.ok(ask.header("Idempotency-Key", "the-same")).await;
    }
    world.kill();
    let evidence = world.evidence();
    let found = contradictions(&world.data().join("kiket.db"), &evidence).await;
    world.end_badly();
    assert!(matches!(&found[..], [one] if one.contains("under key the-same")), "{found:#?}");
}
