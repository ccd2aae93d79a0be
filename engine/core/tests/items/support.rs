//! A world for tests of items: a workflow as text, one item in it, commands by hand.

use std::sync::Arc;

use kiket_core::catalog::{Catalog, Plugin};
use kiket_core::diagnostic::{Diagnostic, render};
use kiket_core::expression::Placeholders;
use kiket_core::item::{
    Command, Context, Created, Decision, Event, GuardCall, Item, NewItem, Possibility, Refusal, StartRun, Undecided,
    Verdict, Verdicts, Wanted,
};
use kiket_core::machine::Machine;
use kiket_core::manifest::Manifest;
use kiket_core::revision::{self, Revision};
use kiket_core::run::Actor;
use kiket_core::{ItemId, RunId, Source, Timestamp};
use serde_json::{Map, Value as Json};
use ulid::Ulid;

const MANIFEST: &str = "id: work\nactions: { run: { effect: pure } }\n";
const GATE: &str = "id: gate\nguards: { even: {}, title: {}, broken: {} }\n";

/// What the guards of the plugin `gate` say: `even` lets items through whose field `n` is even, `title` those whose
/// title is what its input says, `broken` does not answer.
fn gate(call: &GuardCall) -> Verdict {
    match call.guard.as_str() {
        "even" if call.item["fields"]["n"].as_i64().is_some_and(|n| n % 2 == 0) => Verdict::Allow,
        "title" if call.item["title"] == call.input["title"] => Verdict::Allow,
        "broken" => Verdict::Failed { cause: "trap".to_owned(), message: "unreachable was reached".to_owned() },
        guard => Verdict::Deny(format!("{guard} of {} does not like it", call.env.len())),
    }
}

pub(crate) struct World {
    pub(crate) revision: Revision,
    pub(crate) machine: Arc<Machine>,
    pub(crate) item: Item,
    pub(crate) events: Vec<Event>,
    pub(crate) starts: Vec<StartRun>,
    /// What guards were asked, and what they said.
    pub(crate) asked: Vec<(GuardCall, Verdict)>,
    now: i64,
}

/// The plugins there are.
fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for (name, manifest) in [("work", MANIFEST), ("gate", GATE)] {
        let manifest = Manifest::parse(manifest).expect("the manifest is valid");
        catalog.insert(name, Arc::new(Plugin::new("sha256:00", manifest).expect("its schemas are valid")));
    }
    catalog
}

/// Compiles one workflow file.
pub(crate) fn compile(text: &str) -> (Option<Revision>, Vec<Diagnostic>) {
    revision::compile(&[Source::new(".kiket/workflows/w.yaml", text)], &catalog())
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
        let mut sources = vec![Source::new(
            ".kiket/workflows/w.yaml",
            format!("model_version: \"1.0\"\nworkflow: {{ id: w, name: W }}\n{workflow}"),
        )];
        if !types.is_empty() {
            sources
                .push(Source::new(".kiket/issue_types.yaml", format!("model_version: \"1.0\"\nissue_types:\n{types}")));
        }
        let (revision, found) = revision::compile(&sources, &catalog());
        let revision = revision.unwrap_or_else(|| {
            let text =
                |path: &str| sources.iter().find(|source| source.path == path).map(|source| source.text.as_str());
            panic!("{}", found.iter().map(|found| render(found, text(&found.path))).collect::<String>())
        });
        let machine = Arc::clone(revision.machine("w").expect("the workflow compiles"));
        let (events, starts, asked) = (Vec::new(), Vec::new(), Vec::new());
        Self { revision, machine, item: Item::default(), events, starts, asked, now: 0 }
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
        let stand_ins = Placeholders::new("n0nce");
        let placeholders = Some(&stand_ins);
        let run = RunId::new(Ulid::from_parts(u64::try_from(self.now).expect("time is positive"), 0));
        let kind = match (&self.item.created, &command) {
            (Some(created), _) => self.revision.item_type(&created.kind),
            (None, Command::Create(new)) => self.revision.item_type(&new.created.kind),
            (None, _) => None,
        };
        let mut verdicts = Verdicts::new();
        let decision = loop {
            let context =
                Context { now, actor: &actor, project: "shop", env: &env, run, verdicts: &verdicts, placeholders };
            match self.item.decide(&self.machine, kind, command.clone(), &context) {
                Ok(decision) => break decision,
                Err(Undecided::Refused(refusal)) => return Err(refusal),
                Err(Undecided::Asks(calls)) => {
                    assert!(!calls.is_empty(), "something is asked");
                    for call in calls {
                        let verdict = gate(&call);
                        self.asked.push((call.clone(), verdict.clone()));
                        verdicts.note(call, verdict);
                    }
                }
            }
        };
        for event in &decision.events {
            // Whatever is decided is allowed by the state before.
            assert_eq!(self.item.allows(event), Ok(()), "{event:?}");
            self.item.apply(event, now);
        }
        self.events.extend(decision.events.iter().cloned());
        self.starts.extend(decision.starts.iter().cloned());
        Ok(decision)
    }

    /// Decides without asking anybody, and lets nothing happen.
    pub(crate) fn decide(&self, command: Command, verdicts: &Verdicts) -> Result<Decision, Undecided> {
        let actor = Actor::admin("ada");
        let env = Map::new();
        let stand_ins = Placeholders::new("n0nce");
        let placeholders = Some(&stand_ins);
        let (now, run) = (Timestamp::from_millis(self.now), self.some_run());
        let context = Context { now, actor: &actor, project: "shop", env: &env, run, verdicts, placeholders };
        self.item.decide(&self.machine, None, command, &context)
    }

    pub(crate) fn some_run(&self) -> RunId {
        RunId::new(Ulid::nil())
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

    /// Returns the transitions that lead on, with what speaks against each; guards are asked or not.
    pub(crate) fn possibilities(&self, ask: bool) -> Vec<Possibility> {
        let actor = Actor::admin("ada");
        let env = Map::new();
        let stand_ins = Placeholders::new("n0nce");
        let placeholders = Some(&stand_ins);
        let (now, run) = (Timestamp::from_millis(self.now), RunId::new(Ulid::nil()));
        let mut verdicts = Verdicts::new();
        if ask {
            let context = Context {
                now,
                actor: &actor,
                project: "shop",
                env: &env,
                run,
                verdicts: &Verdicts::new(),
                placeholders,
            };
            for call in self.item.open_guards(&self.machine, &context) {
                let verdict = gate(&call);
                verdicts.note(call, verdict);
            }
        }
        let context =
            Context { now, actor: &actor, project: "shop", env: &env, run, verdicts: &verdicts, placeholders };
        self.item.possibilities(&self.machine, &context)
    }

    /// The same item, to try something out on.
    pub(crate) fn copy(&self) -> Self {
        Self {
            revision: Revision::default(),
            machine: Arc::clone(&self.machine),
            item: self.item.clone(),
            events: Vec::new(),
            starts: Vec::new(),
            asked: Vec::new(),
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
