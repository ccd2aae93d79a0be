//! The client's journal: what was answered with success is there, as it was answered, unless something that was
//! answered later took it away.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kiket_core::item::Item;
use kiket_store::{Filter, Position, RunRow, Store};
use reqwest::Method;
use serde_json::Value as Json;

/// A request that was answered with success.
#[derive(Debug, Clone)]
pub(crate) struct Acknowledged {
    pub(crate) method: Method,
    /// Below `/api/v1`, without what follows a question mark.
    pub(crate) path: String,
    /// The idempotency key that it came with.
    pub(crate) key: Option<String>,
    /// What was sent; null where it was no JSON.
    pub(crate) sent: Json,
    /// What was answered; null where it was no JSON.
    pub(crate) answer: Json,
}

/// What was answered so far.
#[derive(Default)]
pub(crate) struct Journal(Mutex<Vec<Acknowledged>>);

impl Journal {
    pub(crate) fn note(&self, fact: Acknowledged) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fact);
    }

    pub(crate) fn take(&self) -> Vec<Acknowledged> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What the last of all answers said of a setting: its value, or that it is gone.
type Settings<'f> = BTreeMap<(&'f str, &'f str, &'f str), Option<&'f Json>>;

pub(super) async fn check(store: &Store, facts: &[Acknowledged]) -> Vec<String> {
    let mut lost = Vec::new();
    let mut keys: BTreeMap<(&str, &str), &Json> = BTreeMap::new();
    let mut settings = Settings::new();
    let mut told: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for (at, fact) in facts.iter().enumerate() {
        let parts: Vec<&str> = fact.path.trim_matches('/').split('/').collect();
        if fact.method == Method::GET {
            continue;
        }
        let gone = facts[at..].iter().any(|later| later.method == Method::DELETE && later.path.starts_with(&fact.path));
        let id = ["id", "delivery", "run"].iter().find_map(|name| fact.answer[name].as_str());
        if let Some(id) = id.filter(|_| !gone)
            && !exists(store, id).await
        {
            lost.push(format!("{} {} was answered with {id}, which is not there", fact.method, fact.path));
        }
        if let Some(key) = &fact.key {
            let first = keys.entry((&fact.path, key)).or_insert(&fact.answer["id"]);
            if **first != fact.answer["id"] {
                lost.push(format!("{} under key {key} led to {first} and to {}", fact.path, fact.answer["id"]));
            }
        }
        match parts[..] {
            ["projects", project, kind @ ("env" | "secrets"), name] => {
                let value = (fact.method != Method::DELETE).then_some(&fact.sent["value"]);
                settings.insert((project, kind, name), value);
            }
            ["items", item, "transitions"] => *told.entry((item, "item.")).or_default() += 1,
            ["runs", run, "stages", _, "approve"] => *told.entry((run, "approval.granted")).or_default() += 1,
            ["runs", run, "stages", _, "reject"] => *told.entry((run, "approval.rejected")).or_default() += 1,
            ["runs", run, "stages", _, "resolve"] => *told.entry((run, "stage.resolved")).or_default() += 1,
            ["runs", run, "cancel"] => *told.entry((run, "cancelled")).or_default() = 1,
            _ => {}
        }
        if let (Some(version), Some(id)) = (fact.answer["version"].as_u64(), id.filter(|id| id.starts_with("itm_"))) {
            let stored = item(store, id).await.map_or(0, |item| item.version);
            if stored < version {
                lost.push(format!(
                    "{} {} was answered with version {version}, stored is {stored}",
                    fact.method, fact.path
                ));
            }
        }
    }
    lost.extend(unset(store, settings).await);
    for ((stream, kind), count) in told {
        if let Some(found) = happened(store, stream, kind).await.filter(|found| *found < count) {
            lost.push(format!("{count} times {kind} of {stream} was answered, {found} are in the log"));
        }
    }
    lost
}

async fn exists(store: &Store, id: &str) -> bool {
    match id.split_once('_').map(|(kind, _)| kind) {
        Some("run") => run(store, id).await.is_some(),
        Some("itm") => item(store, id).await.is_some(),
        Some("prj") => store.project(id.parse().expect("an id")).await.expect("it can be read").is_some(),
        Some("dlv") => store.delivery(id.parse().expect("an id")).await.expect("it can be read").is_some(),
        Some("rev") => store.revision(id.parse().expect("an id")).await.expect("it can be read").is_some(),
        _ => true,
    }
}

async fn run(store: &Store, id: &str) -> Option<RunRow> {
    store.run(id.parse().ok()?).await.expect("it can be read")
}

async fn item(store: &Store, id: &str) -> Option<Item> {
    let row = store.item(id.parse().ok()?).await.expect("it can be read")?;
    Some(serde_json::from_str(&row.data).expect("an item"))
}

/// How often something happened to a run or an item; nothing where the path names it otherwise than by its id.
async fn happened(store: &Store, stream: &str, kind: &str) -> Option<usize> {
    let filter = match stream.split_once('_')?.0 {
        "run" => Filter { run: Some(stream.parse().ok()?), ..Filter::default() },
        _ => Filter { item: Some(stream.parse().ok()?), ..Filter::default() },
    };
    let entries = store.tail(Position::ZERO, &filter, 100_000).await.expect("the log can be read");
    let transitions = ["item.transitioned", "item.waiting", "item.refused"];
    let is = |entry: &&kiket_store::Entry| match kind {
        "item." => transitions.contains(&entry.kind.as_str()),
        // A run may end otherwise before it is cancelled, and what is under `finally` still runs.
        "cancelled" => entry.kind.ends_with(".cancelled"),
        _ => entry.kind == kind,
    };
    Some(entries.iter().filter(is).count())
}

/// Settings that are not as the last answer said.
async fn unset(store: &Store, settings: Settings<'_>) -> Vec<String> {
    let mut lost = Vec::new();
    for ((project, kind, name), value) in settings {
        let found = store.project_by_name(project).await.expect("it can be read");
        let Some(id) = found.map(|project| project.id) else { continue };
        let stored: Option<Json> = if kind == "env" {
            let values = store.env_values(id).await.expect("they can be read");
            let own = values.into_iter().find(|value| value.name == name);
            own.map(|value| serde_json::from_str(&value.value).expect("JSON"))
        } else {
            let secret = store.secret(id, name).await.expect("it can be read");
            secret.map(|_| value.cloned().unwrap_or_default())
        };
        if stored.as_ref() != value {
            lost.push(format!("{kind} {name} of {project} was answered as {value:?} and is {stored:?}"));
        }
    }
    lost
}
