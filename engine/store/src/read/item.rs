//! Items as they stand.
//!
//! An item and its labels are read in one snapshot: they always belong together.

use std::collections::{BTreeMap, BTreeSet};

use kiket_core::{ItemId, ProjectId, RevisionId, RunId, Timestamp};
use sqlx::{Connection as _, QueryBuilder};

use crate::sqlite::{Connection, Database, Row};
use crate::text::Columns as _;
use crate::{Seq, Store, StoreError};

/// Ids in one statement that reads labels.
const ITEMS_PER_QUERY: usize = 256;

/// An item: what is settled about it, and its state at `seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemRow {
    /// Its id.
    pub id: ItemId,
    /// Its project.
    pub project: ProjectId,
    /// Its number within the project, from 1.
    pub number: i64,
    /// Its type.
    pub kind: String,
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
    /// Its labels, in the order of their text.
    pub labels: BTreeSet<String>,
    /// The number of its events.
    pub seq: Seq,
    /// The fold of its events, JSON.
    pub data: String,
    /// The revision its workflow was last read from.
    pub revision: Option<RevisionId>,
    /// The run it waits for.
    pub pending_run: Option<RunId>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it last moved on.
    pub updated_at: Timestamp,
}

/// Which items to list; what is left out does not narrow.
#[derive(Debug, Clone, Default)]
pub struct ItemFilter {
    /// Of this project.
    pub project: Option<ProjectId>,
    /// Of this type.
    pub kind: Option<String>,
    /// In this state.
    pub state: Option<String>,
    /// In a state of this category.
    pub category: Option<String>,
    /// That this person takes care of.
    pub assignee: Option<String>,
    /// Of this priority.
    pub priority: Option<String>,
    /// With this label.
    pub label: Option<String>,
    /// With this text anywhere in the title, in upper or lower case.
    pub text: Option<String>,
    /// Older than this item: the last one of the page before.
    pub before: Option<ItemId>,
    /// Newer than this item: the last one of the page before, where the oldest comes first.
    pub after: Option<ItemId>,
    /// Whether the oldest comes first; else the newest does.
    pub oldest_first: bool,
}

impl Store {
    /// Reads an item.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn item(&self, id: ItemId) -> Result<Option<ItemRow>, StoreError> {
        let mut query = QueryBuilder::new("select * from items where id = ");
        query.push_bind(id.to_string());
        Ok(self.read_items(query).await?.pop())
    }

    /// Reads an item by its number within a project.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn item_by_number(&self, project: ProjectId, number: i64) -> Result<Option<ItemRow>, StoreError> {
        let mut query = QueryBuilder::new("select * from items where project = ");
        query.push_bind(project.to_string()).push(" and number = ").push_bind(number);
        Ok(self.read_items(query).await?.pop())
    }

    /// Lists items in the order of their ids, which grow with time.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn items(&self, filter: &ItemFilter, limit: u32) -> Result<Vec<ItemRow>, StoreError> {
        let mut query = QueryBuilder::new("select * from items where 1 = 1");
        if let Some(project) = filter.project {
            query.push(" and project = ").push_bind(project.to_string());
        }
        let columns = [
            (" and type = ", &filter.kind),
            (" and state = ", &filter.state),
            (" and category = ", &filter.category),
            (" and assignee = ", &filter.assignee),
            (" and priority = ", &filter.priority),
        ];
        for (column, value) in columns {
            if let Some(value) = value {
                query.push(column).push_bind(value.clone());
            }
        }
        if let Some(label) = &filter.label {
            query.push(" and id in (select item from item_labels where label = ").push_bind(label.clone()).push(")");
        }
        if let Some(text) = &filter.text {
            query.push(" and title_folded like ").push_bind(anywhere(text)).push(" escape '\\'");
        }
        if let Some(before) = filter.before {
            query.push(" and id < ").push_bind(before.to_string());
        }
        if let Some(after) = filter.after {
            query.push(" and id > ").push_bind(after.to_string());
        }
        query.push(if filter.oldest_first { " order by id" } else { " order by id desc" });
        query.push(" limit ").push_bind(i64::from(limit));
        self.read_items(query).await
    }

    /// Reads the highest number of an item of a project; 0 while it has none. The next item takes the next one,
    /// and is refused with [`Conflict::DuplicateNumber`](crate::Conflict::DuplicateNumber) if another was faster.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn last_item_number(&self, project: ProjectId) -> Result<i64, StoreError> {
        let number = sqlx::query_scalar("select coalesce(max(number), 0) from items where project = $1")
            .bind(project.to_string())
            .fetch_one(&mut *self.reader().await?)
            .await?;
        Ok(number)
    }

    /// Finds the item that waits for a run: whoever ends the run puts [`Task::Item`](crate::Task::Item) for it in
    /// the same unit.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn item_waiting_for(&self, run: RunId) -> Result<Option<ItemId>, StoreError> {
        let row = sqlx::query("select id from items where pending_run = $1")
            .bind(run.to_string())
            .fetch_optional(&mut *self.reader().await?)
            .await?;
        row.map(|row| row.parsed("id")).transpose()
    }

    /// Reads the items that a query selects, with their labels.
    async fn read_items(&self, query: QueryBuilder<Database>) -> Result<Vec<ItemRow>, StoreError> {
        let mut reader = self.reader().await?;
        let mut snapshot = reader.begin().await?;
        let items = read(&mut snapshot, query).await?;
        snapshot.commit().await?;
        Ok(items)
    }
}

