//! Workflows: every form that is accepted, and what a person reads about the rest.

use insta::assert_snapshot;
use kiket_core::Source;
use kiket_core::definition::{Approver, Definition, GuardDefinition, StateKind, WorkflowDefinition, parse};

use crate::support::{codes, complaints, read, with_transition, workflow};

fn file(rest: &str) -> String {
    format!("model_version: \"1.0\"\nworkflow: {{ id: w, name: W }}\n{rest}")
}

/// Wraps keys of a state into a workflow without complaints.
fn with_state(keys: &str) -> String {
    let keys: String = keys.lines().map(|line| format!("    {line}\n")).collect();
    file(&format!(
        "states:\n  open:\n    type: initial\n{keys}  done: {{ type: final }}\ntransitions: [{{ from: open, to: done }}]\n"
    ))
}

fn kinds(workflow: &WorkflowDefinition) -> Vec<(&str, StateKind)> {
    workflow.states.iter().map(|state| (state.id.value.as_str(), state.kind)).collect()
}

#[test]
fn states_are_a_mapping_or_a_list() {
    let expected = [("open", StateKind::Initial), ("doing", StateKind::Active), ("done", StateKind::Final)];
    let ways = "transitions:\n  - { from: open, to: doing }\n  - { from: [open, doing], to: done, name: Finish }\n";
    for states in [
        "states: { open: { type: initial }, doing: , done: { type: final } }\n",
        "states:\n  - open: { type: initial }\n  - doing\n  - done: { type: final }\n",
        "states:\n  - { id: open, type: initial }\n  - doing:\n  - { key: done, type: final }\n",
        "states: { open: { category: initial }, doing: { category: active }, done: { category: final } }\n",
        "states: { open: { type: trigger }, doing: { type: active }, done: { type: final } }\n",
    ] {
        let text = file(&format!("{states}{ways}"));
        assert_eq!(complaints(&text), "", "{states}");
        let workflow = workflow(&text);
        assert_eq!(kinds(&workflow), expected, "{states}");
        assert_eq!(workflow.initial.as_ref().map(|state| state.value.as_str()), Some("open"));
        assert_eq!(workflow.transitions[0].name.value, "doing");
        assert_eq!(workflow.transitions_from("open").count(), 2);
    }
}

#[test]
fn three_generations_are_read() {
    let short = "key: flow\nname: Flow\nstates: { open: { category: initial, label: Open, sla: { warning: 2h }, on_sla_warning: [{ notify: { channel: ops } }] }, done: { category: final } }\ntransitions: [{ from: open, to: done, approval_required: true }]\n";
    assert_eq!(codes(short), ["I0303", "W0290"]);
    let flow = workflow(short);
    assert_eq!((flow.id.value.as_str(), flow.name.as_str(), flow.states[0].label.as_str()), ("flow", "Flow", "Open"));
    assert_eq!(flow.states[0].category.as_deref(), Some("pending"));
    assert_eq!(flow.states[0].sla[0].on_warning.len(), 1);
    assert_eq!(flow.transitions[0].require_approval.len(), 1);

    let third = "model_version: \"2.0\"\nprocess: { id: p, name: P, version: 3.1.0 }\nstates: { a: { type: initial }, b: { type: final } }\ntransitions: [{ from: a, to: b }]\n";
    assert_snapshot!(complaints(third));
    let third = workflow(third);
    assert_eq!((third.id.value.as_str(), third.name.as_str(), third.version.as_str()), ("p", "P", "3.1.0"));

    let least =
        "model_version: 1.0\nstates: { a: { type: initial }, b: { type: final } }\ntransitions: [{ from: a, to: b }]\n";
    assert_eq!(complaints(least), "");
    assert_eq!(workflow(least).id.value, "w", "the name of the file");
    let (_, found) = parse(&Source::new(".kiket/workflows/My Flow.yaml", least));
    assert_eq!(found[0].message, "the name of the file, \"My Flow\", cannot be the id of a workflow");
}

