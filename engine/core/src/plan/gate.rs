//! The gate of a plan: an approval that everything else waits for.
//!
//! It is not part of any definition: it is put before what a stranger's commit would start.

use super::{ApprovalPlan, Plan, Role, StagePlan, Task};
use crate::definition::RunOn;
use crate::expression::Template;

/// The gate's id as a stage. No stage that is written can have it: ids of stages have no dash.
pub const GATE: &str = "fork-approval";

impl Plan {
    /// Returns the same plan behind a gate, which is its last stage.
    #[must_use]
    pub fn gated(&self) -> Self {
        let mut plan = self.clone();
        let approval = ApprovalPlan { approvers: Vec::new(), required: 1, deadline: None, message: Template::empty() };
        let gate = StagePlan {
            id: GATE.to_owned(),
            task: Task::Approval(approval),
            when: None,
            run_on: RunOn::Success,
            allow_failure: false,
            role: Role::Stage,
            matrix: None,
        };
        let index = plan.graph.add_node(gate);
        plan.by_id.insert(GATE.to_owned(), index);
        plan.gate = Some(index.index());
        plan
    }

    /// Returns the place of the gate, if there is one.
    #[must_use]
    pub fn gate(&self) -> Option<usize> {
        self.gate
    }
}
