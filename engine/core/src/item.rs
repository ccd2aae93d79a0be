//! One item of a workflow: an issue, a case, a release; event-sourced like a run.
//!
//! `decide` says what a command leads to and may refuse; `apply` folds what has happened and never fails. What a
//! transition does besides changing the item is a run of its own, which `decide` asks for and the engine starts in
//! the same unit.

mod actions;
mod apply;
mod choose;
mod command;
mod decide;
mod event;
mod facts;
mod guards;
mod legal;
mod reasons;
mod scope;
mod state;
mod update;

pub use command::{Command, Context, Decision, NewItem, Refusal, StartRun, Undecided, Wanted};
pub use event::Event;
pub use guards::{GuardCall, Verdict, Verdicts};
pub use reasons::{GuardReason, Possibility, Reason, ReasonCode};
pub use state::{Created, Item, Pending};
