//! Items: one row is a stream, moved on by compare-and-set on its sequence number.
//!
//! Invariants: `seq` counts the events of the item in the log and grows with them; an item has work only for the run
//! it waits for, and a run is waited for by one item at most; the labels of an item are one set, replaced whole.
//!
//! An item never ends for good: a state without a way out is the workflow's affair, not the store's.

use std::collections::BTreeSet;

use kiket_core::{ItemId, ProjectId, RevisionId, RunId, Timestamp};
use sqlx::QueryBuilder;
use sqlx::query::Query;

use super::{NewEvent, WorkChange, growth, work};
use crate::sqlite::Database;
use crate::text::Columns as _;
use crate::unit::{History, ROWS_PER_INSERT, Unit};
use crate::{CommitError, Conflict, Held, Seq, StoreError, Stream};

/// An item begins or moves on: its events, and the state that is their fold.
#[derive(Debug, Clone)]
pub struct ItemChange {
    /// The item.
    pub item: ItemId,
    /// Whether it begins here, or else where it is expected to be.
    pub write: WriteItem,
    /// The time; the item was updated then.
    pub at: Timestamp,
    /// What happened, in order. Events of items have no stage.
    pub events: Vec<NewEvent>,
    /// The parts of the state that can be searched for, after the events.
    pub row: ItemColumns,
    /// The state after the events, JSON.
    pub data: String,
    /// The hold under which it happens, if any.
    pub held: Option<Held>,
    /// The work that ends and begins with it.
    pub work: Vec<WorkChange>,
}

/// How the row of an item is written.
#[derive(Debug, Clone)]
pub enum WriteItem {
    /// A new item: [`Conflict::Duplicate`] or [`Conflict::DuplicateNumber`] if it is not.
    Create(ItemHead),
    /// The next events of an item: [`Conflict::Seq`] if it is not at `expected`.
    Advance {
        /// The sequence number the events were decided at.
        expected: Seq,
    },
}

/// What is settled about an item when it begins.
#[derive(Debug, Clone)]
pub struct ItemHead {
    /// Its project.
    pub project: ProjectId,
    /// Its number within the project, from 1.
    pub number: i64,
    /// Its type: `issue`.
    pub kind: String,
}

/// The parts of an item's state that have a column.
#[derive(Debug, Clone)]
pub struct ItemColumns {
    /// The workflow it lives in.
    pub workflow: String,
    /// The state of the workflow it is in.
    pub state: String,
    /// The category of that state, if it has one.
    pub category: Option<String>,
    /// What it is about, for people.
    pub title: String,
    /// How urgent it is.
    pub priority: Option<String>,
    /// Who takes care of it.
    pub assignee: Option<String>,
    /// Its labels, none of them empty.
    pub labels: BTreeSet<String>,
    /// The revision its workflow was last read from.
    pub revision: Option<RevisionId>,
    /// The run it waits for. No other item may wait for it.
    ///
    /// An item should begin to wait in the unit that starts the run, after it: so whoever ends the run finds the
    /// item, and puts [`Task::Item`](crate::Task::Item) in the unit that does. When the item stops waiting, that work
    /// ends with it.
    pub pending_run: Option<RunId>,
}

