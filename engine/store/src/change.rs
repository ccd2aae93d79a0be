//! Changes: what callers ask the store to write. A unit is a list of them, applied together or not at all.
//!
//! Each kind of change has its own file with its type and the statements that apply it. Applying may be
//! repeated after a rollback, and an error leaves the clean-up to the writer.

mod artifact;
mod audit;
mod dead_letter;
mod delivery;
mod deployment;
mod effect;
pub(crate) mod forget;
mod item;
mod project;
mod records;
mod revision;
mod run;
mod schedule;
mod setting;
mod sync;
mod token;
mod value;
mod work;

use std::borrow::Cow;

pub use artifact::{ForgetArtifact, KeepArtifact};
pub use audit::NewAudit;
pub use dead_letter::{GiveUp, OPEN_LETTERS, Recover, RepeatDelivery, SettleLetter};
pub use delivery::{NewDelivery, SettleDelivery, Settled};
pub use deployment::{Activation, Actor, NewRelease};
pub use effect::{EffectChange, Journal, WriteEffect};
pub use forget::Forget;
pub use item::{ItemChange, ItemColumns, ItemHead, WriteItem};
pub use project::NewProject;
pub use records::Records;
pub use revision::NewRevision;
pub use run::{RunChange, RunHead, Write};
pub use schedule::{NewSchedule, NoteTick, SetSchedules, TICK_PRIORITY};
pub use setting::{ENV_BYTES, EnvChange, SETTINGS, SealHook, SecretChange};
pub use sync::{MoveCursor, NoteForge, NoteSync, ProjectChange, SYNC_PRIORITY, SyncOutcome};
pub use token::{NewToken, RevokeToken};
pub use value::PutValue;
pub use work::{WorkChange, WorkUpdate};

use crate::script::Otherwise;
use crate::sqlite::Connection;
use crate::unit::Unit;
use crate::{CommitError, Conflict, StoreError, Stream};

/// One change to one stream or row.
#[derive(Debug, Clone)]
pub enum Change {
    /// Adds a project.
    Project(NewProject),
    /// Adds an API token.
    Token(NewToken),
    /// Takes an API token back.
    RevokeToken(RevokeToken),
    /// Notes a privileged act; it goes with the change that is the act.
    Audit(NewAudit),
    /// Adds a delivery, and the work of acting on it.
    Receive(NewDelivery),
    /// Says what became of a delivery, and ends the work.
    SettleDelivery(SettleDelivery),
    /// Adds a revision, and makes it the active one if it is.
    Revision(NewRevision),
    /// Starts a run or moves it on.
    Run(RunChange),
    /// Begins an item or moves it on.
    Item(ItemChange),
    /// Sets or removes a secret of a project.
    Secret(SecretChange),
    /// Sets or removes a plain value of a project.
    Env(EnvChange),
    /// Encrypts a project's webhook secret that was in clear.
    SealHook(SealHook),
    /// Appends records, which no state is made of.
    Records(Records),
    /// Adds a release of an app.
    Release(NewRelease),
    /// Puts a release of an app live.
    Activate(Activation),
    /// Notes an effect on the world, or what came of it.
    Effect(EffectChange),
    /// Keeps a value of a plugin, or removes it.
    Value(PutValue),
    /// Says that a project has what a digest names.
    KeepArtifact(KeepArtifact),
    /// Says that it has it no longer.
    ForgetArtifact(ForgetArtifact),
    /// Changes work and nothing else.
    Work(WorkUpdate),
    /// Changes the settings of a project.
    ChangeProject(ProjectChange),
    /// Says what came of looking at a project's branch.
    NoteSync(NoteSync),
    /// Says what came of telling a project's forge.
    NoteForge(NoteForge),
    /// Moves the cursor of somebody who follows the log.
    MoveCursor(MoveCursor),
    /// Says which schedules of a project are in force.
    SetSchedules(SetSchedules),
    /// Says what becomes of a time of a schedule.
    NoteTick(NoteTick),
    /// Says that something is given up.
    GiveUp(GiveUp),
    /// Says that what was given up has come about by itself.
    Recover(Recover),
    /// Settles a dead letter.
    SettleLetter(SettleLetter),
    /// Has a failed delivery acted on again.
    RepeatDelivery(RepeatDelivery),
    /// Forgets some of what is old; [`Store::forget_some`](crate::Store::forget_some) says what.
    Forget(Forget),
}

/// Something to append to the log.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// The kind: `stage.succeeded`.
    pub kind: Cow<'static, str>,
    /// The stage it is about; only events of runs have one.
    pub stage: Option<String>,
    /// The text of a JSON object.
    pub data: String,
}

impl Change {
    pub(crate) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        match self {
            Self::Run(run) => run.apply(unit),
            Self::Records(records) => records.apply(unit),
            Self::Effect(effect) => effect.apply(unit),
            Self::Work(update) => update.apply(unit),
            Self::Project(project) => project.apply(unit).await?,
            Self::Token(token) => token.apply(unit).await?,
            Self::RevokeToken(revoke) => revoke.apply(unit).await?,
            Self::Audit(audit) => audit.apply(unit).await?,
            Self::Receive(delivery) => delivery.apply(unit).await?,
            Self::SettleDelivery(settle) => settle.apply(unit).await?,
            Self::Revision(revision) => revision.apply(unit).await?,
            Self::Item(item) => item.apply(unit).await?,
            Self::Secret(secret) => secret.apply(unit).await?,
            Self::Env(env) => env.apply(unit).await?,
            Self::SealHook(seal) => seal.apply(unit).await?,
            Self::Release(release) => release.apply(unit).await?,
            Self::Activate(activation) => activation.apply(unit).await?,
            Self::Value(value) => value.apply(unit).await?,
            Self::KeepArtifact(artifact) => artifact.apply(unit).await?,
            Self::ForgetArtifact(artifact) => artifact.apply(unit).await?,
            Self::ChangeProject(change) => change.apply(unit).await?,
            Self::NoteSync(note) => note.apply(unit).await?,
            Self::NoteForge(note) => note.apply(unit).await?,
            Self::MoveCursor(cursor) => cursor.apply(unit).await?,
            Self::SetSchedules(schedules) => schedules.apply(unit).await?,
            Self::NoteTick(note) => note.apply(unit).await?,
            Self::GiveUp(letter) => letter.apply(unit).await?,
            Self::Recover(letter) => letter.apply(unit),
            Self::SettleLetter(letter) => letter.apply(unit).await?,
            Self::RepeatDelivery(repeat) => repeat.apply(unit).await?,
            Self::Forget(forget) => forget.apply(unit).await?,
        }
        Ok(())
    }
}

/// Finds out which conflict it is that a statement came to nothing.
pub(crate) async fn explain(why: Otherwise, connection: &mut Connection) -> Result<Conflict, StoreError> {
    match why {
        Otherwise::FenceLost(key) => Ok(Conflict::FenceLost { key }),
        Otherwise::EffectExists { run } => Ok(Conflict::Duplicate { stream: Stream::Run(run) }),
        Otherwise::RunExists { run, project, trigger_key } => {
            run::duplicate(run, project, trigger_key.as_deref(), connection).await
        }
        Otherwise::RunMoved { run, expected } => run::mismatch(run, expected, connection).await,
    }
}

/// By how much these events let a sequence number grow.
fn growth(events: &[NewEvent]) -> i64 {
    i64::try_from(events.len()).expect("a change holds fewer events than i64 can count")
}
