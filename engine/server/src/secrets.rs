//! The secrets of projects: what sets them, what reads them, and what hides them in the words of stages.
//!
//! A server keeps them in its store, encrypted; `kiket run` is given some and keeps them in memory. Every secret of a
//! project is masked in everything that any stage of the project says, whatever was granted to whom.
//!
//! Invariants: a value is masked before anybody can get it; one that is replaced or removed stays masked as long as
//! its project's mask is kept, because stages that are under way may still have it.

mod signing;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

use kiket_core::ProjectId;
use kiket_core::record::{SettingEvent, SettingNote};
use kiket_store::{
    Change, CommitError, HookSecret, NewEvent, Project, SealHook, SecretChange, SecretRow, Store, StoreError,
};
use tokio::sync::Mutex;

use crate::clock;
use crate::mask::Mask;
use crate::vault::{KeyError, Place, Secret, Vault, VaultError};

pub(crate) use signing::{missing, sign};

/// Longest value, in bytes.
pub(crate) const VALUE_BYTES: usize = 64 * 1024;
/// How many values one mask holds before those are forgotten that no secret has any more.
const MASKED: usize = 512;

/// Why a secret cannot be had or changed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SecretError {
    /// There is no master key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// What is stored does not open.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The change was refused.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where secrets come from.
pub(crate) enum Origin {
    /// The store; the file holds the master key.
    Stored(PathBuf),
    /// These, whatever the project; nothing is stored.
    Given(BTreeMap<String, Secret>),
}

/// The secrets of all projects.
pub(crate) struct Secrets {
    store: Store,
    vault: Vault,
    given: Option<BTreeMap<String, Secret>>,
    masks: Mutex<HashMap<ProjectId, Arc<Masking>>>,
}

/// The mask of a project, which grows with its secrets.
#[derive(Default)]
pub(crate) struct Masking(std::sync::Mutex<Masked>);

#[derive(Default)]
struct Masked {
    values: Vec<(String, Secret)>,
    /// Made when it is asked for, from what there is then.
    mask: Option<Arc<Mask>>,
}

impl Secrets {
    /// Opens the vault. The master key is made where nothing was encrypted yet, and has to be the right one where
    /// something was.
    pub(crate) async fn open(store: Store, origin: Origin) -> Result<Self, SecretError> {
        let (vault, given) = match origin {
            Origin::Stored(file) => {
                let sealed_with = store.sealing_keys().await?;
                let vault = Vault::open(&file, sealed_with.is_empty())?;
                vault.fits(&sealed_with)?;
                (vault, None)
            }
            Origin::Given(given) => (Vault::in_memory(), Some(given)),
        };
        Ok(Self { store, vault, given, masks: Mutex::default() })
    }

