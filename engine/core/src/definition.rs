//! Definitions: what a source says, shape checked, before it is compiled.
//!
//! Kinds of ours (pipelines, the plugin file) are closed: an unknown key is an error. Kiket's are open: what is
//! unknown is kept. All other files below `.kiket/` are kept and reported as not acted on.

mod action;
mod approval;
mod assignment;
mod chain;
mod checklist;
mod concurrency;
mod condition;
mod escalation;
mod guard;
mod hook;
mod input;
mod kind;
mod matrix;
mod message;
mod pipeline;
mod plugins;
mod retry;
mod sla;
mod stage;
mod state;
mod transition;
mod trigger;
mod vocabulary;
mod words;
mod workflow;
mod workflow_check;

use crate::diagnostic::{Code, Diagnostic, Problems, Span};
use crate::source::Source;
use crate::yaml::{self, Node};

pub use action::{ActionDefinition, ActionsDefinition, KiketAction, KiketActionDefinition, NoticeLevel, Person};
pub use approval::{ApprovalDefinition, Approver};
pub use chain::{ApprovalChain, ApprovalGroup, ApprovalLevel, Quorum, RequiredApproval};
pub use checklist::{Check, Checklist, ChecklistEntry};
pub use concurrency::{Concurrency, OnConflict};
pub use condition::{ChecklistState, Condition, Facts, Operator, Refused};
pub use escalation::{Escalation, EscalationAction};
pub use guard::GuardDefinition;
pub use hook::HookDefinition;
pub use input::InputDefinition;
pub use kind::Kind;
pub use matrix::{MAX_COMBINATIONS, Matrix};
pub use message::{MAX_PLACEHOLDER, Message, Payload};
pub use pipeline::{MAX_STAGES, PipelineDefinition, Priority};
pub use plugins::{HttpGrant, PluginGrants, PluginsDefinition};
pub use retry::{Backoff, FailureClass, Retry};
pub use sla::SlaRule;
pub(crate) use stage::component_path;
pub use stage::{CallDefinition, RunOn, StageDefinition, TaskDefinition};
pub use state::{StateApproval, StateDefinition, StateKind};
pub use transition::TransitionDefinition;
pub use trigger::{EventTrigger, Patterns, PushTrigger, Schedule, Triggers};
pub use vocabulary::{ITEM_FIELDS, ROOTS, canonical_path};
pub use workflow::{MAX_STATES, MAX_TRANSITIONS, WorkflowDefinition};

/// The folder that definitions live in.
pub const FOLDER: &str = ".kiket/";

/// What one source defines.
#[derive(Debug, Clone, PartialEq)]
pub enum Definition {
    /// A DAG of stages.
    Pipeline(Box<PipelineDefinition>),
    /// What plugins may do.
    Plugins(PluginsDefinition),
    /// A state machine.
    Workflow(Box<WorkflowDefinition>),
}

/// Parses one source. Every problem is reported; a definition comes back where enough
/// of it could be read to compile it.
#[must_use]
pub fn parse(source: &Source) -> (Option<Definition>, Vec<Diagnostic>) {
    let mut problems = Problems::of(source);
    let definition = parse_source(source, &mut problems);
    (definition, problems.into_diagnostics())
}

fn parse_source(source: &Source, problems: &mut Problems<'_>) -> Option<Definition> {
    let path = source.path.strip_prefix(FOLDER).unwrap_or(&source.path);
    if !(path.ends_with(".yaml") || path.ends_with(".yml")) {
        not_acted_on(problems);
        return None;
    }
    let node = yaml::read(&source.text, problems)?;
    match Kind::of(path, &node) {
        Some(Kind::Pipeline) => {
            check_model_version(&node, problems);
            PipelineDefinition::decode(&node, path, problems).map(Box::new).map(Definition::Pipeline)
        }
        Some(Kind::Plugins) => {
            check_model_version(&node, problems);
            Some(Definition::Plugins(PluginsDefinition::decode(&node, &source.path, problems)))
        }
        Some(Kind::Workflow) => {
            note_model_version(&node, problems);
            WorkflowDefinition::decode(&node, path, problems).map(Box::new).map(Definition::Workflow)
        }
        None => {
            not_acted_on(problems);
            None
        }
    }
}

fn not_acted_on(problems: &mut Problems<'_>) {
    problems.report(Code::NotActedOn, Span::default(), "kept; this version does not act on files of this kind");
}

/// Checks that a file of ours says which version of the language it speaks; that it says so at all is its shape.
fn check_model_version(node: &Node, problems: &mut Problems<'_>) {
    let Some(version) = node.get("model_version") else { return };
    if version.as_str() != Some("1.0") && version.to_json().as_f64() != Some(1.0) {
        let message = format!("model_version {} is not one this version reads", version.to_json());
        problems.report_with_hint(Code::ModelVersion, version.span, message, "write model_version: \"1.0\"");
    }
}

/// Notes which version of the language a file of Kiket's speaks; all of them are read alike.
fn note_model_version(node: &Node, problems: &mut Problems<'_>) {
    let Some(version) = node.get("model_version") else {
        let message = "there is no model_version; the file is read like \"1.0\"";
        return problems.report(Code::NoModelVersion, Span::default(), message);
    };
    if version.as_str() != Some("1.0") && version.to_json().as_f64() != Some(1.0) {
        let message = format!("model_version {} is read like \"1.0\"", version.to_json());
        problems.report(Code::NoModelVersion, version.span, message);
    }
}
