//! `plugins.yaml`: what each plugin may do in this project. Nothing is granted by default.

mod decode;
mod pattern;
mod record;

use crate::decode::{Located, entries};
use crate::diagnostic::{Code, Problems};
use crate::grants::{PluginGrants, SecretUse};
use crate::shape::{Keys, Record, Shape, closed, optional, required};
use crate::yaml::{Key, Node};

pub(crate) use decode::grants;
pub(crate) use record::GRANTS;
pub(crate) use record::{ARTIFACTS_QUOTA, CPU, MEMORY, WALL, WORKSPACE_QUOTA};

/// The file of grants.
pub(super) static FILE: Record = closed(
    "plugins.yaml",
    "What plugins may do in this project. Nothing is granted by default.",
    &[
        required("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        required("plugins", Shape::Map(&PLUGINS, &Shape::Record(&PLUGIN)), "Plugins by their names in `uses:`."),
    ],
);

pub(super) static PLUGINS: Keys = Keys { name: "plugin", rule: None, required: false };

static PLUGIN: Record = closed(
    "plugin",
    "One plugin.",
    &[optional(
        "grants",
        Shape::Record(&GRANTS),
        "What it may do. Of a bundled plugin's built-in grants, those of a capability that stands here are replaced.",
    )],
);

/// The grants of every plugin that the file names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PluginsDefinition {
    /// Path of the file.
    pub path: String,
    /// Grants by the plugin's name in `uses:` (`notify`, `./tools/risk.wasm`), and where that stands.
    pub plugins: Vec<(Located<String>, PluginGrants)>,
}

impl PluginsDefinition {
    pub(super) fn decode(node: &Node, path: &str, problems: &mut Problems<'_>) -> Self {
        FILE.check(node, problems);
        let decode = |(key, node): (&Key, &Node)| {
            let granted = node.get("grants").map(|node| grants(node, problems)).unwrap_or_default();
            warn_of_revealed(&key.text, node, problems);
            (Located::key(key), granted)
        };
        let plugins = entries(node.get("plugins")).map(decode).collect();
        Self { path: path.to_owned(), plugins }
    }
}

/// Says loudly which secrets a plugin sees.
fn warn_of_revealed(plugin: &str, node: &Node, problems: &mut Problems<'_>) {
    let secrets = node.get("grants").and_then(|grants| grants.get("secrets"));
    for secret in crate::decode::items(secrets) {
        let name = secret.get("name").and_then(Node::as_str).unwrap_or_default();
        let reveal = |node: &&Node| node.as_str().and_then(SecretUse::from_word) == Some(SecretUse::Reveal);
        if let Some(word) = crate::decode::items(secret.get("use")).iter().find(reveal) {
            let message =
                format!("plugin \"{plugin:.80}\" SEES THE VALUE of secret \"{name:.80}\", and may do anything with it");
            let hint = "grant header, url, body or sign where that is enough: then the value never enters the plugin";
            problems.report_with_hint(Code::RevealedSecret, word.span, message, hint);
        }
    }
}
