//! A world for tests of items: a workflow as text, one item in it, commands by hand.

use std::sync::Arc;

use kiket_core::catalog::{Catalog, Plugin};
use kiket_core::diagnostic::render;
use kiket_core::item::{Command, Context, Created, Decision, Event, Item, NewItem, Refusal, StartRun, Wanted};
use kiket_core::machine::Machine;
use kiket_core::manifest::Manifest;
use kiket_core::revision::{Revision, compile};
use kiket_core::run::Actor;
use kiket_core::{ItemId, RunId, Source, Timestamp};
use serde_json::{Map, Value as Json};
use ulid::Ulid;

const MANIFEST: &str = "id: work\nactions: { run: { effect: pure } }\n";

pub(crate) struct World {
    pub(crate) revision: Revision,
    pub(crate) machine: Arc<Machine>,
    pub(crate) item: Item,
    pub(crate) events: Vec<Event>,
    pub(crate) starts: Vec<StartRun>,
    now: i64,
}

pub(crate) fn object(value: Json) -> Map<String, Json> {
    match value {
        Json::Object(map) => map,
        other => panic!("{other} is not an object"),
    }
}

impl World {
    /// Compiles a workflow called `w`, and types where some are given.
    pub(crate) fn of(workflow: &str, types: &str) -> Self {
        let manifest = Manifest::parse(MANIFEST).expect("the manifest is valid");
        let mut catalog = Catalog::default();
        catalog.insert("work", Arc::new(Plugin::new("sha256:00", manifest).expect("its schemas are valid")));
        let mut sources = vec![Source::new(
            ".kiket/workflows/w.yaml",
            format!("model_version: \"1.0\"\nworkflow: {{ id: w, name: W }}\n{workflow}"),
        )];
        if !types.is_empty() {
            sources
                .push(Source::new(".kiket/issue_types.yaml", format!("model_version: \"1.0\"\nissue_types:\n{types}")));
        }
        let (revision, found) = compile(&sources, &catalog);
        let revision = revision.unwrap_or_else(|| {
            let text =
                |path: &str| sources.iter().find(|source| source.path == path).map(|source| source.text.as_str());
            panic!("{}", found.iter().map(|found| render(found, text(&found.path))).collect::<String>())
        });
        let machine = Arc::clone(revision.machine("w").expect("the workflow compiles"));
        Self { revision, machine, item: Item::default(), events: Vec::new(), starts: Vec::new(), now: 0 }
    }

    /// An item of a workflow without types.
    pub(crate) fn start(workflow: &str) -> Self {
        let mut world = Self::of(workflow, "");
        world.create("task", serde_json::json!({ "title": "An item" })).expect("it can be created");
        world
    }

    pub(crate) fn create(&mut self, kind: &str, values: Json) -> Result<(), Refusal> {
        let created = Created {
            id: ItemId::new(Ulid::nil()),
            project: "shop".to_owned(),
            number: 1,
            key: "SHOP-1".to_owned(),
            kind: kind.to_owned(),
            workflow: "w".to_owned(),
            reporter: "ada".to_owned(),
            at: Timestamp::from_millis(0),
        };
        self.ask(Command::Create(Box::new(NewItem { created, state: None, values: object(values) }))).map(drop)
    }

    pub(crate) fn ask(&mut self, command: Command) -> Result<Decision, Refusal> {
        self.now += 1;
        let now = Timestamp::from_millis(self.now);
        let actor = Actor::admin("ada");
        let env = Map::new();
        let run = RunId::new(Ulid::from_parts(u64::try_from(self.now).expect("time is positive"), 0));
        let context = Context { now, actor: &actor, project: "shop", env: &env, run };
        let kind = match (&self.item.created, &command) {
            (Some(created), _) => self.revision.item_type(&created.kind),
            (None, Command::Create(new)) => self.revision.item_type(&new.created.kind),
            (None, _) => None,
        };
        let decision = self.item.decide(&self.machine, kind, command, &context)?;
        for event in &decision.events {
            self.item.apply(event, now);
        }
        self.events.extend(decision.events.iter().cloned());
        self.starts.extend(decision.starts.iter().cloned());
        Ok(decision)
    }

    pub(crate) fn take(&mut self, name: &str) -> Decision {
        self.ask(Command::Transition { wanted: Wanted::Name(name.to_owned()), comment: None }).expect("it is decided")
    }

    pub(crate) fn set(&mut self, values: Json) {
        self.ask(Command::Update { values: object(values) }).expect("the values fit");
    }

    pub(crate) fn end_run(&mut self, failed: Option<&str>) -> Result<Decision, Refusal> {
        let run = self.starts.last().expect("a run was started").run;
        self.ask(Command::RunEnded { run, failed: failed.map(str::to_owned) })
    }

    /// Returns the transitions that lead on, and whether each is possible now.
    pub(crate) fn possibilities(&self) -> Vec<(String, bool)> {
        let actor = Actor::admin("ada");
        let env = Map::new();
        let (now, run) = (Timestamp::from_millis(self.now), RunId::new(Ulid::nil()));
        let context = Context { now, actor: &actor, project: "shop", env: &env, run };
        let found = self.item.possibilities(&self.machine, &context);
        found.into_iter().map(|found| (found.name, found.possible)).collect()
    }

    /// The same item, to try something out on.
    pub(crate) fn copy(&self) -> Self {
        Self {
            revision: Revision::default(),
            machine: Arc::clone(&self.machine),
            item: self.item.clone(),
            events: Vec::new(),
            starts: Vec::new(),
            now: self.now,
        }
    }

    /// Returns what happened, a line an event, and the stages of the runs that started.
    pub(crate) fn story(&self) -> String {
        let mut lines: Vec<String> = self.events.iter().map(line).collect();
        for start in &self.starts {
            let plan = self.revision.plan(&start.plan).expect("a run that starts has a plan");
            let stages: Vec<&str> = plan.stages().map(|stage| stage.id.as_str()).collect();
            let waits = if start.waits { " (waited for)" } else { "" };
            lines.push(format!("run {}{waits}: {}", start.plan, stages.join(", ")));
        }
        lines.join("\n")
    }
}

fn line(event: &Event) -> String {
    let kind = event.kind();
    match event {
        Event::Created { state, .. } => format!("{kind} in {state}"),
        Event::Updated { values, by } => format!("{kind} {} by {by}", Json::Object(values.clone())),
        Event::Commented { body, by } => format!("{kind} {body} by {by}"),
        Event::Waiting { pending, from } => format!("{kind} {from} → {} by \"{}\"", pending.to, pending.transition),
        Event::Transitioned { from, to, transition, by, .. } => {
            format!("{kind} {from} → {to} by \"{transition}\", {by}")
        }
        Event::Refused { transition, reasons, .. } => {
            let reasons: Vec<&str> = reasons.iter().map(|reason| reason.message.as_str()).collect();
            format!("{kind} \"{transition}\": {}", reasons.join("; "))
        }
    }
}
