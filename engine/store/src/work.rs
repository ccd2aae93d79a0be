//! Work: what waits to be done, who holds it, and until when.
//!
//! A work row is the only thing that makes something happen later. One that is due in the future is a timer; one
//! that is leased belongs to a worker until its lease runs out. The fence grows with every lease, so whoever
//! held the row before can no longer commit under it.

use std::fmt;
use std::str::FromStr;

use kiket_core::{DeliveryId, ItemId, ProjectId, RunId, Timestamp};

use crate::text::{UnknownWord, words};

/// Something to do. Its text form is its key.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Task {
    /// Do one attempt at a stage.
    Stage {
        /// The run.
        run: RunId,
        /// The stage's id.
        stage: String,
        /// The attempt, from 1.
        attempt: u32,
    },
    /// Look at a run whose time is up: a timeout, the end of a wait.
    Deadline {
        /// The run.
        run: RunId,
    },
    /// Act on a webhook call.
    Delivery {
        /// The delivery.
        delivery: DeliveryId,
    },
    /// Look at an item whose run of actions has ended. Where the item has stopped waiting for it in the meantime,
    /// there is nothing to do but to end the work.
    Item {
        /// The item.
        item: ItemId,
        /// The run it waits for.
        run: RunId,
    },
    /// Look at the branch of a project. The row is the project's timer, and stays.
    Sync {
        /// The project.
        project: ProjectId,
    },
    /// Tell the forge how a run stands.
    Status {
        /// The run.
        run: RunId,
    },
    /// Start the run of a schedule whose time has come. The row is the schedule's timer, and stays.
    Tick {
        /// The project.
        project: ProjectId,
        /// The pipeline.
        pipeline: String,
        /// Five fields of cron and the time zone.
        schedule: String,
    },
}

words! {
    /// The kinds of [`Task`].
    TaskKind {
        /// [`Task::Stage`].
        Stage = "stage",
        /// [`Task::Deadline`].
        Deadline = "deadline",
        /// [`Task::Delivery`].
        Delivery = "delivery",
        /// [`Task::Item`].
        Item = "item",
        /// [`Task::Sync`].
        Sync = "sync",
        /// [`Task::Status`].
        Status = "status",
        /// [`Task::Tick`].
        Tick = "tick",
    }
}

impl Task {
    /// The kind of task.
    #[must_use]
    pub const fn kind(&self) -> TaskKind {
        match self {
            Self::Stage { .. } => TaskKind::Stage,
            Self::Deadline { .. } => TaskKind::Deadline,
            Self::Delivery { .. } => TaskKind::Delivery,
            Self::Item { .. } => TaskKind::Item,
            Self::Sync { .. } => TaskKind::Sync,
            Self::Status { .. } => TaskKind::Status,
            Self::Tick { .. } => TaskKind::Tick,
        }
    }

    /// The run it belongs to, with which it ends; `None` for a delivery and a project, and for an item and a forge:
    /// their work begins when the run ends.
    #[must_use]
    pub const fn run(&self) -> Option<RunId> {
        match self {
            Self::Stage { run, .. } | Self::Deadline { run } => Some(*run),
            Self::Delivery { .. } | Self::Item { .. } | Self::Sync { .. } | Self::Status { .. } | Self::Tick { .. } => {
                None
            }
        }
    }

    /// The key of its row: there is at most one row for a task.
    #[must_use]
    pub fn key(&self) -> WorkKey {
        WorkKey(self.to_string())
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stage { run, stage, attempt } => write!(f, "stage/{run}/{stage}/{attempt}"),
            Self::Deadline { run } => write!(f, "deadline/{run}"),
            Self::Delivery { delivery } => write!(f, "delivery/{delivery}"),
            Self::Item { item, run } => write!(f, "item/{item}/{run}"),
            Self::Sync { project } => write!(f, "sync/{project}"),
            Self::Status { run } => write!(f, "status/{run}"),
            Self::Tick { project, pipeline, schedule } => write!(f, "tick/{project}/{pipeline}/{schedule}"),
        }
    }
}

