//! Properties of every run: random graphs, random outcomes, random order.

use crate::support::{World, failed};
use kiket_core::Timestamp;
use kiket_core::definition::RunOn;
use kiket_core::plan::Role;
use kiket_core::run::{Command, Event, Found, Outcome, Rejected, Run, StageState, Usage};
use proptest::prelude::*;
use serde_json::json;

/// One stage: which earlier ones it needs (as bits), run_on, allow_failure, when.
pub(crate) type Shape = (u16, u8, bool, u8);

pub(crate) fn text(shapes: &[Shape], finally: usize) -> String {
    let mut text = "stages:\n".to_owned();
    for (index, (needs, run_on, allow, when)) in shapes.iter().enumerate() {
        let needs: Vec<String> =
            (0..index).filter(|need| needs >> need & 1 == 1).map(|need| format!("s{need}")).collect();
        let run_on = ["success", "failure", "always"][usize::from(run_on % 3)];
        let when = ["true", "true", "true", "false", "1 / 0 == 1"][usize::from(when % 5)];
        text += &format!(
            "  s{index}: {{ uses: work, needs: [{}], run_on: {run_on}, allow_failure: {allow}, when: '{when}' }}\n",
            needs.join(", ")
        );
    }
    if finally > 0 {
        text += "finally:\n";
        (0..finally).for_each(|index| text += &format!("  f{index}: {{ uses: work }}\n"));
    }
    text
}

/// What the world does next, chosen by a number.
pub(crate) fn act(world: &mut World, choice: u32) -> Result<Vec<Event>, Rejected> {
    let open: Vec<_> = world
        .run
        .stages
        .iter()
        .filter(|stage| matches!(stage.state, StageState::Ready | StageState::Running))
        .map(|stage| (stage.id.clone(), stage.state.clone(), stage.attempt))
        .collect();
    assert!(!open.is_empty(), "the run is stuck: {:#?}", world.run);
    if choice.is_multiple_of(97) {
        return world.ask(Command::Cancel);
    }
    if choice.is_multiple_of(89) {
        return world.ask(Command::Expire);
    }
    let (stage, state, attempt) = open[choice as usize / 100 % open.len()].clone();
    if state == StageState::Ready || choice.is_multiple_of(13) {
        return world.ask(Command::Begin { stage, found: Found::Nothing });
    }
    let outcome = match choice % 3 {
        0 => failed(),
        _ => Outcome::Succeeded { outputs: json!({ "n": choice }), usage: Usage::default() },
    };
    world.ask(Command::Finish { stage, attempt, outcome })
}

fn check_order(world: &World, event: &Event, before: &Run) {
    let Event::StageReady { stage } = event else { return };
    let position = world.plan.position(stage).expect("the stage exists");
    let plan = world.plan.stage(position);
    for need in world.plan.needs(position) {
        let state = &world.run.stages[need].state;
        assert!(state.is_terminal(), "{stage} is ready before what it needs");
        if plan.run_on == RunOn::Success {
            assert!(matches!(state, StageState::Succeeded { .. } | StageState::AllowedFailure { .. }));
        }
    }
    assert_eq!(before.stages[position].state, StageState::Pending, "{stage} was ready twice");
    if plan.role == Role::Finally {
        assert!(
            world
                .run
                .stages
                .iter()
                .enumerate()
                .all(|(at, stage)| world.plan.stage(at).role == Role::Finally || stage.state.is_terminal())
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_run_ends_keeps_the_order_and_equals_the_fold_of_its_events(
        shapes in prop::collection::vec(any::<Shape>(), 1..12),
        finally in 0_usize..3,
        choices in prop::collection::vec(any::<u32>(), 2_000),
    ) {
        let mut world = World::start(&text(&shapes, finally), json!({}));
        for choice in choices {
            if world.run.status.is_terminal() {
                break;
            }
            let before = world.run.clone();
            let events = act(&mut world, choice).expect("the command fits the state");
            for event in &events {
                check_order(&world, event, &before);
            }
        }
        prop_assert!(world.run.status.is_terminal(), "the run did not end");
        prop_assert!(world.run.stages.iter().all(|stage| stage.state.is_terminal()));

        let ends = world.events.iter().filter(|event| matches!(event.kind(), "run.succeeded" | "run.failed" | "run.cancelled"));
        prop_assert_eq!(ends.count(), 1);
        for stage in &world.run.stages {
            let of_stage = |event: &&Event| event.stage() == Some(&stage.id);
            let ends = ["stage.succeeded", "stage.failed", "stage.skipped", "stage.cancelled"];
            let ended = world.events.iter().filter(of_stage).filter(|event| ends.contains(&event.kind())).count();
            prop_assert_eq!(ended, 1, "{} ended {} times", stage.id, ended);
        }
        let mut fold = Run::default();
        let mut refold = Run::default();
        for event in &world.events {
            let stored = serde_json::to_string(event).expect("an event is JSON");
            fold.apply(event, Timestamp::from_millis(0));
            refold.apply(&serde_json::from_str(&stored).expect("and back"), Timestamp::from_millis(0));
        }
        prop_assert_eq!(&fold, &refold);
        prop_assert_eq!(
            fold.stages.iter().map(|stage| &stage.state).collect::<Vec<_>>(),
            world.run.stages.iter().map(|stage| &stage.state).collect::<Vec<_>>()
        );
        prop_assert_eq!(world.ask(Command::Cancel), Err(Rejected::Ended));
    }
}
