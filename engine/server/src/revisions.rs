//! Compiled revisions by id. Plans are never stored: they are rebuilt from the
//! sources and the plugins that the revision was published with.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use kiket_core::RevisionId;
use kiket_core::revision::{Revision, rebuild};
use kiket_store::{Store, StoreError};

use crate::plugins::{PluginError, Plugins};

/// How many compiled revisions are kept in memory.
const KEPT: usize = 256;

/// Why a stored revision cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RevisionError {
    /// It is not in the store.
    #[error("there is no revision {0}")]
    Unknown(RevisionId),
    /// One of its components is gone.
    #[error("revision {id} cannot be rebuilt")]
    Plugin {
        /// The revision.
        id: RevisionId,
        /// What is wrong with the component.
        source: PluginError,
    },
    /// Its sources no longer compile.
    #[error("revision {0} no longer compiles with this version of kiket")]
    Stale(RevisionId),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Where the definitions of runs come from. The server compiles them; the simulation has its own.
pub(crate) trait Plans: Send + Sync + 'static {
    /// Returns a revision.
    fn get(&self, id: RevisionId) -> impl Future<Output = Result<Arc<Revision>, RevisionError>> + Send;
}

impl Plans for Revisions {
    fn get(&self, id: RevisionId) -> impl Future<Output = Result<Arc<Revision>, RevisionError>> + Send {
        Self::get(self, id)
    }
}

/// Compiled revisions, the most recent ones in memory.
pub(crate) struct Revisions {
    store: Store,
    plugins: Arc<Plugins>,
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    by_id: HashMap<RevisionId, Arc<Revision>>,
    order: VecDeque<RevisionId>,
}

impl Revisions {
    pub(crate) fn new(store: Store, plugins: Arc<Plugins>) -> Self {
        Self { store, plugins, cache: Mutex::default() }
    }

    /// Returns a revision, rebuilt where it is not in memory.
    pub(crate) async fn get(&self, id: RevisionId) -> Result<Arc<Revision>, RevisionError> {
        if let Some(revision) = self.lock().by_id.get(&id) {
            return Ok(Arc::clone(revision));
        }
        let row = self.store.revision(id).await?.ok_or(RevisionError::Unknown(id))?;
        let sources = self.store.sources(id).await?;
        let pinned: BTreeMap<String, String> =
            serde_json::from_str(&row.plugins).map_err(|_| RevisionError::Stale(id))?;
        let catalog = self.plugins.catalog(&pinned).map_err(|source| RevisionError::Plugin { id, source })?;
        let revision = Arc::new(rebuild(&sources, &catalog).ok_or(RevisionError::Stale(id))?);
        self.remember(id, Arc::clone(&revision));
        Ok(revision)
    }

    /// Keeps a revision that was just compiled.
    pub(crate) fn remember(&self, id: RevisionId, revision: Arc<Revision>) {
        let mut cache = self.lock();
        if cache.by_id.insert(id, revision).is_none() {
            cache.order.push_back(id);
        }
        while cache.order.len() > KEPT {
            let oldest = cache.order.pop_front();
            oldest.and_then(|id| cache.by_id.remove(&id));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
