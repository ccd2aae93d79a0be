//! `plugins.yaml`: what each plugin may do in this project. Nothing is granted by default.

use serde::{Deserialize, Serialize};

use crate::decode::{Located, entries, items, number_at, text_at, texts};
use crate::diagnostic::{Code, Problems};
use crate::shape::{Keys, Record, Shape, closed, optional, refused, required};
use crate::yaml::{Key, Node};

/// The file of grants.
pub(super) static FILE: Record = closed(
    "plugins.yaml",
    "What plugins may do in this project. Nothing is granted by default.",
    &[
        required("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        required("plugins", Shape::Map(&PLUGINS, &Shape::Record(&PLUGIN)), "Plugins by their names in `uses:`."),
    ],
);

static PLUGINS: Keys = Keys { name: "plugin", rule: None, required: false };

static PLUGIN: Record =
    closed("plugin", "One plugin.", &[optional("grants", Shape::Record(&GRANTS), "What it may do.")]);

static GRANTS: Record = closed(
    "grants",
    "What a plugin may do.",
    &[
        optional("http", Shape::OneOrList(&Shape::Record(&HTTP)), "Requests it may send."),
        refused("secrets", Shape::Any, "Secrets it may use, and how."),
        refused("kv", Shape::Any, "Values it may keep."),
        refused("workspace", Shape::Any, "The commit's files."),
        refused("artifacts", Shape::Any, "Artifacts it may read or write."),
        refused("process", Shape::Any, "Programs it may start."),
        refused("items", Shape::Any, "What it may do with items."),
    ],
);

static HTTP: Record = closed(
    "http grant",
    "Requests to one host, or to the hosts below one name.",
    &[
        required("host", Shape::Text, "A host's name or address, or *.example.com."),
        optional("scheme", Shape::Word(&["https", "http"]), "https where none is given."),
        optional("port", Shape::Integer { min: 1, max: 65_535 }, "The scheme's own where none is given."),
        optional("methods", Shape::OneOrList(&Shape::Text), "All where none is given."),
    ],
);

/// The grants of every plugin that has some.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PluginsDefinition {
    /// Path of the file.
    pub path: String,
    /// Grants by the plugin's name in `uses:`: `notify`, `./tools/risk.wasm`.
    pub plugins: Vec<(String, PluginGrants)>,
}

/// What one plugin may do.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PluginGrants {
    /// Outbound requests.
    pub http: Vec<HttpGrant>,
}

/// Requests to one host, or to the hosts below one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpGrant {
    /// `https` or `http`.
    pub scheme: String,
    /// An exact host name or address, or `*.example.com`.
    pub host: String,
    /// The port; the scheme's own where none is given.
    pub port: Option<u16>,
    /// The methods, upper case; all where none is given.
    pub methods: Vec<String>,
}

impl PluginsDefinition {
    pub(super) fn decode(node: &Node, path: &str, problems: &mut Problems<'_>) -> Self {
        FILE.check(node, problems);
        let decode =
            |(key, node): (&Key, &Node)| Some((key.text.clone(), PluginGrants::decode(node.get("grants")?, problems)));
        let plugins = entries(node.get("plugins")).filter_map(decode).collect();
        Self { path: path.to_owned(), plugins }
    }
}

impl PluginGrants {
    fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        Self { http: items(node.get("http")).iter().filter_map(|node| HttpGrant::decode(node, problems)).collect() }
    }
}

impl HttpGrant {
    fn decode(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let host = node.get("host").and_then(Located::text)?;
        let name = host.value.to_ascii_lowercase();
        if !is_host_pattern(&name) {
            let message = format!("\"{name}\" is not a host");
            let hint =
                "write a name or an address without scheme, port and path; *.example.com covers the names below it";
            problems.report_with_hint(Code::InvalidValue, host.span, message, hint);
        }
        let methods = texts(node.get("methods")).into_iter().map(|method| method.value.to_ascii_uppercase()).collect();
        Some(Self {
            scheme: text_at(node, "scheme").unwrap_or("https").to_owned(),
            host: name,
            port: number_at(node, "port"),
            methods,
        })
    }

    /// Tells whether requests to a scheme, a host in lower case and a port are granted; `None` is the scheme's own.
    #[must_use]
    pub fn covers(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        let fits = match self.host.strip_prefix('*') {
            Some(below) => host.strip_suffix(below).is_some_and(|name| !name.is_empty()),
            None => self.host == host,
        };
        self.scheme == scheme && fits && self.port == port
    }
}

/// A wildcard stands for whole labels at the front, and at least two labels have to follow.
fn is_host_pattern(text: &str) -> bool {
    let (name, wild) = text.strip_prefix("*.").map_or((text, false), |rest| (rest, true));
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let address = name.trim_start_matches('[').trim_end_matches(']').parse::<std::net::IpAddr>().is_ok();
    if wild { name.contains('.') && name.split('.').all(label) } else { address || name.split('.').all(label) }
}