impl ItemChange {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let ended = work::prove(unit, self.held.as_ref(), &self.work);
        let (project, before) = match &self.write {
            WriteItem::Create(head) => (self.create(head, unit).await?, Seq::ZERO),
            WriteItem::Advance { expected } => {
                work::clear_wait(unit, self.item, self.row.pending_run);
                (self.advance(*expected, unit).await?, *expected)
            }
        };
        self.label(unit).await?;
        unit.append(History { project, stream: Some(self.stream()), seq: Some(before) }, self.at, &self.events);
        work::apply_except(unit, &self.work, ended);
        Ok(())
    }

    fn stream(&self) -> Stream {
        Stream::Item(self.item)
    }

    /// Inserts the row; answers the project.
    async fn create(&self, head: &ItemHead, unit: &mut Unit<'_>) -> Result<ProjectId, CommitError> {
        if let Some(conflict) = self.duplicate(head, unit).await? {
            return Err(conflict.into());
        }
        let insert = sqlx::query(
            "insert into items (seq, workflow, state, category, title, title_folded, priority, assignee, revision,
                                pending_run, data, updated_at, created_at, id, project, number, type)
             values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13, $14, $15, $16)",
        );
        self.bind_state(insert)
            .bind(self.item.to_string())
            .bind(head.project.to_string())
            .bind(head.number)
            .bind(&head.kind)
            .execute(unit.connection().await?)
            .await?;
        Ok(head.project)
    }

    /// Finds out whether there is such an item, by its id or else by its number.
    async fn duplicate(&self, head: &ItemHead, unit: &mut Unit<'_>) -> Result<Option<Conflict>, CommitError> {
        let found = sqlx::query("select id from items where id = $1 or (project = $2 and number = $3)")
            .bind(self.item.to_string())
            .bind(head.project.to_string())
            .bind(head.number)
            .fetch_all(unit.connection().await?)
            .await?;
        let ids = found.iter().map(|row| row.parsed("id")).collect::<Result<Vec<ItemId>, StoreError>>()?;
        Ok(match ids.as_slice() {
            [] => None,
            ids if ids.contains(&self.item) => Some(Conflict::Duplicate { stream: self.stream() }),
            _ => Some(Conflict::DuplicateNumber { project: head.project, number: head.number }),
        })
    }

    /// Updates the row if it is where it is expected to be; answers the project.
    async fn advance(&self, expected: Seq, unit: &mut Unit<'_>) -> Result<ProjectId, CommitError> {
        let update = sqlx::query(
            "update items set seq = seq + $1, workflow = $2, state = $3, category = $4, title = $5, title_folded = $6,
                              priority = $7, assignee = $8, revision = $9, pending_run = $10, data = $11,
                              updated_at = $12
             where id = $13 and seq = $14 returning project",
        );
        let updated = self
            .bind_state(update)
            .bind(self.item.to_string())
            .bind(expected.get())
            .fetch_optional(unit.connection().await?)
            .await?;
        match updated {
            Some(row) => Ok(row.parsed("project")?),
            None => Err(self.mismatch(expected, unit).await?.into()),
        }
    }

    /// Binds what every event may change: $1 is the growth of `seq`, $2 to $11 the state, $12 the time.
    fn bind_state<'q>(
        &'q self,
        query: Query<'q, Database, <Database as sqlx::Database>::Arguments>,
    ) -> Query<'q, Database, <Database as sqlx::Database>::Arguments> {
        query
            .bind(growth(&self.events))
            .bind(&self.row.workflow)
            .bind(&self.row.state)
            .bind(&self.row.category)
            .bind(&self.row.title)
            .bind(self.row.title.to_lowercase())
            .bind(&self.row.priority)
            .bind(&self.row.assignee)
            .bind(self.row.revision.map(|revision| revision.to_string()))
            .bind(self.row.pending_run.map(|run| run.to_string()))
            .bind(&self.data)
            .bind(self.at.millis())
    }

    /// Finds out why the row was not updated.
    async fn mismatch(&self, expected: Seq, unit: &mut Unit<'_>) -> Result<Conflict, CommitError> {
        let found = sqlx::query("select seq from items where id = $1")
            .bind(self.item.to_string())
            .fetch_optional(unit.connection().await?)
            .await?;
        let stream = self.stream();
        let Some(row) = found else { return Ok(Conflict::Unknown { stream }) };
        Ok(Conflict::Seq { stream, expected, actual: Seq::new(row.number("seq")?) })
    }

    /// Replaces the labels where they differ.
    async fn label(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        let item = self.item.to_string();
        let rows = sqlx::query("select label from item_labels where item = $1")
            .bind(&item)
            .fetch_all(unit.connection().await?)
            .await?;
        let before = rows.iter().map(|row| row.text("label")).collect::<Result<BTreeSet<String>, StoreError>>()?;
        if before == self.row.labels {
            return Ok(());
        }
        sqlx::query("delete from item_labels where item = $1").bind(&item).execute(unit.connection().await?).await?;
        let labels: Vec<&String> = self.row.labels.iter().collect();
        for labels in labels.chunks(ROWS_PER_INSERT) {
            let mut insert = QueryBuilder::<Database>::new("insert into item_labels (item, label) ");
            insert.push_values(labels, |mut row, label| {
                row.push_bind(&item).push_bind(*label);
            });
            insert.build().execute(unit.connection().await?).await?;
        }
        Ok(())
    }
}
