//! The plugins this server has: components by digest, in a folder and in the host.
//!
//! A component is kept under its content's digest, so a run that started with one
//! can be finished with the same one whatever was installed since.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use kiket_core::catalog::{Catalog, Plugin, Refusal};
use kiket_core::manifest::Manifest;
use kiket_host::wit::action::Invocation;
use kiket_host::wit::guard;
use kiket_host::wit::recovery::EffectState;
use kiket_host::{Digest, Host, InvokeError, LoadError, ManifestError, Terms, manifest_section};
use serde_json::Value as Json;

use crate::folders;

include!(concat!(env!("OUT_DIR"), "/bundled.rs"));
include!(concat!(env!("OUT_DIR"), "/digests.rs"));

/// A component that cannot be used as a plugin.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PluginError {
    /// It says nothing of itself that could be read.
    #[error("{0}")]
    Unusable(String),
    /// The host refuses it.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The folder of components cannot be used.
    #[error("the folder of components cannot be used: {0}")]
    Folder(#[from] io::Error),
    /// Nothing is kept under that digest.
    #[error("no component is kept under {0}")]
    Missing(String),
}

impl PluginError {
    /// Returns the code of a stage that fails for it.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Load(error) => error.code(),
            Self::Unusable(_) | Self::Folder(_) | Self::Missing(_) => "plugin",
        }
    }
}

/// The plugins by digest, and the bundled ones by name.
pub(crate) struct Plugins {
    host: Host,
    folder: PathBuf,
    known: Mutex<HashMap<String, Arc<Plugin>>>,
    bundled: Catalog,
    /// Whose code is in the cache by now.
    compiled: Mutex<HashSet<String>>,
}

impl Plugins {
    /// Opens the folder of components and puts the bundled ones into it.
    pub(crate) fn open(host: Host, folder: PathBuf) -> Result<Self, PluginError> {
        folders::make(&folder)?;
        let mut plugins =
            Self { host, folder, known: Mutex::default(), bundled: Catalog::default(), compiled: Mutex::default() };
        let mut bundled = Catalog::default();
        for ((name, component), (_, digest)) in BUNDLED.iter().zip(DIGESTS) {
            bundled.insert_bundled(*name, plugins.put(digest, component)?);
        }
        plugins.bundled = bundled;
        Ok(plugins)
    }

