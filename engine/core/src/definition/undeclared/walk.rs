//! Finds what a file names in its tree: the same keys mean the same wherever actions, conditions and approvals stand.

use super::uses::{Noun, Use, name, names};
use crate::decode::{Located, entries};
use crate::definition::{Approver, Definition, Kind, Parsed, TaskDefinition, canonical_path, recipe};
use crate::yaml::{Node, Value};

/// Keys behind which stands what nobody here reads: what is sent, kept or shown.
const OPAQUE: [&str; 21] = [
    "analytics",
    "attachments",
    "body",
    "branding",
    "card_template",
    "configuration",
    "confirmation",
    "data",
    "default",
    "env",
    "headers",
    "input",
    "inputs",
    "matrix",
    "metadata",
    "options",
    "outputs",
    "payload",
    "seed_data",
    "validation",
    "with",
];

/// Keys of a condition behind which values stand.
const VALUES: [&str; 7] = ["value", "values", "equals", "eq", "not_equals", "in", "not_in"];

/// Returns what a file names, but for what texts read.
pub(super) fn collect(path: &str, parsed: &Parsed) -> Vec<Use> {
    let Some(root) = &parsed.root else { return Vec::new() };
    let mut walk = Walk { kind: parsed.kind, workflow: None, uses: Vec::new() };
    match (&parsed.kind, &parsed.definition) {
        (_, Some(Definition::Project(project))) => {
            walk.add_all(Noun::Extension, project.required_extensions.clone());
            walk.add_all(Noun::Role, project.team.members.iter().flat_map(|member| member.roles.clone()));
        }
        (_, Some(Definition::Team(team))) => {
            walk.add_all(Noun::Role, team.members.iter().flat_map(|member| member.roles.clone()));
        }
        (_, Some(Definition::Extension(extension))) => walk.add_all(Noun::Secret, extension.secret.clone()),
        (_, Some(Definition::Recipe(_))) => {
            walk.workflow = recipe::workflow_of(path).map(str::to_owned);
            let head = entries(Some(root)).find(|(key, _)| key.text == "recipe").or(entries(Some(root)).next());
            if let (Some(workflow), Some((key, _))) = (&walk.workflow, head) {
                let place = Located { value: workflow.clone(), span: key.span };
                walk.add_all(Noun::Workflow, [place]);
            }
            walk.visit(root);
        }
        (_, Some(Definition::Boards(boards))) => {
            walk.visit(root);
            for board in boards {
                walk.workflow = board.workflow.as_ref().map(|workflow| workflow.value.clone());
                walk.add_all(Noun::State, board.columns.iter().flat_map(|column| column.states.clone()));
            }
        }
        (_, Some(Definition::Workflow(workflow))) => {
            walk.workflow = Some(workflow.id.value.clone());
            walk.visit(root);
        }
        // The list itself names nothing: it says which types there are.
        (_, Some(Definition::ItemTypes(_))) => entries(Some(root)).for_each(|(_, listed)| walk.visit(listed)),
        (_, Some(Definition::Pipeline(pipeline))) => {
            for stage in pipeline.stages.iter().chain(&pipeline.finally) {
                let TaskDefinition::Approval(approval) = &stage.task else { continue };
                let role = |approver: &Located<Approver>| match &approver.value {
                    Approver::Role(role) => Some(Located { value: role.clone(), span: approver.span }),
                    Approver::User(_) => None,
                };
                walk.add_all(Noun::Role, approval.approvers.iter().filter_map(role));
            }
        }
        (None | Some(Kind::Plugins | Kind::Lock | Kind::Pipeline), _) => {}
        (Some(_), _) => walk.visit(root),
    }
    walk.uses
}

struct Walk {
    kind: Option<Kind>,
    /// The workflow that states are looked up in.
    workflow: Option<String>,
    uses: Vec<Use>,
}

impl Walk {
    /// The depth is bounded by that of YAML.
    fn visit(&mut self, node: &Node) {
        match &node.value {
            Value::Sequence(items) => items.iter().for_each(|node| self.visit(node)),
            Value::Mapping(entries) => {
                let outside = self.workflow.clone();
                self.enter(node);
                self.read_condition(node);
                // Whom an escalation tells.
                if let (Some(_), Some(people)) = (node.get("after"), node.get("to")) {
                    self.add_all(Noun::Role, names(people));
                }
                if let Some(verb) = node.get("action").or_else(|| node.get("type")).and_then(Node::as_str) {
                    self.read_action(verb, node);
                }
                for (key, value) in entries {
                    // `assign: { to: ada }`
                    self.read_action(&key.text, value);
                    self.read_key(&key.text, value);
                    // A mapping of fields holds values of an item.
                    let fields = key.text == "fields" && matches!(value.value, Value::Mapping(_));
                    if !fields && !OPAQUE.contains(&key.text.as_str()) {
                        self.visit(value);
                    }
                }
                self.workflow = outside;
            }
            _ => {}
        }
    }

