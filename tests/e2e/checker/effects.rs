//! What the world has seen of effects, against what became of the stages that had them.
//!
//! Which class an effect is of is told by the path that it was sent to: `once…`, `idem…`; nothing is said of others.

use std::collections::BTreeMap;

use kiket_core::run::{Run, Stage, StageState};
use kiket_store::Store;

/// An effect as the far side has seen it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) path: String,
    /// `{run}/{stage}#{ordinal}`.
    pub(crate) key: String,
    pub(crate) body: String,
}

pub(super) async fn check(store: &Store, sink: &[Seen]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut effects: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
    for Seen { path, key, body } in sink {
        effects.entry((path.trim_matches('/'), key)).or_default().push(body);
    }
    for ((path, key), bodies) in &effects {
        if path.starts_with("once") && bodies.len() > 1 {
            wrong.push(format!("{key} may happen once, and {path} has seen it {} times", bodies.len()));
        }
        if (path.starts_with("once") || path.starts_with("idem")) && bodies.iter().any(|body| *body != bodies[0]) {
            wrong.push(format!("{path} has seen different bodies under {key}"));
        }
    }
    let mut stages: BTreeMap<(String, String), Vec<u32>> = BTreeMap::new();
    for (path, key) in effects.keys().filter(|(path, _)| path.starts_with("once") || path.starts_with("idem")) {
        let parsed = key.rsplit_once('#').and_then(|(owner, ordinal)| {
            let (run, stage) = owner.split_once('/')?;
            Some(((run.to_owned(), stage.to_owned()), ordinal.parse().ok()?))
        });
        match parsed {
            Some((owner, ordinal)) => stages.entry(owner).or_default().push(ordinal),
            None => wrong.push(format!("{path} has seen the key {key}, which names no effect")),
        }
    }
    for ((run, stage), ordinals) in stages {
        let state = state(store, &run).await;
        match state.as_ref().and_then(|run| run.stage(&stage)) {
            None => wrong.push(format!("the world has seen effects of {run}/{stage}, which is not there")),
            Some(state) => wrong.extend(against(state, &ordinals).map(|found| format!("{run}/{stage}: {found}"))),
        }
    }
    wrong
}

async fn state(store: &Store, run: &str) -> Option<Run> {
    let row = store.run(run.parse().ok()?).await.expect("it can be read")?;
    Some(serde_json::from_str(&row.state).expect("a run"))
}

/// What is wrong with a stage whose effects of these numbers were seen.
fn against(stage: &Stage, ordinals: &[u32]) -> Option<String> {
    let last = ordinals.iter().max()?;
    match &stage.state {
        StageState::NeedsAttention { doubt } if *last > doubt.intent.ordinal => {
            Some(format!("number {} is in doubt, and number {last} was seen", doubt.intent.ordinal))
        }
        StageState::Pending | StageState::Skipped { .. } => {
            Some("it has not begun, and its effects were seen".to_owned())
        }
        _ => None,
    }
}
