//! Commands on items: load, decide, commit. Every change to an item goes this way.
//!
//! An item is decided on the definitions that are active now. What its transitions do in the world are runs, which
//! start in the same unit as the item changes. Somebody who was faster shows as a conflict on the sequence number,
//! and the command is decided again on the newer state.

mod change;
mod numbers;

use std::sync::Arc;

use kiket_core::item::{Command, Context, Created, Item, NewItem, Possibility, Reason, Refusal};
use kiket_core::machine::Machine;
use kiket_core::revision::Revision;
use kiket_core::run::{Actor, RunStatus};
use kiket_core::{ItemId, ProjectId, RevisionId, RunId};
use kiket_store::{
    Change, CommitError, Conflict, Held, ItemRow, Project, Seq, Store, StoreError, WorkChange, WorkUpdate, WriteItem,
};
use serde_json::{Map, Value as Json};

use crate::clock;
use crate::dispatch::{Dispatch, DispatchError};
use crate::revisions::{RevisionError, Revisions};
use numbers::Numbers;

/// How often a command is decided again because somebody else was faster.
const TRIES: usize = 50;

/// Why a command on an item came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ItemError {
    /// There is no such item.
    #[error("there is no such item")]
    Unknown,
    /// The project has no active definitions.
    #[error("the project has no active revision yet")]
    NoRevision,
    /// The project has no such type.
    #[error("the project has no type \"{name}\"{}", listed(.known))]
    UnknownType {
        /// What was asked for.
        name: String,
        /// The types there are.
        known: Vec<String>,
    },
    /// The item's workflow is not in the active definitions.
    #[error("workflow \"{0}\" is not in the project's definitions")]
    NoWorkflow(String),
    /// The item is not in the version that the caller has seen.
    #[error("the item is at version {0} by now")]
    Changed(u64),
    /// The item refuses the command.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many others were faster.
    #[error("the item changes too fast")]
    Busy,
    /// The definitions cannot be had.
    #[error(transparent)]
    Revision(#[from] RevisionError),
    /// A run could not be drafted.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl ItemError {
    /// Tells whether there are no definitions by which anything could be decided, now or later.
    fn lacks_definitions(&self) -> bool {
        match self {
            Self::NoWorkflow(_) | Self::NoRevision => true,
            Self::Revision(reason) | Self::Dispatch(DispatchError::Revision(reason)) => {
                !matches!(reason, RevisionError::Store(_))
            }
            _ => false,
        }
    }
}

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

/// Applies commands to items.
pub(crate) struct Items {
    store: Store,
    revisions: Arc<Revisions>,
    dispatch: Arc<Dispatch>,
    numbers: Numbers,
}

/// The definitions that an item is decided on.
struct Surroundings {
    project: Project,
    id: RevisionId,
    revision: Arc<Revision>,
}

impl Items {
    pub(crate) fn new(store: Store, revisions: Arc<Revisions>, dispatch: Arc<Dispatch>) -> Self {
        Self { store, revisions, dispatch, numbers: Numbers::default() }
    }

