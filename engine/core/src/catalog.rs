//! The plugins that a project's stages can use: what the compiler checks `uses:` and `with:` against.

mod action;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::definition::component_path;
use crate::grants::{PluginGrants, builtin};
use crate::manifest::{DEFAULT_ACTION, Effect, InvalidManifest, Manifest};

pub use action::{Action, Refusal, Unknown};

/// Plugins by the name that `uses:` gives them: `notify`, `./tools/risk.wasm`.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    plugins: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    plugin: Arc<Plugin>,
    /// What it may do because it is bundled.
    builtin: PluginGrants,
}

/// A plugin at one content.
pub struct Plugin {
    /// Digest of the component, `sha256:…`.
    pub digest: String,
    /// What it says of itself.
    pub manifest: Manifest,
    actions: BTreeMap<String, Action>,
    guards: BTreeMap<String, Action>,
}

impl Catalog {
    /// Adds a plugin under the name that `uses:` gives it, or replaces the one of that name. It has no built-in grants.
    pub fn insert(&mut self, name: impl Into<String>, plugin: Arc<Plugin>) {
        self.plugins.insert(name.into(), Entry { plugin, builtin: PluginGrants::default() });
    }

    /// Adds a plugin that kiket brings along; it has the [built-in grants](builtin) of its name. Nothing that a
    /// repository brings along may be added so, not even the same component.
    pub fn insert_bundled(&mut self, name: impl Into<String>, plugin: Arc<Plugin>) {
        let name = name.into();
        let builtin = builtin(&name);
        self.plugins.insert(name, Entry { plugin, builtin });
    }

    /// Returns the plugin of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Arc<Plugin>> {
        self.plugins.get(name).map(|entry| &entry.plugin)
    }

    /// Returns what a plugin may do without a word in `plugins.yaml`.
    #[must_use]
    pub fn builtin(&self, name: &str) -> Option<&PluginGrants> {
        self.plugins.get(name).map(|entry| &entry.builtin)
    }

    /// Returns the names of all plugins in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.plugins.keys().map(String::as_str)
    }
}

impl Plugin {
    /// Makes a plugin of a component's digest and manifest; its schemas have to be valid.
    pub fn new(digest: impl Into<String>, manifest: Manifest) -> Result<Self, InvalidManifest> {
        let mut actions = BTreeMap::new();
        for (name, action) in &manifest.actions {
            let invalid = |reason: String| InvalidManifest(format!("action \"{name}\": {reason}"));
            let (input, output) = (action.input.as_ref(), action.output.as_ref());
            let compiled = Action::new(action.effect, action.timeout, input, output).map_err(invalid)?;
            actions.insert(name.clone(), compiled);
        }
        let mut guards = BTreeMap::new();
        for (name, guard) in &manifest.guards {
            let invalid = |reason: String| InvalidManifest(format!("guard \"{name}\": {reason}"));
            let compiled = Action::new(Effect::Pure, guard.timeout, guard.input.as_ref(), None).map_err(invalid)?;
            guards.insert(name.clone(), compiled);
        }
        Ok(Self { digest: digest.into(), manifest, actions, guards })
    }

    /// Returns the action of that name.
    #[must_use]
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.get(name)
    }

    /// Returns the names of all actions in order.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.actions.keys().map(String::as_str)
    }

    /// Returns the guard of that name.
    #[must_use]
    pub fn guard(&self, name: &str) -> Option<&Action> {
        self.guards.get(name)
    }

    /// Returns the names of all guards in order.
    pub fn guards(&self) -> impl Iterator<Item = &str> {
        self.guards.keys().map(String::as_str)
    }
}

/// Splits `uses:` into the plugin's name and the action's.
#[must_use]
pub fn split_uses(uses: &str) -> (&str, &str) {
    let name =
        component_path(uses).map_or_else(|| uses.find('/').unwrap_or(uses.len()), |path| path.len() + "./".len());
    let action = uses[name..].strip_prefix('/').filter(|action| !action.is_empty());
    (&uses[..name], action.unwrap_or(DEFAULT_ACTION))
}

impl fmt::Debug for Plugin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plugin").field("digest", &self.digest).field("id", &self.manifest.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_the_plugin_from_its_action() {
        assert_eq!(split_uses("notify"), ("notify", "run"));
        assert_eq!(split_uses("deploy/rollback"), ("deploy", "rollback"));
        assert_eq!(split_uses("./tools/risk.wasm"), ("./tools/risk.wasm", "run"));
        assert_eq!(split_uses("./tools/risk.wasm/score"), ("./tools/risk.wasm", "score"));
        assert_eq!(split_uses("notify/"), ("notify", "run"));
    }
}
