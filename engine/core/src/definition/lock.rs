//! `plugins.lock`: what every plugin that a project uses is and may do, pinned. Written by a tool, read by reviews.
//!
//! Of a component in the repository its digest is pinned. A bundled plugin's changes with kiket's version and is not;
//! of both the granted set is: what `plugins.yaml` grants together with what is built in.

use super::plugins::{GRANTS, PLUGINS, grants};
use crate::decode::{Located, entries, entry_at};
use crate::diagnostic::{Code, Problems};
use crate::grants::PluginGrants;
use crate::shape::{Record, Shape, closed, optional, required};
use crate::yaml::{Key, Node, Value, flow};

/// Its path below `.kiket/`.
pub(super) const NAME: &str = "plugins.lock";

/// The file of pins.
pub(super) static FILE: Record = closed(
    "plugins.lock",
    "What every plugin that a project uses is and may do, pinned. Written by `kiket plugin lock`.",
    &[
        required("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        required("plugins", Shape::Map(&PLUGINS, &Shape::Record(&LOCKED)), "Plugins by their names in `uses:`."),
    ],
);

static LOCKED: Record = closed(
    "locked plugin",
    "One plugin.",
    &[
        optional(
            "digest",
            Shape::Text,
            "Digest of a component in the repository: sha256:…; bundled plugins have none.",
        ),
        optional("grants", Shape::Record(&GRANTS), "What it may do, built-in grants included."),
    ],
);

/// What plugins are and may do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LockDefinition {
    /// The plugins, in the order of the file.
    pub plugins: Vec<LockedPlugin>,
}

/// What one plugin is and may do.
#[derive(Debug, Clone, PartialEq)]
pub struct LockedPlugin {
    /// Its name in `uses:`, and where that stands.
    pub name: Located<String>,
    /// Digest of its component, and where that stands; `None` for a bundled plugin.
    pub digest: Option<Located<String>>,
    /// What it may do.
    pub grants: PluginGrants,
}

impl LockDefinition {
    pub(super) fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        FILE.check(node, problems);
        let decode = |(key, node): (&Key, &Node)| LockedPlugin::decode(key, node, problems);
        Self { plugins: entries(node.get("plugins")).filter_map(decode).collect() }
    }

    /// Returns the entry of a plugin.
    #[must_use]
    pub fn get(&self, plugin: &str) -> Option<&LockedPlugin> {
        self.plugins.iter().find(|locked| locked.name.value == plugin)
    }

    /// Writes the file: the same text for the same pins, a plugin or a capability a line, in the order of the names.
    #[must_use]
    pub fn render(&self) -> String {
        let mut plugins: Vec<&LockedPlugin> = self.plugins.iter().collect();
        plugins.sort_by(|one, other| one.name.value.cmp(&other.name.value));
        let mut text =
            "# Which plugins this project uses, what they are and what they may do, built-in grants included.\n\
                        # Written by `kiket plugin lock`: do not edit, review.\n\
                        model_version: \"1.0\"\n"
                .to_owned();
        text += if plugins.is_empty() { "plugins: {}\n" } else { "plugins:\n" };
        for LockedPlugin { name, digest, grants } in plugins {
            let name = flow(&name.value.as_str().into());
            if digest.is_none() && grants.is_empty() {
                text += &format!("  {name}: {{}}\n");
                continue;
            }
            text += &format!("  {name}:\n");
            if let Some(digest) = digest {
                text += &format!("    digest: {}\n", flow(&digest.value.as_str().into()));
            }
            if !grants.is_empty() {
                text += "    grants:\n";
            }
            let grants = serde_json::to_value(grants).unwrap_or_default();
            for (capability, granted) in grants.as_object().into_iter().flatten() {
                text += &format!("      {capability}: {}\n", flow(granted));
            }
        }
        text
    }
}

impl LockedPlugin {
    fn decode(key: &Key, node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        if !matches!(node.value, Value::Mapping(_)) {
            return None;
        }
        let digest = node.get("digest").and_then(Located::text);
        let is_component = key.text.starts_with("./");
        if is_component && entry_at(node, "digest").is_none() {
            let message = format!("locked plugin \"{:.80}\" has no \"digest\"", key.text);
            problems.report_with_hint(Code::MissingKey, key.span, message, "run `kiket plugin lock`");
        }
        if let Some(digest) = digest.as_ref().filter(|_| !is_component) {
            let message = format!("plugin \"{:.80}\" comes with kiket, and its digest is not pinned", key.text);
            problems.report_with_hint(Code::InvalidValue, digest.span, message, "run `kiket plugin lock`");
        }
        let granted = node.get("grants").map(|node| grants(node, problems)).unwrap_or_default();
        Some(Self { name: Located::key(key), digest, grants: granted })
    }
}
