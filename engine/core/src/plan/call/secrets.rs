//! Secrets that a call names: each has to be granted to the plugin. How and where one is used is checked at the call.

use std::collections::BTreeSet;

use super::Surroundings;
use super::hosts::each_host;
use crate::catalog::split_uses;
use crate::definition::CallDefinition;
use crate::diagnostic::{Code, Problems};
use crate::expression::Template;
use crate::grants::{PluginGrants, SecretUse, line};
use crate::yaml::flow;

/// Most secrets of one call that are reported: who has more has one cause for them.
const MAX_REPORTED: usize = 50;

impl Surroundings<'_> {
    pub(super) fn check_secrets(&self, call: &CallDefinition, url_fields: &[String], problems: &mut Problems<'_>) {
        let (plugin, _) = split_uses(&call.uses.value);
        let granted = (self.grants)(plugin);
        let is_granted = |name: &str| granted.is_some_and(|grants| grants.secret(name).next().is_some());
        let mut reported = BTreeSet::new();
        for (name, expression) in call.input.secrets() {
            if !is_granted(name) && reported.len() < MAX_REPORTED && reported.insert(name) {
                let message = format!("{plugin} may not use secret \"{name}\": nothing grants it");
                let hint = line(plugin, &advice(call, name, url_fields, granted));
                problems.report_with_hint(Code::UngrantedSecret, expression.span(), message, hint);
            }
        }
        let in_env = call.env.iter().flat_map(|(variable, value)| value.secrets().map(move |found| (variable, found)));
        for (variable, (name, expression)) in in_env {
            let mut grants = granted.into_iter().flat_map(|grants| grants.secret(name));
            let revealed = grants.any(|grant| grant.uses.contains(&SecretUse::Reveal));
            if !revealed && reported.len() < MAX_REPORTED && reported.insert(name) {
                let what = if is_granted(name) { "nothing reveals it" } else { "nothing grants it" };
                let message = format!(
                    "{plugin} may not see secret \"{name}\" in `env`, whose values are plain text for it: {what}"
                );
                let reveal = format!("secrets: [{{ name: {name}, use: [reveal] }}]");
                let advice = line(plugin, &reveal);
                let hint = format!("pass it by `with` instead of `env: {{ {variable:.80}: … }}`, or {advice}");
                problems.report_with_hint(Code::UngrantedSecret, expression.span(), message, hint);
            }
        }
    }
}

/// Returns what would grant a secret: the use that fits the field it stands in, and the hosts that are known.
fn advice(call: &CallDefinition, name: &str, url_fields: &[String], granted: Option<&PluginGrants>) -> String {
    let named = |value: &Template| value.secrets().any(|(other, _)| other == name);
    let field = match &call.input {
        Template::Mapping(entries) => entries.iter().find(|(_, value)| named(value)).map(|(field, _)| field.as_str()),
        _ => None,
    };
    let way = match field {
        Some(field) if url_fields.iter().any(|url| url == field) => SecretUse::Url,
        Some("body" | "json" | "form" | "text" | "fields") => SecretUse::Body,
        _ => SecretUse::Header,
    };
    let mut hosts: Vec<String> = Vec::new();
    each_host(call, url_fields, |host, _| hosts.push(host.name));
    if hosts.is_empty() {
        hosts.extend(granted.into_iter().flat_map(|grants| &grants.http).map(|grant| grant.host.clone()));
        hosts.truncate(3);
    }
    if hosts.is_empty() {
        hosts.push("api.example.com".to_owned());
    }
    format!("secrets: [{{ name: {name}, use: [{}], hosts: {} }}]", way.word(), flow(&hosts.into()))
}
