//! The numbers of items: each project counts its own. Handed out from memory, checked by the store.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kiket_core::ProjectId;
use kiket_store::{Store, StoreError};

/// The next number of each project that was asked for one. A number whose item is not stored after all is lost.
#[derive(Default)]
pub(super) struct Numbers(Mutex<HashMap<ProjectId, i64>>);

impl Numbers {
    /// Returns a number that was not handed out before.
    pub(super) async fn next(&self, store: &Store, project: ProjectId) -> Result<i64, StoreError> {
        if let Some(number) = self.take(project) {
            return Ok(number);
        }
        let last = store.last_item_number(project).await?;
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = numbers.entry(project).or_insert(last + 1);
        let number = *next;
        *next += 1;
        Ok(number)
    }

    /// Forgets what is known of a project: another process has handed out numbers as well.
    pub(super) fn forget(&self, project: ProjectId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&project);
    }

    fn take(&self, project: ProjectId) -> Option<i64> {
        let mut numbers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = numbers.get_mut(&project)?;
        let number = *next;
        *next += 1;
        Some(number)
    }
}
