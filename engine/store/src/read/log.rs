//! The tail of the log: what came after a position.
//!
//! There is one such read: history and the live stream are the same query with different cursors.

use std::sync::PoisonError;

use kiket_core::{ItemId, ProjectId, RunId, Timestamp};
use sqlx::QueryBuilder;

use crate::brief;
use crate::sqlite::{Database, Row};
use crate::text::Columns as _;
use crate::{Position, Seq, Store, StoreError};

/// Something in the log: an event or a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub position: Position,
    /// The project it belongs to.
    pub project: ProjectId,
    /// The run it belongs to, if any.
    pub run: Option<RunId>,
    /// The item it belongs to, if any; never besides a run.
    pub item: Option<ItemId>,
    /// Its number within the run or the item; `None` for records and events of projects.
    pub seq: Option<Seq>,
    /// Its kind.
    pub kind: String,
    /// The stage it is about, if any.
    pub stage: Option<String>,
    /// When it happened.
    pub at: Timestamp,
    /// The text of a JSON object.
    pub data: String,
}

/// Which entries to read; what is left out does not narrow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this run.
    pub run: Option<RunId>,
    /// Of this item.
    pub item: Option<ItemId>,
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Of one of these kinds: whole (`run.started`) or everything below a prefix (`stage.*`).
    pub kinds: Vec<String>,
    /// About this stage.
    pub stage: Option<String>,
}

impl Store {
    /// Reads at most `limit` entries after a position, in order.
    ///
    /// When fewer than `limit` come back, the reader has seen everything up to the [`Store::head`] it observed
    /// before the call, and may go on from there: a filter that matches little does not make it search again.
    ///
    /// Whoever reads everything and follows closely has it from memory.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn tail(&self, after: Position, filter: &Filter, limit: u32) -> Result<Vec<Entry>, StoreError> {
        if *filter == Filter::default()
            && let Some(entries) = self.recent(after, limit)
        {
            return Ok(entries);
        }
        let mut query = QueryBuilder::<Database>::new(
            "select position, project, run, item, seq, kind, stage, at, data from log where position > ",
        );
        query.push_bind(after.get());
        if let Some(run) = filter.run {
            query.push(" and run = ").push_bind(run.to_string());
        }
        if let Some(item) = filter.item {
            query.push(" and item = ").push_bind(item.to_string());
        }
        if let Some(project) = filter.project {
            query.push(" and project = ").push_bind(project.to_string());
        }
        if let Some(stage) = &filter.stage {
            query.push(" and stage = ").push_bind(stage);
        }
        push_kinds(&mut query, &filter.kinds);
        query.push(" order by position limit ").push_bind(i64::from(limit));
        let rows = query.build().fetch_all(&mut *self.reader().await?).await?;
        rows.iter().map(Entry::read).collect()
    }

    /// What is in memory of what came after a position, where that is all of it and nothing of it is forgotten.
    fn recent(&self, after: Position, limit: u32) -> Option<Vec<Entry>> {
        if self.failure.get().is_some() || self.readers.is_closed() || self.cut(None) > after {
            return None;
        }
        let recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        recent.tail(after, usize::try_from(limit).unwrap_or(usize::MAX))
    }
}

fn push_kinds(query: &mut QueryBuilder<Database>, kinds: &[String]) {
    for (index, kind) in kinds.iter().enumerate() {
        query.push(if index == 0 { " and (" } else { " or " });
        match kind.strip_suffix('*') {
            Some(prefix) => {
                let length = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
                query.push("substr(kind, 1, ").push_bind(length).push(") = ").push_bind(prefix.to_owned());
            }
            None => _ = query.push("kind = ").push_bind(kind.clone()),
        }
    }
    if !kinds.is_empty() {
        query.push(")");
    }
}

impl Entry {
    pub(super) fn read(row: &Row) -> Result<Self, StoreError> {
        let (kind, stage) = (row.text("kind")?, row.optional_text("stage")?);
        let data = brief::restore(&kind, stage.as_deref(), row.text("data")?);
        Ok(Self {
            position: Position::new(row.number("position")?),
            project: row.parsed("project")?,
            run: row.optional_parsed("run")?,
            item: row.optional_parsed("item")?,
            seq: row.optional_number("seq")?.map(Seq::new),
            kind,
            stage,
            at: row.time("at")?,
            data,
        })
    }
}
