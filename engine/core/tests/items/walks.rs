//! Random walks of items over random workflows: whatever is asked, an item is in a state of its workflow, got there by
//! a transition that nothing spoke against and all guards allowed, and is the fold of its events.

use kiket_core::Timestamp;
use kiket_core::item::{Command, Event, Item, Verdict, Wanted};
use proptest::prelude::*;
use serde_json::json;

use crate::support::World;

/// A transition between states of a random workflow, and what it asks for.
#[derive(Debug, Clone)]
struct Way {
    from: usize,
    to: usize,
    condition: u8,
    required: bool,
    when: u8,
    wait: bool,
    guards: u8,
    follows: Option<usize>,
}

fn text(states: usize, ways: &[Way]) -> String {
    let mut text = "states:\n".to_owned();
    for state in 0..states {
        let kind = ["initial", "active", "gateway", "final"][if state == 0 { 0 } else { 1 + state % 3 }];
        text += &format!(
            "  s{state}: {{ type: {kind}, on_enter: [{{ action: set_field, field: visited, value: s{state} }}] }}\n"
        );
    }
    text += "transitions:\n";
    for (index, way) in ways.iter().enumerate() {
        let condition = [
            "",
            ", conditions: [{ field: n, operator: '>', value: 1 }]",
            ", conditions: [{ any: [{ field: n, equals: 0 }, { field: labels, operator: contains, value: go }] }]",
        ];
        let when = ["", ", when: 'item.fields.n < 3'", ", when: \"item.title != ''\""];
        let (from, to) = (way.from % states, way.to % states);
        let required = if way.required { ", metadata: { requires_fields: [note] }" } else { "" };
        let wait = if way.wait { ", wait: true, actions: [{ uses: work }]" } else { "" };
        let guards = [
            "",
            ", guards: [{ uses: gate/even }]",
            ", guards: [{ uses: gate/even }, { uses: gate/title, with: { title: '${{ item.title }}' } }]",
            ", guards: [{ uses: gate/broken }]",
        ];
        let guards = if way.guards < 128 { "" } else { guards[usize::from(way.guards % 4)] };
        let follows = way
            .follows
            .map(|to| format!(", on_success: [{{ action: transition, to: s{} }}]", to % states))
            .unwrap_or_default();
        text += &format!(
            "  - {{ from: s{from}, to: s{to}, name: t{index}{}{required}{}{guards}{wait}{follows} }}\n",
            condition[usize::from(way.condition % 3)],
            when[usize::from(way.when % 3)],
        );
    }
    text
}

fn way() -> impl Strategy<Value = Way> {
    (
        0_usize..6,
        0_usize..6,
        any::<u8>(),
        any::<bool>(),
        any::<u8>(),
        prop::bool::weighted(0.3),
        any::<u8>(),
        prop::option::weighted(0.3, 0_usize..6),
    )
        .prop_map(|(from, to, condition, required, when, wait, guards, follows)| Way {
            from,
            to,
            condition,
            required,
            when,
            wait,
            guards,
            follows,
        })
}

