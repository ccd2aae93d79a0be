//! Items as they stand: found by what people call them, and shown as the API shows them.

use std::sync::Arc;

use kiket_core::item::Item;
use kiket_core::{ItemId, ProjectId};
use kiket_store::{ItemFilter, ItemRow, Store, StoreError};
use serde_json::Value as Json;

use super::error::ItemError;
use super::{Surroundings, machine_of, present};
use crate::env;
use crate::revisions::Revisions;

/// Reads items; cheap to clone.
#[derive(Clone)]
pub(crate) struct Reader {
    pub(super) store: Store,
    pub(super) revisions: Arc<Revisions>,
}

impl Reader {
    pub(crate) fn new(store: Store, revisions: Arc<Revisions>) -> Self {
        Self { store, revisions }
    }

    /// Finds an item by its id, by its key, or by its project's name and its number: `shop-12`.
    pub(crate) async fn find(&self, text: &str) -> Result<ItemRow, ItemError> {
        if let Ok(id) = text.parse::<ItemId>() {
            return self.store.item(id).await?.ok_or(ItemError::Unknown);
        }
        let (project, number) = split(text)?;
        let project = self.project_of(project).await?.ok_or(ItemError::Unknown)?;
        self.store.item_by_number(project, number).await?.ok_or(ItemError::Unknown)
    }

    /// The same among the items of one project; there are no others.
    pub(crate) async fn find_in(&self, project: ProjectId, text: &str) -> Result<ItemRow, ItemError> {
        if let Ok(id) = text.parse::<ItemId>() {
            let row = self.store.item(id).await?.filter(|row| row.project == project);
            return row.ok_or(ItemError::Unknown);
        }
        let (name, number) = split(text)?;
        let row = self.store.item_by_number(project, number).await?.ok_or(ItemError::Unknown)?;
        let item = parse(&row)?;
        if item.created.is_some_and(|created| created.key.eq_ignore_ascii_case(text)) {
            return Ok(row);
        }
        if self.project_of(name).await? == Some(project) { Ok(row) } else { Err(ItemError::Unknown) }
    }

    /// Finds a project by its name, or else by what its items are called, in any case. No project is named as the items
    /// of another are called.
    async fn project_of(&self, name: &str) -> Result<Option<ProjectId>, StoreError> {
        let project = match self.store.project_by_name(&name.to_ascii_lowercase()).await? {
            Some(project) => Some(project),
            None => self.store.project_by_key(&name.to_ascii_uppercase()).await?,
        };
        Ok(project.map(|project| project.id))
    }

    /// Returns a page of items, each as a list shows it, and the rows they stand in.
    pub(crate) async fn list(&self, filter: &ItemFilter, limit: u32) -> Result<(Vec<ItemRow>, Vec<Json>), StoreError> {
        let rows = self.store.items(filter, limit).await?;
        let shown = rows.iter().map(present::listed).collect();
        Ok((rows, shown))
    }

    /// Returns an item as people see it.
    pub(crate) async fn show(&self, row: &ItemRow) -> Result<(Item, Json), ItemError> {
        let item = parse(row)?;
        let around = self.surroundings(row.project).await;
        let snapshot = around.and_then(|around| Ok(item.snapshot(machine_of(&around.revision, &row.workflow)?)));
        let snapshot = match snapshot {
            // Without its workflow it still is what it says.
            Err(error) if error.lacks_definitions() => serde_json::to_value(&item).unwrap_or_default(),
            snapshot => snapshot?,
        };
        Ok((item, snapshot))
    }

    /// Reads an item.
    pub(super) async fn load(&self, id: ItemId) -> Result<(ItemRow, Item), ItemError> {
        let row = self.store.item(id).await?.ok_or(ItemError::Unknown)?;
        let item = parse(&row)?;
        Ok((row, item))
    }

    /// Tells whether definitions are still the active ones.
    pub(super) async fn are_current(&self, around: &Surroundings) -> Result<bool, ItemError> {
        let project = self.store.project(around.project.id).await?.ok_or(ItemError::Unknown)?;
        Ok(project.active_revision == Some(around.id))
    }

    /// Returns the definitions that the items of a project are decided on.
    pub(super) async fn surroundings(&self, project: ProjectId) -> Result<Surroundings, ItemError> {
        let project = self.store.project(project).await?.ok_or(ItemError::Unknown)?;
        let id = project.active_revision.ok_or(ItemError::NoRevision)?;
        let revision = self.revisions.get(id).await?;
        let env = env::values(&self.store, project.id).await?;
        Ok(Surroundings { project, id, revision, env })
    }
}

/// Splits `shop-12` into the name and the number.
fn split(text: &str) -> Result<(&str, i64), ItemError> {
    let (name, number) = text.rsplit_once('-').ok_or(ItemError::Unknown)?;
    Ok((name, number.parse().map_err(|_| ItemError::Unknown)?))
}

fn parse(row: &ItemRow) -> Result<Item, StoreError> {
    serde_json::from_str(&row.data).map_err(|error| {
        tracing::error!(item.id = %row.id, %error, "the stored state of an item cannot be read");
        StoreError::Malformed { column: "data", value: error.to_string() }
    })
}
