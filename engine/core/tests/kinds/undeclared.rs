//! What one file names and no other declares: once for a name and a file, at the place, with what was meant.

use insta::assert_snapshot;
use kiket_core::catalog::Catalog;
use kiket_core::revision::compile;

use crate::support::{source, undeclared};

const PROJECT: (&str, &str) = (
    "project.yaml",
    "model_version: \"1.0\"\nproject:\n  key: A\n  team: { roles: [qa_lead, dev], members: [ada] }\n  env: [KNOWN]\n",
);
const WORKFLOW: (&str, &str) = (
    "workflows/flow.yaml",
    "model_version: \"1.0\"\nworkflow: { id: flow, name: Flow }\nstates: { open: { type: initial }, closed: { type: final } }\ntransitions: [{ from: open, to: closed, name: Close }]\n",
);
const TYPES: (&str, &str) = ("item_types.yaml", "model_version: \"1.0\"\nitem_types: [{ key: Bug, workflow: flow }]\n");

#[test]
fn nothing_is_said_about_what_is_declared() {
    let automation = r#"
automations:
  - id: a
    trigger: { event: item.created, conditions: [{ field: type, equals: bug }, { field: item.status, in: [Open, closed] }] }
    query: { case_types: [Bug], status: open }
    actions:
      - { type: notify, recipients: { roles: [dev] }, message: "${env.KNOWN} {{ item.title }}" }
      - { type: assign, to: ada, fallback: "{{ item.reporter }}" }
      - { type: assign, to: custom_fields.owner, fallback: current_assignee }
      - { type: transition, to: Close }
      - { type: set_field, field: status, value: closed }
      - { type: webhook, body: { role: nobody, agent: none, workflow: none, case_type: none } }
      - { type: create_child_issue, case_type: Bug, fields: { role: nobody } }
"#;
    let board = "board: { workflow: flow }\ncolumns: [{ key: open }, { key: done, states: [closed] }]\n";
    let files = [PROJECT, WORKFLOW, TYPES, ("automations/a.yaml", automation), ("boards/b.yaml", board)];
    assert_eq!(undeclared(&files), "");
}

#[test]
fn each_name_is_said_once_in_each_file() {
    let automation = r#"
automations:
  - id: a
    trigger: { event: item.created, conditions: [{ field: issue_type, equals: Bag }] }
    query: { case_types: [Bag], status: opne }
    actions:
      - { type: notify, recipients: { roles: [qa_laed, ops], user: assignee }, message: "${env.HOOK} ${env.HOOK}" }
      - { type: add_watcher, roles: [ops] }
      - { type: assign, to: ops, fallback: eve }
      - { type: auto_assign, team: core }
      - { type: webhook, url: "https://example.com/{{ secrets.TOKEN }}" }
      - assign: { to: eve }
      - assign: mallory
      - { type: transition, to: clsoed }
      - { type: set_field, field: status, value: clsoed }
"#;
    let files = [
        PROJECT,
        WORKFLOW,
        TYPES,
        ("automations/a.yaml", automation),
        (
            "automations/b.yaml",
            "automations: [{ id: b, trigger: x, actions: [{ type: notify, recipients: [{ role: ops }] }] }]\n",
        ),
    ];
    assert_snapshot!(undeclared(&files));
}

