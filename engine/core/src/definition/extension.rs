//! `extensions/<id>/manifest.yaml`: an extension of Kiket, which is told of events and answers over HTTP.

use serde_json::Value as Json;

use super::lenient::{FLAG, first, flag_at, flattened, json_at, located_at, place_of, plain};
use crate::decode::{Located, items, number_at, scalar_at};
use crate::diagnostic::Problems;
use crate::shape::{Entry, Record, Shape, open, optional};
use crate::yaml::{Node, Value};

/// A manifest.
pub(super) static FILE: Record = open(
    "an extension's manifest",
    "An extension; what it is may stand below `extension:` or on the first level.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("extension", EXTENSION_OR_ANY, "The extension."),
        ID,
        NAME,
        VERSION,
        DESCRIPTION,
        DELIVERY,
        CALLBACK_ENTRY,
        CAPABILITIES,
        PERMISSIONS,
        HOOKS,
        CONFIGURATION,
    ],
);

static EXTENSION: Record = open(
    "extension",
    "An extension of Kiket.",
    &[ID, NAME, VERSION, DESCRIPTION, DELIVERY, CALLBACK_ENTRY, CAPABILITIES, PERMISSIONS, HOOKS, CONFIGURATION],
);

const ID: Entry = optional("id", Shape::Scalar, "The id; the name of its folder where none is given.");
const NAME: Entry = optional("name", Shape::Scalar, "Name for people; the id where none is given.");
const VERSION: Entry = optional("version", Shape::Scalar, "Semantic version.");
const DESCRIPTION: Entry = optional("description", Shape::Scalar, "What it is for.");
const DELIVERY: Entry = optional("delivery", Shape::Scalar, "How it is told of events: http, or internal.");
const CALLBACK_ENTRY: Entry = optional("callback", CALLBACK_OR_ANY, "Where it is told of them.");
const CAPABILITIES: Entry = optional("capabilities", Shape::Any, "What it can do.");
const PERMISSIONS: Entry = optional("permissions", Shape::Any, "What it asks to be allowed.");
const HOOKS: Entry = optional("hooks", HOOK_LIST, "The events that it is told of.");
const CONFIGURATION: Entry = optional("configuration", Shape::Any, "Settings by their names; kept as written.");

const EXTENSION_OR_ANY: Shape = Shape::Either(&[Shape::Record(&EXTENSION), Shape::Any]);
const CALLBACK_OR_ANY: Shape = Shape::Either(&[Shape::Record(&CALLBACK), Shape::Any]);
const HOOK_LIST: Shape = Shape::Either(&[Shape::List(&HOOK_OR_ANY), Shape::Any]);
const HOOK_OR_ANY: Shape = Shape::Either(&[Shape::Record(&HOOK), Shape::Any]);

static CALLBACK: Record = open(
    "callback",
    "Where an extension is told of events.",
    &[
        optional("url", Shape::Scalar, "The address."),
        optional("secret", Shape::Scalar, "The secret that signs what is sent, as env.NAME."),
        optional("timeout", Shape::Any, "How long it may take, in milliseconds."),
        optional("required", FLAG, "Whether it has to answer."),
    ],
);

static HOOK: Record = open(
    "hook",
    "An event that an extension is told of.",
    &[
        optional("event", Shape::Scalar, "The event."),
        optional("endpoint", Shape::Scalar, "The path below the callback's address."),
        optional("timeout", Shape::Any, "How long it may take, in milliseconds."),
        optional("retries", Shape::Any, "How often it is tried again."),
        optional("required", FLAG, "Whether it has to answer, and may deny."),
    ],
);

/// An extension as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct ExtensionManifest {
    /// The id.
    pub id: Located<String>,
    /// Name for people.
    pub name: String,
    /// Semantic version.
    pub version: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// How it is told of events, as written.
    pub delivery: Option<String>,
    /// The address at which it is told of them.
    pub url: Option<Located<String>>,
    /// The name of the secret that signs what is sent.
    pub secret: Option<Located<String>>,
    /// What it can do.
    pub capabilities: Vec<String>,
    /// What it asks to be allowed.
    pub permissions: Vec<String>,
    /// The events that it is told of.
    pub hooks: Vec<ExtensionHook>,
    /// Settings by their names, as written.
    pub configuration: Option<Json>,
}

/// An event that an extension is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtensionHook {
    /// The event, as written.
    pub event: Located<String>,
    /// The path below the callback's address.
    pub endpoint: Option<String>,
    /// How long it may take, in milliseconds.
    pub timeout: Option<u32>,
    /// How often it is tried again.
    pub retries: Option<u32>,
    /// Whether it has to answer, and may deny.
    pub required: bool,
}

impl ExtensionManifest {
    pub(super) fn decode(node: &Node, path: &str, problems: &mut Problems<'_>) -> Self {
        FILE.check(node, problems);
        let node = &flattened(node, &["extension"]);
        let folder = path.rsplit('/').nth(1).unwrap_or(path);
        let id = located_at(node, &["id", "key"]);
        let id = id.unwrap_or_else(|| Located { value: folder.to_owned(), span: place_of(node) });
        let callback = node.get("callback");
        Self {
            name: scalar_at(node, "name").unwrap_or_else(|| id.value.clone()),
            version: scalar_at(node, "version"),
            description: scalar_at(node, "description"),
            delivery: scalar_at(node, "delivery"),
            url: callback.and_then(|node| located_at(node, &["url"])),
            secret: callback.and_then(|node| node.get("secret")).and_then(secret_name),
            capabilities: plain(node.get("capabilities")),
            permissions: plain(first(node, &["permissions", "scopes"])),
            hooks: items(node.get("hooks")).iter().filter_map(ExtensionHook::decode).collect(),
            configuration: json_at(node, "configuration"),
            id,
        }
    }
}

impl ExtensionHook {
    fn decode(node: &Node) -> Option<Self> {
        // `hooks: [issue.created]`
        let event =
            if matches!(node.value, Value::Mapping(_)) { located_at(node, &["event"]) } else { Located::text(node) };
        Some(Self {
            event: event?,
            endpoint: scalar_at(node, "endpoint"),
            timeout: number_at(node, "timeout"),
            retries: number_at(node, "retries"),
            required: flag_at(node, "required").unwrap_or(false),
        })
    }
}

/// `secret: env.NAME`, or the name alone.
fn secret_name(node: &Node) -> Option<Located<String>> {
    let text = Located::text(node)?;
    let name = text.value.trim_start_matches("${").trim_end_matches('}').trim_start_matches("env.").to_owned();
    Some(Located { value: name, span: text.span })
}
