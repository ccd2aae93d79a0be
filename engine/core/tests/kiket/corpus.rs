//! The public packs: real files that nobody wrote for this reader.

use std::fs;
use std::path::{Path, PathBuf};

use insta::assert_snapshot;
use kiket_core::Source;
use kiket_core::definition::{
    Approver, Check, Definition, EscalationAction, Kind, Quorum, StateKind, WorkflowDefinition, parse,
};
use kiket_core::diagnostic::{Severity, render};
use serde_json::{Value as Json, json};

use crate::support::Item;

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus")
}

fn below(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .expect("the folder can be listed")
        .map(|entry| entry.expect("it is there").path())
        .collect();
    found.sort();
    found
}

/// Returns all workflows of all packs with their names in the corpus.
fn workflows() -> Vec<(String, Source)> {
    let packs = below(&corpus()).into_iter().filter(|path| path.is_dir());
    let folders = packs.map(|pack| pack.join(".kiket/workflows"));
    let files = folders.flat_map(|folder| below(&folder)).filter(|path| path.is_file());
    let source = |path: PathBuf| {
        let name = path.strip_prefix(corpus()).expect("it is in the corpus").display().to_string();
        let text = fs::read_to_string(&path).expect("it is text");
        let inner = name.split_once('/').map(|(_, inner)| inner.to_owned()).expect("it is in a pack");
        (name, Source::new(inner, text))
    };
    files.map(source).collect()
}

fn workflow(name: &str) -> WorkflowDefinition {
    let (_, source) =
        workflows().into_iter().find(|(path, _)| path.ends_with(&format!("{name}.yaml"))).expect("it is there");
    match parse(&source).0 {
        Some(Definition::Workflow(workflow)) => *workflow,
        other => panic!("a workflow and not {other:?}"),
    }
}

#[test]
fn every_public_workflow_is_read_without_an_error() {
    let mut seen = Vec::new();
    for (name, source) in workflows() {
        let (definition, found) = parse(&source);
        assert!(matches!(definition, Some(Definition::Workflow(_))), "{name} is a workflow");
        let errors: Vec<_> = found.iter().filter(|found| found.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}");
        seen.push(name);
    }
    assert_eq!(seen.len(), 5, "{seen:?}");
}

#[test]
fn what_kiket_does_not_do_with_the_public_workflows_is_said() {
    let found = workflows().into_iter().map(|(name, source)| {
        let lines: String = parse(&source)
            .1
            .iter()
            .map(|found| {
                let text = render(found, None);
                text.lines().map(|line| format!("{line}\n")).collect::<String>()
            })
            .collect();
        format!("== {name}\n{lines}")
    });
    assert_snapshot!(found.collect::<String>());
}

#[test]
fn recipes_below_a_workflow_are_not_workflows() {
    for pack in ["kanban/.kiket/workflows/kanban", "release-mgmt/.kiket/workflows/release"] {
        for path in below(&corpus().join(pack).join("automation_recipes")) {
            let text = fs::read_to_string(&path).expect("it is text");
            let name = path.file_name().expect("it has a name").to_string_lossy().into_owned();
            let inner = pack.split_once('/').expect("it is in a pack").1;
            let source = Source::new(format!("{inner}/automation_recipes/{name}"), text);
            assert!(!matches!(parse(&source).0, Some(Definition::Workflow(_))), "{name}");
        }
    }
}

#[test]
fn the_schema_accepts_every_public_workflow() {
    let schema = jsonschema::validator_for(&Kind::Workflow.schema()).expect("the schema is one");
    for (name, source) in workflows() {
        let mut problems = kiket_core::diagnostic::Problems::of(&source);
        let node = kiket_core::yaml::read(&source.text, &mut problems).expect("it is YAML");
        let errors: Vec<String> = schema.iter_errors(&node.to_json()).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
    }
    let file = |action: Json| {
        let states = json!({ "a": { "type": "initial", "on_exit": [action] }, "b": null });
        json!({ "model_version": "1.0", "states": states, "transitions": [{ "from": "a", "to": "b" }] })
    };
    assert!(schema.is_valid(&file(json!({ "uses": "build", "with": {} }))));
    assert!(!schema.is_valid(&file(json!({ "uses": "build", "wiht": {} }))), "a stage of ours is closed");
    assert!(schema.is_valid(&file(json!({ "action": "notify", "colour": "red" }))), "an action of Kiket's is open");
    assert!(!schema.is_valid(&file(json!(3))));
}

