//! What a project granted a plugin, as the sandbox checks it. A grant that cannot be read grants nothing.

use std::sync::Arc;

use kiket_core::grants::{Access, MailTls, PluginGrants};
use kiket_core::revision::Revision;
use kiket_host::{
    AppGrant, ArtifactsGrant, Grants, HttpGrant, ItemScope, MailGrant, MailSecurity, Scheme, SecretGrant,
    WorkspaceGrant,
};

/// What a plugin may do by the definitions of a revision.
pub(crate) fn of(revision: &Revision, plugin: &str) -> Arc<Grants> {
    Arc::new(revision.grants(plugin).map(|granted| read(granted)).unwrap_or_default())
}

/// What is left of that for a stranger's commit: no secret, and nothing that others of the project would meet later.
/// What it keeps as an artifact is kept apart, and programs and requests are what a person has agreed to.
pub(crate) fn for_stranger(revision: &Revision, plugin: &str) -> Arc<Grants> {
    let Grants { http, workspace, artifacts, process, items, .. } = Arc::unwrap_or_clone(of(revision, plugin));
    let items = items.into_iter().filter(|scope| *scope == ItemScope::Read).collect();
    Arc::new(Grants { http, workspace, artifacts, process, items, ..Grants::default() })
}

/// Reads the grants of one plugin.
pub(crate) fn read(granted: &PluginGrants) -> Grants {
    let writes = |access: Access| access == Access::Write;
    Grants {
        http: granted.http.iter().filter_map(http).collect(),
        secrets: granted.secrets.iter().map(secret).collect(),
        kv: granted.kv,
        workspace: granted
            .workspace
            .as_ref()
            .map(|grant| WorkspaceGrant { write: writes(grant.access), quota: grant.quota }),
        artifacts: granted
            .artifacts
            .as_ref()
            .map(|grant| ArtifactsGrant { write: writes(grant.access), quota: grant.quota }),
        process: granted.process.clone(),
        items: granted.items.iter().flat_map(|grant| grant.scopes.clone()).collect(),
        mail: granted.mail.iter().flat_map(mail).collect(),
        deployments: granted.deployments.iter().flat_map(|grant| &grant.apps).cloned().map(AppGrant).collect(),
    }
}

fn http(grant: &kiket_core::grants::HttpGrant) -> Option<HttpGrant> {
    let scheme = if grant.scheme == "http" { Scheme::Http } else { Scheme::Https };
    let host = grant.host.parse().ok()?;
    Some(HttpGrant { scheme, host, port: grant.port, methods: grant.methods.clone() })
}

fn secret(grant: &kiket_core::grants::SecretGrant) -> SecretGrant {
    let hosts = grant.hosts.iter().filter_map(|host| host.parse().ok());
    SecretGrant { name: grant.name.clone(), uses: grant.uses.clone(), hosts: hosts.collect() }
}

/// One grant for each server. Where a list of addresses cannot be read, the server is not granted: an empty list
/// would be everybody.
fn mail(grant: &kiket_core::grants::MailGrant) -> Vec<MailGrant> {
    let parsed = |list: &[String]| list.iter().map(|text| text.parse().ok()).collect::<Option<Vec<_>>>();
    let (Some(from), Some(to)) = (parsed(&grant.from), parsed(&grant.to)) else { return Vec::new() };
    let servers = grant.servers.iter().filter_map(|server| {
        let security = match server.tls {
            MailTls::Required => MailSecurity::Tls,
            MailTls::Starttls => MailSecurity::Starttls,
            MailTls::None => MailSecurity::None,
        };
        let host = server.host.parse().ok()?;
        Some(MailGrant { host, port: Some(server.port), security, from: from.clone(), to: to.clone() })
    });
    servers.collect()
}