/// Does one of the things that can be done, chosen by a number.
fn act(world: &mut World, choice: usize, ways: usize) {
    match choice % 7 {
        0 => world.set(json!({ "fields.n": choice % 5 })),
        1 => world.set(json!({ "fields.note": if choice.is_multiple_of(2) { json!("text") } else { json!(null) } })),
        2 => world.set(json!({ "labels": if choice.is_multiple_of(2) { json!(["go"]) } else { json!([]) } })),
        3 if world.item.pending.is_some() => {
            let pending = world.item.pending.clone().expect("it waits");
            let failed = choice.is_multiple_of(3).then(|| "no luck".to_owned());
            world.ask(Command::RunEnded { run: pending.run, failed }).expect("it waits for that run");
        }
        4 => {
            let to = Wanted::To(format!("s{}", choice % 6));
            world.ask(Command::Transition { wanted: to, comment: None }).expect("it is decided");
        }
        _ => drop(world.take(&format!("t{}", choice / 7 % ways.max(1)))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_item_is_always_where_its_workflow_let_it_go(
        states in 2_usize..6,
        ways in prop::collection::vec(way(), 1..10),
        choices in prop::collection::vec(any::<u16>(), 1..60),
    ) {
        let mut world = World::of(&text(states, &ways), "");
        world.create("task", json!({ "title": "An item", "fields.n": 0 })).expect("it can be created");
        for choice in choices {
            let before = world.item.clone();
            let told = world.events.len();
            let starts = world.starts.len();
            let asked = world.asked.len();
            act(&mut world, usize::from(choice), ways.len());
            // Every change of state goes along a transition of the file, from where the item was.
            let mut at = before.state.clone();
            for event in &world.events[told..] {
                if let Event::Transitioned { from, to, transition, .. } = event {
                    prop_assert_eq!(from, &at);
                    let way = world.machine.transitions_from(from).find(|way| way.name == *transition);
                    prop_assert_eq!(way.map(|way| way.to.as_str()), Some(to.as_str()));
                    at.clone_from(to);
                }
            }
            prop_assert_eq!(&at, &world.item.state);
            // Every guard of a transition that is taken was asked about the item as it was just then, and allowed it.
            let mut item = before.clone();
            for event in &world.events[told..] {
                let taken = match event {
                    Event::Transitioned { transition, from, to, .. } if before.pending.is_none() || item.state != before.state => {
                        Some((transition, from, to))
                    }
                    Event::Waiting { pending, from } => Some((&pending.transition, from, &pending.to)),
                    _ => None,
                };
                if let Some((name, from, to)) = taken {
                    let way = world.machine.transitions_from(from).find(|way| way.name == *name).expect("it is there");
                    for guard in &way.guards {
                        let allowed = world.asked[asked..].iter().any(|(call, verdict)| {
                            call.uses == guard.uses
                                && (&call.transition, &call.from, &call.to) == (name, from, to)
                                && call.item["version"] == item.version
                                && *verdict == Verdict::Allow
                        });
                        prop_assert!(allowed, "{} was not asked about {name}, or did not allow it", guard.uses);
                    }
                }
                item.apply(event, Timestamp::from_millis(0));
            }
            prop_assert!(world.machine.state(&world.item.state).is_some());
            // It waits for exactly the run that was asked for last and is waited for.
            let waited = world.starts[starts..].iter().rfind(|start| start.waits);
            if let Some(start) = waited {
                prop_assert_eq!(world.item.pending.as_ref().map(|pending| pending.run), Some(start.run));
            }
            for start in &world.starts[starts..] {
                prop_assert!(world.revision.plan(&start.plan).is_some(), "no plan {}", start.plan);
            }
            let mut ids: Vec<_> = world.starts[starts..].iter().map(|start| start.run).collect();
            ids.dedup();
            prop_assert_eq!(ids.len(), world.starts.len() - starts);
            // What was only refused changes nothing.
            if world.events[told..].iter().all(|event| matches!(event, Event::Refused { .. })) && before.pending.is_none() {
                prop_assert_eq!(&world.item, &before);
            }
        }
        let mut fold = Item::default();
        for (index, event) in world.events.iter().enumerate() {
            let stored = serde_json::to_string(event).expect("an event is JSON");
            let event: Event = serde_json::from_str(&stored).expect("and back");
            fold.apply(&event, Timestamp::from_millis(i64::try_from(index).expect("few events")));
        }
        prop_assert_eq!((&fold.state, &fold.fields, &fold.labels, fold.version), (&world.item.state, &world.item.fields, &world.item.labels, world.item.version));
        // What the item says is possible is possible, and the rest is not.
        let open = world.item.pending.is_none();
        for way in world.possibilities(true) {
            let mut copy = world.copy();
            let refused = copy.take(&way.name).events.first().is_some_and(|event| matches!(event, Event::Refused { .. }));
            prop_assert_eq!(way.possible && open, !refused, "{} of\n{:#?}", way.name, world.item);
        }
    }
}
