//! Reads: the log and its projections, as committed. They run on connections that cannot write.

mod check;
mod delivery;
mod item;
mod log;
mod project;
mod revision;
mod run;
mod work;

pub use check::Stuck;
pub use delivery::{Delivery, DeliveryStatus};
pub use item::{ItemFilter, ItemRow};
pub use log::{Entry, Filter};
pub use project::{Project, Token};
pub use revision::{Revision, RevisionStatus};
pub use run::{RunFilter, RunRow};
