//! The event log and its projections. The only crate that knows SQL.
//!
//! A [`Store`] is a handle on one SQLite file. Everything that is written goes through [`Store::commit`] as a unit: a
//! list of [`Change`]s that apply together or not at all. One writer task groups the units of many callers into
//! one transaction, leaves out those that conflict, and answers after the commit: an answer is durable.
//!
//! There are two kinds of [`Stream`]: a run, which ends, and an item, which lives on in a workflow for months. Each is
//! one row whose state is the fold of its events, and moves on by compare-and-set on its sequence number.
//!
//! The store does not know what they mean, and cannot read a secret: it keeps no key. State and event data are opaque JSON text; what it guards is order
//! (positions, sequence numbers), exclusiveness (leases and fences, trigger keys, delivery ids, item numbers) and that
//! nothing is forgotten: every open run and every pending delivery has a row of work, and so has every item that waits
//! for a run which has ended, and every schedule. [`Store::stuck`] looks for any that has not.
//!
//! Invariants: an entry of the log belongs to a run, to an item or to its project alone; sequence numbers of a stream
//! have no gap; the log has every position up to the head but for those that were [forgotten](Store::forget_some), which are
//! counted; one item at most waits for a run, and it has work for no other; a file of a revision is known with its
//! level, and a path is there once on a level; one release of an app is live, the one of the newest switch.
//!
//! Reads are the modules below [`read`]; they see what is committed and run beside the writer.

mod admission;
mod boot;
mod brief;
pub mod change;
mod claim;
mod cuts;
mod error;
mod inspect;
mod position;
pub mod read;
mod recent;
mod request;
mod script;
mod sealed;
mod sqlite;
mod stream;
mod text;
mod unit;
mod work;
mod writer;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use kiket_core::Timestamp;
use tokio::sync::{Notify, SetOnce, mpsc, oneshot, watch};
use tokio::task::JoinHandle;

pub use change::{
    Activation, Actor, Change, ENV_BYTES, EffectChange, EnvChange, Forget, ForgetArtifact, GiveUp, ItemChange,
    ItemColumns, ItemHead, Journal, KeepArtifact, MoveCursor, NewAudit, NewDelivery, NewEvent, NewProject, NewRelease,
    NewRevision, NewSchedule, NewToken, NoteForge, NoteSync, NoteTick, OPEN_LETTERS, ProjectChange, PutValue, Records,
    Recover, RepeatDelivery, RevokeToken, RunChange, RunHead, SETTINGS, SYNC_PRIORITY, SealHook, SecretChange,
    SetSchedules, SettleDelivery, SettleLetter, Settled, SyncOutcome, TICK_PRIORITY, WorkChange, WorkUpdate, Write,
    WriteEffect, WriteItem,
};
pub use error::{CommitError, Conflict, Fault, StoreError};
pub use inspect::{Schema, Space, copy, is_held};
pub use position::{Position, Seq};
pub use read::{
    ArtifactKind, ArtifactRow, AuditRow, Bounds, DeadLetter, Delivery, DeliveryStatus, Effect, Entry, EnvValue, Filter,
    Flaw, FlawKind, Forgotten, ItemFilter, ItemRow, LetterCounts, LetterFilter, LetterKind, LetterState, LiveRelease,
    Look, Project, Queue, Release, Revision, RevisionStatus, RunFilter, RunRow, ScheduleRow, SecretRow, Snapshot,
    StartingPoint, Stuck, Switch, SyncedCommit, Token, Walk, WorkRow,
};
pub use sealed::{HookSecret, Sealed};
pub use stream::Stream;
pub use text::UnknownWord;
pub use work::{Claim, Held, Lease, Task, TaskKind, Work, WorkKey};

use recent::Recent;
use request::{Ask, Renewal, Request};
pub use writer::Appended;
use writer::{GROUP, Signals, Writer};

/// A handle on the database; clones share it. Dropping the last one ends the writer, [`Store::close`] also waits.
#[derive(Clone)]
pub struct Store {
    requests: mpsc::Sender<Request>,
    readers: sqlite::Readers,
    head: watch::Receiver<Position>,
    readied: watch::Receiver<u64>,
    appended: Arc<Mutex<Appended>>,
    recent: Arc<Mutex<Recent>>,
    cuts: Arc<cuts::Cuts>,
    failure: Arc<SetOnce<StoreError>>,
    stop: Arc<Notify>,
    writer: Arc<Mutex<Option<JoinHandle<()>>>>,
}