#[test]
fn a_bug_cannot_be_deployed_before_its_checklist_is_complete() {
    let bug = workflow("bug");
    assert_eq!(bug.initial.as_ref().map(|state| state.value.as_str()), Some("reported"));
    let testing = bug.state("testing").expect("it is there");
    assert_eq!(
        (testing.kind, testing.category.as_deref(), testing.label.as_str()),
        (StateKind::Active, Some("review"), "Testing")
    );
    let checklist = testing.checklist.as_ref().expect("it has one");
    let checks: Vec<bool> = checklist.entries.iter().map(|entry| matches!(entry.check, Check::Auto(_))).collect();
    assert_eq!(checks, [true, true, false, true]);

    let deploy = bug.transitions.iter().find(|transition| transition.name.value == "Deploy").expect("it is there");
    let facts =
        Item::default().with("fields.ci_status", json!("passed")).with("fields.security_status", json!("clean"));
    let state = checklist.state(&|id| id == "manual_qa", &facts);
    assert_eq!(state.open, ["Integration tests pass"]);
    let facts = facts.with_checklist("bug_testing", &state.title, &["Integration tests pass"]);
    assert_eq!(
        facts.refuses(&deploy.conditions),
        "checklist \"Testing Checklist\" is not complete: Integration tests pass"
    );
}

#[test]
fn the_first_time_limit_that_fits_counts() {
    let incident = workflow("incident");
    let rules = &incident.state("investigating").expect("it is there").sla;
    let limit = |severity: Json| {
        let facts = Item::default().with("fields.severity", severity);
        rules
            .iter()
            .find(|rule| rule.condition.holds(&facts).is_ok())
            .and_then(|rule| rule.breach)
            .map(|breach| breach.as_secs())
    };
    assert_eq!(limit(json!("p1")), Some(15 * 60));
    assert_eq!(limit(json!("p3")), Some(4 * 3600));
    assert_eq!(limit(Json::Null), Some(24 * 3600));
}

#[test]
fn the_release_is_approved_level_by_level() {
    let release = workflow("release");
    let approve = release.transitions.iter().find(|transition| transition.name.value == "Approve for Production");
    let chain = approve.and_then(|transition| transition.approval_chain.as_ref()).expect("it has a chain");
    let names: Vec<&str> = chain.levels.iter().map(|level| level.name.as_str()).collect();
    assert_eq!(names, ["QA Verification", "Technical Approval", "Manager Sign-off", "Director Approval"]);
    let technical = &chain.levels[1];
    assert_eq!(technical.groups.iter().map(|group| group.quorum).collect::<Vec<_>>(), [Quorum::Any, Quorum::All]);
    assert_eq!(technical.groups[1].approvers[0].value, Approver::Role("sre".to_owned()));
    assert!(!technical.any_group);
    let ordinary = Item::default().with("priority", json!("low")).with("labels", json!(["ux"]));
    let breaking = Item::default().with("priority", json!("low")).with("labels", json!(["breaking-change"]));
    let manager = &chain.levels[2].condition;
    assert_eq!(
        ordinary.refuses(manager),
        "one of these has to hold: \"priority\" has to be \"critical\", and is \"low\"; or \"labels\" has to contain \"breaking-change\", and is \"ux\""
    );
    assert_eq!(breaking.refuses(manager), "");
    let last = chain.escalations.last().expect("it escalates");
    assert_eq!((last.after.as_secs(), last.action), (48 * 3600, EscalationAction::Approve));
    assert!(last.reason.as_deref().is_some_and(|reason| reason.starts_with("Auto-approved")));

    let rejected = release.transitions.iter().find(|transition| transition.rejection).expect("one is a rejection");
    assert_eq!(rejected.name.value, "Approval Rejected");
    assert_eq!(release.hooks.len(), 3);
    let to_production = Item::default().with("to_state", json!("production"));
    assert_eq!(to_production.refuses(&release.hooks[1].condition), "");
    assert_ne!(to_production.refuses(&release.hooks[2].condition), "");
    assert_eq!(release.automations[0].id.as_ref().map(|id| id.value.as_str()), Some("release.create_postmortem"));
}
