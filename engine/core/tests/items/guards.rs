//! Guards: when they are asked and what about, and what their answers lead to.

use insta::assert_snapshot;
use kiket_core::item::{Command, Event, ReasonCode, Refusal, Undecided, Verdict, Verdicts, Wanted};
use serde_json::json;

use crate::support::World;

const STATES: &str = "
states:
  open: { type: initial }
  doing: { type: active }
  done: { type: final }
";

fn with(transitions: &str) -> World {
    World::start(&format!("{STATES}transitions:\n{transitions}"))
}

fn last_reasons(world: &World) -> Vec<(ReasonCode, Option<String>, Option<String>)> {
    let Some(Event::Refused { reasons, .. }) = world.events.last() else { panic!("{}", world.story()) };
    let guard = |one: &kiket_core::item::Reason| one.guard.clone().map(|guard| (guard.guard, guard.cause)).unzip();
    reasons.iter().map(|one| (one.code, guard(one).0, guard(one).1)).collect()
}

#[test]
fn a_guard_is_told_what_the_workflow_says_and_how_the_item_stands() {
    let mut world = with(
        "  - from: open
    to: done
    name: Go
    guards:
      - uses: gate/title
        with: { title: '${{ item.title }}', deep: [{ to: '${{ transition.to }}' }] }
        env: { WHO: '${{ actor.name }}', N: '${{ 1 + 1 }}' }
        timeout: 5s
",
    );
    world.set(json!({ "fields.n": 3 }));
    world.take("Go");
    assert_eq!(world.item.state, "done");
    let (call, _) = &world.asked[0];
    assert_eq!(
        (call.plugin.as_str(), call.guard.as_str(), call.timeout.map(|it| it.as_secs())),
        ("gate", "title", Some(5))
    );
    assert_eq!(call.input, json!({ "title": "An item", "deep": [{ "to": "done" }] }));
    assert_eq!(call.env, [("WHO".to_owned(), "ada".to_owned()), ("N".to_owned(), "2".to_owned())]);
    assert_eq!((call.transition.as_str(), call.from.as_str(), call.to.as_str()), ("Go", "open", "done"));
    assert_eq!(
        (&call.item["state"], &call.item["fields"]["n"], call.actor.as_str()),
        (&json!("open"), &json!(3), "ada")
    );
}

#[test]
fn every_guard_is_asked_and_every_refusal_is_a_reason() {
    let mut world = with(
        "  - { from: open, to: done, name: Go, guards: [{ uses: gate/even }, { uses: gate/broken }, { uses: gate/title, with: { title: x } }] }
",
    );
    world.take("Go");
    assert_eq!(world.item.state, "open");
    assert_eq!(world.asked.len(), 3);
    assert_snapshot!(world.story());
    let stored = serde_json::to_value(world.events.last()).unwrap();
    assert_eq!(stored["reasons"][1]["guard"], "gate/broken");
    assert_eq!((&stored["reasons"][1]["code"], &stored["reasons"][1]["cause"]), (&json!("guard"), &json!("trap")));
    assert!(stored["reasons"][0].get("pointer").is_none());
}

#[test]
fn guards_are_asked_only_where_nothing_else_of_the_item_speaks_against() {
    let mut world = with(
        "  - from: open
    to: done
    name: Go
    metadata: { requires_fields: [note] }
    guards: [{ uses: gate/even }, { type: extension, id: com.example.freeze }]
    require_approval: [{ assignment: { type: role, identifier: lead } }]
",
    );
    world.take("Go");
    assert!(world.asked.is_empty());
    let freeze = Some("com.example.freeze".to_owned());
    assert_eq!(
        last_reasons(&world),
        [
            (ReasonCode::RequiredField, None, None),
            (ReasonCode::Guard, freeze.clone(), Some("not_installed".to_owned())),
            (ReasonCode::Approval, None, None),
        ]
    );
    // Approvals come after the guards.
    world.set(json!({ "fields.note": "x" }));
    world.take("Go");
    assert_eq!(world.asked.len(), 1);
    assert_eq!(
        last_reasons(&world),
        [
            (ReasonCode::Guard, Some("gate/even".to_owned()), Some("denied".to_owned())),
            (ReasonCode::Guard, freeze, Some("not_installed".to_owned())),
            (ReasonCode::Approval, None, None),
        ]
    );
}

#[test]
fn an_expression_without_a_value_refuses() {
    let mut world = with(
        "  - { from: open, to: done, name: Go, guards: [{ uses: gate/even, with: { a: '${{ item.fields.nothing.at_all }}' } }] }
",
    );
    world.take("Go");
    assert_eq!(
        last_reasons(&world),
        [(ReasonCode::Guard, Some("gate/even".to_owned()), Some("expression".to_owned()))]
    );
}

#[test]
fn the_first_way_that_its_guards_leave_open_is_taken() {
    let mut world = with(
        "  - { from: open, to: done, name: Fast, guards: [{ uses: gate/even }] }
  - { from: open, to: done, name: Broken, guards: [{ uses: gate/broken }] }
  - { from: open, to: done, name: Slow, guards: [{ uses: gate/title, with: { title: An item } }] }
  - { from: open, to: done, name: Free }
",
    );
    world.ask(Command::Transition { wanted: Wanted::To("done".to_owned()), comment: None }).unwrap();
    let asked: Vec<&str> = world.asked.iter().map(|(call, _)| call.uses.as_str()).collect();
    assert_eq!(asked, ["gate/even", "gate/broken", "gate/title"]);
    assert_snapshot!(world.story());
}