#[test]
fn boards_types_forms_and_recipes_name_workflows_states_and_types() {
    let files = [
        WORKFLOW,
        ("item_types.yaml", "item_types: [{ key: Bug, workflow: folw }, { key: Task }]\n"),
        (
            "boards/b.yaml",
            "boards:\n  - { id: a, workflow: flow, columns: [{ key: doing }, { key: x, states: [opn, closed] }], actions: [{ key: k, transition: Close, available_states: [shut] }, { key: l, transition: Reopen }] }\n  - { id: b, workflow: none, columns: [{ key: x, states: [anything] }], filters: { issue_types: [Story], workflows: [flow] } }\n  - { id: c, columns: [{ key: x, states: [nowhere] }], quick_filters: [{ field: status, label: L, values: [gone] }] }\n",
        ),
        ("intakes/f.yaml", "intake_form: { issue: { type: Bog, workflow: flow, initial_state: new } }\n"),
        (
            "workflows/gone/automation_recipes/r.yaml",
            "recipe: { trigger: x, conditions: { all: [{ field: status, operator: in, value: [any] }] } }\n",
        ),
        (
            "workflows/flow/automation_recipes/r.yaml",
            "recipe: { trigger: x, conditions: { all: [{ field: status, operator: in, value: [open, any] }] } }\n",
        ),
    ];
    assert_snapshot!(undeclared(&files));
}

#[test]
fn a_workflow_without_states_is_not_reported_again_at_each_name_of_one() {
    let broken = WORKFLOW.1.replace("states:", "statez:");
    let board = "board: { workflow: flow }\ncolumns: [{ key: open }, { key: done, states: [closed] }]\n";
    assert_eq!(undeclared(&[PROJECT, (WORKFLOW.0, &broken), ("boards/b.yaml", board)]), "");
}

#[test]
fn a_project_without_roles_hears_it_once_in_each_file() {
    let pipeline = "model_version: \"1.0\"\npipeline: { id: p }\nstages:\n  a: { approval: { approvers: [{ role: boss }, { user: ada }] } }\n  b: { uses: x, with: { role: none, v: \"${{ env.X }}\" } }\n";
    let workflow = "workflow: { id: w }\nstates:\n  s:\n    type: initial\n    approval: { approvers: [{ role: a }, { role: b }] }\n    on_enter: [{ action: notify, recipients: { roles: [c, d, e, f, g] } }]\n";
    let files = [("pipelines/p.yaml", pipeline), ("workflows/w.yaml", workflow)];
    assert_snapshot!(undeclared(&files));
}

#[test]
fn people_of_a_team_have_roles_that_exist_and_required_extensions_are_described() {
    let files = [
        (
            "project.yaml",
            "project: { team: { roles: [dev] }, extensions: { required: [github, risk], optional: [slack] } }\n",
        ),
        ("team.yaml", "members: [{ email: ada@example.com, role: dve }]\n"),
        (
            "extensions/risk/manifest.yaml",
            "extension: { id: risk, callback: { secret: env.RISK_SECRET, url: \"${env.RISK_URL}\" } }\n",
        ),
        (
            "workflows/w.yaml",
            "workflow: { id: w }\nstates: { a: { type: initial } }\ntransitions: [{ from: a, to: a, require_approval: [{ assignment: { type: role, identifier: boss } }, qa], approval_chain: { chain: [{ assignments: [cto] }], escalation: [{ after: 2h, action: escalate, to: [ceo] }] } }]\nhooks: [{ event: e, when: { to: gone }, run: [{ action: set_field, field: status, value: a }] }]\n",
        ),
    ];
    assert_snapshot!(undeclared(&files));
}

#[test]
fn names_in_a_text_of_many_lines_stand_where_they_are() {
    let text = "automations:\n  - id: a\n    trigger: x\n    actions:\n      - type: comment\n        body: |\n          first\n            then ${env.DEEP}\n";
    assert_snapshot!(undeclared(&[("automations/a.yaml", text)]));
}

#[test]
fn compiling_a_project_says_it_as_well() {
    let sources = [source(
        "automations/a.yaml",
        "model_version: \"1.0\"\nautomations: [{ id: a, trigger: x, actions: [{ type: notify, message: \"${env.X}\" }] }]\n",
    )];
    let (revision, found) = compile(&sources, &Catalog::default());
    assert!(revision.is_some());
    let codes: Vec<&str> = found.iter().map(|found| found.code.text()).collect();
    assert_eq!(codes, ["I0301", "W0212"]);
}
