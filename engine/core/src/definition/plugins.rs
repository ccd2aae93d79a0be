//! `plugins.yaml`: what each plugin may do in this project. Nothing is granted by default.

use serde::{Deserialize, Serialize};

use crate::decode::{self, Fields};
use crate::diagnostic::{Code, Problems};
use crate::yaml::{Node, Value};

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
    pub(super) fn decode(node: &Node, path: &str, problems: &mut Problems<'_>) -> Option<Self> {
        let mut root = Fields::of(node, "plugins.yaml", problems)?;
        root.optional("model_version");
        let plugins = root.required("plugins", problems);
        root.finish(problems);
        let plugins = match &plugins?.value {
            Value::Mapping(entries) => entries
                .iter()
                .filter_map(|(key, node)| Some((key.text.clone(), PluginGrants::decode(&key.text, node, problems)?)))
                .collect(),
            _ => {
                decode::wrong_type("plugins", "a mapping", plugins?, problems);
                Vec::new()
            }
        };
        Some(Self { path: path.to_owned(), plugins })
    }
}

impl PluginGrants {
    fn decode(plugin: &str, node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, format!("plugin \"{plugin}\""), problems)?;
        let grants = fields.optional("grants");
        fields.finish(problems);
        let mut fields = Fields::of(grants?, format!("the grants of \"{plugin}\""), problems)?;
        let http = fields.optional("http").map(|node| HttpGrant::decode_all(node, problems)).unwrap_or_default();
        fields.not_supported(&["secrets", "kv", "workspace", "artifacts", "process", "items"], problems);
        fields.finish(problems);
        Some(Self { http })
    }
}

impl HttpGrant {
    fn decode_all(node: &Node, problems: &mut Problems<'_>) -> Vec<Self> {
        match &node.value {
            Value::Sequence(items) => items.iter().filter_map(|item| Self::decode(item, problems)).collect(),
            _ => {
                decode::wrong_type("http", "a list of grants", node, problems);
                Vec::new()
            }
        }
    }

    fn decode(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let mut fields = Fields::of(node, "an http grant", problems)?;
        let scheme = fields
            .optional("scheme")
            .and_then(|node| decode::word(node, "scheme", &[("https", "https"), ("http", "http")], problems));
        let host = fields.required("host", problems);
        let port = fields.optional("port");
        let methods =
            fields.optional("methods").map(|node| decode::texts(node, "methods", problems)).unwrap_or_default();
        fields.finish(problems);
        let host = host?;
        let name = decode::text(host, "host", problems)?.to_ascii_lowercase();
        if !is_host_pattern(&name) {
            let message = format!("\"{name}\" is not a host");
            let hint =
                "write a name or an address without scheme, port and path; *.example.com covers the names below it";
            problems.report_with_hint(Code::InvalidValue, host.span, message, hint);
        }
        let port = port.and_then(|node| {
            let port = node.to_json().as_u64().and_then(|port| u16::try_from(port).ok()).filter(|port| *port > 0);
            if port.is_none() {
                problems.report(Code::InvalidValue, node.span, "a port is a number from 1 to 65535");
            }
            port
        });
        let methods = methods.into_iter().map(|method| method.value.to_ascii_uppercase()).collect();
        Some(Self { scheme: scheme.unwrap_or("https").to_owned(), host: name, port, methods })
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