    /// A board, and the item of a form, say which workflow their states belong to.
    fn enter(&mut self, node: &Node) {
        if matches!(self.kind, Some(Kind::Board | Kind::Intake)) {
            let own = node.get("workflow").or_else(|| node.get("board")?.get("workflow"));
            self.workflow = own.and_then(name).map(|name| name.value).or(self.workflow.take());
        }
    }

    fn read_key(&mut self, key: &str, value: &Node) {
        match key {
            "role" | "roles" | "restrict_roles" | "approvers" | "add_approvers" | "assignment" | "assignments"
            | "require_approval" | "chain" => self.add_all(Noun::Role, names(value)),
            "workflow" | "workflows" | "default_workflow" => self.add_all(Noun::Workflow, names(value)),
            "issue_type" | "case_type" | "item_type" | "issue_types" | "case_types" | "item_types"
            | "default_issue_type" | "default_case_type" | "default_item_type" => {
                self.add_all(Noun::Type, names(value))
            }
            "transition" | "set_state" | "set_status" => self.add_all(Noun::Target, name(value)),
            "assign" => self.add_all(Noun::Assignee, name(value).filter(|name| is_person(&name.value))),
            "available_states" => self.add_all(Noun::State, names(value)),
            "initial_state" if self.kind == Some(Kind::Intake) => self.add_all(Noun::State, name(value)),
            "issue" | "case" | "item" if self.kind == Some(Kind::Intake) => {
                self.add_all(Noun::Type, value.get("type").and_then(name));
            }
            "query" => {
                for key in ["status", "state", "statuses", "states"] {
                    self.add_compared(Noun::State, value.get(key));
                }
            }
            // `when: {to: production}` of a hook.
            "when" => {
                for key in ["from", "to"] {
                    self.add_compared(Noun::State, value.get(key));
                }
            }
            _ => {}
        }
    }

    /// An action, or somebody who has to agree: what its other keys mean depends on its name.
    fn read_action(&mut self, verb: &str, node: &Node) {
        let at = |key| node.get(key).and_then(name);
        match verb {
            "transition" | "set_state" | "set_status" => self.add_all(Noun::Target, at("to").or_else(|| at("value"))),
            "assign" => {
                let people = [at("to"), at("user"), at("fallback")].into_iter().flatten();
                self.add_all(Noun::Assignee, people.filter(|name| is_person(&name.value)));
            }
            "auto_assign" => self.add_all(Noun::Team, at("team")),
            "role" => self.add_all(Noun::Role, at("identifier")),
            "workflow" => self.add_all(Noun::Workflow, at("identifier")),
            _ => {}
        }
    }

    /// A condition on the state or the type, or an action that sets them.
    fn read_condition(&mut self, node: &Node) {
        let Some(noun) = node.get("field").and_then(Node::as_str).and_then(noun_of_field) else { return };
        for key in VALUES {
            self.add_compared(noun, node.get(key));
        }
    }

    fn add_compared(&mut self, noun: Noun, node: Option<&Node>) {
        let before = self.uses.len();
        self.add_all(noun, node.map(names).unwrap_or_default());
        self.uses[before..].iter_mut().for_each(|found| found.any_case = true);
    }

    fn add_all(&mut self, noun: Noun, names: impl IntoIterator<Item = Located<String>>) {
        let workflow = matches!(noun, Noun::State | Noun::Target).then(|| self.workflow.clone()).flatten();
        self.uses.extend(names.into_iter().map(|name| Use { workflow: workflow.clone(), ..Use::of(noun, name) }));
    }
}

/// Tells what the values of a field are.
fn noun_of_field(path: &str) -> Option<Noun> {
    match canonical_path(path).as_str() {
        "state" | "to_state" | "from_state" => Some(Noun::State),
        "type" => Some(Noun::Type),
        _ => None,
    }
}

/// Tells whether a word means somebody by name, and not by a field of the item, an address or a rule.
fn is_person(word: &str) -> bool {
    let by_rule = [
        "assignee",
        "author",
        "creator",
        "current_assignee",
        "current_user",
        "me",
        "nobody",
        "none",
        "owner",
        "reporter",
        "unassigned",
    ];
    !word.contains(['.', '@']) && !by_rule.contains(&word)
}