    /// Removes components that are neither bundled nor named in any of these texts, which pin names to digests.
    pub(crate) fn sweep(&self, pinned: &[String]) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let Some(name) = path.file_name().and_then(|name| name.to_str()?.strip_suffix(".wasm")) else { continue };
            let digest = format!("sha256:{name}");
            if !self.is_bundled(&digest) && !pinned.iter().any(|text| text.contains(&digest)) {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Returns the bundled plugins.
    pub(crate) fn bundled(&self) -> &Catalog {
        &self.bundled
    }

    /// Keeps a stranger's component, if the host will have it, and returns what it says of itself.
    pub(crate) async fn keep(&self, component: &[u8]) -> Result<Arc<Plugin>, PluginError> {
        let digest = Digest::of(component).to_string();
        if let Some(plugin) = self.recall(&digest) {
            return Ok(plugin);
        }
        // What is in the folder was looked at when it was put there.
        if !self.path(&digest).exists() {
            read_manifest(&digest, component)?;
            self.host.examine(component).await?;
        }
        self.put(&digest, component)
    }

    /// Keeps a component that may be kept; the digest is its own.
    fn put(&self, digest: &str, component: &[u8]) -> Result<Arc<Plugin>, PluginError> {
        let plugin = read_manifest(digest, component)?;
        let path = self.path(digest);
        if !path.exists() {
            write_whole(&self.folder, &path, component)?;
        }
        self.lock().insert(digest.to_owned(), Arc::clone(&plugin));
        Ok(plugin)
    }

    /// Rebuilds the catalog of a stored revision: name in `uses:` to digest.
    pub(crate) fn catalog(&self, pinned: &BTreeMap<String, String>) -> Result<Catalog, PluginError> {
        let mut catalog = Catalog::default();
        for (name, digest) in pinned {
            let plugin = match self.recall(digest) {
                Some(plugin) => plugin,
                None => self.put(digest, &self.read(digest)?)?,
            };
            // What a repository brings along is named by its path.
            if name.contains('/') {
                catalog.insert(name.as_str(), plugin);
            } else {
                catalog.insert_bundled(name.as_str(), plugin);
            }
        }
        Ok(catalog)
    }

    /// Makes a component callable; compiles it where that has not happened yet.
    pub(crate) async fn load(&self, digest: &str) -> Result<Digest, PluginError> {
        let parsed: Digest = digest.parse().map_err(|_| PluginError::Missing(digest.to_owned()))?;
        if !self.host.is_loaded(&parsed) {
            let file = self.path(digest);
            if !file.exists() {
                return Err(PluginError::Missing(digest.to_owned()));
            }
            match self.host.load_file(&parsed, &file).await {
                // The limits are for strangers: what the binary brings along is compiled here if not outside.
                Err(error) if self.is_bundled(digest) => {
                    tracing::debug!(digest, %error, "a bundled plugin is compiled by the server itself");
                    self.host.load_trusted(&parsed, &file).await?;
                }
                loaded => loaded?,
            }
        }
        Ok(parsed)
    }

    fn is_bundled(&self, digest: &str) -> bool {
        self.bundled.names().filter_map(|name| self.bundled.get(name)).any(|plugin| plugin.digest == digest)
    }

    fn recall(&self, digest: &str) -> Option<Arc<Plugin>> {
        self.lock().get(digest).cloned()
    }

    /// Tells whether a component can be called without being compiled first, as far as this process knows.
    pub(crate) fn is_compiled(&self, digest: &str) -> bool {
        digest.parse().is_ok_and(|parsed| {
            let compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
            self.host.is_loaded(&parsed) || compiled.contains(digest)
        })
    }

    /// Checks an input against the action's schema; says everything that is wrong with it.
    pub(crate) fn check_input(&self, digest: &str, action: &str, input: &Json) -> Result<(), String> {
        let find = |plugin: &Plugin| plugin.action(action).map(|action| action.refuse(input));
        self.check(digest, "the action refuses its input", find)
    }

    /// Checks an input against the guard's schema; says everything that is wrong with it.
    pub(crate) fn check_guard_input(&self, digest: &str, guard: &str, input: &Json) -> Result<(), String> {
        let find = |plugin: &Plugin| plugin.guard(guard).map(|guard| guard.refuse(input));
        self.check(digest, "the guard refuses its input", find)
    }

    /// Checks an output against the action's schema; says everything that is wrong with it.
    pub(crate) fn check_output(&self, digest: &str, action: &str, output: &Json) -> Result<(), String> {
        let find = |plugin: &Plugin| plugin.action(action).map(|action| action.refuse_output(output));
        self.check(digest, "the output is not what the manifest says", find)
    }

    fn check(
        &self,
        digest: &str,
        what: &str,
        find: impl FnOnce(&Plugin) -> Option<Vec<Refusal>>,
    ) -> Result<(), String> {
        let known = self.recall(digest);
        let refusals = known.as_deref().and_then(find).unwrap_or_default();
        let reason = |Refusal { pointer, reason, .. }: Refusal| match pointer.is_empty() {
            true => reason,
            false => format!("{pointer}: {reason}"),
        };
        let reasons: Vec<String> = refusals.into_iter().map(reason).collect();
        if reasons.is_empty() { Ok(()) } else { Err(format!("{what}: {}", reasons.join("; "))) }
    }

    /// Has the bundled plugins compiled, so that the first run need not wait for it. Their code comes into memory with
    /// the first call: a server that does nothing has none.
    pub(crate) async fn warm_up(&self) {
        for name in self.bundled.names() {
            let Some(plugin) = self.bundled.get(name) else { continue };
            let Ok(digest) = plugin.digest.parse() else { continue };
            match self.host.provide(&digest, &self.path(&plugin.digest)).await {
                Ok(()) => {
                    let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
                    compiled.insert(plugin.digest.clone());
                }
                Err(error) => tracing::warn!(plugin = name, %error, "a bundled plugin is compiled when it is called"),
            }
        }
    }

    /// Calls an action of a loaded component.
    pub(crate) async fn invoke(
        &self,
        terms: Terms,
        call: Invocation,
        calls: Arc<dyn kiket_host::HostCalls>,
    ) -> Result<kiket_host::Output, InvokeError> {
        self.host.invoke(terms, call, calls).await
    }

    /// Asks a guard of a loaded component.
    pub(crate) async fn decide(
        &self,
        terms: Terms,
        question: guard::Transition,
        calls: Arc<dyn kiket_host::HostCalls>,
    ) -> Result<guard::Verdict, InvokeError> {
        self.host.decide(terms, question, calls).await
    }

    /// Asks a loaded component what became of the effect of a call.
    pub(crate) async fn check_effect(
        &self,
        terms: Terms,
        call: Invocation,
        calls: Arc<dyn kiket_host::HostCalls>,
    ) -> Result<EffectState, InvokeError> {
        self.host.check(terms, call, calls).await
    }

    fn read(&self, digest: &str) -> Result<Vec<u8>, PluginError> {
        let bytes = fs::read(self.path(digest)).map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => PluginError::Missing(digest.to_owned()),
            _ => PluginError::Folder(error),
        })?;
        if Digest::of(&bytes).to_string() == digest { Ok(bytes) } else { Err(PluginError::Missing(digest.to_owned())) }
    }

    fn path(&self, digest: &str) -> PathBuf {
        self.folder.join(format!("{}.wasm", digest.trim_start_matches("sha256:")))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Plugin>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_manifest(digest: &str, component: &[u8]) -> Result<Arc<Plugin>, PluginError> {
    // What is said of broken bytes may have several lines.
    let words = |error: ManifestError| error.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    let text = manifest_section(component).map_err(|error| PluginError::Unusable(words(error)))?;
    let text = text.ok_or_else(|| PluginError::Unusable("it carries no manifest".to_owned()))?;
    let manifest = Manifest::parse(&text).map_err(|error| PluginError::Unusable(error.to_string()))?;
    let plugin = Plugin::new(digest, manifest).map_err(|error| PluginError::Unusable(error.to_string()))?;
    Ok(Arc::new(plugin))
}

/// Writes a file so that it is either whole or not there, also after a power cut.
fn write_whole(folder: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    folders::settle(folder)
}
