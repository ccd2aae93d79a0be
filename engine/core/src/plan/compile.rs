//! Pipeline definition to plan: names resolved against the catalog, needs to edges, cycles refused.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

use petgraph::Direction;
use petgraph::algo::{tarjan_scc, toposort};
use petgraph::graph::{DiGraph, NodeIndex};

use super::{Plan, StagePlan};
use crate::catalog::{Catalog, Plugin, split_uses};
use crate::definition::{PipelineDefinition, RunOn, StageDefinition};
use crate::diagnostic::{Code, Problems};
use crate::manifest::Effect;

type Graph = DiGraph<StagePlan, ()>;

/// Compiles a pipeline; `None` where an error was reported.
pub(crate) fn compile_pipeline(
    definition: &PipelineDefinition,
    catalog: &Catalog,
    problems: &mut Problems<'_>,
) -> Option<Plan> {
    let before = problems.errors();
    let mut graph = Graph::new();
    let mut by_id: BTreeMap<String, NodeIndex> = BTreeMap::new();
    let sections = definition.stages.iter().map(|stage| (stage, false));
    for (stage, finally) in sections.chain(definition.finally.iter().map(|stage| (stage, true))) {
        let index = graph.add_node(compile_stage(stage, finally, catalog, problems));
        if by_id.insert(stage.id.value.clone(), index).is_some() {
            let message = format!("two stages are called \"{}\"", stage.id.value);
            problems.report(Code::DuplicateId, stage.id.span, message);
        }
    }
    add_edges(definition, &mut graph, &by_id, problems);
    refuse_cycles(definition, &graph, problems);
    (problems.errors() == before).then(|| Plan {
        pipeline: definition.id.value.clone(),
        name: definition.name.clone(),
        on: definition.on.clone(),
        inputs: definition.inputs.clone(),
        outputs: definition.outputs.clone(),
        timeout: definition.timeout,
        priority: definition.priority,
        graph,
        by_id,
    })
}

fn compile_stage(stage: &StageDefinition, finally: bool, catalog: &Catalog, problems: &mut Problems<'_>) -> StagePlan {
    let (name, action) = split_uses(&stage.uses.value);
    let plugin = catalog.get(name);
    let effect = match plugin {
        Some(plugin) => check_call(stage, plugin, action, problems),
        None => {
            report_unknown_plugin(stage, name, catalog, problems);
            Effect::Once
        }
    };
    if stage.needs.is_empty() && !finally && stage.run_on == RunOn::Failure {
        let message =
            format!("stage \"{}\" runs on failure and has no stage before it that could fail", stage.id.value);
        problems.report_with_hint(Code::NeverRuns, stage.id.span, message, "list in `needs` what it watches");
    }
    StagePlan {
        id: stage.id.value.clone(),
        plugin: name.to_owned(),
        digest: plugin.map(|plugin| plugin.digest.clone()).unwrap_or_default(),
        action: action.to_owned(),
        effect,
        input: stage.input.clone(),
        env: stage.env.clone(),
        when: stage.when.clone(),
        run_on: stage.run_on,
        allow_failure: stage.allow_failure,
        timeout: stage.timeout,
        finally,
    }
}

fn report_unknown_plugin(stage: &StageDefinition, name: &str, catalog: &Catalog, problems: &mut Problems<'_>) {
    let span = stage.uses.span;
    if name.starts_with("oci://") {
        let message = "plugins from a registry are not supported yet";
        problems.report_with_hint(
            Code::NotSupported,
            span,
            message,
            "keep the component in the repository: uses: ./tools/name.wasm",
        );
    } else if stage.component_path().is_some() {
        // What is wrong with the component itself is reported by whoever reads it.
        let message = format!("there is no usable component at {}", &name[2..]);
        problems.report_with_hint(Code::UnusableComponent, span, message, "the path counts from the repository's root");
    } else {
        let message = format!("plugin \"{name}\" is not installed");
        let known = catalog.names().filter(|name| !name.starts_with("./"));
        problems.report_unknown(Code::UnknownPlugin, span, message, name, known);
    }
}