impl FromStr for Task {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        fn parse(text: &str) -> Option<Task> {
            let (kind, rest) = text.split_once('/')?;
            match kind.parse().ok()? {
                TaskKind::Stage => {
                    let (run, rest) = rest.split_once('/')?;
                    let (stage, attempt) = rest.rsplit_once('/')?;
                    let attempt = attempt.parse().ok()?;
                    Some(Task::Stage { run: run.parse().ok()?, stage: stage.to_owned(), attempt })
                }
                TaskKind::Deadline => Some(Task::Deadline { run: rest.parse().ok()? }),
                TaskKind::Delivery => Some(Task::Delivery { delivery: rest.parse().ok()? }),
                TaskKind::Item => {
                    let (item, run) = rest.split_once('/')?;
                    Some(Task::Item { item: item.parse().ok()?, run: run.parse().ok()? })
                }
                TaskKind::Sync => Some(Task::Sync { project: rest.parse().ok()? }),
                TaskKind::Status => Some(Task::Status { run: rest.parse().ok()? }),
                TaskKind::Tick => {
                    let (project, rest) = rest.split_once('/')?;
                    let (pipeline, schedule) = rest.split_once('/')?;
                    let (pipeline, schedule) = (pipeline.to_owned(), schedule.to_owned());
                    Some(Task::Tick { project: project.parse().ok()?, pipeline, schedule })
                }
            }
        }
        parse(text).ok_or_else(|| UnknownWord(text.to_owned()))
    }
}

/// Names a work row: the text form of its [`Task`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkKey(pub(crate) String);

impl WorkKey {
    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for WorkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A worker's hold on a work row, given with the row itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The worker.
    pub owner: String,
    /// When others may take the row.
    pub until: Timestamp,
}

/// Proof of holding a work row. A unit that carries it applies only while the row is leased under this fence;
/// an expired lease still counts until somebody else has taken the row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The row.
    pub key: WorkKey,
    /// The fence it was leased under.
    pub fence: i64,
}

/// A request for work.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The worker that asks.
    pub owner: String,
    /// The kinds of work it does; empty means all.
    pub kinds: Vec<TaskKind>,
    /// At most this many rows.
    pub limit: u32,
    /// The time: rows due later are left alone, leases that ended are void.
    pub now: Timestamp,
    /// When the new leases end, unless they are renewed.
    pub until: Timestamp,
}

/// A work row that was claimed: it belongs to the claimer until its lease ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// What to do.
    pub task: Task,
    /// Its priority; lower goes first.
    pub priority: i64,
    /// When it was due.
    pub due: Timestamp,
    /// The fence of this lease.
    pub fence: i64,
}

impl Work {
    /// The proof to commit under.
    #[must_use]
    pub fn held(&self) -> Held {
        Held { key: self.task.key(), fence: self.fence }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_survives_the_round_trip_through_its_key() {
        let run: RunId = "run_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap();
        let delivery: DeliveryId = "dlv_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap();
        let item: ItemId = "itm_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap();
        let tasks = [
            Task::Stage { run, stage: "build/linux".to_owned(), attempt: 3 },
            Task::Deadline { run },
            Task::Delivery { delivery },
            Task::Item { item, run },
            Task::Sync { project: "prj_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap() },
            Task::Status { run },
            Task::Tick {
                project: "prj_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap(),
                pipeline: "nightly".to_owned(),
                schedule: "*/5 3 * * 1-5 Europe/Prague".to_owned(),
            },
        ];
        for task in tasks {
            assert_eq!(task.key().as_str().parse(), Ok(task));
        }
    }

    #[test]
    fn refuses_a_key_of_another_kind() {
        assert!("timer/run_01jd3v7k2mfq9x8y5t4r6s0abc".parse::<Task>().is_err());
        assert!("stage/run_01jd3v7k2mfq9x8y5t4r6s0abc/build".parse::<Task>().is_err());
        assert!("item/itm_01jd3v7k2mfq9x8y5t4r6s0abc".parse::<Task>().is_err());
    }
}
