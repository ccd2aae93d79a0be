//! What happens to a run: commands in, events out.

use crate::support::{World, failed};
use std::time::Duration;

use insta::assert_snapshot;
use kiket_core::Timestamp;
use kiket_core::run::{Actor, Command, Found, Outcome, Rejected, Run, RunStatus, StageError, StageState, Usage};
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

#[test]
fn a_failure_that_may_pass_is_tried_again_after_a_growing_wait() {
    let stages = "stages: { a: { uses: work, retry: { max_attempts: 3, backoff: { initial: 1s, factor: 3 } } } }";
    let mut world = World::start(stages, json!({}));
    let transient = || Outcome::Failed(StageError::new("transient", "busy"));
    world.begin("a");
    world.finish("a", transient()).unwrap();
    assert_eq!(world.run.status, RunStatus::Waiting);
    world.pass(Duration::from_secs(1));
    world.begin("a");
    assert_eq!(world.run.status, RunStatus::Running);
    world.finish("a", transient()).unwrap();
    world.pass(Duration::from_secs(3));
    // A crash in the middle is no failure.
    world.begin("a");
    world.begin("a");
    world.finish("a", transient()).unwrap();
    assert_snapshot!(world.story());
    assert_eq!(world.run.stage("a").unwrap().attempt, 4);
}

#[test]
fn a_failure_that_nobody_named_is_not_tried_again_and_a_plugin_may_ask_for_a_longer_wait() {
    let stages = "stages: { a: { uses: work, retry: { on: [timeout], backoff: 2s } } }";
    let mut world = World::start(stages, json!({}));
    world.fail("a");
    assert_eq!(world.run.status, RunStatus::Failed);

    let stages = "stages: { a: { uses: work, retry: { backoff: { initial: 1s, max: 10s } } } }";
    let mut world = World::start(stages, json!({}));
    world.begin("a");
    let error = StageError { retry_after_ms: Some(7_000), ..StageError::new("transient", "slow down") };
    world.finish("a", Outcome::Failed(error)).unwrap();
    assert_snapshot!(world.story());
}

#[test]
fn a_matrix_runs_every_combination_and_gives_a_list() {
    let stages = "
stages:
  build:
    uses: work
    matrix: { os: [linux, mac], arch: [x86, arm], exclude: [{ os: mac, arch: x86 }], include: [{ os: bsd }], max_parallel: 2 }
    when: \"matrix.os != 'bsd' || true\"
  ship: { uses: work, needs: [build], with: { first: '${{ stages.build.outputs[0].name }}', status: '${{ stages.build.status }}' } }
outputs: { all: '${{ stages.build.outputs }}' }
";
    let mut world = World::start(stages, json!({}));
    let ready = |world: &World| world.run.stages.iter().filter(|stage| stage.state == StageState::Ready).count();
    assert_eq!(ready(&world), 2);
    for index in 0..4 {
        world.succeed(&format!("build.{index}"), json!({ "name": index }));
    }
    let at = world.plan.position("ship").unwrap();
    let stage = world.plan.stage(at);
    let call = world.run.call(&world.plan, stage, stage.call().unwrap(), 1, None).unwrap();
    assert_eq!(call.input, json!({ "first": 0, "status": "succeeded" }));
    world.succeed("ship", json!({}));
    assert_snapshot!(world.story());
}

#[test]
fn the_first_failure_of_a_matrix_ends_what_has_not_begun() {
    let stages = "
stages:
  build: { uses: work, matrix: { n: [1, 2, 3], max_parallel: 1 } }
  other: { uses: work, matrix: { n: [1, 2], max_parallel: 1, fail_fast: false } }
";
    let mut world = World::start(stages, json!({}));
    world.fail("build.0");
    world.fail("other.0");
    world.succeed("other.1", json!({}));
    assert_snapshot!(world.story());
}

