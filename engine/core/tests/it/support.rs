//! A world for tests of core: a catalog with one plugin, definitions as text, runs driven by hand.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kiket_core::catalog::{Catalog, Plugin};
use kiket_core::diagnostic::{Diagnostic, render};
use kiket_core::manifest::Manifest;
use kiket_core::plan::Plan;
use kiket_core::revision::{Revision, compile};
use kiket_core::run::{
    Actor, Command, Event, Found, Illegal, Moment, Outcome, Queued, Rejected, Run, StageError, Trigger, Usage,
};
use kiket_core::{RevisionId, RunId, Source, Timestamp};
use serde_json::{Value as Json, json};
use ulid::Ulid;

const MANIFEST: &str = r#"
id: work
actions:
  run:
    effect: pure
    input:
      type: object
      properties:
        count: { type: integer, minimum: 1 }
        source: { type: string, x-kiket-code: true }
      additionalProperties: true
  undo: { effect: idempotent }
"#;

pub(crate) fn catalog() -> Catalog {
    let manifest = Manifest::parse(MANIFEST).expect("the manifest is valid");
    let mut catalog = Catalog::default();
    catalog.insert("work", Arc::new(Plugin::new("sha256:00", manifest).expect("its schemas are valid")));
    catalog
}

pub(crate) fn source(path: &str, text: &str) -> Source {
    Source::new(format!(".kiket/{path}"), text)
}

pub(crate) fn compile_one(text: &str) -> (Option<Revision>, Vec<Diagnostic>) {
    compile(&[source("pipelines/p.yaml", text)], &catalog())
}

/// Returns all diagnostics of one pipeline file as a person sees them.
pub(crate) fn complaints(text: &str) -> String {
    let (_, found) = compile_one(text);
    found.iter().map(|found| render(found, Some(text))).collect()
}

/// Wraps `stages:` (and what follows) into a pipeline file.
pub(crate) fn pipeline(rest: &str) -> String {
    format!("model_version: \"1.0\"\npipeline: {{ id: p }}\n{rest}")
}

/// A run and its plan, driven by hand.
pub(crate) struct World {
    pub(crate) plan: Arc<Plan>,
    pub(crate) run: Run,
    pub(crate) events: Vec<Event>,
    /// The time, which goes on by a millisecond with every command that is taken.
    pub(crate) now: Timestamp,
}

impl World {
    pub(crate) fn start(rest: &str, inputs: Json) -> Self {
        let Json::Object(inputs) = inputs else { panic!("inputs are an object") };
        let declared: Vec<String> = inputs.keys().map(|name| format!("{name}: {{}}")).collect();
        let head = format!("pipeline: {{ id: p, inputs: {{ {} }} }}", declared.join(", "));
        let text = format!("model_version: \"1.0\"\n{head}\n{rest}");
        let (revision, found) = compile_one(&text);
        let revision = revision.unwrap_or_else(|| panic!("{found:#?}"));
        let plan = Arc::clone(revision.plan("p").expect("the pipeline compiles"));
        let queued = Queued {
            id: RunId::new(Ulid::nil()),
            project: "shop".to_owned(),
            pipeline: "p".to_owned(),
            revision: RevisionId::new(Ulid::nil()),
            commit: Some("c".repeat(40)),
            reference: Some("refs/heads/main".to_owned()),
            trigger: Trigger::Push,
            actor: "ada".to_owned(),
            inputs,
            item: None,
            stranger: false,
            env: serde_json::Map::new(),
            stages: plan.stages().map(|stage| stage.id.as_str().into()).collect(),
            resumed_from: None,
        };
        let mut world = Self { plan, run: Run::default(), events: Vec::new(), now: Timestamp::from_millis(0) };
        world.ask(Command::Queue(Arc::new(queued))).expect("a new run is queued");
        world
    }

    /// A run that goes on from this one, which has ended.
    pub(crate) fn resume(&self, from: Option<&str>) -> Result<Self, Rejected> {
        let old = self.run.queued.as_deref().expect("it was queued");
        let id = old.id.nth(1);
        let queued = Arc::new(Queued { id, resumed_from: Some(old.id), ..old.clone() });
        let plan = Arc::clone(&self.plan);
        let mut world = Self { plan, run: Run::default(), events: Vec::new(), now: self.now };
        let before = Arc::new(self.run.clone());
        world.ask(Command::Resume { queued, before, from: from.map(Arc::from) })?;
        Ok(world)
    }

