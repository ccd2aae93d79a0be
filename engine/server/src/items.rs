//! Commands on items: load, decide, commit. Every change to an item goes this way.
//!
//! An item is decided on the definitions that are active now. What its transitions do in the world are runs, which
//! start in the same unit as the item changes. Somebody who was faster shows as a conflict on the sequence number,
//! and the command is decided again on the newer state. So it is when other definitions were published while guards
//! were asked.

mod change;
mod error;
mod guards;
mod guests;
mod numbers;
pub(crate) mod present;
mod reader;

use std::sync::Arc;

use kiket_core::item::{Command, Context, Created, GuardCall, Item, NewItem, Possibility, Reason, Undecided, Verdicts};
use kiket_core::machine::Machine;
use kiket_core::revision::Revision;
use kiket_core::run::{Actor, RunStatus};
use kiket_core::{ItemId, RevisionId, RunId, Timestamp};
use kiket_store::{Change, Conflict, Held, Project, Seq, WorkChange, WorkUpdate, WriteItem};
use serde_json::{Map, Value as Json};

use crate::dispatch::Dispatch;
use crate::{clock, dead_letters};
use error::CommitFailure;
use guards::Question;
use numbers::Numbers;

pub(crate) use error::ItemError;
pub(crate) use guards::Guards;
pub(crate) use reader::Reader;

/// How often a command is decided again because somebody else was faster.
const TRIES: usize = 50;
/// How often one decision asks guards at most: transitions that follow from one another ask one after the other.
const ROUNDS: usize = 64;

/// What came of a command.
pub(crate) struct Outcome {
    /// The item after it.
    pub(crate) item: Item,
    /// How it looks to people and expressions.
    pub(crate) snapshot: Json,
    /// Why the transition that was asked for did not happen.
    pub(crate) refused: Vec<Reason>,
    /// The runs that started.
    pub(crate) runs: Vec<RunId>,
}

/// What a new item is made of.
pub(crate) struct Wish {
    pub(crate) kind: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) values: Map<String, Json>,
}

/// A command, who gives it, and the work that rests on it.
struct Asked<'a> {
    command: Command,
    actor: &'a Actor,
    held: Option<Held>,
    /// What is committed with it, unless it is refused.
    beside: Vec<Change>,
}

/// Applies commands to items.
pub(crate) struct Items {
    reader: Reader,
    dispatch: Arc<Dispatch>,
    guards: Guards,
    numbers: Numbers,
}

/// The definitions that an item is decided on.
struct Surroundings {
    project: Project,
    id: RevisionId,
    revision: Arc<Revision>,
    env: Map<String, Json>,
}

impl Items {
    pub(crate) fn new(reader: Reader, dispatch: Arc<Dispatch>, guards: Guards) -> Self {
        Self { reader, dispatch, guards, numbers: Numbers::default() }
    }

    /// Returns the way to look at items.
    pub(crate) fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Creates an item.
    pub(crate) async fn create(&self, project: &Project, wish: Wish, actor: &Actor) -> Result<Outcome, ItemError> {
        let id = ItemId::new(clock::ulid());
        let question = Question::new();
        for _ in 0..TRIES {
            let around = self.reader.surroundings(project.id).await?;
            let kind = choose_type(&around.revision, wish.kind.as_deref())?;
            let machine = around.revision.machine_for(&kind).ok_or_else(|| ItemError::NoWorkflow(String::new()))?;
            let machine = Arc::clone(machine);
            let number = self.numbers.next(&self.reader.store, project.id).await?;
            let created = Created {
                id,
                project: project.name.clone(),
                number,
                key: format!("{}-{number}", around.revision.project_key(&project.name)),
                kind: kind.clone(),
                workflow: machine.workflow.clone(),
                reporter: actor.name.clone(),
                at: clock::now(),
            };
            let new = NewItem { created, state: wish.state.clone(), values: wish.values.clone() };
            let command = Command::Create(Box::new(new));
            let before = (id, Item::default(), None);
            let asked = Asked { command, actor, held: None, beside: Vec::new() };
            match self.decide_and_commit(&around, &machine, before, &asked, &question).await {
                Err(CommitFailure::Conflict(Conflict::DuplicateNumber { .. })) => self.numbers.forget(project.id),
                Err(CommitFailure::Outdated) => {}
                outcome => return outcome.map_err(ItemError::from),
            }
        }
        Err(ItemError::Busy)
    }

