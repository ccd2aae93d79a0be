//! What a subscriber gets for an entry of the log: a JSON object, and the block of a stream that carries it.

use std::fmt::Write as _;
use std::sync::Arc;

use bytes::Bytes;
use kiket_core::{ItemId, ProjectId, RunId};
use kiket_store::{Entry, Position, Store, StoreError};

/// An entry as it goes out, with what tells who wants it.
pub(crate) struct Frame {
    pub(crate) position: Position,
    pub(crate) project: ProjectId,
    pub(crate) run: Option<RunId>,
    pub(crate) item: Option<ItemId>,
    pub(crate) kind: String,
    /// The whole block of a stream, with the empty line at its end.
    pub(crate) block: Bytes,
}

impl Frame {
    /// Tells whether nothing of the run comes after this.
    pub(crate) fn is_end(&self) -> bool {
        ends_run(&self.kind)
    }
}

/// Makes frames of entries, and remembers the project of the last one.
#[derive(Default)]
pub(super) struct Encoder {
    project: Option<(ProjectId, String)>,
}

impl Encoder {
    /// Makes the frames of all these entries, in their order.
    pub(super) async fn encode(&mut self, store: &Store, entries: Vec<Entry>) -> Result<Vec<Arc<Frame>>, StoreError> {
        let mut frames = Vec::with_capacity(entries.len());
        for entry in entries {
            if self.project.as_ref().is_none_or(|(id, _)| *id != entry.project) {
                self.project = store.project(entry.project).await?.map(|project| (project.id, project.name));
            }
            let project = self.project.as_ref().map_or("", |(_, name)| name.as_str());
            frames.push(Arc::new(Frame {
                position: entry.position,
                project: entry.project,
                run: entry.run,
                item: entry.item,
                block: block(&entry, &object(&entry, project)),
                kind: entry.kind,
            }));
        }
        Ok(frames)
    }
}

/// Tells whether nothing of the run comes after this.
pub(crate) fn is_end(entry: &Entry) -> bool {
    ends_run(&entry.kind)
}

fn ends_run(kind: &str) -> bool {
    matches!(kind, "run.succeeded" | "run.failed" | "run.cancelled")
}

/// The block of a stream: its data is as many lines as the object's text has, and that is one.
fn block(entry: &Entry, object: &str) -> Bytes {
    let mut block = String::with_capacity(object.len() + entry.kind.len() + 48);
    // Writing to a string does not fail.
    _ = write!(block, "id: {}\nevent: {}\n", entry.position, entry.kind);
    for line in object.lines() {
        block += "data: ";
        block += line;
        block.push('\n');
    }
    block.push('\n');
    block.into()
}

/// Returns the JSON object that a subscriber gets for an entry.
///
/// What the event says of itself is stored as an object whose first key is `kind`;
/// where and when it happened is put in front.
pub(crate) fn object(entry: &Entry, project: &str) -> String {
    let mut frame = format!("{{\"position\":{}", entry.position);
    // The first event of an item says by itself when it was, and like that of a run, in which project.
    if entry.kind != "item.created" {
        frame += &format!(",\"at\":\"{}\"", entry.at);
    }
    if !matches!(entry.kind.as_str(), "run.queued" | "item.created") {
        frame += ",\"project\":";
        frame += &serde_json::Value::from(project).to_string();
    }
    if let Some(run) = entry.run {
        frame += &format!(",\"run\":\"{run}\"");
    }
    if let Some(item) = entry.item {
        frame += &format!(",\"item\":\"{item}\"");
    }
    if let Some(seq) = entry.seq {
        frame += &format!(",\"seq\":{seq}");
    }
    match entry.data.strip_prefix('{') {
        Some("}") | None => frame.push('}'),
        Some(rest) => {
            frame.push(',');
            frame += rest;
        }
    }
    frame
}