    pub(crate) fn ask(&mut self, command: Command) -> Result<Vec<Event>, Rejected> {
        let now = self.now;
        let events = self.run.decide(&self.plan, command, &Moment { now })?;
        for event in &events {
            // Whatever is decided is allowed by the state before; whose time it is is for the caller to know.
            let allowed = self.run.allows(event, now);
            assert!(matches!(allowed, Ok(()) | Err(Illegal::Early { .. })), "{event:?}: {allowed:?}");
            self.run.apply(event, now);
        }
        self.events.extend(events.iter().cloned());
        self.now = now.after(Duration::from_millis(1));
        Ok(events)
    }

    pub(crate) fn begin(&mut self, stage: &str) {
        self.ask(Command::Begin { stage: stage.into(), found: Found::Nothing }).expect("the stage may begin");
    }

    pub(crate) fn finish(&mut self, stage: &str, outcome: Outcome) -> Result<Vec<Event>, Rejected> {
        let attempt = self.run.stage(stage).expect("the stage exists").attempt;
        self.ask(Command::Finish { stage: stage.into(), attempt, outcome })
    }

    pub(crate) fn succeed(&mut self, stage: &str, outputs: Json) {
        self.begin(stage);
        self.finish(stage, Outcome::Succeeded { outputs, usage: Usage::default() }).expect("an attempt is under way");
    }

    pub(crate) fn fail(&mut self, stage: &str) {
        self.begin(stage);
        self.finish(stage, failed()).expect("an attempt is under way");
    }

    /// Lets time go by.
    pub(crate) fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    /// Somebody agrees to what a stage waits for.
    pub(crate) fn approve(&mut self, stage: &str, name: &str, roles: &[&str]) -> Result<Vec<Event>, Rejected> {
        let roles = Some(roles.iter().map(|role| (*role).to_owned()).collect());
        let actor = Actor { name: name.to_owned(), roles };
        self.ask(Command::Approve { stage: stage.into(), actor, comment: None })
    }

    /// Returns what happened, a line an event: `stage.ready a`.
    pub(crate) fn story(&self) -> String {
        let line = |event: &Event| match (event.stage(), event) {
            (Some(stage), Event::StageSkipped { reason, .. }) => format!("{} {stage} ({reason})", event.kind()),
            (Some(stage), Event::StageFailed { error, allowed: true, .. }) => {
                format!("{} {stage} {} (allowed)", event.kind(), error.code)
            }
            (Some(stage), Event::StageRetrying { error, until, .. }) => match until {
                Some(until) => format!("{} {stage} {} at {}", event.kind(), error.code, until.millis()),
                None => format!("{} {stage} {}", event.kind(), error.code),
            },
            (Some(stage), Event::ApprovalRequested { request, .. }) => {
                format!("{} {stage}: {}", event.kind(), request.message)
            }
            (Some(stage), Event::ApprovalGranted { by, .. }) => format!("{} {stage} by {by}", event.kind()),
            (Some(stage), Event::StageFailed { error, .. }) => format!("{} {stage} {}", event.kind(), error.code),
            (Some(stage), _) => format!("{} {stage}", event.kind()),
            (None, Event::RunSucceeded { outputs }) if !outputs.is_empty() => {
                format!("{} {}", event.kind(), json!(**outputs))
            }
            (None, Event::RunFailed { error: Some(error), .. }) => format!("{} {}", event.kind(), error.message),
            (None, Event::RunFailed { compensated: true, .. }) => format!("{} (compensated)", event.kind()),
            (None, _) => event.kind().to_owned(),
        };
        self.events.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

pub(crate) fn failed() -> Outcome {
    Outcome::Failed(StageError::new("permanent", "broken"))
}

/// Every definition file that the repository ships, and the public packs it is tested with.
pub(crate) fn shipped() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in ["workflows", "tests/corpus"] {
        collect(&root.join(folder), &mut found);
    }
    assert!(found.len() > 20, "the repository ships {} definition files", found.len());
    found.sort_by(|one: &Source, other: &Source| one.path.cmp(&other.path));
    found
}

fn collect(folder: &Path, found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
            continue;
        }
        let text = path.to_str().expect("paths are text");
        let definition = text.find("/.kiket/").map(|at| &text[at + 1..]);
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        if let Some(name) = definition.filter(|_| is_yaml) {
            found.push(Source::new(name, std::fs::read_to_string(&path).expect("definitions are text")));
        }
    }
}
