//! What the plugins of a file ask for and nothing grants: a warning for each plugin, where it is used first.

use std::collections::BTreeMap;

use super::Surroundings;
use super::hosts::each_host;
use crate::catalog::{Plugin, split_uses};
use crate::definition::CallDefinition;
use crate::diagnostic::{Code, Problems};
use crate::grants::{Capability, advise};

impl Surroundings<'_> {
    /// Warns of capabilities without which plugins do not work, and of which nothing is granted.
    pub(crate) fn check_asks<'c>(&self, calls: impl Iterator<Item = &'c CallDefinition>, problems: &mut Problems<'_>) {
        let mut by_plugin: BTreeMap<&str, Vec<&CallDefinition>> = BTreeMap::new();
        for call in calls {
            by_plugin.entry(split_uses(&call.uses.value).0).or_default().push(call);
        }
        for (name, calls) in by_plugin {
            let (Some(plugin), Some(first)) = (self.catalog.get(name), calls.first()) else { continue };
            let granted = (self.grants)(name);
            let mut missing: Vec<Capability> = plugin
                .manifest
                .capabilities
                .iter()
                .filter(|ask| !ask.optional && !granted.is_some_and(|granted| granted.has(ask.capability)))
                .map(|ask| ask.capability)
                .collect();
            // That a host is not granted is said where it is written out.
            missing
                .retain(|capability| *capability != Capability::Http || !calls.iter().any(|call| says(call, plugin)));
            if missing.is_empty() {
                continue;
            }
            let words: Vec<&str> = missing.iter().map(|capability| capability.word()).collect();
            let words = match words.as_slice() {
                [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
                words => words.concat(),
            };
            let them = if missing.len() == 1 { "it" } else { "them" };
            let message = format!("{name:.80} asks for {words}, and nothing grants {them}");
            problems.report_with_hint(Code::UngrantedCapability, first.uses.span, message, advise(name, &missing));
        }
    }
}

/// Tells whether a call writes a host out.
fn says(call: &CallDefinition, plugin: &Plugin) -> bool {
    let action = split_uses(&call.uses.value).1;
    let known = if call.asks_guard { plugin.guard(action) } else { plugin.action(action) };
    let mut found = false;
    if let Some(known) = known {
        each_host(call, &known.url_fields, |_, _| found = true);
    }
    found
}
