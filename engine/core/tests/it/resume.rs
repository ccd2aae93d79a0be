//! Runs that go on from an ended one: what is kept, what is done again, and that nothing kept is.

use kiket_core::plan::Role;
use kiket_core::run::{Event, Rejected, Run, RunStatus, StageState};
use kiket_core::{RunId, Timestamp};
use proptest::prelude::*;
use serde_json::json;

use crate::properties::{Shape, act, text};
use crate::support::World;

#[test]
fn goes_on_from_the_failed_stage_with_what_was_done() {
    let mut first = World::start(
        "stages:\n  a: { uses: work }\n  b: { uses: work, needs: [a], with: { n: '${{ stages.a.outputs.n }}' } }\n  \
         c: { uses: work, needs: [b] }\n",
        json!({}),
    );
    first.succeed("a", json!({ "n": 7 }));
    first.fail("b");
    let mut second = first.resume(None).unwrap();
    insta::assert_snapshot!(second.story(), @r"
    run.queued
    stage.succeeded a
    stage.ready b
    ");
    assert_eq!(second.run.stage("a").unwrap().kept_from, first.run.queued.as_ref().map(|queued| queued.id));
    second.fail("b");
    // What a run kept is kept from the one that did it.
    let mut third = second.resume(None).unwrap();
    assert_eq!(third.run.stage("a").unwrap().kept_from, first.run.queued.as_ref().map(|queued| queued.id));
    third.succeed("b", json!({}));
    third.succeed("c", json!({}));
    assert_eq!(third.run.status, RunStatus::Succeeded);
}

#[test]
fn does_again_what_was_undone_and_undoes_what_it_kept() {
    let mut first = World::start(
        "stages:\n  a: { uses: work, compensate: { uses: work/undo } }\n  b: { uses: work, needs: [a] }\n",
        json!({}),
    );
    first.succeed("a", json!({}));
    first.fail("b");
    first.succeed("a.compensate", json!({}));
    assert_eq!(first.run.stage("a").unwrap().state.word(), "compensated");
    let mut second = first.resume(None).unwrap();
    assert_eq!(second.run.stage("a").unwrap().state, StageState::Ready);
    second.succeed("a", json!({}));
    second.ask(kiket_core::run::Command::Cancel).unwrap();
    let mut third = second.resume(None).unwrap();
    assert!(third.run.stage("a").unwrap().kept_from.is_some());
    third.fail("b");
    assert_eq!(third.run.stage("a.compensate").unwrap().state, StageState::Ready);
}

#[test]
fn begins_at_a_stage_that_is_named() {
    let mut first = World::start(
        "stages:\n  a: { uses: work }\n  b: { uses: work, needs: [a] }\n  c: { uses: work, needs: [b] }\n  \
         d: { uses: work }\n",
        json!({}),
    );
    assert_eq!(first.resume(Some("b")).err(), Some(Rejected::NotEnded));
    ["a", "b", "c", "d"].into_iter().for_each(|stage| first.succeed(stage, json!({})));
    assert_eq!(first.resume(None).err(), Some(Rejected::NothingLeft));
    assert_eq!(first.resume(Some("z")).err(), Some(Rejected::UnknownStage("z".into())));
    insta::assert_snapshot!(first.resume(Some("b")).unwrap().story(), @r"
    run.queued
    stage.succeeded a
    stage.succeeded d
    stage.ready b
    ");
}

#[test]
fn keeps_what_stands_after_a_stage_that_is_skipped_again() {
    let mut first = World::start(
        "stages:\n  a: { uses: work, when: 'false' }\n  b: { uses: work, needs: [a], run_on: always }\n  \
         c: { uses: work, needs: [b] }\n  tell: { uses: work, needs: [c], run_on: failure }\n",
        json!({}),
    );
    first.succeed("b", json!({}));
    first.fail("c");
    first.succeed("tell", json!({}));
    let second = first.resume(None).unwrap();
    insta::assert_snapshot!(second.story(), @r"
    run.queued
    stage.skipped a (`when` is false: false)
    stage.succeeded b
    stage.ready c
    ");
}

fn finish(world: &mut World, choices: &[u32]) {
    for choice in choices {
        if world.run.status.is_terminal() {
            return;
        }
        act(world, *choice).expect("the command fits the state");
    }
    panic!("the run did not end");
}

fn ancestors(world: &World, position: usize) -> Vec<usize> {
    let mut all: Vec<usize> = world.plan.needs(position).collect();
    let mut next = 0;
    while let Some(at) = all.get(next).copied() {
        all.extend(world.plan.needs(at));
        next += 1;
    }
    all
}

fn id(world: &World) -> Option<RunId> {
    world.run.queued.as_ref().map(|queued| queued.id)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_kept_is_done_again(
        shapes in prop::collection::vec(any::<Shape>(), 1..12),
        finally in 0_usize..3,
        choices in prop::collection::vec(any::<u32>(), 2_000),
        others in prop::collection::vec(any::<u32>(), 2_000),
    ) {
        let mut first = World::start(&text(&shapes, finally), json!({}));
        finish(&mut first, &choices);
        let resumed = first.resume(None);
        if first.run.status == RunStatus::Succeeded {
            prop_assert_eq!(resumed.err(), Some(Rejected::NothingLeft));
            return Ok(());
        }
        let mut second = resumed.expect("a run that came to nothing goes on");
        let start = second.run.clone();
        if !second.run.status.is_terminal() {
            finish(&mut second, &others);
        }
        for (position, (old, new)) in first.run.stages.iter().zip(&start.stages).enumerate() {
            let done = matches!(old.state, StageState::Succeeded { .. });
            let ordinary = second.plan.stage(position).role == Role::Stage;
            let all_done = ancestors(&first, position)
                .iter()
                .all(|at| matches!(first.run.stages[*at].state, StageState::Succeeded { .. }));
            prop_assert!(!(ordinary && done && all_done) || new.kept_from.is_some(), "{} is done again", old.id);
            if new.kept_from.is_none() {
                continue;
            }
            prop_assert_eq!(new.kept_from, id(&first));
            prop_assert!(ordinary);
            prop_assert_eq!(&old.state, &new.state);
            for need in second.plan.needs(position) {
                prop_assert!(start.stages[need].state.is_terminal(), "{} is kept before what it needs", old.id);
            }
            let of_stage = second.events.iter().filter(|event| event.stage() == Some(&new.id));
            prop_assert_eq!(of_stage.map(Event::kind).filter(|kind| *kind != "stage.compensated").count(), 1);
            prop_assert_eq!(second.run.stages[position].attempt, 0);
        }
        let mut fold = Run::default();
        second.events.iter().for_each(|event| {
            let stored = serde_json::to_string(event).expect("an event is JSON");
            fold.apply(&serde_json::from_str(&stored).expect("and back"), Timestamp::from_millis(0));
        });
        let kept = |run: &Run| run.stages.iter().map(|stage| (stage.state.clone(), stage.kept_from)).collect::<Vec<_>>();
        prop_assert_eq!(kept(&fold), kept(&second.run));
    }
}
