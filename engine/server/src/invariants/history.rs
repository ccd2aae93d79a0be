//! The events of one stream, page by page, as they were written.

use kiket_core::Timestamp;
use kiket_store::{Entry, Position, Snapshot, StoreError, Stream};
use serde::de::DeserializeOwned;

use super::{Invariant, PAGE, Report};

/// Calls `each` with every event of a stream, in order. Answers whether the history is whole: if not, what it leads to
/// is no longer of use. Says itself what is wrong with the entries.
pub(super) async fn walk<E: DeserializeOwned>(
    snapshot: &mut Snapshot<'_>,
    report: &mut Report,
    stream: Stream,
    kind: fn(&E) -> &'static str,
    mut each: impl FnMut(&mut Report, &E, Timestamp),
) -> Result<bool, StoreError> {
    let about = match stream {
        Stream::Run(run) => run.to_string(),
        Stream::Item(item) => item.to_string(),
    };
    let (mut after, mut seq) = (Position::ZERO, 0);
    loop {
        let entries = snapshot.history(stream, after, PAGE).await?;
        let Some(last) = entries.last() else { break };
        after = last.position;
        for Entry { seq: number, data, kind: column, position, at, .. } in &entries {
            let number = number.map_or(0, |number| number.get());
            if number != seq + 1 {
                let found = format!("event {number} follows on event {seq}");
                report.add(Invariant::SequenceGapless, &about, found);
            }
            seq = number;
            match serde_json::from_str::<E>(data) {
                Ok(event) if kind(&event) == column => each(report, &event, *at),
                Ok(event) => {
                    let found = format!("entry {position} is called {column} and is {}", kind(&event));
                    report.add(Invariant::EntryFits, &about, found);
                }
                Err(error) => {
                    let found = format!("entry {position} cannot be read: {error}");
                    report.add(Invariant::EntryFits, &about, found);
                }
            }
        }
    }
    Ok(!report.knows(Invariant::SequenceGapless, &about) && !report.knows(Invariant::EntryFits, &about))
}
