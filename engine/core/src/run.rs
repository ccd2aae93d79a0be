//! One execution of a pipeline, event-sourced.
//!
//! `decide` says what a command leads to and may refuse; `apply` folds what has
//! happened and never fails. The fold of a run's events is its whole state.

mod apply;
mod approve;
mod cancel;
mod command;
mod decide;
mod doubt;
mod event;
mod keep;
mod legal;
mod scope;
mod settle;
mod state;

pub use command::{Actor, Command, Moment, Outcome, Rejected};
pub use doubt::{Doubt, DoubtCode, Found, Intent, Resolution};
pub use event::{Event, Queued};
pub use legal::Illegal;
pub(crate) use legal::demand;
pub(crate) use scope::evaluate;
pub use scope::{Call, CallError};
pub use state::{ApprovalRequest, Run, RunStatus, Stage, StageError, StageState, StageStatus, Trigger, Usage, Wait};