    /// Gives an item a command that comes from a person; `version` is the one the person has seen, if that matters.
    pub(crate) async fn tell(
        &self,
        id: ItemId,
        command: Command,
        actor: &Actor,
        version: Option<u64>,
    ) -> Result<Outcome, ItemError> {
        self.act(id, command, actor, version, None, Vec::new()).await
    }

    /// The same, and commits `beside` with what comes of it, unless it is refused.
    pub(crate) async fn tell_beside(
        &self,
        id: ItemId,
        command: Command,
        actor: &Actor,
        beside: Vec<Change>,
    ) -> Result<Outcome, ItemError> {
        self.act(id, command, actor, None, None, beside).await
    }

    /// Lets an item go on whose run has ended. The hold on the work ends with it, whatever comes of it.
    pub(crate) async fn run_ended(&self, id: ItemId, run: RunId, held: Held) -> Result<(), ItemError> {
        // Guards of transitions that follow may take their time.
        let _kept = self.dispatch.hold(&held);
        let state = self.dispatch.load(run).await?;
        let reason = state.stages.iter().find_map(|stage| Some((&stage.id, stage.state.error()?)));
        let failed = (state.status != RunStatus::Succeeded).then(|| match reason {
            Some((stage, error)) => format!("{stage} failed: {}", error.message),
            None => format!("run {run} was {}", state.status),
        });
        let actor = Actor::admin("kiket");
        match self.act(id, Command::RunEnded { run, failed }, &actor, None, Some(held.clone()), Vec::new()).await {
            Err(ItemError::Refused(_) | ItemError::Unknown) => {
                let work = vec![WorkChange::Done(held.key.clone())];
                let update = Change::Work(WorkUpdate { held: Some(held), work });
                self.reader
                    .store
                    .commit(vec![update])
                    .await
                    .map(drop)
                    .map_err(CommitFailure::from)
                    .map_err(ItemError::from)
            }
            // Without its workflow nothing can be decided; the item must not wait for ever for that.
            Err(error) if error.lacks_definitions() => self.abandon(id, run, held, &error).await,
            outcome => outcome.map(drop),
        }
    }

    async fn abandon(&self, id: ItemId, run: RunId, held: Held, reason: &ItemError) -> Result<(), ItemError> {
        let (row, mut item) = self.reader.load(id).await?;
        let now = clock::now();
        let events = item.abandon(run, &reason.to_string());
        events.iter().for_each(|event| item.apply(event, now));
        let write = WriteItem::Advance { expected: row.seq };
        let letter = dead_letters::item(id, row.project, run, &reason.to_string(), held.fence);
        let change = change::item_change(id, write, None, &item, &events, (now, row.revision), Some(held));
        self.reader
            .store
            .commit(vec![Change::Item(change), letter])
            .await
            .map(drop)
            .map_err(CommitFailure::from)
            .map_err(ItemError::from)
    }

    /// Returns what is possible for an item. Guards are asked only where `ask` is set.
    pub(crate) async fn possibilities(
        &self,
        id: ItemId,
        actor: &Actor,
        ask: bool,
    ) -> Result<Vec<Possibility>, ItemError> {
        let (row, item) = self.reader.load(id).await?;
        let around = self.reader.surroundings(row.project).await?;
        let machine = machine_of(&around.revision, &row.workflow)?;
        let (moment, question, mut verdicts) = (Moment::now(), Question::new(), Verdicts::new());
        if ask {
            let open = item.open_guards(machine, &context(&around, actor, moment, &verdicts, &question));
            self.ask(&around, open, &question, &mut verdicts).await;
        }
        Ok(item.possibilities(machine, &context(&around, actor, moment, &verdicts, &question)))
    }

    async fn act(
        &self,
        id: ItemId,
        command: Command,
        actor: &Actor,
        version: Option<u64>,
        held: Option<Held>,
        beside: Vec<Change>,
    ) -> Result<Outcome, ItemError> {
        let asked = Asked { command, actor, held, beside };
        let question = Question::new();
        for _ in 0..TRIES {
            let (row, item) = self.reader.load(id).await?;
            if version.is_some_and(|version| version != item.version) {
                return Err(ItemError::Changed(item.version));
            }
            let around = self.reader.surroundings(row.project).await?;
            let machine = Arc::clone(machine_of(&around.revision, &row.workflow)?);
            let before = (id, item, Some(row.seq));
            match self.decide_and_commit(&around, &machine, before, &asked, &question).await {
                Err(CommitFailure::Conflict(Conflict::Seq { .. }) | CommitFailure::Outdated) => {}
                outcome => return outcome.map_err(ItemError::from),
            }
        }
        Err(ItemError::Busy)
    }

