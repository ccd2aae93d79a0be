//! Definitions: what a source says, shape checked, before it is compiled.
//!
//! Kinds of ours (pipelines, the plugin file) are closed: an unknown key is an error. Kiket's are open: what is
//! unknown is kept. All other files below `.kiket/` are kept and reported as not acted on.

mod action;
mod approval;
mod assignment;
mod automation;
mod board;
mod board_parts;
mod calls;
mod chain;
mod checklist;
mod concurrency;
mod condition;
mod escalation;
mod extension;
mod field;
mod guard;
mod hook;
mod inbound_email;
mod input;
mod intake;
mod item_type;
mod key;
mod kind;
mod lenient;
mod lock;
mod matrix;
mod message;
mod pipeline;
mod plugins;
mod project;
mod recipe;
mod retry;
mod schedule;
mod sla;
mod stage;
mod state;
mod team;
mod transition;
mod trigger;
pub mod undeclared;
mod value;
mod vocabulary;
mod words;
mod workflow;
mod workflow_check;

use crate::diagnostic::{Code, Diagnostic, Problems, Span};
use crate::source::Source;
use crate::yaml::{self, Node};

pub use crate::decode::Located;
pub use crate::schedule::{Missed, Schedule};
pub use action::{ActionDefinition, ActionsDefinition, KiketAction, KiketActionDefinition, NoticeLevel, Person};
pub use approval::{ApprovalDefinition, Approver};
pub use automation::{AutomationDefinition, AutomationTrigger, QueryDefinition};
pub use board::{BoardDefinition, ColumnDefinition};
pub use board_parts::{BoardAction, FilterQuestion, Filters, Lane, QuickFilter, Swimlanes};
pub use chain::{ApprovalChain, ApprovalGroup, ApprovalLevel, Quorum, RequiredApproval};
pub use checklist::{Check, Checklist, ChecklistEntry};
pub use concurrency::{Concurrency, OnConflict};
pub use condition::{ChecklistState, Condition, Facts, Operator, Refused};
pub use escalation::{Escalation, EscalationAction};
pub use extension::{ExtensionHook, ExtensionManifest};
pub use field::{FieldDefinition, FieldOption};
pub use guard::GuardDefinition;
pub use hook::HookDefinition;
pub use inbound_email::{InboundEmailDefinition, MailMapping};
pub use input::InputDefinition;
pub use intake::{IntakeDefinition, IntakeField};
pub use item_type::ItemTypeDefinition;
pub use kind::Kind;
pub use lock::{LockDefinition, LockedPlugin};
pub use matrix::{MAX_COMBINATIONS, Matrix};
pub use message::{MAX_PLACEHOLDER, Message, Payload};
pub use pipeline::{MAX_STAGES, PipelineDefinition, Priority};
pub use plugins::PluginsDefinition;
pub(crate) use plugins::{ARTIFACTS_QUOTA, CPU, GRANTS, MEMORY, WALL, WORKSPACE_QUOTA, grants};
pub use project::ProjectDefinition;
pub use recipe::RecipeDefinition;
pub use retry::{Backoff, FailureClass, Retry};
pub use sla::SlaRule;
pub(crate) use stage::component_path;
pub use stage::{CallDefinition, RunOn, StageDefinition, TaskDefinition};
pub use state::{StateApproval, StateDefinition, StateKind};
pub use team::{GroupDefinition, MemberDefinition, RoleDefinition, TeamDefinition};
pub use transition::TransitionDefinition;
pub use trigger::{EventTrigger, Patterns, PushTrigger, Triggers};
pub use value::{FieldType, MAX_FIELD_TEXT};
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
    /// What plugins are and may do, pinned.
    Lock(LockDefinition),
    /// A state machine.
    Workflow(Box<WorkflowDefinition>),
    /// What the project is.
    Project(Box<ProjectDefinition>),
    /// Which roles there are, and who has them.
    Team(Box<TeamDefinition>),
    /// Which types of items there are.
    ItemTypes(Vec<ItemTypeDefinition>),
    /// Boards.
    Boards(Vec<BoardDefinition>),
    /// What happens by itself.
    Automations(Vec<AutomationDefinition>),
    /// An automation of one workflow.
    Recipe(Box<RecipeDefinition>),
    /// A form that makes items.
    Intake(Box<IntakeDefinition>),
    /// An extension of Kiket.
    Extension(Box<ExtensionManifest>),
    /// Addresses whose mail becomes items.
    InboundEmail(InboundEmailDefinition),
}