#[test]
fn an_approval_waits_for_as_many_as_it_asks_for() {
    let stages = "
stages:
  ask: { approval: { approvers: [{ role: lead }, { user: eve }], required: 2, message: 'Ship ${{ inputs.what }}?' } }
  ship: { uses: work, needs: [ask], with: { by: '${{ stages.ask.outputs.approved_by }}' } }
";
    let mut world = World::start(stages, json!({ "what": "it" }));
    assert_eq!(world.run.status, RunStatus::Waiting);
    let not_asked = Rejected::NotAsked { stage: "ask".into(), actor: "mallory".to_owned() };
    assert_eq!(world.approve("ask", "mallory", &["intern"]), Err(not_asked));
    world.approve("ask", "ada", &["lead"]).unwrap();
    let again = Rejected::AlreadyApproved { stage: "ask".into(), actor: "ada".to_owned() };
    assert_eq!(world.approve("ask", "ada", &["lead"]), Err(again));
    world.approve("ask", "eve", &[]).unwrap();
    world.succeed("ship", json!({}));
    assert_snapshot!(world.story());
}

#[test]
fn one_refusal_fails_an_approval_and_so_does_a_deadline() {
    let stages = "stages: { ask: { approval: { deadline: 1h } }, ship: { uses: work, needs: [ask] } }";
    let mut world = World::start(stages, json!({}));
    let actor = Actor::admin("ada");
    world.ask(Command::Reject { stage: "ask".into(), actor, comment: Some("not on a Friday".to_owned()) }).unwrap();
    assert_snapshot!(world.story());
    assert_eq!(world.run.stage("ask").unwrap().state.error().unwrap().message, "ada rejected it: not on a Friday");

    let mut world = World::start(stages, json!({}));
    let early = world.ask(Command::Begin { stage: "ask".into(), found: Found::Nothing });
    assert_eq!(early, Err(Rejected::WrongState { stage: "ask".into(), status: "waiting" }));
    world.pass(Duration::from_secs(3600));
    world.begin("ask");
    assert_snapshot!(world.story());
}

#[test]
fn a_failure_undoes_what_was_done_in_reverse_order() {
    let stages = "
stages:
  a: { uses: work, compensate: { uses: work/undo, with: { of: '${{ stages.a.outputs.n }}' } } }
  b: { uses: work, compensate: { uses: work/undo } }
  c: { uses: work, needs: [a, b], compensate: { uses: work/undo } }
finally: { clean: { uses: work } }
";
    let mut world = World::start(stages, json!({}));
    world.succeed("b", json!({}));
    world.succeed("a", json!({ "n": 1 }));
    world.fail("c");
    assert_eq!(world.run.status, RunStatus::Compensating);
    world.succeed("a.compensate", json!({}));
    world.succeed("b.compensate", json!({}));
    world.succeed("clean", json!({}));
    assert_snapshot!(world.story());
    assert!(world.run.compensated);
    assert_eq!(world.run.stage("a").unwrap().state.word(), "compensated");
}

#[test]
fn a_compensation_that_fails_does_not_keep_the_others_from_running() {
    let stages = "
stages:
  a: { uses: work, compensate: { uses: work/undo } }
  b: { uses: work, needs: [a], compensate: { uses: work/undo } }
  c: { uses: work, needs: [b] }
";
    let mut world = World::start(stages, json!({}));
    world.succeed("a", json!({}));
    world.succeed("b", json!({}));
    world.fail("c");
    world.fail("b.compensate");
    world.succeed("a.compensate", json!({}));
    assert_snapshot!(world.story());
    assert_eq!((world.run.status, world.run.compensated), (RunStatus::Failed, false));
}

#[test]
fn nothing_is_undone_after_a_success_or_a_cancel() {
    let stages = "stages: { a: { uses: work, compensate: { uses: work/undo } }, b: { uses: work, needs: [a] } }";
    let mut world = World::start(stages, json!({}));
    world.succeed("a", json!({}));
    world.succeed("b", json!({}));
    assert_snapshot!(world.story());
    let mut world = World::start(stages, json!({}));
    world.succeed("a", json!({}));
    world.ask(Command::Cancel).unwrap();
    assert_snapshot!(world.story());
}