#[test]
fn transitions_that_actions_ask_for_are_guarded_as_well() {
    let mut world = World::start(
        "
states:
  open: { type: initial }
  doing: { type: active, on_enter: [{ action: set_field, field: n, value: 4 }, { action: transition, to: done }] }
  done: { type: active, on_enter: [{ action: transition, to: over }] }
  over: { type: final }
transitions:
  - { from: open, to: doing, name: Go, guards: [{ uses: gate/title, with: { title: An item } }] }
  - { from: doing, to: done, name: On, guards: [{ uses: gate/even }] }
  - { from: done, to: over, name: End, guards: [{ uses: gate/broken }] }
",
    );
    world.take("Go");
    let states: Vec<(&str, &serde_json::Value)> =
        world.asked.iter().map(|(call, _)| (call.uses.as_str(), &call.item["state"])).collect();
    assert_eq!(
        states,
        [("gate/title", &json!("open")), ("gate/even", &json!("doing")), ("gate/broken", &json!("done"))]
    );
    assert_snapshot!(world.story());
}

#[test]
fn what_was_let_through_is_not_asked_again_when_its_actions_have_ended() {
    let mut world = with(
        "  - { from: open, to: done, name: Go, wait: true, actions: [{ uses: work }], guards: [{ uses: gate/even }] }
",
    );
    world.set(json!({ "fields.n": 2 }));
    world.take("Go");
    world.set(json!({ "fields.n": 3 }));
    world.take("Go");
    world.end_run(None).unwrap();
    assert_eq!((world.item.state.as_str(), world.asked.len()), ("done", 1));
}

#[test]
fn what_is_possible_names_the_guards_and_asks_them_only_where_it_is_told_to() {
    let world = with(
        "  - { from: open, to: doing, name: Go, guards: [{ uses: gate/even }] }
  - { from: open, to: done, name: End, guards: [{ uses: gate/title, with: { title: An item } }] }
  - { from: open, to: done, name: Never, guards: [{ type: extension, id: com.example.freeze }] }
",
    );
    let found = |ask| {
        let ways = world.possibilities(ask).into_iter();
        ways.map(|way| format!("{} {} {:?}", way.name, way.possible, way.guards)).collect::<Vec<_>>()
    };
    let end = "End true [\"gate/title\"]";
    let never = "Never false [\"com.example.freeze\"]";
    assert_eq!(found(false), ["Go true [\"gate/even\"]", end, never]);
    assert_eq!(found(true), ["Go false [\"gate/even\"]", end, never]);
}

#[test]
fn a_verdict_counts_only_for_the_question_that_was_asked() {
    let mut world = with("  - { from: open, to: done, name: Go, guards: [{ uses: gate/even }] }\n");
    world.set(json!({ "fields.n": 2 }));
    let ask = |world: &World, verdicts: &Verdicts| {
        let command = Command::Transition { wanted: Wanted::Name("Go".to_owned()), comment: None };
        world.decide(command, verdicts)
    };
    let Err(Undecided::Asks(calls)) = ask(&world, &Verdicts::new()) else { panic!("nothing is asked") };
    let mut verdicts = Verdicts::new();
    verdicts.note(calls[0].clone(), Verdict::Allow);
    assert!(ask(&world, &verdicts).is_ok());
    world.set(json!({ "fields.n": 3 }));
    assert!(matches!(ask(&world, &verdicts), Err(Undecided::Asks(again)) if again[0].item["version"] == 3));
    let other = Command::RunEnded { run: world.some_run(), failed: None };
    assert!(matches!(world.decide(other, &verdicts), Err(Undecided::Refused(Refusal::NotWaiting(_)))));
}

#[test]
fn what_a_guard_says_is_cut() {
    let mut world =
        with("  - { from: open, to: done, name: Go, guards: [{ uses: gate/title, with: { title: y } }] }\n");
    let Err(Undecided::Asks(calls)) =
        world.decide(Command::Transition { wanted: Wanted::Name("Go".to_owned()), comment: None }, &Verdicts::new())
    else {
        panic!("nothing is asked")
    };
    let mut verdicts = Verdicts::new();
    verdicts.note(calls[0].clone(), Verdict::Deny("ä".repeat(10_000)));
    let command = Command::Transition { wanted: Wanted::Name("Go".to_owned()), comment: None };
    let decision = world.decide(command, &verdicts).unwrap();
    let Event::Refused { reasons, .. } = &decision.events[0] else { panic!("{:?}", decision.events) };
    assert!(reasons[0].message.len() < 2_100, "{}", reasons[0].message.len());
    world.take("Go");
}

#[test]
fn a_transition_has_only_so_many_guards_and_none_of_them_takes_for_ever() {
    let complaints = |guards: &str| {
        let text = format!(
            "model_version: \"1.0\"\nworkflow: {{ id: w, name: W }}\n{STATES}transitions:\n  - {{ from: open, to: done, guards: [{guards}] }}\n"
        );
        let (revision, found) = crate::support::compile(&text);
        let errors = found.into_iter().filter(|found| found.severity == kiket_core::diagnostic::Severity::Error);
        (revision.is_some(), errors.map(|found| (found.code, found.message)).collect::<Vec<_>>())
    };
    assert_eq!(complaints(&vec!["{ uses: gate/even }"; 16].join(", ")), (true, vec![]));
    let (compiles, found) = complaints(&vec!["{ uses: gate/even }"; 17].join(", "));
    assert!(!compiles && found[0].1.contains("has 17 guards"), "{found:?}");
    let (compiles, found) = complaints("{ uses: gate/even, timeout: 61s }");
    assert!(!compiles && found[0].0 == kiket_core::diagnostic::Code::InvalidValue, "{found:?}");
}
