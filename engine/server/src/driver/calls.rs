//! What a guest asks of the engine while it runs. Log lines and progress are records:
//! collected for a moment and appended in chunks, under the attempt's fence.

use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use async_trait::async_trait;
use kiket_core::record::{Line, LogLevel, Record};
use kiket_core::{ProjectId, RunId};
use kiket_host::{
    HostCallError, HostCalls, HttpError, HttpRequest, HttpResponse, Level, LogLine, Outbound, Permit, Progress,
};
use kiket_store::{Change, CommitError, Held, NewEvent, Records, Store};

use super::Driver;
use crate::clock;
use crate::dispatch::Assignment;

/// How long lines are collected.
const DELAY: Duration = Duration::from_millis(100);
/// How many bytes of lines are collected.
const CHUNK: usize = 64 * 1024;

/// The engine's side of one attempt.
pub(super) struct Calls {
    this: Weak<Calls>,
    store: Store,
    outbound: Outbound,
    run: RunId,
    project: ProjectId,
    stage: Arc<str>,
    attempt: u32,
    held: Held,
    pending: Mutex<Pending>,
    /// Chunks are appended one after the other.
    appending: tokio::sync::Mutex<()>,
}

/// What was collected and is not appended yet.
#[derive(Default)]
struct Pending {
    lines: Vec<Line>,
    bytes: usize,
    progress: Option<Progress>,
    /// Whether somebody will append what is here.
    awaited: bool,
    /// Set once the attempt's lease belongs to somebody else.
    lost: bool,
}

impl Calls {
    pub(super) fn new(driver: &Driver, assignment: &Assignment) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            this: Weak::clone(this),
            store: driver.store.clone(),
            outbound: driver.outbound.clone(),
            run: assignment.run,
            project: assignment.project,
            stage: Arc::clone(&assignment.stage),
            attempt: assignment.attempt,
            held: assignment.held.clone(),
            pending: Mutex::default(),
            appending: tokio::sync::Mutex::default(),
        })
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
        pending.bytes = 0;
        drop(pending);
        let (stage, attempt) = (Arc::clone(&self.stage), self.attempt);
        let mut records = Vec::new();
        if !lines.is_empty() {
            records.push(self.record(&Record::StageLog { stage: Arc::clone(&stage), attempt, lines }));
        }
        if let Some(Progress { message, done, total }) = progress {
            records.push(self.record(&Record::StageProgress { stage, attempt, message, done, total }));
        }
        (!records.is_empty()).then(|| Records {
            run: self.run,
            project: self.project,
            held: Some(self.held.clone()),
            at: clock::now(),
            records,
        })
    }

    fn record(&self, record: &Record) -> NewEvent {
        NewEvent {
            kind: record.kind().into(),
            stage: Some(self.stage.to_string()),
            data: serde_json::to_string(record).expect("records are plain data"),
        }
    }

    /// Notes something; appends at once what has grown large, and the rest a moment later.
    async fn note(&self, note: impl FnOnce(&mut Pending)) -> Result<(), HostCallError> {
        let full = {
            let mut pending = self.lock();
            if pending.lost {
                return Err(HostCallError::new("the stage belongs to another worker by now"));
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
        match self.store.commit(vec![Change::Records(records)]).await {
            Ok(_) => {}
            Err(CommitError::Conflict(_)) => self.lock().lost = true,
            Err(CommitError::Store(error)) => {
                tracing::error!(run.id = %self.run, stage.id = %self.stage, %error, "log lines cannot be stored");
                self.lock().lost = true;
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl HostCalls for Calls {
    async fn log(&self, line: LogLine) -> Result<(), HostCallError> {
        let level = match line.level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        let at = clock::now().to_string();
        self.note(|pending| {
            pending.bytes += line.text.len() + 64;
            pending.lines.push(Line { level, text: line.text, at });
        })
        .await
    }

    async fn progress(&self, report: Progress) -> Result<(), HostCallError> {
        self.note(|pending| pending.progress = Some(report)).await
    }

    async fn http(&self, request: HttpRequest, permit: Permit) -> Result<HttpResponse, HttpError> {
        self.outbound.send(request, permit).await
    }
}