/// Reads the items that a query selects, with their labels. For both to belong together it takes a transaction.
pub(super) async fn read(
    snapshot: &mut Connection,
    mut query: QueryBuilder<Database>,
) -> Result<Vec<ItemRow>, StoreError> {
    let rows = query.build().fetch_all(&mut *snapshot).await?;
    let mut items = rows.iter().map(ItemRow::read).collect::<Result<Vec<ItemRow>, StoreError>>()?;
    for items in items.chunks_mut(ITEMS_PER_QUERY) {
        read_labels(snapshot, items).await?;
    }
    Ok(items)
}

/// Fills in the labels of some items.
async fn read_labels(connection: &mut Connection, items: &mut [ItemRow]) -> Result<(), StoreError> {
    let mut query = QueryBuilder::<Database>::new("select item, label from item_labels where item in (");
    let mut ids = query.separated(", ");
    for item in items.iter() {
        ids.push_bind(item.id.to_string());
    }
    query.push(")");
    let mut labels: BTreeMap<ItemId, BTreeSet<String>> = BTreeMap::new();
    for row in query.build().fetch_all(connection).await? {
        labels.entry(row.parsed("item")?).or_default().insert(row.text("label")?);
    }
    for item in items {
        item.labels = labels.remove(&item.id).unwrap_or_default();
    }
    Ok(())
}

/// The pattern that matches a text anywhere in a folded title.
fn anywhere(text: &str) -> String {
    let mut pattern = String::from("%");
    for character in text.to_lowercase().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

impl ItemRow {
    /// Reads all but the labels.
    fn read(row: &Row) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.parsed("id")?,
            project: row.parsed("project")?,
            number: row.number("number")?,
            kind: row.text("type")?,
            workflow: row.text("workflow")?,
            state: row.text("state")?,
            category: row.optional_text("category")?,
            title: row.text("title")?,
            priority: row.optional_text("priority")?,
            assignee: row.optional_text("assignee")?,
            labels: BTreeSet::new(),
            seq: Seq::new(row.number("seq")?),
            data: row.text("data")?,
            revision: row.optional_parsed("revision")?,
            pending_run: row.optional_parsed("pending_run")?,
            created_at: row.time("created_at")?,
            updated_at: row.time("updated_at")?,
        })
    }
}
