//! What a guest asks of the engine while it runs, one file per interface below. Log lines, progress and denials are
//! records: collected for a moment and appended in chunks, under the attempt's fence.

mod artifacts;
mod deployments;
pub(in crate::driver) mod effect;
mod http;
mod items;
mod kv;
mod mail;
mod process;
mod secrets;
mod workspace;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use kiket_core::manifest::Effect;
use kiket_core::record::{Line, LogLevel, Record};
use kiket_core::run::{Outcome, Queued, StageError};
use kiket_core::{ProjectId, RunId};
use kiket_host::{ClockCalls, Denial, Level, LogLine, Lost, Progress, ReportCalls};
use kiket_store::{Change, CommitError, Held, Journal, NewEvent, Records};
use tokio::sync::OnceCell;

use super::Driver;
use crate::artifacts::Keeper;
use crate::clock;
use crate::programs::Spent;
use crate::secrets::Masking;
use crate::workspaces::Workspace;
use effect::Effects;
pub(super) use effect::End;

/// How long lines are collected.
const DELAY: Duration = Duration::from_millis(100);
/// How many bytes of lines are collected.
const CHUNK: usize = 64 * 1024;
/// Most denials of one attempt that become records.
const DENIALS: usize = 100;

/// The engine's side of one attempt.
pub(super) struct Calls {
    this: Weak<Calls>,
    driver: Arc<Driver>,
    place: Place,
    effects: Effects,
    /// What everything that the stage says goes through.
    masking: Arc<Masking>,
    pending: Mutex<Pending>,
    /// Chunks are appended one after the other.
    appending: tokio::sync::Mutex<()>,
    /// What the attempt's programs have written to the log.
    spent: Mutex<Spent>,
    /// The attempt's workspace, once it has one.
    workspace: OnceCell<Arc<Workspace>>,
    /// Whether the log was told what the workspace lacks.
    told: AtomicBool,
}

/// Whose calls they are.
pub(super) struct Place {
    pub(super) run: RunId,
    pub(super) project: ProjectId,
    pub(super) stage: Arc<str>,
    pub(super) attempt: u32,
    /// The attempt that the stage's journal begins with.
    pub(super) journal: u32,
    pub(super) held: Held,
    /// What the action may do after a crash.
    pub(super) class: Effect,
    /// The plugin's name in `uses:`.
    pub(super) plugin: String,
    /// What the run was started with: where its files come from.
    pub(super) queued: Option<Arc<Queued>>,
}

/// What was collected and is not appended yet.
#[derive(Default)]
struct Pending {
    lines: Vec<Line>,
    bytes: usize,
    progress: Option<Progress>,
    denials: Vec<Denial>,
    denied: usize,
    /// Whether somebody will append what is here.
    awaited: bool,
    /// Set once the attempt's lease belongs to somebody else.
    lost: bool,
}

