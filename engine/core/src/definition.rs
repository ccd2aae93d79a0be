//! Definitions: what a source says, shape checked, before it is compiled.
//!
//! Pipelines and the plugin file are closed: an unknown key is an error. All
//! other files below `.kiket/` are kept and reported as not acted on.

mod input;
mod pipeline;
mod plugins;
mod stage;
mod trigger;

use crate::diagnostic::{Code, Diagnostic, Problems, Span};
use crate::source::Source;
use crate::yaml::{self, Node};

pub use input::InputDefinition;
pub use pipeline::{PipelineDefinition, Priority};
pub use plugins::{HttpGrant, PluginGrants, PluginsDefinition};
pub(crate) use stage::component_path;
pub use stage::{RunOn, StageDefinition};
pub use trigger::{PushTrigger, Triggers};

/// The folder that definitions live in.
pub const FOLDER: &str = ".kiket/";

/// What one source defines.
#[derive(Debug, Clone, PartialEq)]
pub enum Definition {
    /// A DAG of stages.
    Pipeline(Box<PipelineDefinition>),
    /// What plugins may do.
    Plugins(PluginsDefinition),
}

/// Parses one source. Every problem is reported; a definition comes back where enough
/// of it could be read to compile it.
#[must_use]
pub fn parse(source: &Source) -> (Option<Definition>, Vec<Diagnostic>) {
    let mut problems = Problems::new(&source.path);
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
    if node.get("pipeline").is_some() || path.starts_with("pipelines/") {
        check_model_version(&node, problems);
        let pipeline = PipelineDefinition::decode(&node, path, problems);
        return pipeline.map(Box::new).map(Definition::Pipeline);
    }
    if path.starts_with("plugins.") {
        check_model_version(&node, problems);
        return PluginsDefinition::decode(&node, &source.path, problems).map(Definition::Plugins);
    }
    not_acted_on(problems);
    None
}

fn not_acted_on(problems: &mut Problems<'_>) {
    problems.report(Code::NotActedOn, Span::default(), "kept; this version does not act on files of this kind");
}

fn check_model_version(node: &Node, problems: &mut Problems<'_>) {
    const HINT: &str = "write model_version: \"1.0\"";
    match node.get("model_version") {
        None => {
            let span = Span { line: 1, column: 1, length: 1 };
            problems.report_with_hint(Code::ModelVersion, span, "the file has no \"model_version\"", HINT);
        }
        Some(version) if version.as_str() == Some("1.0") || version.to_json().as_f64() == Some(1.0) => {}
        Some(version) => {
            let message = format!("model_version {} is not one this version reads", version.to_json());
            problems.report_with_hint(Code::ModelVersion, version.span, message, HINT);
        }
    }
}
