//! What the driver's loop stands on: a ledger, runs, slots, and somebody who carries attempts out.
//!
//! In the server that is [`Driver`](super::Driver) with the sandbox; in the simulation, scripted plugins. The loop is
//! the same.

use std::sync::Arc;

use kiket_core::run::Outcome;
use kiket_core::{ItemId, RunId};
use kiket_store::{Held, Records};
use serde_json::Value as Json;

use crate::dispatch::{Assignment, Dispatch, Slots, Snapshot};
use crate::ledger::Ledger;
use crate::revisions::Plans;

/// What the plugin knows of an effect in doubt.
pub(crate) enum Known {
    /// It happened, and this is what came of it.
    Happened(Json),
    /// It did not.
    DidNotHappen,
    /// Nobody knows, for this reason.
    Unknown(String),
}

/// One process that works on runs.
pub(crate) trait Worker: Send + Sync + 'static {
    /// Where work waits.
    type Ledger: Ledger;
    /// Where definitions come from.
    type Plans: Plans;

    /// Returns where work waits.
    fn ledger(&self) -> &Self::Ledger;

    /// Returns what applies commands to runs.
    fn dispatch(&self) -> &Dispatch<Self::Ledger, Self::Plans>;

    /// Returns how many stages may run at once.
    fn slots(&self) -> &Slots;

    /// Returns whose the leases are.
    fn owner(&self) -> &str;

    /// Runs something beside the loop; it ends with the process.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Carries an attempt out, up to its last records.
    fn perform(self: &Arc<Self>, assignment: &Assignment) -> impl Future<Output = (Outcome, Option<Records>)> + Send;

    /// Asks the plugin what became of the effect that a stage was cut off with.
    fn ask(self: &Arc<Self>, snapshot: &Snapshot, stage: &str, held: &Held) -> impl Future<Output = Known> + Send;

    /// Looks at an item whose run of actions has ended.
    fn item_ended(&self, item: ItemId, run: RunId, held: Held) -> impl Future<Output = ()> + Send;
}
