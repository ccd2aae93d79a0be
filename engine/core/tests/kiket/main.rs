//! Kiket's files as core reads them: the public packs, every form of a workflow, conditions, messages and actions.

mod actions;
mod conditions;
mod corpus;
mod messages;
mod support;
mod workflows;
