//! What to write into `plugins.yaml`, for hints that can be pasted.

use super::Capability;
use crate::yaml::flow;

/// Returns the line that grants a plugin something; `grants` is what stands behind `grants:`, without its brackets.
pub(crate) fn line(plugin: &str, grants: &str) -> String {
    let plugin = flow(&plugin.into());
    format!("add to .kiket/plugins.yaml: plugins: {{ {plugin}: {{ grants: {{ {grants} }} }} }}")
}

/// Returns the line that grants a plugin capabilities, with values to put one's own for.
pub(crate) fn advise(plugin: &str, capabilities: &[Capability]) -> String {
    let grants: Vec<&str> = capabilities.iter().map(|capability| example(*capability)).collect();
    line(plugin, &grants.join(", "))
}

fn example(capability: Capability) -> &'static str {
    match capability {
        Capability::Http => "http: [{ scheme: https, host: api.example.com }]",
        Capability::Secrets => "secrets: [{ name: TOKEN, use: [header], hosts: [api.example.com] }]",
        Capability::Kv => "kv: { quota: 1MiB }",
        Capability::Workspace => "workspace: { access: read }",
        Capability::Artifacts => "artifacts: { access: read }",
        Capability::Process => "process: { programs: [make] }",
        Capability::Items => "items: { scopes: [items:read] }",
        Capability::Mail => "mail: { servers: [{ host: smtp.example.com }] }",
        Capability::Deployments => "deployments: { apps: [shop] }",
    }
}
