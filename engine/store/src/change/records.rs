//! Records: log chunks and progress. They have a position and no `seq`, and no state is made of them.

use kiket_core::{ProjectId, RunId, Timestamp};

use super::{NewEvent, work};
use crate::unit::{History, Unit};
use crate::{Held, Stream};

/// Records of a run to append.
#[derive(Debug, Clone)]
pub struct Records {
    /// The run.
    pub run: RunId,
    /// The run's project.
    pub project: ProjectId,
    /// The hold under which they were made, if any.
    pub held: Option<Held>,
    /// The time.
    pub at: Timestamp,
    /// The records, in order.
    pub records: Vec<NewEvent>,
}

impl Records {
    pub(super) fn apply(&self, unit: &mut Unit<'_>) {
        if let Some(held) = &self.held {
            work::check(unit, held);
        }
        let history = History { project: self.project, stream: Some(Stream::Run(self.run)), seq: None };
        unit.append(history, self.at, &self.records);
    }
}
