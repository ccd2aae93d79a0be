//! Reads: the log and its projections, as committed. They run on connections that cannot write.

mod artifact;
mod check;
mod dead_letter;
mod delivery;
mod deployment;
mod effect;
mod flaws;
mod item;
mod log;
mod outdated;
mod project;
mod revision;
mod run;
mod schedule;
mod setting;
mod snapshot;
mod token;
mod value;
mod work;

pub use artifact::{ArtifactKind, ArtifactRow};
pub use check::Stuck;
pub use dead_letter::{DeadLetter, LetterCounts, LetterFilter, LetterKind, LetterState};
pub use delivery::{Delivery, DeliveryStatus};
pub use deployment::{LiveRelease, Release, Switch};
pub use effect::Effect;
pub use flaws::{Flaw, FlawKind};
pub use item::{ItemFilter, ItemRow};
pub use log::{Entry, Filter};
pub use outdated::{Bounds, Forgotten, Walk};
pub use project::{Project, StartingPoint, SyncedCommit};

pub use revision::{Revision, RevisionStatus};
pub use run::{RunFilter, RunRow};
pub use schedule::ScheduleRow;
pub use setting::{EnvValue, SecretRow};
pub use snapshot::{Look, Snapshot, WorkRow};
pub use token::{AuditRow, Token};
pub use work::Queue;