    /// Creates an item.
    pub(crate) async fn create(&self, project: &Project, wish: Wish, actor: &Actor) -> Result<Outcome, ItemError> {
        let around = self.surroundings(project.id).await?;
        let kind = choose_type(&around.revision, wish.kind)?;
        let machine = around.revision.machine_for(&kind).ok_or_else(|| ItemError::NoWorkflow(String::new()))?;
        let machine = Arc::clone(machine);
        let id = ItemId::new(clock::ulid());
        for _ in 0..TRIES {
            let number = self.numbers.next(&self.store, project.id).await?;
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
            match self.decide_and_commit(&around, &machine, before, command, actor, None).await {
                Err(CommitFailure::Conflict(Conflict::DuplicateNumber { .. })) => self.numbers.forget(project.id),
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
        self.act(id, command, actor, version, None).await
    }

    /// Lets an item go on whose run has ended. The hold on the work ends with it, whatever comes of it.
    pub(crate) async fn run_ended(&self, id: ItemId, run: RunId, held: Held) -> Result<(), ItemError> {
        let state = self.dispatch.load(run).await?;
        let reason = state.stages.iter().find_map(|stage| Some((&stage.id, stage.state.error()?)));
        let failed = (state.status != RunStatus::Succeeded).then(|| match reason {
            Some((stage, error)) => format!("{stage} failed: {}", error.message),
            None => format!("run {run} was {}", state.status),
        });
        let actor = Actor::admin("kiket");
        match self.act(id, Command::RunEnded { run, failed }, &actor, None, Some(held.clone())).await {
            Err(ItemError::Refused(_) | ItemError::Unknown) => {
                let work = vec![WorkChange::Done(held.key.clone())];
                let update = Change::Work(WorkUpdate { held: Some(held), work });
                self.store.commit(vec![update]).await.map(drop).map_err(CommitFailure::from).map_err(ItemError::from)
            }
            // Without its workflow nothing can be decided; the item must not wait for ever for that.
            Err(error) if error.lacks_definitions() => self.abandon(id, run, held, &error).await,
            outcome => outcome.map(drop),
        }
    }

    async fn abandon(&self, id: ItemId, run: RunId, held: Held, reason: &ItemError) -> Result<(), ItemError> {
        let (row, mut item) = self.load(id).await?;
        let now = clock::now();
        let events = item.abandon(run, &reason.to_string());
        events.iter().for_each(|event| item.apply(event, now));
        let write = WriteItem::Advance { expected: row.seq };
        let change = change::item_change(id, write, None, &item, &events, (now, row.revision), Some(held));
        self.store
            .commit(vec![Change::Item(change)])
            .await
            .map(drop)
            .map_err(CommitFailure::from)
            .map_err(ItemError::from)
    }

    /// Returns what is possible for an item, and the item.
    pub(crate) async fn possibilities(&self, id: ItemId, actor: &Actor) -> Result<Vec<Possibility>, ItemError> {
        let (row, item) = self.load(id).await?;
        let around = self.surroundings(row.project).await?;
        let machine = machine_of(&around.revision, &row.workflow)?;
        let env = Map::new();
        Ok(item.possibilities(machine, &context(&around, actor, &env)))
    }

    /// Returns an item as people see it.
    pub(crate) async fn show(&self, id: ItemId) -> Result<(Item, Json), ItemError> {
        let (row, item) = self.load(id).await?;
        let around = self.surroundings(row.project).await;
        let snapshot = around.and_then(|around| Ok(item.snapshot(machine_of(&around.revision, &row.workflow)?)));
        let snapshot = match snapshot {
            // Without its workflow it still is what it says.
            Err(error) if error.lacks_definitions() => serde_json::to_value(&item).unwrap_or_default(),
            snapshot => snapshot?,
        };
        Ok((item, snapshot))
    }

    /// Reads an item.
    pub(crate) async fn load(&self, id: ItemId) -> Result<(ItemRow, Item), ItemError> {
        let row = self.store.item(id).await?.ok_or(ItemError::Unknown)?;
        let item = parse(&row)?;
        Ok((row, item))
    }

    async fn act(
        &self,
        id: ItemId,
        command: Command,
        actor: &Actor,
        version: Option<u64>,
        held: Option<Held>,
    ) -> Result<Outcome, ItemError> {
        for _ in 0..TRIES {
            let (row, item) = self.load(id).await?;
            if version.is_some_and(|version| version != item.version) {
                return Err(ItemError::Changed(item.version));
            }
            let around = self.surroundings(row.project).await?;
            let machine = Arc::clone(machine_of(&around.revision, &row.workflow)?);
            let before = (id, item, Some(row.seq));
            match self.decide_and_commit(&around, &machine, before, command.clone(), actor, held.clone()).await {
                Err(CommitFailure::Conflict(Conflict::Seq { .. })) => {}
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
        command: Command,
        actor: &Actor,
        held: Option<Held>,
    ) -> Result<Outcome, CommitFailure> {
        let env = Map::new();
        let context = context(around, actor, &env);
        let kind = match (&before.created, &command) {
            (Some(created), _) => around.revision.item_type(&created.kind),
            (None, Command::Create(new)) => around.revision.item_type(&new.created.kind),
            (None, _) => None,
        };
        let decision = before.decide(machine, kind, command, &context).map_err(ItemError::from)?;
        let mut item = before;
        decision.events.iter().for_each(|event| item.apply(event, context.now));
        let refused = change::refusal(&decision.events);
        let runs: Vec<RunId> = decision.starts.iter().map(|start| start.run).collect();
        if !decision.events.is_empty() || held.is_some() {
            let mut unit = Vec::new();
            for start in decision.starts {
                let new = change::new_run(around, id, start, actor);
                unit.push(Change::Run(self.dispatch.draft_start(new).await.map_err(ItemError::from)?));
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
                (context.now, Some(around.id)),
                held,
            )));
            self.store.commit(unit).await?;
        }
        let snapshot = item.snapshot(machine);
        Ok(Outcome { item, snapshot, refused, runs })
    }

    async fn surroundings(&self, project: ProjectId) -> Result<Surroundings, ItemError> {
        let project = self.store.project(project).await?.ok_or(ItemError::Unknown)?;
        let id = project.active_revision.ok_or(ItemError::NoRevision)?;
        let revision = self.revisions.get(id).await?;
        Ok(Surroundings { project, id, revision })
    }
}

fn context<'c>(around: &'c Surroundings, actor: &'c Actor, env: &'c Map<String, Json>) -> Context<'c> {
    Context { now: clock::now(), actor, project: &around.project.name, env, run: RunId::new(clock::ulid()) }
}

