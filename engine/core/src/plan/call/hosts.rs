//! Addresses that a call writes out: their hosts have to be granted. One that is computed is checked at the call.

use serde_json::Value as Json;

use super::Surroundings;
use crate::catalog::split_uses;
use crate::definition::CallDefinition;
use crate::diagnostic::{Code, Problems, Span};
use crate::grants::line;

/// The host of an address as grants look at it.
pub(super) struct Host<'u> {
    pub(super) scheme: &'u str,
    /// In lower case.
    pub(super) name: String,
    /// `None` is the scheme's own.
    pub(super) port: Option<u16>,
}

impl Surroundings<'_> {
    pub(super) fn check_hosts(&self, call: &CallDefinition, url_fields: &[String], problems: &mut Problems<'_>) {
        let (plugin, _) = split_uses(&call.uses.value);
        each_host(call, url_fields, |Host { scheme, name, port }, span| {
            let granted = (self.grants)(plugin)
                .is_some_and(|grants| grants.http.iter().any(|grant| grant.covers(scheme, &name, port)));
            if !granted {
                let message = format!("{plugin} may not send requests to {name}: nothing grants it");
                let port = port.map(|port| format!(", port: {port}")).unwrap_or_default();
                let hint = line(plugin, &format!("http: [{{ scheme: {scheme}, host: {name}{port} }}]"));
                problems.report_with_hint(Code::MissingGrant, span, message, hint);
            }
        });
    }
}

/// Does something with every host that a call writes out, and with the place of its address.
pub(super) fn each_host(call: &CallDefinition, url_fields: &[String], mut act: impl FnMut(Host<'_>, Span)) {
    for field in url_fields {
        let Some(node) = call.with.get(field) else { continue };
        let Json::String(url) = node.to_json() else { continue };
        if let Some(host) = host_of(&url) {
            act(host, node.span);
        }
    }
}

/// Returns the host of an address, where no expression is part of it or could change it.
fn host_of(url: &str) -> Option<Host<'_>> {
    let (known, computed) = url.split_once("${{").map_or((url, false), |(known, _)| (known, true));
    let (scheme, rest) = known.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let end = rest.find(['/', '?', '#']);
    let authority = match end {
        Some(end) => &rest[..end],
        None if computed => return None,
        None => rest,
    };
    let address = authority.rsplit('@').next()?;
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
        _ => (address, None),
    };
    let own = if scheme == "https" { 443 } else { 80 };
    Some(Host { scheme, name: host.to_ascii_lowercase(), port: port.filter(|port| *port != own) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_split_as_grants_name_them() {
        let split = |url| host_of(url).map(|Host { scheme, name, port }| (scheme.to_owned(), name, port));
        assert_eq!(split("https://Hooks.example.com/a?b"), Some(("https".into(), "hooks.example.com".into(), None)));
        assert_eq!(split("http://user@127.0.0.1:8080"), Some(("http".into(), "127.0.0.1".into(), Some(8080))));
        assert_eq!(split("https://[::1]/x"), Some(("https".into(), "[::1]".into(), None)));
        assert_eq!(split("https://a:443"), Some(("https".into(), "a".into(), None)));
        assert_eq!(split("https://a.example.com/${{ x }}"), Some(("https".into(), "a.example.com".into(), None)));
        for computed in ["ftp://a", "https://${{ x }}/a", "https://a${{ x }}", "https://a:${{ x }}@b/", "${{ x }}"] {
            assert_eq!(split(computed), None, "{computed}");
        }
    }
}
