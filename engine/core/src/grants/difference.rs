//! What two sets of grants differ in, in words: `process.network: true`, `http: { scheme: https, host: example.com }`.

use std::collections::BTreeSet;

use serde_json::{Map, Value as Json, json};

use super::{Capability, PluginGrants};
use crate::yaml::flow;

/// What is granted now and what was before, where they differ; each in the order of the capabilities.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// What is granted now and was not before; for a limit, with what it was.
    pub new: Vec<String>,
    /// What was granted before and is not any more.
    pub gone: Vec<String>,
}

impl Difference {
    /// Tells whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty()
    }
}

impl PluginGrants {
    /// Returns what these grants have and lack in comparison with earlier ones. Lists are compared as sets.
    #[must_use]
    pub fn difference(&self, before: &Self) -> Difference {
        let (now, before) = (json(self), json(before));
        let mut difference = Difference::default();
        for capability in Capability::NAMES {
            match (now.get(capability), before.get(capability)) {
                (Some(now), Some(before)) => difference.compare(capability, now, before),
                (Some(now), None) => difference.new.push(format!("{capability}: {}", flow(now))),
                (None, Some(before)) => difference.gone.push(format!("{capability}: {}", flow(before))),
                (None, None) => {}
            }
        }
        difference
    }
}

impl Difference {
    /// Compares what is granted under a key now with what was before.
    fn compare(&mut self, key: &str, now: &Json, before: &Json) {
        match (now, before) {
            (Json::Array(now), Json::Array(before)) => {
                let texts = |items: &[Json]| items.iter().map(flow).collect::<BTreeSet<String>>();
                let (now, before) = (texts(now), texts(before));
                let only = |these: &BTreeSet<String>, others: &BTreeSet<String>| {
                    let found: Vec<&str> = these.difference(others).map(String::as_str).collect();
                    (!found.is_empty()).then(|| format!("{key}: {}", found.join(", ")))
                };
                self.new.extend(only(&now, &before));
                self.gone.extend(only(&before, &now));
            }
            (Json::Object(now), Json::Object(before)) => {
                let names: BTreeSet<&String> = now.keys().chain(before.keys()).collect();
                for name in names {
                    let value = |entries: &Map<String, Json>| entries.get(name).cloned().unwrap_or_else(|| json!([]));
                    self.compare(&format!("{key}.{name}"), &value(now), &value(before));
                }
            }
            (now, before) if now != before => {
                self.new.push(format!("{key}: {} (before: {})", flow(now), flow(before)));
            }
            _ => {}
        }
    }
}

/// The grants with every list in order.
fn json(grants: &PluginGrants) -> Json {
    sorted(&serde_json::to_value(grants).unwrap_or_default())
}

/// The same with the lists inside it in order.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Array(items) => {
            let mut items: Vec<Json> = items.iter().map(sorted).collect();
            items.sort_by_key(Json::to_string);
            Json::Array(items)
        }
        Json::Object(entries) => entries.iter().map(|(key, value)| (key.clone(), sorted(value))).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grants(value: Json) -> PluginGrants {
        serde_json::from_value(value).expect("they are grants")
    }

    #[test]
    fn names_what_grew_and_what_is_gone_and_says_nothing_of_an_order() {
        let before = grants(json!({
            "http": [{ "scheme": "https", "host": "a.example.com", "methods": ["GET", "POST"] }],
            "kv": { "quota": "1MiB" },
            "process": { "programs": ["npm", "cargo"], "network": false, "cpu": "10m", "wall": "30m", "memory": "4GiB" },
        }));
        let now = grants(json!({
            "http": [
                { "scheme": "https", "host": "*.example.com" },
                { "scheme": "https", "host": "a.example.com", "methods": ["POST", "GET"] },
            ],
            "process": { "programs": ["cargo", "make"], "network": true, "cpu": "600s", "wall": "30m", "memory": "4GiB" },
        }));
        let difference = now.difference(&before);
        assert_eq!(
            difference.new,
            [
                "http: { scheme: https, host: \"*.example.com\" }",
                "process.network: true (before: false)",
                "process.programs: make",
            ]
        );
        assert_eq!(difference.gone, ["kv: { quota: 1MiB }", "process.programs: npm"]);
        assert!(now.difference(&now).is_empty());
    }
}