/// Checks the action and the input as far as it is known without running.
fn check_call(stage: &StageDefinition, plugin: &Plugin, action: &str, problems: &mut Problems<'_>) -> Effect {
    let Some(known) = plugin.action(action) else {
        let message = format!("plugin \"{}\" has no action \"{action}\"", plugin.manifest.id);
        problems.report_unknown(Code::UnknownAction, stage.uses.span, message, action, plugin.actions());
        return Effect::Once;
    };
    for field in &known.code_fields {
        let code = stage.with.get(field).filter(|node| node.to_json().to_string().contains("${{"));
        if let Some(code) = code {
            let message = format!("\"{field}\" is code, and an expression in it would make data into code");
            problems.report_with_hint(
                Code::ExpressionInCode,
                code.span,
                message,
                "pass the value by `env` and read it there",
            );
        }
    }
    if stage.input.is_literal() {
        for refusal in known.refuse(&stage.with.to_json()) {
            let span = stage.with.at_pointer(&refusal.pointer).span;
            problems.report(
                Code::InvalidInput,
                span,
                format!("{} refuses its input: {}", stage.uses.value, refusal.reason),
            );
        }
    }
    known.effect
}

fn add_edges(
    definition: &PipelineDefinition,
    graph: &mut Graph,
    by_id: &BTreeMap<String, NodeIndex>,
    problems: &mut Problems<'_>,
) {
    let ordinary: Vec<&str> = definition.stages.iter().map(|stage| stage.id.value.as_str()).collect();
    for stage in &definition.stages {
        for need in &stage.needs {
            match by_id.get(&need.value).filter(|index| !graph[**index].finally) {
                Some(from) => drop(graph.update_edge(*from, by_id[&stage.id.value], ())),
                None => {
                    let message =
                        format!("stage \"{}\" needs \"{}\", which does not exist", stage.id.value, need.value);
                    let others = ordinary.iter().copied().filter(|id| *id != stage.id.value);
                    problems.report_unknown(Code::UnknownStage, need.span, message, &need.value, others);
                }
            }
        }
    }
    for stage in &definition.finally {
        for need in &stage.needs {
            let message =
                format!("stage \"{}\" stands under `finally` and waits for everything anyway", stage.id.value);
            problems.report_with_hint(Code::InvalidValue, need.span, message, "remove `needs`");
        }
    }
}

fn refuse_cycles(definition: &PipelineDefinition, graph: &Graph, problems: &mut Problems<'_>) {
    if toposort(graph, None).is_ok() {
        return;
    }
    for component in tarjan_scc(graph) {
        let first = component.iter().min().copied().unwrap_or_default();
        let loops = component.len() > 1 || graph.contains_edge(first, first);
        let stage = definition.stages.get(first.index());
        if let Some(stage) = stage.filter(|_| loops) {
            let path = cycle_through(graph, first, &component);
            let names: Vec<&str> = path.iter().map(|index| graph[*index].id.as_str()).collect();
            let message = format!("stages need each other in a circle: {}", names.join(" → "));
            let span = stage
                .needs
                .iter()
                .find(|need| Some(need.value.as_str()) == names.get(1).copied())
                .map_or(stage.id.span, |need| need.span);
            problems.report(Code::Cycle, span, message);
        }
    }
}

/// Returns one circle that begins and ends at `first`, along needs, inside a strongly connected component.
fn cycle_through(graph: &Graph, first: NodeIndex, component: &[NodeIndex]) -> Vec<NodeIndex> {
    let mut came_from = BTreeMap::from([(first, first)]);
    let mut queue = VecDeque::from([first]);
    while let Some(at) = queue.pop_front() {
        for need in graph.neighbors_directed(at, Direction::Incoming).filter(|need| component.contains(need)) {
            if need == first {
                let mut path = vec![first];
                let mut step = at;
                while step != first {
                    path.push(step);
                    step = came_from[&step];
                }
                path.push(first);
                path.reverse();
                return path;
            }
            if let Entry::Vacant(new) = came_from.entry(need) {
                new.insert(at);
                queue.push_back(need);
            }
        }
    }
    vec![first]
}