    /// Returns bytes that nobody else can name: the same for the same purpose.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        self.vault.derive(purpose)
    }

    /// Returns the value of a secret; none where the project has no such secret.
    pub(crate) async fn get(&self, project: ProjectId, name: &str) -> Result<Option<Secret>, SecretError> {
        if let Some(given) = &self.given {
            return Ok(given.get(name).cloned());
        }
        let row = self.store.secret(project, name).await?;
        Ok(row.map(|row| self.open_row(project, &row)).transpose()?)
    }

    /// Sets a secret; `by` is who does, and `beside` is committed with it.
    pub(crate) async fn set(
        &self,
        project: ProjectId,
        name: &str,
        value: Secret,
        by: &str,
        beside: Option<Change>,
    ) -> Result<(), SecretError> {
        let sealed = self.vault.seal(Place::Secret(project, name), &value);
        let mut masks = self.masks.lock().await;
        if masks.get(&project).is_some_and(|masking| masking.count() >= MASKED) {
            // Stages that are under way keep the one they began with.
            masks.remove(&project);
        }
        // The change is written also if nobody waits for it any more, so the mask has to know the value before. One
        // that cannot be made, because a secret does not open, is made later on or not at all.
        if let Ok(masking) = self.load(&mut masks, project).await {
            masking.add(name, value);
        }
        let event = SettingEvent::SecretSet(SettingNote { name: name.to_owned(), by: by.to_owned() });
        self.commit(project, name, Some(sealed), &event, beside).await
    }

    /// Removes a secret; `by` is who does, and `beside` is committed with it.
    pub(crate) async fn remove(
        &self,
        project: ProjectId,
        name: &str,
        by: &str,
        beside: Option<Change>,
    ) -> Result<(), SecretError> {
        let event = SettingEvent::SecretRemoved(SettingNote { name: name.to_owned(), by: by.to_owned() });
        self.commit(project, name, None, &event, beside).await
    }

    async fn commit(
        &self,
        project: ProjectId,
        name: &str,
        sealed: Option<kiket_store::Sealed>,
        event: &SettingEvent,
        beside: Option<Change>,
    ) -> Result<(), SecretError> {
        let event = note(event);
        let change = SecretChange { project, name: name.to_owned(), sealed, at: clock::now(), event };
        self.store.commit(beside.into_iter().chain([Change::Secret(change)]).collect()).await?;
        Ok(())
    }

    /// Returns the mask of a project's secrets. It is kept, and knows what is set later on.
    pub(crate) async fn masking(&self, project: ProjectId) -> Result<Arc<Masking>, SecretError> {
        self.load(&mut *self.masks.lock().await, project).await
    }

    async fn load(
        &self,
        masks: &mut HashMap<ProjectId, Arc<Masking>>,
        project: ProjectId,
    ) -> Result<Arc<Masking>, SecretError> {
        if let Some(masking) = masks.get(&project) {
            return Ok(Arc::clone(masking));
        }
        let values = match &self.given {
            Some(given) => given.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
            None => {
                let rows = self.store.secrets(project).await?;
                let open = |row: &SecretRow| Ok((row.name.clone(), self.open_row(project, row)?));
                rows.iter().map(open).collect::<Result<Vec<_>, VaultError>>()?
            }
        };
        let masking = Arc::new(Masking::new(values));
        masks.insert(project, Arc::clone(&masking));
        Ok(masking)
    }

    fn open_row(&self, project: ProjectId, row: &SecretRow) -> Result<Secret, VaultError> {
        self.vault.unseal(Place::Secret(project, &row.name), &row.sealed)
    }

    /// Encrypts the key that a project's webhooks are signed with.
    pub(crate) fn seal_hook(&self, project: ProjectId, key: &Secret) -> HookSecret {
        HookSecret::Sealed(self.vault.seal(Place::Hook(project), key))
    }

    /// Returns the key that a project's webhooks are signed with.
    pub(crate) fn hook_key(&self, project: &Project) -> Result<Secret, VaultError> {
        match &project.hook_secret {
            HookSecret::Clear(key) => Ok(Secret::new(key.as_str())),
            HookSecret::Sealed(sealed) => self.vault.unseal(Place::Hook(project.id), sealed),
        }
    }

    /// Encrypts what earlier versions have stored in clear.
    pub(crate) async fn seal_what_is_clear(&self) -> Result<(), SecretError> {
        let projects = self.store.projects().await?;
        let seal = |project: &Project| match &project.hook_secret {
            HookSecret::Clear(key) => {
                let sealed = self.vault.seal(Place::Hook(project.id), &Secret::new(key.as_str()));
                Some(Change::SealHook(SealHook { project: project.id, sealed }))
            }
            HookSecret::Sealed(_) => None,
        };
        let changes: Vec<Change> = projects.iter().filter_map(seal).collect();
        if !changes.is_empty() {
            tracing::info!(projects = changes.len(), "encrypting webhook secrets that were stored in clear");
            self.store.commit(changes).await?;
        }
        Ok(())
    }
}

impl Masking {
    fn new(values: Vec<(String, Secret)>) -> Self {
        Self(std::sync::Mutex::new(Masked { values, mask: None }))
    }

    /// Returns the mask as it is now.
    pub(crate) fn now(&self) -> Arc<Mask> {
        let mut masked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Masked { values, mask } = &mut *masked;
        let make = || Arc::new(Mask::new(values.iter().map(|(name, value)| (name.as_str(), value.reveal()))));
        Arc::clone(mask.get_or_insert_with(make))
    }

    /// Adds a value.
    fn add(&self, name: &str, value: Secret) {
        let mut masked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        masked.values.push((name.to_owned(), value));
        masked.mask = None;
    }

    fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values.len()
    }
}

/// Writes down a change of a project's settings.
pub(crate) fn note(event: &SettingEvent) -> NewEvent {
    let data = serde_json::to_string(event).expect("events are plain data");
    NewEvent { kind: event.kind().into(), stage: None, data }
}

/// Tells whether a secret may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    name.starts_with(|first: char| first.is_ascii_uppercase()) && name.len() <= 64 && name.bytes().all(rest)
}

#[cfg(test)]
mod tests;
