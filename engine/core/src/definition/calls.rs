//! The calls of plugins that a definition makes, wherever in it they stand.

use super::{ActionDefinition, CallDefinition, Definition, StageDefinition};

impl Definition {
    /// Returns all calls: those of stages, of what undoes them, of actions and of guards.
    #[must_use]
    pub fn calls(&self) -> Vec<&CallDefinition> {
        fn of_actions(actions: &[ActionDefinition]) -> impl Iterator<Item = &CallDefinition> {
            actions.iter().filter_map(ActionDefinition::stage).flat_map(StageDefinition::calls)
        }
        match self {
            Self::Pipeline(pipeline) => {
                pipeline.stages.iter().chain(&pipeline.finally).flat_map(StageDefinition::calls).collect()
            }
            Self::Workflow(workflow) => workflow.calls().collect(),
            Self::Automations(automations) => {
                automations.iter().flat_map(|automation| of_actions(&automation.actions)).collect()
            }
            Self::Recipe(recipe) => of_actions(&recipe.actions).collect(),
            _ => Vec::new(),
        }
    }
}
