//! What happens to a run: commands in, events out.

use crate::support::{World, failed};
use insta::assert_snapshot;
use kiket_core::Timestamp;
use kiket_core::run::{Command, Outcome, Rejected, Run, RunStatus, StageError, Usage};
use serde_json::json;

const DIAMOND: &str = "stages: { a: { uses: work }, b: { uses: work, needs: [a] }, c: { uses: work, needs: [a] }, d: { uses: work, needs: [b, c] } }";

#[test]
fn a_stage_becomes_ready_when_its_needs_have_succeeded() {
    let mut world = World::start(DIAMOND, json!({}));
    world.succeed("a", json!({}));
    world.begin("b");
    world.succeed("c", json!({}));
    world.finish("b", Outcome::Succeeded { outputs: json!({}), usage: Usage::default() }).unwrap();
    world.succeed("d", json!({}));
    assert_snapshot!(world.story());
    assert_eq!(world.run.status, RunStatus::Succeeded);
}

#[test]
fn a_failure_skips_what_needs_it_and_the_rest_goes_on() {
    let mut world = World::start(DIAMOND, json!({}));
    world.succeed("a", json!({}));
    world.fail("b");
    world.succeed("c", json!({}));
    assert_snapshot!(world.story());
}

#[test]
fn run_on_chooses_by_what_came_of_the_stages_before() {
    let stages = "
stages:
  a: { uses: work }
  b: { uses: work, needs: [a] }
  rescue: { uses: work, needs: [b], run_on: failure }
  idle: { uses: work, needs: [rescue], run_on: failure, when: 'false' }
  tell: { uses: work, needs: [b, idle], run_on: always }
";
    let mut world = World::start(stages, json!({}));
    world.fail("a");
    world.succeed("rescue", json!({}));
    world.succeed("tell", json!({}));
    assert_snapshot!(world.story());
}

#[test]
fn an_allowed_failure_lets_the_run_succeed() {
    let stages = "stages: { a: { uses: work, allow_failure: true }, b: { uses: work, needs: [a] } }";
    let mut world = World::start(stages, json!({}));
    world.fail("a");
    world.succeed("b", json!({}));
    assert_snapshot!(world.story());
}

#[test]
fn expressions_read_inputs_and_outputs_and_their_errors_fail_the_stage() {
    let stages = "
stages:
  a: { uses: work }
  b: { uses: work, needs: [a], when: stages.a.outputs.go && inputs.really }
  c: { uses: work, needs: [a], when: stages.a.outputs.absent }
outputs: { what: 'it was ${{ stages.a.outputs.name }}' }
";
    let mut world = World::start(stages, json!({"really": true}));
    world.succeed("a", json!({"go": true, "name": "good"}));
    world.succeed("b", json!({}));
    assert_snapshot!(world.story());

    let stages = stages.replace("stages.a.outputs.absent", "inputs.really");
    let mut world = World::start(&stages, json!({"really": true}));
    world.succeed("a", json!({"go": false, "name": "good"}));
    world.succeed("c", json!({}));
    assert_snapshot!(world.story());
}

#[test]
fn finally_runs_after_everything_and_can_fail_a_green_run() {
    let stages = "
stages: { a: { uses: work } }
finally: { clean: { uses: work }, log: { uses: work, when: \"stages.a.status == 'failed'\" } }
";
    let mut world = World::start(stages, json!({}));
    world.succeed("a", json!({}));
    world.fail("clean");
    assert_snapshot!(world.story());
}

#[test]
fn cancel_ends_everything_but_finally_and_a_second_one_ends_that_too() {
    let stages = "stages: { a: { uses: work }, b: { uses: work, needs: [a] } }\nfinally: { clean: { uses: work } }";
    let mut world = World::start(stages, json!({}));
    world.begin("a");
    world.ask(Command::Cancel).unwrap();
    assert_eq!(world.finish("a", failed()), Err(Rejected::Stale { stage: "a".into(), attempt: 1 }));
    world.begin("clean");
    assert!(!world.run.status.is_terminal());
    world.ask(Command::Cancel).unwrap();
    assert_snapshot!(world.story());
    assert_eq!(world.ask(Command::Cancel), Err(Rejected::Ended));
}

#[test]
fn a_run_out_of_time_fails_what_is_under_way_and_cleans_up() {
    let stages = "stages: { a: { uses: work }, b: { uses: work, needs: [a], run_on: always } }\nfinally: { clean: { uses: work } }";
    let mut world = World::start(stages, json!({}));
    world.begin("a");
    world.ask(Command::Expire).unwrap();
    world.succeed("clean", json!({}));
    assert_snapshot!(world.story());
}

#[test]
fn an_attempt_cut_off_by_a_crash_is_followed_by_another_but_not_for_ever() {
    let mut world = World::start("stages: { a: { uses: work } }", json!({}));
    world.begin("a");
    world.begin("a");
    assert_eq!(world.run.stage("a").unwrap().attempt, 2);
    let stale = Command::Finish { stage: "a".into(), attempt: 1, outcome: failed() };
    assert_eq!(world.ask(stale), Err(Rejected::Stale { stage: "a".into(), attempt: 1 }));
    for _ in 0..24 {
        world.begin("a");
    }
    assert_eq!(world.run.status, RunStatus::Failed);
}

#[test]
fn a_run_without_a_plan_is_abandoned_whole() {
    let mut world = World::start(DIAMOND, json!({}));
    world.succeed("a", json!({}));
    world.begin("b");
    let events = world.run.abandon(StageError::new("revision", "gone"));
    let now = Timestamp::from_millis(9);
    events.iter().for_each(|event| world.run.apply(event, now));
    world.events.extend(events);
    assert_snapshot!(world.story());
    assert_eq!(world.run.status, RunStatus::Failed);
    assert!(world.run.stages.iter().all(|stage| stage.state.is_terminal()));
    assert_eq!(world.run.abandon(StageError::new("revision", "gone")), []);
}

#[test]
fn the_state_survives_the_round_trip_through_json() {
    let mut world = World::start(DIAMOND, json!({"n": 1}));
    world.succeed("a", json!({"x": [1, 2]}));
    world.fail("b");
    let stored = serde_json::to_string(&world.run).unwrap();
    assert_eq!(serde_json::from_str::<Run>(&stored).unwrap(), world.run);
    for event in &world.events {
        let stored = serde_json::to_string(event).unwrap();
        assert!(stored.starts_with(&format!("{{\"kind\":\"{}\"", event.kind())), "{stored}");
        assert_eq!(serde_json::from_str::<kiket_core::run::Event>(&stored).unwrap(), *event);
    }
}