#[test]
fn the_kind_of_a_file_is_its_root_key_and_then_its_path() {
    let body = "model_version: \"1.0\"\nstates: { a: { type: initial }, b: { type: final } }\ntransitions: [{ from: a, to: b }]\n";
    let is_workflow = |path: &str, text: &str| {
        matches!(parse(&Source::new(format!(".kiket/{path}"), text)).0, Some(Definition::Workflow(_)))
    };
    assert!(is_workflow("workflows/a.yaml", body));
    assert!(is_workflow("workflows/a.yml", body));
    assert!(is_workflow("elsewhere.yaml", &format!("workflow: {{ id: w }}\n{body}")));
    assert!(!is_workflow("workflows/a/automation_recipes/b.yaml", "model_version: \"1.0\"\nrecipe: { key: b }\n"));
    assert!(!is_workflow("workflows/a/capacity.yml", "limit: 3\n"));
    assert!(!is_workflow("boards/b.yaml", "key: b\nworkflow: w\n"));
}

#[test]
fn a_state_keeps_all_that_it_says() {
    let text = with_state(
        "category: review\nmetadata: { label: Open, color: info, icon: \"📥\", description: New, shape: round }\nwip_limit: 3\nsla: { warning: 2h, breach: P1D, business_hours: true, pause_on_state: true }\napproval: { required: 2, approvers: [{ role: lead }, { user: ada }, { type: user, identifier: bob }, qa], conditions: [{ field: priority, equals: high }] }\non_exit: [{ comment: bye }]",
    );
    assert_eq!(codes(&text), ["I0302", "W0290", "W0290"]);
    let open = workflow(&text).states.remove(0);
    assert_eq!((open.label.as_str(), open.color.as_deref(), open.icon.as_deref()), ("Open", Some("info"), Some("📥")));
    assert_eq!((open.wip_limit, open.sla[0].breach.map(|breach| breach.as_secs())), (Some(3), Some(86_400)));
    assert!(open.sla[0].business_hours && open.sla[0].paused && open.sla[0].condition.is_always());
    let approval = open.approval.expect("it has one");
    let approvers: Vec<&Approver> = approval.approvers.iter().map(|approver| &approver.value).collect();
    assert_eq!(approval.required, 2);
    assert_eq!(
        approvers,
        [
            &Approver::Role("lead".to_owned()),
            &Approver::User("ada".to_owned()),
            &Approver::User("bob".to_owned()),
            &Approver::Role("qa".to_owned()),
        ]
    );
    assert_eq!(open.on_exit.len(), 1);
}

#[test]
fn a_transition_takes_our_keys_beside_kikets() {
    let text = with_transition(
        "name: Ship\nmetadata: { requires_fields: [version_tag], rejection: true }\nwhen: \"item.fields.risk != 'high' && actor.id != ''\"\nguards: [{ uses: freeze-calendar, with: { calendar: ops } }, { type: extension, id: com.example.check }]\nrequire_approval: [{ assignment: { type: role, identifier: sre }, metadata: { message: \"Ship ${title}?\", urgency: critical } }]\nwait: true\non_failure: [{ comment: failed }]",
    );
    assert_eq!(codes(&text), ["W0211"]);
    let ship = workflow(&text).transitions.remove(0);
    assert!(ship.rejection && ship.wait && ship.when.is_some() && ship.is_guarded());
    assert_eq!((ship.requires_fields[0].value.as_str(), ship.name.value.as_str()), ("version_tag", "Ship"));
    assert!(matches!(&ship.guards[0], GuardDefinition::Uses(call) if call.uses.value == "freeze-calendar"));
    assert!(matches!(&ship.guards[1], GuardDefinition::Extension { id } if id.value == "com.example.check"));
    let asked = &ship.require_approval[0];
    assert_eq!(asked.approver.as_ref().map(|approver| &approver.value), Some(&Approver::Role("sre".to_owned())));
    assert_eq!(asked.urgency.as_deref(), Some("critical"));
    assert_eq!(ship.on_failure.len(), 1);
}

#[test]
fn states_that_do_not_exist_are_errors_with_a_guess() {
    assert_snapshot!(complaints(
        "model_version: \"1.0\"\nworkflow: { id: w, initial_state: opne }\nstates: { open: { type: initial }, done: { type: final } }\ntransitions:\n  - { from: open, to: doen, name: Finish }\n  - { from: [open, nowhere], to: done }\n"
    ));
}

