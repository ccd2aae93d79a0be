//! What a kiket definition means.
//!
//! Pure by construction: no I/O, no clock, no randomness, no await. Time, ids and
//! seeds come in as arguments; what has to happen in the world goes out as events.

pub mod case;
pub mod catalog;
mod decode;
pub mod definition;
pub mod diagnostic;
pub mod duration;
pub mod expression;
pub mod grants;
pub mod graph;
pub mod id;
pub mod item;
pub mod machine;
pub mod manifest;
pub mod plan;
pub mod planted;
pub mod record;
pub mod revision;
pub mod run;
pub mod schedule;
pub mod schemas;
pub mod shape;
pub mod size;
pub mod source;
pub mod time;
pub mod yaml;

pub use id::{DeliveryId, InvalidId, ItemId, ProjectId, ReleaseId, RevisionId, RunId, TokenId};
pub use source::{Level, Origin, Source};
pub use time::Timestamp;