    async fn decide_and_commit(
        &self,
        around: &Surroundings,
        machine: &Machine,
        (id, before, seq): (ItemId, Item, Option<Seq>),
        asked: &Asked<'_>,
        question: &Question,
    ) -> Result<Outcome, CommitFailure> {
        let Asked { command, actor, held, beside } = asked;
        let kind = match (&before.created, command) {
            (Some(created), _) => around.revision.item_type(&created.kind),
            (None, Command::Create(new)) => around.revision.item_type(&new.created.kind),
            (None, _) => None,
        };
        // Guards answer for the moment and the item that they were asked about: neither changes from round to round.
        let (moment, mut verdicts) = (Moment::now(), Verdicts::new());
        let mut rounds = 0..ROUNDS;
        let decision = loop {
            let context = context(around, actor, moment, &verdicts, question);
            match before.decide(machine, kind, command.clone(), &context) {
                Ok(decision) => break decision,
                Err(Undecided::Refused(refusal)) => return Err(ItemError::Refused(refusal).into()),
                Err(Undecided::Asks(_)) if rounds.next().is_none() => return Err(ItemError::Busy.into()),
                Err(Undecided::Asks(calls)) => self.ask(around, calls, question, &mut verdicts).await,
            }
        };
        if !verdicts.is_empty() && !self.reader.are_current(around).await? {
            return Err(CommitFailure::Outdated);
        }
        let mut item = before;
        decision.events.iter().for_each(|event| item.apply(event, moment.now));
        let refused = change::refusal(&decision.events);
        let runs: Vec<RunId> = decision.starts.iter().map(|start| start.run).collect();
        if !decision.events.is_empty() || held.is_some() {
            let mut unit = Vec::new();
            for start in decision.starts {
                let new = change::new_run(around, id, start, actor);
                unit.push(Change::Run(self.dispatch.draft_start(new).await.map_err(ItemError::from)?.0));
            }
            let write = match seq {
                Some(expected) => WriteItem::Advance { expected },
                None => change::head(around.project.id, &item),
            };
            unit.push(Change::Item(change::item_change(
                id,
                write,
                Some(machine),
                &item,
                &decision.events,
                (moment.now, Some(around.id)),
                held.clone(),
            )));
            unit.extend(beside.iter().filter(|_| refused.is_empty()).cloned());
            self.reader.store.commit(unit).await?;
        }
        let snapshot = item.snapshot(machine);
        Ok(Outcome { item, snapshot, refused, runs })
    }

    /// Asks guards and notes what they say.
    async fn ask(&self, around: &Surroundings, calls: Vec<GuardCall>, question: &Question, verdicts: &mut Verdicts) {
        for call in calls {
            let verdict = self.guards.ask(around, &call, question).await;
            verdicts.note(call, verdict);
        }
    }
}

/// When something is decided, and the id of what it starts.
#[derive(Clone, Copy)]
struct Moment {
    now: Timestamp,
    run: RunId,
}

impl Moment {
    fn now() -> Self {
        Self { now: clock::now(), run: RunId::new(clock::ulid()) }
    }
}

fn context<'c>(
    around: &'c Surroundings,
    actor: &'c Actor,
    Moment { now, run }: Moment,
    verdicts: &'c Verdicts,
    question: &'c Question,
) -> Context<'c> {
    let (project, env) = (around.project.name.as_str(), &around.env);
    Context { now, actor, project, env, run, verdicts, placeholders: Some(&question.placeholders) }
}

fn machine_of<'r>(revision: &'r Revision, workflow: &str) -> Result<&'r Arc<Machine>, ItemError> {
    revision.machine(workflow).ok_or_else(|| ItemError::NoWorkflow(workflow.to_owned()))
}

/// The type that was asked for, whatever its case; the first one where none was.
fn choose_type(revision: &Revision, asked: Option<&str>) -> Result<String, ItemError> {
    let known = || revision.item_types().map(|kind| kind.key.value.clone());
    match asked {
        None => Ok(known().next().unwrap_or_else(|| "item".to_owned())),
        Some(name) => known()
            .find(|known| known.eq_ignore_ascii_case(name))
            .ok_or_else(|| ItemError::UnknownType { name: name.to_owned(), known: known().collect() }),
    }
}
