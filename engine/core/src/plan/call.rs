//! A call as it was written to a call that can be made: plugin, action, input, grants and secrets checked as far as they
//! are known without running.

mod asks;
mod hosts;
mod secrets;

use super::CallPlan;
use crate::catalog::{Action, Catalog, Plugin, Refusal, Unknown, split_uses};
use crate::decode::entry_at;
use crate::definition::CallDefinition;
use crate::diagnostic::{Code, Problems, Span};
use crate::grants::PluginGrants;
use crate::manifest::Effect;
use crate::yaml::{Node, Value};

/// What calls are checked against.
#[derive(Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// The plugins there are.
    pub(crate) catalog: &'a Catalog,
    /// What each may do, built-in grants included, by its name in `uses:`.
    pub(crate) grants: &'a dyn Fn(&str) -> Option<&'a PluginGrants>,
}

impl Surroundings<'_> {
    /// Compiles a call; where something is wrong with it, that is reported and the call is not one to make.
    pub(crate) fn compile(&self, call: &CallDefinition, problems: &mut Problems<'_>) -> CallPlan {
        let (name, action) = split_uses(&call.uses.value);
        let plugin = self.catalog.get(name);
        let known = match plugin {
            Some(plugin) => self.find(call, plugin, action, problems),
            None => {
                self.report_unknown(call, name, problems);
                None
            }
        };
        if let Some(known) = known {
            check_input(call, known, problems);
            self.check_hosts(call, &known.url_fields, problems);
            self.check_secrets(call, &known.url_fields, problems);
        }
        CallPlan {
            plugin: name.to_owned(),
            digest: plugin.map(|plugin| plugin.digest.clone()).unwrap_or_default(),
            action: action.to_owned(),
            effect: known.map_or(Effect::Once, |known| known.effect),
            input: call.input.clone(),
            env: call.env.clone(),
            timeout: call.timeout.or(known.and_then(|known| known.timeout)),
            retry: call.retry.clone(),
        }
    }

    /// Returns the action that is called, or the guard that is asked; that there is none is reported.
    fn find<'p>(
        &self,
        call: &CallDefinition,
        plugin: &'p Plugin,
        action: &str,
        problems: &mut Problems<'_>,
    ) -> Option<&'p Action> {
        let (found, what, others) = match call.asks_guard {
            false => (plugin.action(action), "action", plugin.actions().collect::<Vec<_>>()),
            true => (plugin.guard(action), "guard", plugin.guards().collect()),
        };
        if found.is_none() {
            let message = format!("plugin \"{}\" has no {what} \"{action}\"", plugin.manifest.id);
            if others.is_empty() {
                let hint = format!("its manifest lists nothing under `{what}s`");
                problems.report_with_hint(Code::UnknownAction, call.uses.span, message, hint);
            } else {
                problems.report_unknown(Code::UnknownAction, call.uses.span, message, action, others);
            }
        }
        found
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
}

/// Checks that no expression stands in code, and an input that is written out against its schema.
fn check_input(call: &CallDefinition, known: &Action, problems: &mut Problems<'_>) {
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