fn machine_of<'r>(revision: &'r Revision, workflow: &str) -> Result<&'r Arc<Machine>, ItemError> {
    revision.machine(workflow).ok_or_else(|| ItemError::NoWorkflow(workflow.to_owned()))
}

/// The type that was asked for, whatever its case; the first one where none was.
fn choose_type(revision: &Revision, asked: Option<String>) -> Result<String, ItemError> {
    let known = || revision.item_types().map(|kind| kind.key.value.clone());
    match asked {
        None => Ok(known().next().unwrap_or_else(|| "item".to_owned())),
        Some(name) => known()
            .find(|known| known.eq_ignore_ascii_case(&name))
            .ok_or_else(|| ItemError::UnknownType { name, known: known().collect() }),
    }
}

fn parse(row: &ItemRow) -> Result<Item, StoreError> {
    serde_json::from_str(&row.data).map_err(|error| {
        tracing::error!(item.id = %row.id, %error, "the stored state of an item cannot be read");
        StoreError::Malformed { column: "data", value: error.to_string() }
    })
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { String::new() } else { format!("; it has: {}", names.join(", ")) }
}

/// Why a unit on an item was not committed.
enum CommitFailure {
    Conflict(Conflict),
    Other(ItemError),
}

impl From<CommitError> for CommitFailure {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Conflict(conflict) => Self::Conflict(conflict),
            CommitError::Store(error) => Self::Other(error.into()),
        }
    }
}

impl From<ItemError> for CommitFailure {
    fn from(error: ItemError) -> Self {
        Self::Other(error)
    }
}

impl From<CommitFailure> for ItemError {
    fn from(failure: CommitFailure) -> Self {
        match failure {
            CommitFailure::Conflict(conflict) => {
                tracing::debug!(%conflict, "a change of an item came too late");
                Self::Busy
            }
            CommitFailure::Other(error) => error,
        }
    }
}
