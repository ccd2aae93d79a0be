//! What happens on the way: Kiket's actions in all their forms, and stages of ours.

use insta::assert_snapshot;
use kiket_core::definition::{KiketAction, NoticeLevel, Person};

use crate::support::{action, actions, codes, complaints, with_actions, with_transition, workflow};

#[test]
fn one_action_has_many_forms() {
    for text in [
        "- { action: transition, to: closed }",
        "- { type: transition, to: closed }",
        "- transition: { to: closed }",
        "- transition: closed",
        "- { action: set_field, field: status, value: closed }",
        "- { action: set_field, field: case.status, value: closed }",
    ] {
        match action(text) {
            KiketAction::Transition { to } => assert_eq!(to.as_literal(), Some("closed"), "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn commands_of_the_item_are_told_apart() {
    let text = r#"
- { action: set_field, field: custom_fields.escalated, value: true }
- { type: set_priority, value: critical }
- { type: assign, to: oncall, field: custom_fields.commander }
- { type: assign, to: current_assignee, fallback: team_lead }
- { type: add_label, label: fast-track }
- { type: remove_label, labels: [a, b] }
- { type: add_watcher, roles: [support_lead], user: reporter }
- { type: add_comment, body: "Hello" }"#;
    let found: Vec<String> = actions(text)
        .iter()
        .map(|action| match &action.kiket().expect("it is one of Kiket's").action {
            KiketAction::SetField { field, value } => format!("{} := {value:?}", field.value),
            KiketAction::SetPriority { value } => format!("priority {:?}", value.as_literal()),
            KiketAction::Assign { to, field, fallback } => {
                format!(
                    "assign {} into {:?} or {}",
                    who(Some(to)),
                    field.as_ref().map(|field| &field.value),
                    who(fallback.as_ref())
                )
            }
            KiketAction::AddLabel { labels } => format!("add {}", labels.len()),
            KiketAction::RemoveLabel { labels } => format!("remove {}", labels.len()),
            KiketAction::AddWatcher { users, roles } => format!("watch {} {}", who(users.first()), roles[0].value),
            KiketAction::Comment { body } => format!("comment {:?}", body.as_literal()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_snapshot!(found.join("\n"));
}

fn who(person: Option<&Person>) -> String {
    match person {
        None => "nobody".to_owned(),
        Some(Person::Named(message)) => format!("\"{}\"", message.as_literal().unwrap_or("…")),
        Some(Person::Role(role)) => format!("role {}", role.value),
        Some(Person::Field(path)) => format!("field {}", path.value),
    }
}

#[test]
fn people_are_told_by_user_role_and_field() {
    let cases = [
        ("{ user: assignee, roles: [lead, oncall] }", "field assignee, role lead, role oncall"),
        ("{ user: custom_fields.commander }", "field fields.commander"),
        ("{ user: ada }", "\"ada\""),
        ("{ fields: [reporter, custom_fields.customer_email] }", "field reporter, field fields.customer_email"),
        ("[{ role: engineering }, { user: bob }, eve]", "role engineering, \"bob\", \"eve\""),
        ("[\"{{case.assignee}}\"]", "\"…\""),
    ];
    for (recipients, expected) in cases {
        let KiketAction::Notify { recipients, level, .. } =
            action(&format!("- {{ action: notify, message: Hi, level: critical, recipients: {recipients} }}"))
        else {
            panic!("it is a notice")
        };
        let shown: Vec<String> = recipients.iter().map(|person| who(Some(person))).collect();
        assert_eq!((shown.join(", ").as_str(), level), (expected, NoticeLevel::Critical));
    }
    let sent = "- { action: notification.send, channels: [slack, email], template: release.deployed }";
    let KiketAction::Notify { channels, template, level, message, .. } = action(sent) else { panic!("it is a notice") };
    assert_eq!((channels.len(), template.as_deref(), level), (2, Some("release.deployed"), NoticeLevel::Info));
    assert_eq!(message, None);
}

#[test]
fn what_is_not_done_is_said_and_kept() {
    let text = with_actions(
        r#"- { action: ai_analyze, agent: ai.support.categorize, store_result_in: custom_fields.category }
- { action: extension.invoke, extension: com.kiket.changelog }
- ext:github
- { action: create_child_case, case_type: Postmortem, title: "x" }
- { action: notfy, message: x }
- { action: webhook, method: GET }
- { message: x, level: info }
- { action: notify, message: x, level: loud, colour: red }"#,
    );
    assert_snapshot!(complaints(&text));
    let actions = workflow(&text).states.remove(1).on_enter;
    let what: Vec<String> =
        actions.iter().filter_map(|action| action.kiket()).map(|action| format!("{:?}", action.action)).collect();
    assert_eq!(what.len(), 8);
    assert_eq!(
        what[..5],
        [
            "NotInstalled { what: \"agent \\\"ai.support.categorize\\\"\" }",
            "NotInstalled { what: \"extension \\\"com.kiket.changelog\\\"\" }",
            "NotInstalled { what: \"extension \\\"github\\\"\" }",
            "Later { name: \"create_child_issue\" }",
            "Unknown { name: \"notfy\", reason: \"\\\"notfy\\\" is not an action\" }",
        ]
    );
    assert_eq!(
        actions[0].kiket().and_then(|action| action.node.get("store_result_in")?.as_str()),
        Some("custom_fields.category")
    );
}

#[test]
fn every_known_action_is_known() {
    let later = [
        "auto_assign",
        "spawn_issue",
        "spawn_case",
        "create_child_issue",
        "create_child_item",
        "spawn_form",
        "schedule_reminder",
        "request_approval",
        "escalate_approval",
        "modify_approval_chain",
        "anchor_data",
        "blockchain_anchor",
        "workflow_call",
    ];
    for name in later {
        assert_eq!(codes(&with_actions(&format!("- action: {name}"))), ["W0290"], "{name}");
    }
    for name in ["ai_analyze", "ai_suggest", "ai_generate", "ai_action"] {
        assert_eq!(codes(&with_actions(&format!("- action: {name}"))), ["W0211"], "{name}");
    }
}

#[test]
fn a_list_is_done_in_order_and_a_mapping_is_a_graph() {
    let list = workflow(&with_transition(
        "actions:\n  - { uses: build, with: { app: shop } }\n  - { action: comment, body: built }",
    ));
    let actions = &list.transitions[0].actions;
    assert!(actions.in_order);
    let ids: Vec<&str> = actions.actions.iter().map(|(id, _)| id.value.as_str()).collect();
    assert_eq!(ids, ["step_0", "step_1"]);
    assert_eq!(actions.actions[0].1.stage().map(|stage| stage.id.value.as_str()), Some("step_0"));

    let text = "wait: true\nactions:\n  build: { uses: build }\n  tell: { action: notify, message: x, needs: [build] }\n  ship: { uses: deploy, needs: build, with: { digest: \"${{ stages.build.outputs.digest }}\", to: \"${{ item.state }}\" } }";
    let graph = workflow(&with_transition(text));
    let transition = &graph.transitions[0];
    assert!(transition.wait && !transition.actions.in_order);
    let ids: Vec<&str> = transition.actions.actions.iter().map(|(id, _)| id.value.as_str()).collect();
    assert_eq!(ids, ["build", "tell", "ship"]);
    assert_eq!(transition.actions.actions[1].1.kiket().expect("it is Kiket's").needs[0].value, "build");
    assert_eq!(transition.actions.actions[2].1.stage().expect("it is ours").needs[0].value, "build");
    assert_eq!(graph.calls().map(|call| call.uses.value.as_str()).collect::<Vec<_>>(), ["build", "deploy"]);
}

#[test]
fn one_action_alone_needs_no_list() {
    for text in ["actions: { uses: build }", "actions: { action: comment, body: x }", "actions: anchor_data"] {
        let actions = workflow(&with_transition(text)).transitions.remove(0).actions;
        assert!(actions.in_order && actions.actions.len() == 1, "{text}");
    }
    assert!(workflow(&with_transition("name: Go")).transitions[0].actions.is_empty());
}

#[test]
fn stages_in_a_workflow_are_held_to_their_shape() {
    let text = with_transition(
        "actions:\n  - { uses: build, wiht: {} }\n  - { uses: build, when: \"inputs.x\" }\n  - { uses: build, env: { A: \"${{ stages.step_9.outputs }}\" } }\n  - 3\nguards: [{ uses: freeze, with: { at: \"${{ item.stat }}\" } }]\nwhen: \"itme.state == 'x'\"",
    );
    assert_snapshot!(complaints(&text));
    assert_snapshot!(complaints(&with_transition(
        "actions:\n  Build: { uses: build }\n  tell: { needs: [build] }\n  odd: text"
    )));
}
