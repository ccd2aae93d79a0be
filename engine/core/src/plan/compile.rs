//! Pipeline definition to plan: names resolved against the catalog, needs to edges, cycles refused.

use std::collections::BTreeMap;

use petgraph::Direction;
use petgraph::graph::NodeIndex;

use super::call::Surroundings;
use super::expand::{Compiled, expand};
use super::graph::{Needs, Waiting, refuse_cycles, resolve};
use super::{ApprovalPlan, Plan, Task};
use crate::definition::{MAX_STAGES, PipelineDefinition, RunOn, StageDefinition, TaskDefinition};
use crate::diagnostic::{Code, Problems};
use crate::expression::{Expression, Template};

/// Compiles a pipeline; `None` where an error was reported.
pub(crate) fn compile_pipeline(
    definition: &PipelineDefinition,
    surroundings: Surroundings<'_>,
    problems: &mut Problems<'_>,
) -> Option<Plan> {
    let before = problems.errors();
    let PipelineDefinition { stages, finally, .. } = definition;
    refuse_twins(definition, problems);
    let needs = resolve(definition, problems);
    let waiting: Vec<Waiting<'_>> = stages.iter().map(|stage| Waiting { id: &stage.id, needs: &stage.needs }).collect();
    refuse_cycles("stage", &waiting, &needs, problems);
    warn_of_early_reads(stages, &needs, problems);
    warn_of_missing_inputs(definition, problems);
    let all = stages.iter().map(|stage| (stage, false)).chain(finally.iter().map(|stage| (stage, true)));
    let compiled: Vec<Compiled<'_>> =
        all.map(|(stage, finally)| compile_stage(stage, finally, surroundings, problems)).collect();
    if problems.errors() != before {
        return None;
    }
    let expanded = expand(&compiled, &needs);
    if expanded.graph.node_count() > MAX_STAGES {
        let message = format!("{} stages, and a pipeline has at most {MAX_STAGES}", expanded.graph.node_count());
        problems.report(Code::Budget, definition.id.span, message);
        return None;
    }
    Some(Plan {
        pipeline: definition.id.value.clone(),
        name: definition.name.clone(),
        on: definition.on.clone(),
        inputs: definition.inputs.clone(),
        outputs: definition.outputs.clone(),
        concurrency: definition.concurrency.clone(),
        timeout: definition.timeout,
        priority: definition.priority,
        matrices: expanded.matrices,
        graph: expanded.graph,
        by_id: expanded.by_id,
        gate: None,
    })
}

/// Inside a section YAML itself refuses two stages of one name; across the two sections it does not.
fn refuse_twins(definition: &PipelineDefinition, problems: &mut Problems<'_>) {
    for stage in &definition.finally {
        if definition.stages.iter().any(|other| other.id.value == stage.id.value) {
            let message = format!("two stages are called \"{}\"", stage.id.value);
            let hint = "rename one: `stages` and `finally` share their names";
            problems.report_with_hint(Code::DuplicateId, stage.id.span, message, hint);
        }
    }
}

/// Warns of inputs that nobody is there to give.
fn warn_of_missing_inputs(definition: &PipelineDefinition, problems: &mut Problems<'_>) {
    let missing = definition.inputs.iter().find(|input| input.required && input.default.is_none());
    if let (Some(input), false) = (missing, definition.on.schedules.is_empty()) {
        let message =
            format!("a schedule cannot start \"{}\": it gives no input \"{}\"", definition.id.value, input.name);
        let hint = "give the input a `default`, or do not require it";
        problems.report_with_hint(Code::ScheduleWithoutInputs, definition.id.span, message, hint);
    }
}

fn compile_stage<'d>(
    stage: &'d StageDefinition,
    finally: bool,
    surroundings: Surroundings<'_>,
    problems: &mut Problems<'_>,
) -> Compiled<'d> {
    if stage.needs.is_empty() && !finally && stage.run_on == RunOn::Failure {
        let message =
            format!("stage \"{}\" runs on failure and has no stage before it that could fail", stage.id.value);
        problems.report_with_hint(Code::NeverRuns, stage.id.span, message, "list in `needs` what it watches");
    }
    let task = match &stage.task {
        TaskDefinition::Call(call) => {
            let mut call = surroundings.compile(call, problems);
            match &stage.effect {
                Some(effect) if effect.value < call.effect => {
                    let (asked, own) = (effect.value.word(), call.effect.word());
                    let message =
                        format!("stage \"{}\" cannot be {asked}: {} says it is {own}", stage.id.value, call.plugin);
                    let hint = format!(
                        "a stage may only move toward `once`: leave `effect` out, or write {own} or what follows it"
                    );
                    problems.report_with_hint(Code::WeakerEffect, effect.span, message, hint);
                }
                Some(effect) => call.effect = effect.value,
                None => {}
            }
            Task::Call(call)
        }
        TaskDefinition::Approval(approval) => Task::Approval(ApprovalPlan::of(approval)),
        // Refused by its shape; a plan that holds one is never made.
        TaskDefinition::Run { pipeline, .. } => {
            Task::Nothing(format!("running {} is not supported yet", pipeline.value))
        }
    };
    let compensation = stage.compensate.as_ref().map(|call| Task::Call(surroundings.compile(call, problems)));
    if let (Some(call), true) = (&stage.compensate, finally) {
        let message = format!("stage \"{}\" stands under `finally`, which nothing undoes", stage.id.value);
        problems.report_with_hint(Code::InvalidValue, call.uses.span, message, "remove `compensate`");
    }
    Compiled { definition: stage, task, compensation, finally }
}

/// Warns of expressions that read a stage which need not have ended by then.
fn warn_of_early_reads(stages: &[StageDefinition], needs: &Needs, problems: &mut Problems<'_>) {
    let by_id: BTreeMap<&str, usize> =
        stages.iter().enumerate().map(|(position, stage)| (stage.id.value.as_str(), position)).collect();
    for (position, stage) in stages.iter().enumerate() {
        let reads = expressions(stage).into_iter().flat_map(|expression| {
            expression.members().filter(|(root, _)| *root == "stages").map(move |(_, read)| (expression, read))
        });
        let mut before = None;
        for (expression, read) in reads.collect::<Vec<_>>() {
            let Some(&target) = by_id.get(read) else { continue };
            let before = before.get_or_insert_with(|| ancestors(needs, position));
            if !before.contains(&target) {
                let message = format!("stage \"{}\" reads \"{read}\" without waiting for it", stage.id.value);
                let hint = format!("add \"{read}\" to its `needs`");
                problems.report_with_hint(Code::ReadsTooEarly, expression.span(), message, hint);
            }
        }
    }
}

/// Returns the expressions that are evaluated before or when the stage begins. What undoes it runs much later.
fn expressions(stage: &StageDefinition) -> Vec<&Expression> {
    let mut found: Vec<&Expression> = stage.when.iter().collect();
    match &stage.task {
        TaskDefinition::Call(call) => {
            found.extend(call.input.expressions());
            found.extend(call.env.iter().flat_map(|(_, value)| value.expressions()));
        }
        TaskDefinition::Approval(approval) => found.extend(approval.message.expressions()),
        TaskDefinition::Run { inputs, .. } => found.extend(Template::expressions(inputs)),
    }
    found
}

fn ancestors(needs: &Needs, position: usize) -> Vec<usize> {
    let mut found = Vec::new();
    let mut open = vec![NodeIndex::new(position)];
    while let Some(at) = open.pop() {
        for need in needs.neighbors_directed(at, Direction::Incoming) {
            if !found.contains(&need.index()) {
                found.push(need.index());
                open.push(need);
            }
        }
    }
    found
}
