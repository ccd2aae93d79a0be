//! What the world has seen of effects, against what became of the stages that had them.
//!
//! Which class an effect is of is told by the path that it was sent to: `once…`, `idem…`; nothing is said of others.

use std::collections::{BTreeMap, BTreeSet};

use kiket_core::run::{Event, Resolution, Run, Stage, StageState};
use kiket_store::{Filter, Position, Store};

/// An effect as the far side has seen it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Seen {
    pub(crate) path: String,
    /// `{run}/{stage}#{ordinal}`.
    pub(crate) key: String,
    pub(crate) body: String,
}

/// The effects of one stage that the world has seen: by number, with the bodies that came.
type OfStage<'s> = BTreeMap<u32, Vec<&'s str>>;

pub(super) async fn check(store: &Store, sink: &[Seen]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut stages: BTreeMap<(&str, &str, &str), OfStage<'_>> = BTreeMap::new();
    for Seen { path, key, body } in sink {
        let path = path.trim_matches('/');
        if !path.starts_with("once") && !path.starts_with("idem") {
            continue;
        }
        let owner =
            key.rsplit_once('#').and_then(|(owner, ordinal)| Some((owner.split_once('/')?, ordinal.parse().ok()?)));
        match owner {
            Some(((run, stage), ordinal)) => {
                stages.entry((path, run, stage)).or_default().entry(ordinal).or_default().push(body);
            }
            None => wrong.push(format!("{path} has seen the key {key}, which names no effect")),
        }
    }
    for ((path, run, stage), seen) in stages {
        match state(store, run).await.as_ref().and_then(|run| run.stage(stage)) {
            None => wrong.push(format!("{path} has seen effects of {run}/{stage}, which is not there")),
            Some(state) => {
                let again = Again::of(store, run, stage).await;
                let found = against(state, &seen).into_iter().chain(too_often(path, &seen, &again));
                wrong.extend(found.map(|found| format!("{path}: {run}/{stage}: {found}")));
            }
        }
    }
    wrong
}

/// How often a stage was done again for a reason: then its effects may be seen again.
struct Again {
    /// A person said that the effect had not happened.
    resolved: usize,
    /// An attempt had failed, and the next began anew.
    failed: usize,
}

impl Again {
    async fn of(store: &Store, run: &str, stage: &str) -> Self {
        let filter = Filter { run: run.parse().ok(), stage: Some(stage.to_owned()), ..Filter::default() };
        let entries = store.tail(Position::ZERO, &filter, 100_000).await.expect("the log can be read");
        let events = entries.iter().filter(|entry| entry.seq.is_some());
        let events: Vec<Event> = events.map(|entry| serde_json::from_str(&entry.data).expect("an event")).collect();
        let count = |is: fn(&Event) -> bool| events.iter().filter(|event| is(event)).count();
        Self {
            resolved: count(|event| matches!(event, Event::StageResolved { resolution: Resolution::Retry, .. })),
            failed: count(|event| matches!(event, Event::StageRetrying { error, .. } if error.code != "interrupted")),
        }
    }
}

/// What may happen once was seen more often; or what is repeated is not the same to the letter.
fn too_often(path: &str, seen: &OfStage<'_>, again: &Again) -> Vec<String> {
    let mut wrong = Vec::new();
    for (ordinal, bodies) in seen {
        let different = bodies.iter().collect::<BTreeSet<_>>().len();
        if path.starts_with("once") && bodies.len() > 1 + again.resolved {
            wrong.push(format!("number {ordinal} may happen once, and was seen {} times", bodies.len()));
        }
        if different > 1 + again.resolved + again.failed {
            wrong.push(format!("number {ordinal} was seen with {different} different bodies"));
        }
    }
    wrong
}

async fn state(store: &Store, run: &str) -> Option<Run> {
    let row = store.run(run.parse().ok()?).await.expect("it can be read")?;
    Some(serde_json::from_str(&row.state).expect("a run"))
}

/// What is wrong with a stage whose effects were seen.
fn against(stage: &Stage, seen: &OfStage<'_>) -> Option<String> {
    let last = seen.keys().max()?;
    match &stage.state {
        StageState::NeedsAttention { doubt } if *last > doubt.intent.ordinal => {
            Some(format!("number {} is in doubt, and number {last} was seen", doubt.intent.ordinal))
        }
        StageState::Pending | StageState::Skipped { .. } => {
            Some("it has not begun, and its effects were seen".to_owned())
        }
        // What it counts itself was all seen, unless a person has said what became of it.
        StageState::Succeeded { outputs, usage } if usage.wall_ms > 0 => {
            let parts = outputs["parts"].as_u64().unwrap_or(seen.len() as u64);
            (parts != seen.len() as u64)
                .then(|| format!("it says that it had {parts} effects, {} were seen", seen.len()))
        }
        _ => None,
    }
}
