//! The events of one stream, page by page, as they were written.

use kiket_core::Timestamp;
use kiket_store::{Entry, Position, Snapshot, StoreError, Stream};
use serde::de::DeserializeOwned;

use super::{Invariant, PAGE, Report};

/// Calls `each` with every event of a stream, in order, as far as the history is whole. Answers whether it is: if not, what
/// it leads to is of no use. Says itself what is wrong with the entries.
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
                report.add(Invariant::SequenceGapless, &about, format!("event {number} follows on event {seq}"));
                return Ok(false);
            }
            seq = number;
            let flaw = match serde_json::from_str::<E>(data) {
                Ok(event) if kind(&event) == column => {
                    each(report, &event, *at);
                    continue;
                }
                Ok(event) => format!("entry {position} is called {column} and is {}", kind(&event)),
                Err(error) => format!("entry {position} cannot be read: {error}"),
            };
            report.add(Invariant::EntryFits, &about, flaw);
            return Ok(false);
        }
    }
    Ok(!report.knows(Invariant::SequenceGapless, &about))
}
