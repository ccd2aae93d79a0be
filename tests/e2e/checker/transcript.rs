//! What was heard of a stream is a slice of the log: in order, nothing left out, nothing made up.

use kiket_core::{ItemId, ProjectId};
use kiket_store::{Entry, Filter, Position, Store};
use serde_json::{Value as Json, json};

use crate::world::Frame;

/// The frames of one reading of a stream.
#[derive(Debug, Clone)]
pub(crate) struct Transcript {
    /// Below `/api/v1`, with what follows a question mark.
    pub(crate) path: String,
    /// The position it was to begin after; `None` where it began anywhere.
    pub(crate) after: Option<i64>,
    pub(crate) frames: Vec<Frame>,
}

impl Transcript {
    /// Answers where it is no slice of the log.
    pub(super) async fn check(&self, store: &Store) -> Vec<String> {
        let heard: Vec<&Frame> = self.frames.iter().filter(|frame| frame.id.is_some()).collect();
        let ids: Vec<i64> = heard.iter().filter_map(|frame| frame.id).collect();
        let (Some(first), Some(last)) = (ids.first(), ids.last()) else { return Vec::new() };
        let mut wrong = Vec::new();
        if !ids.windows(2).all(|pair| pair[0] < pair[1]) {
            wrong.push(format!("ids of {} do not grow: {ids:?}", self.path));
        }
        let Some(filter) = self.filter(store).await else { return wrong };
        let after = Position::new(self.after.unwrap_or(first - 1));
        let entries = store.tail(after, &filter, 1_000_000).await.expect("the log can be read");
        let entries: Vec<&Entry> = entries.iter().take_while(|entry| entry.position.get() <= *last).collect();
        let logged: Vec<i64> = entries.iter().map(|entry| entry.position.get()).collect();
        if logged != ids {
            let skipped: Vec<_> = logged.iter().filter(|id| !ids.contains(id)).collect();
            let unknown: Vec<_> = ids.iter().filter(|id| !logged.contains(id)).collect();
            wrong.push(format!("{} left out {skipped:?} and made up {unknown:?}", self.path));
            return wrong;
        }
        let differs = |(frame, entry): &(&&Frame, &&Entry)| !agree(frame, entry);
        let differs = heard.iter().zip(&entries).filter(differs);
        wrong.extend(differs.map(|(frame, entry)| format!("{} said {frame:?}, the log says {entry:?}", self.path)));
        wrong
    }

    /// What was asked for; nothing where that cannot be told from the path.
    async fn filter(&self, store: &Store) -> Option<Filter> {
        let (path, query) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let kinds = query.split('&').find_map(|part| part.strip_prefix("kinds="));
        let kinds = kinds.map(|kinds| kinds.split(',').map(str::to_owned).collect()).unwrap_or_default();
        let all = Filter { kinds, ..Filter::default() };
        Some(match path.trim_matches('/').split('/').collect::<Vec<_>>()[..] {
            ["events"] => all,
            ["runs", run, "events"] => Filter { run: Some(run.parse().ok()?), ..all },
            ["items", item, "events"] => Filter { item: Some(item.parse::<ItemId>().ok()?), ..all },
            ["projects", project, "events"] => {
                let id = match project.parse::<ProjectId>() {
                    Ok(id) => id,
                    Err(_) => store.project_by_name(project).await.expect("it can be read")?.id,
                };
                Filter { project: Some(id), ..all }
            }
            _ => return None,
        })
    }
}

/// Tells whether a frame says what an entry says, and where it is.
fn agree(frame: &Frame, entry: &Entry) -> bool {
    let data: Json = serde_json::from_str(&entry.data).expect("an object");
    let around = json!({
        "position": entry.position.get(),
        "seq": entry.seq.map(|seq| seq.get()),
        "run": entry.run.map(|run| run.to_string()),
        "item": entry.item.map(|item| item.to_string()),
    });
    let says = |object: &Json| {
        let pairs = object.as_object().into_iter().flatten();
        pairs.filter(|(_, value)| !value.is_null()).all(|(name, value)| frame.data[name] == *value)
    };
    frame.kind == entry.kind && says(&data) && (says(&around) || data.get("run").is_some())
}
