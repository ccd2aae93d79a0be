//! What happens to an item: commands in, events out, in the stated order.

use insta::assert_snapshot;
use kiket_core::item::{Command, Item, Refusal, Wanted};
use kiket_core::{RunId, Timestamp};
use serde_json::json;

use crate::support::World;

const THREE: &str = "
states:
  open: { type: initial }
  doing: { type: active }
  done: { type: final }
";

#[test]
fn everything_of_a_transition_happens_in_the_stated_order() {
    let mut world = World::start(
        "
states:
  open:
    type: initial
    on_enter: [{ action: add_label, label: fresh }]
    on_exit: [{ action: comment, body: 'leaves ${from_state} for ${to_status}' }, { uses: work }]
  doing:
    type: active
    on_enter: [{ action: set_field, field: started, value: '{{now}}' }, { action: notify, message: 'go' }]
transitions:
  - from: open
    to: doing
    name: Go
    actions: [{ uses: work }, { action: set_priority, value: high }]
    on_success: [{ action: assign, to: reporter }, { uses: work }]
",
    );
    world.take("Go");
    assert_snapshot!(world.story());
    assert_eq!(world.item.assignee.as_deref(), Some("ada"));
    let start = &world.starts[0];
    assert_eq!(start.inputs["steps"]["on_enter.1"]["message"], "go");
    assert_eq!(start.item["state"], "doing");
}

#[test]
fn a_transition_that_waits_changes_the_state_when_its_actions_have_succeeded() {
    let workflow = format!(
        "{THREE}transitions:
  - {{ from: open, to: doing, name: Go, wait: true, actions: [{{ uses: work }}], on_success: [{{ action: add_label, label: gone }}], on_failure: [{{ action: add_label, label: failed }}, {{ uses: work }}] }}
"
    );
    let mut world = World::start(&workflow);
    world.take("Go");
    assert_eq!((world.item.state.as_str(), world.item.pending.is_some()), ("open", true));
    // Nothing else happens meanwhile.
    world.take("Go");
    world.end_run(None).unwrap();
    assert_eq!(world.item.state, "doing");
    assert_snapshot!(world.story());

    let mut world = World::start(&workflow);
    world.take("Go");
    world.end_run(Some("work failed: no luck")).unwrap();
    assert_eq!((world.item.state.as_str(), world.item.pending.is_some()), ("open", false));
    assert_snapshot!(world.story());
    let other = RunId::new(ulid::Ulid::nil());
    assert_eq!(world.ask(Command::RunEnded { run: other, failed: None }).unwrap_err(), Refusal::NotWaiting(other));
}

#[test]
fn a_refusal_names_every_reason() {
    let mut world = World::start(&format!(
        "{THREE}transitions:
  - from: open
    to: doing
    name: Go
    metadata: {{ requires_fields: [root_cause, assignee] }}
    conditions: [{{ field: priority, operator: in, value: [high, critical] }}]
    when: \"item.labels.exists(label, label == 'ready')\"
    guards: [{{ type: extension, id: com.example.freeze }}]
    require_approval: [{{ assignment: {{ type: role, identifier: lead }} }}]
"
    ));
    let before = world.item.version;
    world.take("Go");
    world.take("Fly");
    world.ask(Command::Transition { wanted: Wanted::To("done".to_owned()), comment: None }).unwrap();
    assert_eq!(world.item.version, before);
    assert_snapshot!(world.story());
}

#[test]
fn of_several_ways_to_a_state_the_first_open_one_is_taken() {
    let mut world = World::start(&format!(
        "{THREE}transitions:
  - {{ from: open, to: done, name: Fast, conditions: [{{ field: priority, equals: low }}] }}
  - {{ from: [open, doing], to: done, name: Slow }}
"
    ));
    world.ask(Command::Transition { wanted: Wanted::To("done".to_owned()), comment: None }).unwrap();
    assert_snapshot!(world.story());
}

#[test]
fn actions_ask_for_transitions_and_do_not_go_round_for_ever() {
    let mut world = World::start(
        "
states:
  open: { type: initial }
  ping: { type: active, on_enter: [{ action: transition, to: pong }] }
  pong: { type: active, on_enter: [{ action: set_field, field: status, value: ping }] }
transitions:
  - { from: open, to: ping, name: Go }
  - { from: ping, to: pong, name: There }
  - { from: pong, to: ping, name: Back }
",
    );
    world.take("Go");
    assert_snapshot!(world.story());
}

#[test]
fn checklists_gate_only_the_transitions_that_name_them() {
    let workflow = "
states:
  open: { type: initial }
  testing:
    type: active
    checklist:
      id: checks
      title: Checks
      items:
        - { id: unit, label: Unit tests, check_type: auto, condition: { field: custom_fields.ci, equals: passed } }
        - { id: hand, label: By hand, check_type: manual, required: true }
        - { id: nice, label: Nice to have, check_type: manual, required: false }
  done: { type: final }
transitions:
  - { from: open, to: testing, name: Test }
  - { from: testing, to: open, name: Back }
  - { from: testing, to: done, name: Finish, conditions: [{ checklist: checks, complete: true }] }
";
    let mut world = World::start(workflow);
    world.take("Test");
    world.take("Finish");
    world.set(json!({ "fields.ci": "passed" }));
    world.take("Finish");
    world.set(json!({ "checked.checks": ["hand"] }));
    world.take("Finish");
    assert_eq!(world.item.state, "done");
    assert_snapshot!(world.story());
}

