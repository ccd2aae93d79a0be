//! The invariants checker as every end-to-end test ends in it: what has to be true of a database whatever happened
//! before, and of what the world outside has seen and was told.

mod acknowledged;
mod effects;
mod transcript;

use std::path::Path;

use kiket::invariants::{self, Violation};
use kiket_store::Store;

pub(crate) use acknowledged::{Acknowledged, Journal};
pub(crate) use effects::Seen;
pub(crate) use transcript::Transcript;

/// What is known of a server from outside. [`World`](crate::world::World) gathers it; whoever has no world fills it in.
#[derive(Default)]
pub(crate) struct Evidence {
    /// What clients were answered with success, in order.
    pub(crate) acknowledged: Vec<Acknowledged>,
    /// What was heard of each stream that was followed.
    pub(crate) transcripts: Vec<Transcript>,
    /// What the far side of the network has seen of effects, in order.
    pub(crate) sink: Vec<Seen>,
}

/// Reads the database of a stopped server and checks it, and what was seen from outside.
pub(crate) async fn check(path: &Path, evidence: &Evidence) {
    let mut lines: Vec<String> = violations(path).await.iter().map(Violation::to_string).collect();
    lines.extend(contradictions(path, evidence).await);
    assert!(lines.is_empty(), "what must hold does not:\n{}", lines.join("\n"));
}

/// Reads the database and answers what is wrong with it.
pub(crate) async fn violations(path: &Path) -> Vec<Violation> {
    let store = Store::inspect(path).await.expect("the database opens");
    let found = invariants::check(&store).await.expect("it can be checked");
    store.close().await;
    found
}

/// Answers where the database contradicts what was seen from outside, one sentence each.
pub(crate) async fn contradictions(path: &Path, evidence: &Evidence) -> Vec<String> {
    let store = Store::inspect(path).await.expect("the database opens");
    let mut found = acknowledged::check(&store, &evidence.acknowledged).await;
    for transcript in &evidence.transcripts {
        found.extend(transcript.check(&store).await);
    }
    found.extend(effects::check(&store, &evidence.sink).await);
    store.close().await;
    found
}
