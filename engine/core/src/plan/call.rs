//! A call as it was written to a call that can be made: plugin, action, input and grants checked as far as they are
//! known without running.

use serde_json::Value as Json;

use super::CallPlan;
use crate::catalog::{Catalog, Plugin, Refusal, Unknown, split_uses};
use crate::decode::entry_at;
use crate::definition::{CallDefinition, PluginGrants};
use crate::diagnostic::{Code, Problems, Span};
use crate::manifest::Effect;
use crate::yaml::{Node, Value};

/// What calls are checked against.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// The plugins there are.
    pub(crate) catalog: &'a Catalog,
    /// What each may do, by its name in `uses:`.
    pub(crate) grants: &'a dyn Fn(&str) -> Option<&'a PluginGrants>,
}

impl Surroundings<'_> {
    /// Compiles a call; where something is wrong with it, that is reported and the call is not one to make.
    pub(crate) fn compile(&self, call: &CallDefinition, problems: &mut Problems<'_>) -> CallPlan {
        let (name, action) = split_uses(&call.uses.value);
        let plugin = self.catalog.get(name);
        let effect = match plugin {
            Some(plugin) => self.check(call, plugin, action, problems),
            None => {
                self.report_unknown(call, name, problems);
                Effect::Once
            }
        };
        CallPlan {
            plugin: name.to_owned(),
            digest: plugin.map(|plugin| plugin.digest.clone()).unwrap_or_default(),
            action: action.to_owned(),
            effect,
            input: call.input.clone(),
            env: call.env.clone(),
            timeout: call.timeout,
            retry: call.retry.clone(),
        }
    }

    fn report_unknown(&self, call: &CallDefinition, name: &str, problems: &mut Problems<'_>) {
        let span = call.uses.span;
        if call.uses.value.starts_with("oci://") {
            let message = "plugins from a registry are not supported yet";
            let hint = "keep the component in the repository: uses: ./tools/name.wasm";
            problems.report_with_hint(Code::NotSupported, span, message, hint);
        } else if call.component_path().is_some() {
            // What is wrong with the component itself is reported by whoever reads it.
            let message = format!("there is no usable component at {}", &name[2..]);
            let hint = "the path counts from the repository's root";
            problems.report_with_hint(Code::UnusableComponent, span, message, hint);
        } else {
            let message = format!("plugin \"{name}\" is not installed");
            let known = self.catalog.names().filter(|name| !name.starts_with("./"));
            problems.report_unknown(Code::UnknownPlugin, span, message, name, known);
        }
    }

    fn check(&self, call: &CallDefinition, plugin: &Plugin, action: &str, problems: &mut Problems<'_>) -> Effect {
        let Some(known) = plugin.action(action) else {
            let message = format!("plugin \"{}\" has no action \"{action}\"", plugin.manifest.id);
            problems.report_unknown(Code::UnknownAction, call.uses.span, message, action, plugin.actions());
            return Effect::Once;
        };
        for field in &known.code_fields {
            if let Some(place) = call.with.get(field).and_then(|code| expression_in(code, problems)) {
                let message = format!("\"{field}\" is code, and an expression in it would make data into code");
                let hint = "pass the value by `env` and read it there";
                problems.report_with_hint(Code::ExpressionInCode, place, message, hint);
            }
        }
        if call.input.is_literal() {
            for refusal in known.refuse(&call.with.to_json()) {
                report_refusal(call, refusal, problems);
            }
        }
        self.check_grants(call, &known.url_fields, problems);
        known.effect
    }

    /// Checks that addresses which are written out are granted; one that is computed is checked at the call.
    fn check_grants(&self, call: &CallDefinition, url_fields: &[String], problems: &mut Problems<'_>) {
        let (plugin, _) = split_uses(&call.uses.value);
        for field in url_fields {
            let Some(node) = call.with.get(field) else { continue };
            let Json::String(url) = node.to_json() else { continue };
            let Some((scheme, host, port)) = split_url(&url).filter(|_| !url.contains("${{")) else { continue };
            let granted = (self.grants)(plugin)
                .is_some_and(|grants| grants.http.iter().any(|grant| grant.covers(scheme, &host, port)));
            if !granted {
                let message = format!("{plugin} may not send requests to {host}: nothing grants it");
                let port = port.map(|port| format!(", port: {port}")).unwrap_or_default();
                let hint = format!(
                    "add to .kiket/plugins.yaml: plugins: {{ {plugin}: {{ grants: {{ http: [{{ scheme: {scheme}, host: {host}{port} }}] }} }} }}"
                );
                problems.report_with_hint(Code::MissingGrant, node.span, message, hint);
            }
        }
    }
}

/// Reports what a schema refuses of an input: at the key that it does not know, at the value, or, where the whole
/// input is refused, at `uses`.
fn report_refusal(call: &CallDefinition, refusal: Refusal, problems: &mut Problems<'_>) {
    let Refusal { pointer, reason, unknown } = refusal;
    if let Some(Unknown { key, known }) = unknown {
        let place = call.with.get_at(&pointer).and_then(|node| Some(entry_at(node, &key)?.0.span));
        let message = format!("{} refuses its input: there is no \"{key}\" here", call.uses.value);
        let known = known.iter().map(String::as_str);
        return problems.report_unknown(Code::InvalidInput, place.unwrap_or(call.uses.span), message, &key, known);
    }
    let span = match call.with.get_at(&pointer) {
        Some(node) if !pointer.is_empty() => node.span,
        _ => call.uses.span,
    };
    problems.report(Code::InvalidInput, span, format!("{} refuses its input: {reason}", call.uses.value));
}

/// Returns the place of the first expression in a value.
fn expression_in(node: &Node, problems: &Problems<'_>) -> Option<Span> {
    match &node.value {
        Value::String(text) => {
            let start = text.find("${{")?;
            let end = text[start..].find("}}").map_or(text.len(), |end| start + end + "}}".len());
            Some(problems.inside(node.span, text, start, end - start))
        }
        Value::Sequence(items) => items.iter().find_map(|node| expression_in(node, problems)),
        Value::Mapping(entries) => entries.iter().find_map(|(_, node)| expression_in(node, problems)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Splits an absolute URL as far as grants look at it: scheme, host in lower case, port where it is not the scheme's.
fn split_url(url: &str) -> Option<(&str, String, Option<u16>)> {
    let (scheme, rest) = url.split_once("://").filter(|(scheme, _)| matches!(*scheme, "http" | "https"))?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let address = authority.rsplit('@').next()?;
    let (host, port) = match address.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port.parse().ok()?)),
        _ => (address, None),
    };
    let own = if scheme == "https" { 443 } else { 80 };
    Some((scheme, host.to_ascii_lowercase(), port.filter(|port| *port != own)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_split_as_grants_name_them() {
        let split = |url| split_url(url).map(|(scheme, host, port)| (scheme.to_owned(), host, port));
        assert_eq!(split("https://Hooks.example.com/a?b"), Some(("https".into(), "hooks.example.com".into(), None)));
        assert_eq!(split("http://user@127.0.0.1:8080"), Some(("http".into(), "127.0.0.1".into(), Some(8080))));
        assert_eq!(split("https://[::1]/x"), Some(("https".into(), "[::1]".into(), None)));
        assert_eq!(split("https://a:443"), Some(("https".into(), "a".into(), None)));
        assert_eq!(split("ftp://a"), None);
    }
}