#[test]
fn types_say_what_an_item_can_hold() {
    let types = "
  - key: bug
    fields:
      - { key: severity, label: Severity, type: select, required: true, options: [low, high] }
      - { key: count, type: number, default: 1 }
      - { key: seen_at, type: datetime, readonly: true }
";
    let mut world = World::of(&format!("{THREE}transitions: []"), types);
    let refused = world.create("bug", json!({ "fields.severity": "huge", "title": " " })).unwrap_err();
    let Refusal::Values(reasons) = refused else { panic!("{refused:?}") };
    assert_snapshot!(reasons.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join("\n"));
    world.create("bug", json!({ "title": "A bug", "fields.severity": "high" })).unwrap();
    assert_eq!(world.item.fields["count"], json!(1));
    let values = json!({ "fields.seen_at": "2026-01-01T00:00:00Z", "colour": "red", "labels": "x", "priority": 3 });
    let refused = world.ask(Command::Update { values: crate::support::object(values) }).unwrap_err();
    let Refusal::Values(reasons) = refused else { panic!("{refused:?}") };
    assert_snapshot!(reasons.iter().map(|(name, why)| format!("{name}: {why}")).collect::<Vec<_>>().join("\n"));
}

#[test]
fn fields_that_people_may_not_fill_in_are_not_asked_of_them() {
    let types = "
  - key: bug
    fields:
      - { key: score, type: number, readonly: true, default: 7 }
      - { key: seen, type: text, readonly: true, required: true }
";
    let mut world = World::of(&format!("{THREE}transitions: []"), types);
    assert!(world.create("bug", json!({ "title": "A bug", "fields.score": 8 })).is_err());
    world.create("bug", json!({ "title": "A bug" })).unwrap();
    assert_eq!(world.item.fields["score"], json!(7));
}

#[test]
fn an_item_has_only_so_many_fields() {
    let mut world = World::start(&format!("{THREE}transitions: []"));
    let values = |from: usize| (from..from + 300).map(|index| (format!("fields.f{index}"), json!(index))).collect();
    world.ask(Command::Update { values: values(0) }).unwrap();
    let refused = world.ask(Command::Update { values: values(300) }).unwrap_err();
    assert!(matches!(&refused, Refusal::Values(reasons) if reasons[0].0 == "fields"), "{refused:?}");
    world.ask(Command::Update { values: values(100) }).unwrap();
}

#[test]
fn actions_of_a_mapping_are_stages_of_their_own_whatever_they_are_called() {
    let world = World::start(
        "
states:
  open: { type: initial, on_exit: [{ action: notify, message: bye }] }
  done: { type: final }
transitions:
  - from: open
    to: done
    name: Go
    actions:
      on_exit_0: { uses: work }
      step_lint: { uses: work }
      note: { action: add_label, label: linted, needs: [step_lint] }
      last: { uses: work, needs: [note] }
",
    );
    let plan = world.revision.plan("w/open/Go/after").unwrap();
    let line = |position: usize| {
        let needs: Vec<&str> = plan.needs(position).map(|need| plan.stage(need).id.as_str()).collect();
        format!("{} after {needs:?}", plan.stage(position).id)
    };
    let mut lines: Vec<String> = (0..plan.len()).map(line).collect();
    lines.sort();
    assert_eq!(
        lines,
        [
            "last after [\"step_lint\"]",
            "on_exit.0 after []",
            "on_exit_0 after [\"on_exit.0\"]",
            "step_lint after [\"on_exit.0\"]",
        ]
    );
}

#[test]
fn what_changes_nothing_is_no_event() {
    let mut world = World::start(&format!("{THREE}transitions: []"));
    world.set(json!({ "title": "An item", "labels": [], "assignee": null }));
    assert_eq!(world.events.len(), 1);
    world.set(json!({ "labels": ["b", "a", "b"], "fields.x": { "deep": [1] } }));
    world.set(json!({ "fields.x": null, "labels": ["a", "b"] }));
    assert_snapshot!(world.story());
}

#[test]
fn an_item_without_its_workflow_stops_waiting() {
    let mut world = World::start(&format!(
        "{THREE}transitions: [{{ from: open, to: doing, name: Go, wait: true, actions: [{{ uses: work }}] }}]"
    ));
    world.take("Go");
    let run = world.starts[0].run;
    let events = world.item.abandon(run, "workflow \"w\" is gone");
    events.iter().for_each(|event| world.item.apply(event, Timestamp::from_millis(9)));
    assert!(world.item.pending.is_none());
    assert_eq!(world.item.abandon(run, "again"), []);
}

#[test]
fn the_state_survives_the_round_trip_through_json() {
    let mut world = World::start(&format!("{THREE}transitions: [{{ from: open, to: doing, name: Go }}]"));
    world.set(json!({ "labels": ["a"], "fields.n": 1, "checked.c": ["x"], "watchers": ["eve"] }));
    world.take("Go");
    world.take("Nowhere");
    let stored = serde_json::to_string(&world.item).unwrap();
    assert_eq!(serde_json::from_str::<Item>(&stored).unwrap(), world.item);
    for event in &world.events {
        let stored = serde_json::to_string(event).unwrap();
        assert!(stored.starts_with(&format!("{{\"kind\":\"{}\"", event.kind())), "{stored}");
        assert_eq!(serde_json::from_str::<kiket_core::item::Event>(&stored).unwrap(), *event);
    }
}
