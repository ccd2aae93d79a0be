//! Runs against a second opinion: an interpreter of a dozen lines that knows no events, only what has to come out.
//!
//! Random graphs with retries, approvals, compensation and `finally`; the world acts in random order. Whatever the
//! order, every stage has to end as the interpreter says.

use std::time::Duration;

use kiket_core::run::{Actor, Command, Found, Outcome, StageError, StageState, Usage, Wait};
use proptest::prelude::*;
use serde_json::json;

use crate::support::World;

/// A stage of a random pipeline; it needs some of those before it.
#[derive(Debug, Clone)]
struct Shape {
    needs: u16,
    run_on: u8,
    allow_failure: bool,
    when: u8,
    kind: Kind,
    compensate: bool,
}

#[derive(Debug, Clone)]
enum Kind {
    /// Fails so many times in a way that may pass, then ends; so many attempts are allowed.
    Work { failures: u32, max_attempts: u32, succeeds: bool },
    /// Is granted or refused.
    Approval { granted: bool },
}

/// How a stage has to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Succeeded,
    Failed,
    Allowed,
    Skipped,
}

impl Shape {
    /// How the stage ends once it begins.
    fn outcome(&self) -> bool {
        match self.kind {
            Kind::Work { failures, max_attempts, succeeds } => failures < max_attempts && succeeds,
            Kind::Approval { granted } => granted,
        }
    }

    fn text(&self, index: usize) -> String {
        let needs: Vec<String> = needs(self, index).map(|need| format!("s{need}")).collect();
        let run_on = ["success", "failure", "always"][usize::from(self.run_on % 3)];
        let when = ["true", "true", "false", "1 / 0 == 1"][usize::from(self.when % 4)];
        let task = match self.kind {
            Kind::Work { max_attempts, .. } => {
                let compensate = if self.compensate { ", compensate: { uses: work/undo }" } else { "" };
                format!("uses: work, retry: {{ max_attempts: {max_attempts}, backoff: 5s }}{compensate}")
            }
            Kind::Approval { .. } => "approval: {}".to_owned(),
        };
        format!(
            "  s{index}: {{ {task}, needs: [{}], run_on: {run_on}, allow_failure: {}, when: '{when}' }}\n",
            needs.join(", "),
            self.allow_failure
        )
    }
}

fn needs(shape: &Shape, index: usize) -> impl Iterator<Item = usize> + use<> {
    let bits = shape.needs;
    (0..index).filter(move |need| bits >> need & 1 == 1)
}

/// The second opinion: the ends of all stages, in order.
fn interpret(shapes: &[Shape]) -> Vec<End> {
    let mut ends: Vec<End> = Vec::new();
    for (index, shape) in shapes.iter().enumerate() {
        let good = |need: usize| matches!(ends[need], End::Succeeded | End::Allowed);
        let begins = match shape.run_on % 3 {
            0 => needs(shape, index).all(good),
            1 => ancestors(shapes, index).into_iter().any(|before| ends[before] == End::Failed),
            _ => true,
        };
        let failed = if shape.allow_failure { End::Allowed } else { End::Failed };
        ends.push(match (begins, shape.when % 4) {
            (false, _) | (true, 2) => End::Skipped,
            (true, 3) => failed,
            (true, _) if shape.outcome() => End::Succeeded,
            (true, _) => failed,
        });
    }
    ends
}

fn ancestors(shapes: &[Shape], index: usize) -> Vec<usize> {
    let mut found: Vec<usize> = needs(&shapes[index], index).collect();
    let mut at = 0;
    while at < found.len() {
        found.extend(needs(&shapes[found[at]], found[at]));
        at += 1;
    }
    found
}

