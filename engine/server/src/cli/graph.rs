//! `kiket graph`: the compiled graph of a pipeline or a workflow, to look at.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::ValueEnum;
use kiket_core::graph::Graph;
use kiket_core::revision::Revision;

use super::text::{clean_lines, emit};
use super::tree;
use super::unknown::unknown;

/// Draw what follows what in a pipeline or a workflow
#[derive(clap::Args)]
#[command(after_help = "Exit code: 0 drawn, 2 the definitions have errors, 1 it could not be done\n\n\
                        Examples:\n  kiket graph release\n  kiket graph release --format svg > release.svg\n  \
                        kiket graph release --format dot | dot -Tpng > release.png")]
pub(super) struct Arguments {
    /// The id of a pipeline or, where none is called that, of a workflow
    name: String,
    /// How it is drawn
    #[arg(long, value_enum, default_value_t = Format::Mermaid)]
    format: Format,
    /// Folder that holds .kiket/, or one below it
    #[arg(long, default_value = ".", value_name = "DIR")]
    path: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A Mermaid flowchart, which Markdown on GitHub, GitLab and Forgejo shows
    Mermaid,
    /// DOT, the language of Graphviz
    Dot,
    /// A picture
    Svg,
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let tree = tree::look(&arguments.path).await?;
    let Some(revision) = &tree.revision else {
        eprint!("{}", tree.render());
        return Ok(ExitCode::from(2));
    };
    let graph = find(revision, &arguments.name)?;
    let drawn = match arguments.format {
        Format::Mermaid => graph.to_mermaid(),
        Format::Dot => graph.to_dot(),
        Format::Svg => graph
            .to_svg()
            .map_err(|error| anyhow::anyhow!("{error}\nhelp: `--format dot` leaves the layout to Graphviz"))?,
    };
    emit(&clean_lines(&drawn))?;
    Ok(ExitCode::SUCCESS)
}

/// Returns the graph of what is called that.
fn find(revision: &Revision, name: &str) -> anyhow::Result<Graph> {
    if let Some(plan) = revision.pipeline(name) {
        return Ok(Graph::of_plan(plan));
    }
    if let Some(machine) = revision.machine(name) {
        return Ok(Graph::of_machine(machine));
    }
    let pipelines = revision.pipelines().map(|plan| plan.pipeline.as_str());
    let workflows = revision.machines().map(|machine| machine.workflow.as_str());
    Err(unknown("pipeline or workflow", name, pipelines.chain(workflows)))
}
