//! Effects in doubt: what goes on by itself, and what waits for people.

use kiket_core::run::{
    Actor, Command, Doubt, DoubtCode, Event, Found, Intent, Outcome, Rejected, Resolution, RunStatus, StageError,
};
use serde_json::json;

use crate::support::{World, failed};

fn resolve(world: &mut World, stage: &str, resolution: Resolution) -> Result<Vec<Event>, Rejected> {
    let (actor, comment) = (Actor::admin("ada"), Some("seen in the books".to_owned()));
    world.ask(Command::Resolve { stage: stage.into(), actor, resolution, comment })
}

fn doubt(code: DoubtCode) -> Doubt {
    let intent = Intent {
        ordinal: 2,
        call: "http".into(),
        summary: "POST https://pay.example/".into(),
        at: kiket_core::Timestamp::from_millis(1),
    };
    Doubt { code, intent, reason: "the server stopped while it was on its way".into() }
}

/// A run with a stage under way that may have its effect once at most.
fn pay() -> World {
    let mut world =
        World::start("stages: { pay: { uses: work, effect: once }, tell: { needs: [pay], uses: work } }", json!({}));
    world.begin("pay");
    world
}

#[test]
fn lets_a_stage_wait_for_people_whose_effect_is_in_doubt() {
    let mut world = pay();
    let cut_off = Command::Begin { stage: "pay".into(), found: Found::Doubt(doubt(DoubtCode::InDoubt)) };
    world.ask(cut_off).expect("a cut-off attempt is looked at");
    assert_eq!(world.run.status, RunStatus::NeedsAttention);
    assert_eq!(world.run.stage("pay").unwrap().state.word(), "needs_attention");
    for command in [
        Command::Begin { stage: "pay".into(), found: Found::Nothing },
        Command::Finish { stage: "pay".into(), attempt: 1, outcome: failed() },
    ] {
        assert!(world.ask(command).is_err(), "nothing goes on by itself");
    }
    let happened = Resolution::Happened { outputs: json!({"status": 200}) };
    resolve(&mut world, "pay", happened).expect("a person knows");
    assert_eq!(world.run.status, RunStatus::Running);
    assert_eq!(world.run.stage("pay").unwrap().state.word(), "succeeded");
    assert_eq!(world.run.stage("tell").unwrap().state.word(), "ready");
    assert!(resolve(&mut world, "pay", Resolution::Retry).is_err(), "once is enough");
}

#[test]
fn does_again_what_did_not_happen_in_the_same_journal() {
    let mut world = pay();
    let cut_off = Command::Begin { stage: "pay".into(), found: Found::Doubt(doubt(DoubtCode::InDoubt)) };
    world.ask(cut_off).unwrap();
    resolve(&mut world, "pay", Resolution::Retry).unwrap();
    world.begin("pay");
    let stage = world.run.stage("pay").unwrap();
    assert_eq!((stage.attempt, stage.journal), (2, 1));
}

#[test]
fn begins_a_new_journal_after_a_failure_and_after_a_mismatch() {
    let mut world = pay();
    world.finish("pay", Outcome::InDoubt(doubt(DoubtCode::ReplayMismatch))).unwrap();
    resolve(&mut world, "pay", Resolution::Retry).unwrap();
    world.begin("pay");
    let stage = world.run.stage("pay").unwrap();
    assert_eq!((stage.attempt, stage.journal), (2, 2));
    // A crash goes on with it.
    world.begin("pay");
    let stage = world.run.stage("pay").unwrap();
    assert_eq!((stage.attempt, stage.journal), (3, 2));
}

#[test]
fn takes_what_a_plugin_says_has_happened_for_the_output() {
    let mut world = pay();
    let found = Found::Done(json!({"status": 201}));
    world.ask(Command::Begin { stage: "pay".into(), found }).unwrap();
    assert_eq!(world.run.stage("pay").unwrap().state.word(), "succeeded");
}

#[test]
fn does_not_try_once_more_what_has_had_its_effect() {
    let text = "stages: { pay: { uses: work, effect: once, retry: { max_attempts: 3 } } }";
    let busy = |effects| Outcome::Failed(StageError { effects, ..StageError::new("transient", "busy") });
    for (effects, expected) in [(0, "waiting"), (1, "failed")] {
        let mut world = World::start(text, json!({}));
        world.begin("pay");
        world.finish("pay", busy(effects)).unwrap();
        assert_eq!(world.run.stage("pay").unwrap().state.word(), expected);
    }
}

#[test]
fn cancels_what_needs_attention() {
    let mut world = pay();
    world.finish("pay", Outcome::InDoubt(doubt(DoubtCode::InDoubt))).unwrap();
    world.ask(Command::Cancel).unwrap();
    assert_eq!(world.run.status, RunStatus::Cancelled);
}
