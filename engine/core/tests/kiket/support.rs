//! Workflows from text, and facts to hold conditions against.

use std::collections::BTreeMap;

use kiket_core::Source;
use kiket_core::definition::{
    ActionDefinition, ChecklistState, Condition, Definition, Facts, KiketAction, Message, WorkflowDefinition, parse,
};
use kiket_core::diagnostic::{Diagnostic, Severity, render};
use serde_json::{Value as Json, json};

/// Parses a workflow file.
pub(crate) fn read(text: &str) -> (Option<WorkflowDefinition>, Vec<Diagnostic>) {
    let (definition, found) = parse(&Source::new(".kiket/workflows/w.yaml", text));
    let workflow = definition.map(|definition| match definition {
        Definition::Workflow(workflow) => *workflow,
        other => panic!("a workflow and not {other:?}"),
    });
    (workflow, found)
}

/// Parses a workflow file that has no error.
pub(crate) fn workflow(text: &str) -> WorkflowDefinition {
    let (workflow, found) = read(text);
    let errors: Vec<&Diagnostic> = found.iter().filter(|found| found.severity == Severity::Error).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    workflow.expect("a workflow without errors is read")
}

/// Returns all diagnostics of one workflow file as a person sees them.
pub(crate) fn complaints(text: &str) -> String {
    read(text).1.iter().map(|found| render(found, Some(text))).collect()
}

/// Returns the codes of all diagnostics of one workflow file, in the order of their places.
pub(crate) fn codes(text: &str) -> Vec<&'static str> {
    read(text).1.iter().map(|found| found.code.text()).collect()
}

/// Wraps keys of a transition from `open` to `done` into a workflow without complaints.
pub(crate) fn with_transition(keys: &str) -> String {
    let keys: String = keys.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "model_version: \"1.0\"\nworkflow: {{ id: w, name: W }}\nstates:\n  open: {{ type: initial }}\n  done: {{ type: final }}\ntransitions:\n  - from: open\n    to: done\n{keys}"
    )
}

/// Wraps actions on entering a state into a workflow without complaints.
pub(crate) fn with_actions(actions: &str) -> String {
    let actions: String = actions.lines().map(|line| format!("      {line}\n")).collect();
    format!(
        "model_version: \"1.0\"\nworkflow: {{ id: w, name: W }}\nstates:\n  open: {{ type: initial }}\n  done:\n    type: final\n    on_enter:\n{actions}transitions: [{{ from: open, to: done }}]\n"
    )
}

/// Returns the actions of a workflow that [`with_actions`] made.
pub(crate) fn actions(text: &str) -> Vec<ActionDefinition> {
    workflow(&with_actions(text)).states.remove(1).on_enter
}

/// Returns what one of Kiket's actions does.
pub(crate) fn action(text: &str) -> KiketAction {
    let found = actions(text);
    assert_eq!(found.len(), 1, "{found:#?}");
    found[0].kiket().expect("it is one of Kiket's").action.clone()
}

/// Returns the conditions of a transition.
pub(crate) fn condition(text: &str) -> Condition {
    workflow(&with_transition(&format!("conditions: {text}"))).transitions.remove(0).conditions
}

/// Reads a message.
pub(crate) fn message(text: &str) -> Message {
    match action(&format!("- {{ action: comment, body: {} }}", json!(text))) {
        KiketAction::Comment { body } => body,
        other => panic!("a comment and not {other:?}"),
    }
}

/// Facts of an item by canonical paths.
#[derive(Default)]
pub(crate) struct Item {
    values: BTreeMap<&'static str, Json>,
    checklists: BTreeMap<&'static str, ChecklistState>,
}

impl Item {
    pub(crate) fn with(mut self, path: &'static str, value: Json) -> Self {
        self.values.insert(path, value);
        self
    }

    pub(crate) fn with_checklist(mut self, id: &'static str, title: &str, open: &[&str]) -> Self {
        let open = open.iter().map(|label| (*label).to_owned()).collect();
        self.checklists.insert(id, ChecklistState { title: title.to_owned(), open });
        self
    }

    /// Returns why a condition does not hold, a line a reason; nothing where it holds.
    pub(crate) fn refuses(&self, condition: &Condition) -> String {
        let refused = condition.holds(self).err().unwrap_or_default();
        refused.into_iter().map(|refused| refused.reason).collect::<Vec<_>>().join("\n")
    }
}

impl Facts for Item {
    fn value(&self, path: &str) -> Json {
        self.values.get(path).cloned().unwrap_or_default()
    }

    fn checklist(&self, id: &str) -> Option<ChecklistState> {
        self.checklists.get(id).cloned()
    }
}