#[test]
fn what_leaves_the_machine_without_meaning_is_an_error() {
    let cases = [
        ("states: 3\ntransitions: []\n", vec!["E0102"]),
        ("states: { a: { type: initial } }\ntransitions: { a: b }\n", vec!["W0205", "E0102"]),
        ("states: { a: 3, b: { type: final } }\ntransitions: [{ from: a, to: b }]\n", vec!["W0204", "E0102"]),
        ("states: {}\ntransitions: []\n", vec!["E0103"]),
        ("transitions: []\n", vec!["E0103"]),
        ("states: [a, a]\ntransitions: [{ from: a, to: a }]\n", vec!["W0204", "E0107", "W0205"]),
    ];
    for (rest, expected) in cases {
        assert_eq!(codes(&file(rest)), expected, "{rest}");
    }
    for (keys, expected) in [
        ("sla: { warning: soon }", vec!["W0290", "E0108"]),
        ("sla: { breach: 4h, business_hours: daily }", vec!["W0290", "E0102"]),
        ("approval: { required: two }", vec!["E0102"]),
        ("approval: { approvers: lead }", vec!["E0102"]),
        ("wip_limit: 0", vec!["W0290", "E0108"]),
        ("category: 3", vec![]),
    ] {
        assert_eq!(codes(&with_state(keys)), expected, "{keys}");
    }
    assert_eq!(
        codes(&file(
            "states: { a: { type: initial }, b: { type: final } }\ntransitions: [{ from: a, to: b }, { to: b }, { from: a }]\n"
        )),
        ["E0103", "E0103"]
    );
}

#[test]
fn every_warning_about_the_graph_says_what_to_do() {
    assert_snapshot!(complaints(&file(
        "states:
  open: { type: initial }
  doing: { type: active, checklist: { id: qa, items: [One] } }
  stuck: {}
  island: { type: gateway }
  far: { type: active }
  done: { type: final }
transitions:
  - { from: open, to: doing }
  - { from: open, to: stuck, name: Park }
  - { from: open, to: stuck, name: Drop }
  - { from: open, to: done, name: Park }
  - { from: doing, to: done, conditions: [{ checklist: quality }] }
  - { from: done, to: open, name: Reopen }
  - { from: island, to: far }
  - { from: far, to: island }
"
    )));
    assert_snapshot!(complaints(&file(
        "states: [open, done]\ntransitions: [{ from: open, to: done }, { from: done, to: open }]\n"
    )));
}

#[test]
fn transitions_that_something_tells_apart_do_not_overlap() {
    let text = |first: &str, second: &str| {
        file(&format!(
            "states: {{ a: {{ type: initial }}, b: {{ type: active }}, c: {{ type: final }} }}\ntransitions:\n  - {{ from: a, to: b, name: Go{first} }}\n  - {{ from: a, to: c, name: Go{second} }}\n  - {{ from: b, to: c }}\n"
        ))
    };
    let none = Vec::<&str>::new();
    assert_eq!(codes(&text("", "")), ["W0208"]);
    assert_eq!(codes(&text("", ", when: \"true\"")), ["W0208"], "the second one is never taken");
    assert_eq!(codes(&text(", when: \"item.state == 'a'\"", "")), none);
    assert_eq!(codes(&text(", conditions: { field: x, gt: 3 }", "")), none);
    assert_eq!(codes(&text(", requires_fields: [x]", "")), none);
    assert_eq!(codes(&text(", guards: { uses: ask }", "")), none);
}

#[test]
fn words_that_nobody_knows_are_warned_of() {
    assert_snapshot!(complaints(
        &with_state("type: loop\nchecklist: { id: c, required_mode: most, items: [{ id: a, check_type: psychic }] }")
            .replace("    type: initial\n", "")
    ));
}

#[test]
fn an_approval_that_names_nobody_is_not_one_that_everybody_can_give() {
    let text = with_transition(
        "approval_chain: { chain: [{ level: 1, assignments: [{ kind: role }, { type: workflow, identifier: x }] }] }",
    );
    assert_eq!(codes(&text), ["W0210", "I0302", "W0290"]);
    let chain = workflow(&text).transitions.remove(0).approval_chain.expect("it has one");
    let approvers: Vec<&Approver> =
        chain.levels[0].groups[0].approvers.iter().map(|approver| &approver.value).collect();
    assert_eq!(approvers, [&Approver::Role(String::new()), &Approver::Role("x".to_owned())]);
}

#[test]
fn a_workflow_has_bounds() {
    let states: String = (0..201).map(|state| format!("s{state}, ")).collect();
    let (workflow, found) = read(&file(&format!("states: [{states}]\ntransitions: []\n")));
    assert_eq!(workflow, None);
    assert_eq!(found[0].message, "201 states, and a workflow has at most 200");
}