impl Store {
    /// Opens the database, creates it where it is missing, brings its schema up to date and voids all leases.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process has it open; [`StoreError::NewerSchema`] when it belongs to a
    /// newer version; [`StoreError::Open`] when the folder is missing or cannot be written; [`StoreError::Disk`] when it
    /// is no database. What is refused is as it was.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        admission::look(path).await?;
        let lock = sqlite::lock_in_time(path).await?;
        let mut connection = sqlite::connect_writer(path).await?;
        let boot = boot::begin_epoch(&mut connection).await?;
        let readers = sqlite::connect_readers(path).await?;

        let (requests, received) = mpsc::channel(4 * GROUP);
        let (head_sender, head) = watch::channel(boot.head);
        let (readied_sender, readied) = watch::channel(0);
        let failure = Arc::new(SetOnce::new());
        let stop = Arc::new(Notify::new());
        let appended = Arc::new(Mutex::default());
        let recent = Arc::new(Mutex::new(Recent::after(boot.head)));
        let signals = Signals {
            head: head_sender,
            readied: readied_sender,
            appended: Arc::clone(&appended),
            recent: Arc::clone(&recent),
            failure: failure.clone(),
            stop: stop.clone(),
        };
        let writer = Writer {
            connection,
            epoch: boot.epoch,
            head: boot.head.get(),
            commits: 0,
            path: path.to_owned(),
            signals,
            lock,
        };
        let writer = Arc::new(Mutex::new(Some(tokio::spawn(writer.run(received)))));

        tracing::info!(path = %path.display(), epoch = boot.epoch, head = %boot.head, "store opened");
        Ok(Self {
            requests,
            readers,
            head,
            readied,
            appended,
            recent,
            cuts: Arc::new(boot.cuts),
            failure,
            stop,
            writer,
        })
    }

    /// Commits one unit: all of the changes, in order, or none. Answers the last position of the unit once it is
    /// durable.
    ///
    /// A caller that stops waiting does not stop the unit.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when the unit rests on something that is no longer so.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Position, CommitError> {
        self.ask(Request::Commit, changes).await
    }

    /// Takes due work that nobody holds, most urgent first, and leases it. Empty when there is none.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn claim(&self, claim: Claim) -> Result<Vec<Work>, StoreError> {
        self.ask(Request::Claim, claim).await
    }

    /// Moves the end of those leases of `owner` that are named to `until`; answers how many of them it still has.
    /// A lease that nobody names runs out: work that a worker has lost sight of is taken up again.
    ///
    /// # Errors
    /// Only failures of the database.
    pub async fn renew(&self, owner: &str, keys: Vec<WorkKey>, until: Timestamp) -> Result<u64, StoreError> {
        if keys.is_empty() {
            return Ok(0);
        }
        self.ask(Request::Renew, Renewal { owner: owner.to_owned(), keys, until }).await
    }

    /// Follows the last committed position. It is published after the commit: what it names can be read.
    #[must_use]
    pub fn head(&self) -> watch::Receiver<Position> {
        self.head.clone()
    }

    /// Changes after every commit that put work nobody holds (also work that is due later): time to
    /// [claim](Store::claim). The number means nothing, and losing the wake-up loses nothing but time.
    #[must_use]
    pub fn readied(&self) -> watch::Receiver<u64> {
        self.readied.clone()
    }

    /// Returns how often each kind of event and record was committed since this process opened the database.
    #[must_use]
    pub fn appended(&self) -> Appended {
        self.appended.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until a write could not be made durable, and answers why. From then on nothing is read or written until the
    /// database was opened anew: whoever serves this store ends.
    pub async fn failed(&self) -> StoreError {
        self.failure.wait().await.clone()
    }

    /// Finishes what was asked before, closes the file and releases the lock. Other handles get
    /// [`StoreError::Closed`] from then on.
    pub async fn close(self) {
        sqlite::close_readers(&self.readers).await;
        self.stop.notify_one();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && let Err(error) = writer.await
        {
            tracing::error!(%error, "the writer ended by a panic");
        }
    }

    /// Puts a question to the writer and waits for the answer.
    async fn ask<Q, A, E: From<StoreError>>(
        &self,
        request: impl FnOnce(Ask<Q, A, E>) -> Request,
        question: Q,
    ) -> Result<A, E> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send(request(Ask::new(question, reply))).await;
        sent.map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// Waits for a connection to read with; there is none once the store has failed.
    async fn reader(&self) -> Result<deadpool::unmanaged::Object<sqlite::Connection>, StoreError> {
        match self.failure.get() {
            Some(failure) => Err(failure.clone()),
            None => self.readers.get().await.map_err(|_| StoreError::Closed),
        }
    }
}