impl Calls {
    /// Opens the attempt's journal.
    pub(super) async fn open(driver: &Arc<Driver>, place: Place) -> Result<Arc<Self>, StageError> {
        let Place { run, stage, attempt, journal, held, class, .. } = &place;
        let journal = Journal { run: *run, stage: stage.to_string(), attempt: *journal };
        let effects = Effects::open(driver.store.clone(), journal, *attempt, held.clone(), *class).await?;
        let masking = driver.secrets.masking(place.project).await;
        let masking = masking.map_err(|error| StageError::new("secrets", error.to_string()))?;
        Ok(Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            driver: Arc::clone(driver),
            place,
            effects,
            masking,
            pending: Mutex::default(),
            appending: tokio::sync::Mutex::default(),
            spent: Mutex::default(),
            workspace: OnceCell::new(),
            told: AtomicBool::new(false),
        }))
    }

    /// The same for somebody who only looks: no journal, and no effects.
    pub(super) async fn look(driver: &Arc<Driver>, place: Place) -> Result<Arc<Self>, StageError> {
        Self::open(driver, Place { class: Effect::Pure, journal: u32::MAX, ..place }).await
    }

    /// The calls of somebody who only looks at what became of this attempt.
    pub(super) async fn looking(&self) -> Result<Arc<Self>, StageError> {
        let Place { run, project, stage, attempt, held, plugin, queued, .. } = &self.place;
        let (stage, held, plugin, queued) = (Arc::clone(stage), held.clone(), plugin.clone(), queued.clone());
        let (journal, class) = (u32::MAX, Effect::Pure);
        let place =
            Place { run: *run, project: *project, stage, attempt: *attempt, journal, held, class, plugin, queued };
        Self::look(&self.driver, place).await
    }

    /// Whether it runs a stranger's commit, which gets no secrets and shares nothing.
    fn is_strangers(&self) -> bool {
        self.place.queued.as_ref().is_some_and(|queued| queued.stranger)
    }

    /// In whose name the attempt keeps artifacts.
    fn keeper(&self) -> Keeper {
        let Place { project, run, stage, held, .. } = &self.place;
        Keeper { project: *project, run: *run, stage: Arc::clone(stage), held: Some(held.clone()) }
    }

    /// What the journal makes of the attempt, now that it is over.
    pub(super) fn end(&self) -> Option<End> {
        self.effects.end()
    }

    /// How many effects on the world it had.
    pub(super) fn effects(&self) -> u32 {
        self.effects.count()
    }

    /// Takes the values of secrets out of how the attempt ended.
    pub(super) fn mask(&self, outcome: &mut Outcome) {
        let mask = self.masking.now();
        match outcome {
            Outcome::Succeeded { outputs, .. } => mask.json(outputs),
            Outcome::Failed(error) => mask.in_place(&mut error.message),
            Outcome::InDoubt(doubt) => {
                mask.in_place(&mut doubt.reason);
                mask.in_place(&mut doubt.intent.summary);
            }
        }
    }

    /// Takes what was collected and not appended, to go with the end of the attempt. What
    /// is being appended comes first.
    pub(super) async fn last_records(&self) -> Option<Records> {
        let _one_at_a_time = self.appending.lock().await;
        self.take_records()
    }

    fn take_records(&self) -> Option<Records> {
        let mut pending = self.lock();
        let progress = pending.progress.take();
        let lines = std::mem::take(&mut pending.lines);
        let denials = std::mem::take(&mut pending.denials);
        pending.bytes = 0;
        drop(pending);
        let (stage, attempt) = (Arc::clone(&self.place.stage), self.place.attempt);
        let mut records = Vec::new();
        if !lines.is_empty() {
            records.push(self.record(&Record::StageLog { stage: Arc::clone(&stage), attempt, lines }));
        }
        for Denial { capability, message } in denials {
            let (stage, capability) = (Arc::clone(&stage), capability.to_string());
            records.push(self.record(&Record::StageDenied { stage, attempt, capability, message }));
        }
        if let Some(Progress { message, done, total }) = progress {
            records.push(self.record(&Record::StageProgress { stage, attempt, message, done, total }));
        }
        (!records.is_empty()).then(|| Records {
            run: self.place.run,
            project: self.place.project,
            held: Some(self.place.held.clone()),
            at: clock::now(),
            records,
        })
    }

    fn record(&self, record: &Record) -> NewEvent {
        NewEvent {
            kind: record.kind().into(),
            stage: Some(self.place.stage.to_string()),
            data: serde_json::to_string(record).expect("records are plain data"),
        }
    }

    /// Notes something; appends at once what has grown large, and the rest a moment later.
    async fn note(&self, note: impl FnOnce(&mut Pending)) -> Result<(), Lost> {
        let full = {
            let mut pending = self.lock();
            if pending.lost {
                return Err(Lost::new("the stage belongs to another worker by now"));
            }
            note(&mut pending);
            let full = pending.bytes >= CHUNK;
            if !full && !std::mem::replace(&mut pending.awaited, true) {
                let this = Weak::clone(&self.this);
                tokio::spawn(async move {
                    tokio::time::sleep(DELAY).await;
                    if let Some(this) = this.upgrade() {
                        this.append().await;
                    }
                });
            }
            full
        };
        if full {
            self.append().await;
        }
        Ok(())
    }

    async fn append(&self) {
        let _one_at_a_time = self.appending.lock().await;
        self.lock().awaited = false;
        let Some(records) = self.take_records() else { return };
        match self.driver.store.commit(vec![Change::Records(records)]).await {
            Ok(_) => {}
            Err(CommitError::Conflict(_)) => self.lock().lost = true,
            Err(CommitError::Store(error)) => {
                tracing::error!(run.id = %self.place.run, stage.id = %self.place.stage, %error, "log lines cannot be stored");
                self.lock().lost = true;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl ReportCalls for Calls {
    async fn log(&self, line: LogLine) -> Result<(), Lost> {
        let level = match line.level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let at = clock::now().to_string();
        let mut text = line.text;
        self.masking.now().in_place(&mut text);
        self.note(|pending| {
            pending.bytes += text.len() + 64;
            pending.lines.push(Line { level, text, at });
        })
        .await
    }

    async fn progress(&self, mut report: Progress) -> Result<(), Lost> {
        self.masking.now().in_place(&mut report.message);
        self.note(|pending| pending.progress = Some(report)).await
    }

    async fn denied(&self, mut denial: Denial) -> Result<(), Lost> {
        self.masking.now().in_place(&mut denial.message);
        let Place { run, stage, .. } = &self.place;
        tracing::info!(run.id = %run, stage.id = %stage, capability = %denial.capability, "denied");
        self.note(|pending| {
            pending.denied += 1;
            if pending.denied <= DENIALS {
                pending.denials.push(denial);
            }
        })
        .await
    }
}

impl ClockCalls for Calls {
    fn now(&self) -> Duration {
        self.effects.now()
    }
}