/// A source that was read.
#[derive(Debug)]
pub struct Parsed {
    /// Its kind; `None` where kiket does not act on it, or where it could not be read.
    pub kind: Option<Kind>,
    /// The tree of a file that is well-formed.
    pub root: Option<Node>,
    /// What it defines, where enough of it could be read.
    pub definition: Option<Definition>,
    /// Everything that is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

/// Parses one source. Every problem is reported; a definition comes back where enough
/// of it could be read to compile it.
#[must_use]
pub fn parse(source: &Source) -> (Option<Definition>, Vec<Diagnostic>) {
    let Parsed { definition, diagnostics, .. } = read(source);
    (definition, diagnostics)
}

/// Parses one source and keeps its tree, for what is checked across files.
#[must_use]
pub fn read(source: &Source) -> Parsed {
    let mut problems = Problems::of(source);
    let path = source.path.strip_prefix(FOLDER).unwrap_or(&source.path);
    let yaml = path.ends_with(".yaml") || path.ends_with(".yml") || path == lock::NAME;
    let root = if yaml { yaml::read(&source.text, &mut problems) } else { None };
    let kind = root.as_ref().and_then(|root| Kind::of(path, root));
    let definition = root.as_ref().zip(kind).and_then(|(root, kind)| decode(kind, root, source, &mut problems));
    if kind.is_none() && (root.is_some() || !yaml) {
        not_acted_on(&mut problems);
    }
    if kind.is_some_and(|kind| !kind.is_acted_on()) {
        let message = "checked; this version does not act on files of this kind yet";
        problems.report(Code::NotActedOn, Span::default(), message);
    }
    Parsed { kind, root, definition, diagnostics: problems.into_diagnostics() }
}

fn decode(kind: Kind, root: &Node, source: &Source, problems: &mut Problems<'_>) -> Option<Definition> {
    let path = source.path.strip_prefix(FOLDER).unwrap_or(&source.path);
    let stem = stem(path);
    if kind.is_closed() {
        check_model_version(root, problems);
    } else {
        note_model_version(root, problems);
    }
    Some(match kind {
        Kind::Pipeline => Definition::Pipeline(Box::new(PipelineDefinition::decode(root, path, problems)?)),
        Kind::Plugins => Definition::Plugins(PluginsDefinition::decode(root, &source.path, problems)),
        Kind::Lock => Definition::Lock(LockDefinition::decode(root, problems)),
        Kind::Workflow => Definition::Workflow(Box::new(WorkflowDefinition::decode(root, path, problems)?)),
        Kind::Project => Definition::Project(Box::new(ProjectDefinition::decode(root, problems))),
        Kind::Team => Definition::Team(Box::new(TeamDefinition::decode_file(root, problems))),
        Kind::ItemTypes => Definition::ItemTypes(ItemTypeDefinition::decode_file(root, problems)),
        Kind::Board => Definition::Boards(BoardDefinition::decode_file(root, stem, problems)),
        Kind::Automations => Definition::Automations(AutomationDefinition::decode_file(root, stem, problems)),
        Kind::Recipe => Definition::Recipe(Box::new(RecipeDefinition::decode(root, path, stem, problems))),
        Kind::Intake => Definition::Intake(Box::new(IntakeDefinition::decode(root, stem, problems))),
        Kind::Extension => Definition::Extension(Box::new(ExtensionManifest::decode(root, path, problems))),
        Kind::InboundEmail => Definition::InboundEmail(InboundEmailDefinition::decode(root, problems)),
    })
}

/// Tells whether a path is that of the file that pins plugins.
pub(crate) fn is_lock(path: &str) -> bool {
    path.strip_prefix(FOLDER).unwrap_or(path) == lock::NAME
}

/// Returns the name of a file without its ending.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
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
