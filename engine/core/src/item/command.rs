//! What can be asked of an item.

use serde_json::{Map, Value as Json};

use super::event::Event;
use super::guards::{GuardCall, Verdicts};
use super::state::Created;
use crate::expression::Placeholders;
use crate::id::RunId;
use crate::run::Actor;
use crate::time::Timestamp;

/// What comes from outside with a command: core has no clock, makes no ids and knows no people.
#[derive(Debug, Clone)]
pub struct Context<'c> {
    /// The time.
    pub now: Timestamp,
    /// Who asks.
    pub actor: &'c Actor,
    /// The project's name.
    pub project: &'c str,
    /// The project's plain values.
    pub env: &'c Map<String, Json>,
    /// An id for the run that a transition may start; further ones follow from it.
    pub run: RunId,
    /// What guards have said.
    pub verdicts: &'c Verdicts,
    /// What stands for secrets in what guards are told; without them a guard that is told one cannot be asked. They
    /// are the same when it is decided again.
    pub placeholders: Option<&'c Placeholders>,
}

/// Something to do.
#[derive(Debug, Clone)]
pub enum Command {
    /// Bring the item into being. Refused when it already is, or when its type refuses a value.
    Create(Box<NewItem>),
    /// Change what it says. Refused when its type refuses a value.
    Update {
        /// New values, by the names of [`Event::Updated`]; null takes one away.
        values: Map<String, Json>,
    },
    /// Say something about it.
    Comment {
        /// What.
        body: String,
    },
    /// Take it to another state. Refused with every reason why not.
    Transition {
        /// Which way.
        wanted: Wanted,
        /// In the person's words.
        comment: Option<String>,
    },
    /// The run that a transition waited for has ended. Refused unless it waits for that one.
    RunEnded {
        /// The run.
        run: RunId,
        /// Why it failed, if it did.
        failed: Option<String>,
    },
}

/// An item to be.
#[derive(Debug, Clone)]
pub struct NewItem {
    /// What is settled for ever.
    pub created: Created,
    /// The state to begin in; the workflow's first where none is given.
    pub state: Option<String>,
    /// What it says, by the names of [`Event::Updated`].
    pub values: Map<String, Json>,
}

/// Which transition is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// The one of this name.
    Name(String),
    /// The first that leads to this state and that nothing speaks against.
    To(String),
}

/// What a command leads to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// What happens to the item.
    pub events: Vec<Event>,
    /// The runs that have to start in the same unit.
    pub starts: Vec<StartRun>,
}

/// A run of what a transition does.
#[derive(Debug, Clone, PartialEq)]
pub struct StartRun {
    /// Its id.
    pub run: RunId,
    /// The name of its plan in the revision.
    pub plan: String,
    /// The transition's name.
    pub transition: String,
    /// Whether the item waits for it.
    pub waits: bool,
    /// Its inputs.
    pub inputs: Map<String, Json>,
    /// The item as it was then.
    pub item: Json,
}

/// Why a command leads to nothing yet, or not at all.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Undecided {
    /// It is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It depends on what these guards say: ask them all, and decide again with their verdicts, at the same moment and
    /// on the same item.
    #[error("guards have to be asked first")]
    Asks(Vec<GuardCall>),
}

/// Why a command is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It exists already.
    #[error("the item exists already")]
    Exists,
    /// It does not exist.
    #[error("there is no such item")]
    Unknown,
    /// Values that it cannot have: names with reasons.
    #[error("the item cannot have these values")]
    Values(Vec<(String, String)>),
    /// It does not wait for that run.
    #[error("the item does not wait for run {0}")]
    NotWaiting(RunId),
}