/// Does one of the things that can be done, chosen by a number.
fn act(world: &mut World, shapes: &[Shape], choice: usize) {
    let open = world.run.stages.iter().filter(|stage| !stage.state.is_terminal() && stage.state != StageState::Pending);
    let open: Vec<_> = open.map(|stage| (stage.id.clone(), stage.state.clone(), stage.attempt)).collect();
    assert!(!open.is_empty(), "the run is stuck: {:#?}", world.run);
    let (stage, state, attempt) = open[choice % open.len()].clone();
    let shape = stage.strip_prefix('s').and_then(|index| index.parse::<usize>().ok()).map(|index| &shapes[index]);
    let command = match (state, shape.map(|shape| &shape.kind)) {
        (StageState::Ready, _) => Command::Begin { stage, found: Found::Nothing },
        (StageState::Waiting { wait: Wait::Retry { until, .. } }, _) => {
            let wait = u64::try_from(until.millis() - world.now.millis()).unwrap_or_default();
            world.pass(Duration::from_millis(wait));
            Command::Begin { stage, found: Found::Nothing }
        }
        (StageState::Waiting { .. }, Some(Kind::Approval { granted })) => {
            let actor = Actor::admin("ada");
            match granted {
                true => Command::Approve { stage, actor, comment: None },
                false => Command::Reject { stage, actor, comment: None },
            }
        }
        // A crash in the middle changes nothing of how it ends.
        (StageState::Running, _) if choice.is_multiple_of(7) => Command::Begin { stage, found: Found::Nothing },
        (StageState::Running, Some(Kind::Work { failures, succeeds, .. })) => {
            let failed = world.run.stage(&stage).expect("it exists").failures;
            let outcome = match (failed < *failures, succeeds) {
                (true, _) => Outcome::Failed(StageError::new("transient", "busy")),
                (false, true) => Outcome::Succeeded { outputs: json!({}), usage: Usage::default() },
                (false, false) => Outcome::Failed(StageError::new("permanent", "broken")),
            };
            Command::Finish { stage, attempt, outcome }
        }
        (StageState::Running, _) => {
            let outcome = Outcome::Succeeded { outputs: json!({}), usage: Usage::default() };
            Command::Finish { stage, attempt, outcome }
        }
        (state, _) => panic!("nobody can do anything about {stage}: {state:?}"),
    };
    world.ask(command).expect("the command fits the state");
}

fn shape() -> impl Strategy<Value = Shape> {
    let work = (0_u32..4, 1_u32..4, any::<bool>()).prop_map(|(failures, max_attempts, succeeds)| Kind::Work {
        failures,
        max_attempts,
        succeeds,
    });
    let kind = prop_oneof![4 => work, 1 => any::<bool>().prop_map(|granted| Kind::Approval { granted })];
    (any::<u16>(), any::<u8>(), any::<bool>(), any::<u8>(), kind, any::<bool>()).prop_map(
        |(needs, run_on, allow_failure, when, kind, compensate)| Shape {
            needs,
            run_on,
            allow_failure,
            when,
            kind,
            compensate,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_stage_ends_as_the_reference_says_whatever_the_order(
        shapes in prop::collection::vec(shape(), 1..10),
        finally in any::<bool>(),
        choices in prop::collection::vec(any::<u16>(), 1_000),
    ) {
        let mut text = "stages:\n".to_owned();
        shapes.iter().enumerate().for_each(|(index, shape)| text += &shape.text(index));
        if finally {
            text += "finally: { last: { uses: work } }\n";
        }
        let mut world = World::start(&text, json!({}));
        for choice in choices {
            if world.run.status.is_terminal() {
                break;
            }
            act(&mut world, &shapes, usize::from(choice));
        }
        prop_assert!(world.run.status.is_terminal(), "the run did not end: {:#?}", world.run);

        let ends = interpret(&shapes);
        let fails = ends.contains(&End::Failed);
        for (index, (shape, end)) in shapes.iter().zip(&ends).enumerate() {
            let undone = fails && shape.compensate && matches!(shape.kind, Kind::Work { .. });
            let expected = match end {
                End::Succeeded if undone => "compensated",
                End::Succeeded => "succeeded",
                End::Failed => "failed",
                End::Allowed => "allowed_failure",
                End::Skipped => "skipped",
            };
            prop_assert_eq!(world.run.stages[index].state.word(), expected, "s{} of\n{}", index, text);
        }
        let compensates = fails && ends.iter().zip(&shapes).any(|(end, shape)| {
            *end == End::Succeeded && shape.compensate && matches!(shape.kind, Kind::Work { .. })
        });
        prop_assert_eq!(world.run.status.word(), if fails { "failed" } else { "succeeded" });
        prop_assert_eq!(world.run.compensated, compensates);
        if finally {
            prop_assert_eq!(world.run.stage("last").map(|stage| stage.state.word()), Some("succeeded"));
        }
    }
}
