//! The invariants checker: what has to be true of a database whatever happened before.

use std::path::Path;

use kiket::invariants::{self, Violation};
use kiket_store::Store;

/// Opens the database of a stopped server and checks it.
pub(crate) async fn check(path: &Path) {
    let found = violations(path).await;
    let lines: Vec<String> = found.iter().map(Violation::to_string).collect();
    assert!(found.is_empty(), "what must hold does not:\n{}", lines.join("\n"));
}

/// Reads the database and answers what is wrong with it.
pub(crate) async fn violations(path: &Path) -> Vec<Violation> {
    let store = Store::inspect(path).await.expect("the database opens");
    let found = invariants::check(&store).await.expect("it can be checked");
    store.close().await;
    found
}
