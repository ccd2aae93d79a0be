//! `plugins.lock` against what there is: the component that is used has to be the one that was reviewed, and may do what
//! was reviewed.

use std::collections::BTreeSet;

use super::compile::Grants;
use crate::catalog::{Catalog, split_uses};
use crate::decode::Located;
use crate::definition::{Definition, LockDefinition, LockedPlugin};
use crate::diagnostic::{Code, Problems, Span};
use crate::grants::PluginGrants;
use crate::plan::Surroundings;

/// Most differences that one message lists.
const MAX_LISTED: usize = 12;

const HINT: &str = "look at what changed, then run `kiket plugin lock`";

/// Pins the plugins that are used.
pub(super) fn pin(used: &BTreeSet<String>, catalog: &Catalog, grants: &Grants) -> LockDefinition {
    let nowhere = |value: String| Located { value, span: Span::default() };
    let pin = |name: &String| {
        let plugin = catalog.get(name)?;
        Some(LockedPlugin {
            name: nowhere(name.clone()),
            digest: is_component(name).then(|| nowhere(plugin.digest.clone())),
            grants: grants.get(name).map(|grants| PluginGrants::clone(grants)).unwrap_or_default(),
        })
    };
    LockDefinition { plugins: used.iter().filter_map(pin).collect() }
}

/// Reports plugins that are not what the lock pins, or may not do what it pins.
pub(super) fn compare(
    lock: &LockDefinition,
    used: &BTreeSet<String>,
    surroundings: Surroundings<'_>,
    problems: &mut Problems<'_>,
) {
    for LockedPlugin { name, digest, grants } in &lock.plugins {
        let Some(plugin) = surroundings.catalog.get(&name.value).filter(|_| used.contains(&name.value)) else {
            continue;
        };
        let plugin_name = format!("{:.80}", name.value);
        if let Some(digest) = digest.as_ref().filter(|digest| digest.value != plugin.digest) {
            let (is, pinned) = (&plugin.digest, &digest.value);
            let message = format!("the component at {plugin_name} is {is}, and plugins.lock pins {pinned:.80}");
            problems.report_with_hint(Code::LockMismatch, digest.span, message, HINT);
        }
        let now = (surroundings.grants)(&name.value).cloned().unwrap_or_default();
        let difference = now.difference(grants);
        let message = match (difference.new.as_slice(), difference.gone.as_slice()) {
            ([], []) => continue,
            ([], gone) => format!("plugins.lock pins more than {plugin_name} may do: {}", shown(gone)),
            (new, _) => format!("{plugin_name} may do what plugins.lock does not pin: {}", shown(new)),
        };
        problems.report_with_hint(Code::LockMismatch, name.span, message, HINT);
    }
}

/// Reports the plugins that a definition uses and the lock does not pin, each where it is used first.
pub(super) fn refuse_unpinned(
    definition: &Definition,
    lock: &LockDefinition,
    catalog: &Catalog,
    problems: &mut Problems<'_>,
) {
    let mut seen = BTreeSet::new();
    for call in definition.calls() {
        let name = split_uses(&call.uses.value).0;
        if lock.get(name).is_none() && catalog.get(name).is_some() && seen.insert(name) {
            let message = format!("plugin \"{name:.80}\" is used, and plugins.lock does not pin it");
            let hint = "run `kiket plugin lock`, and review what it writes";
            problems.report_with_hint(Code::LockMismatch, call.uses.span, message, hint);
        }
    }
}

/// Lists what differs, short enough to be read.
fn shown(facts: &[String]) -> String {
    let mut listed: Vec<String> = facts.iter().take(MAX_LISTED).map(|fact| format!("{fact:.300}")).collect();
    if facts.len() > MAX_LISTED {
        listed.push(format!("and {} more", facts.len() - MAX_LISTED));
    }
    listed.join("; ")
}

/// A component of the repository, whose content the repository decides.
fn is_component(name: &str) -> bool {
    name.starts_with("./")
}
