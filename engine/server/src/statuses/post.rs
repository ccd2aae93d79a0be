//! Posting one status: what a run stands at, to the forge of its project.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::run::Trigger;
use kiket_core::{ProjectId, RunId};
use kiket_host::wit::http::Request;
use kiket_host::{Grants, HttpGrant, HttpPermit, Placeholders, Scheme};
use kiket_store::{
    Change, CommitError, Held, NoteForge, Project, RunRow, Task, TaskKind, Work, WorkChange, WorkUpdate,
};
use reqwest::Url;

use super::{PRIORITY, Statuses};
use crate::due::Due;
use crate::forge::{ForgeSettings, State, Status};
use crate::{clock, dead_letters};

/// How many statuses are posted side by side.
const AT_ONCE: usize = 8;
/// How long one post may take.
const TIMEOUT: Duration = Duration::from_secs(20);
/// Longer than the posts of one project may take that wait for each other.
const LEASE: Duration = Duration::from_secs(600);
/// How long the poster sleeps at most.
const LONGEST: Duration = Duration::from_secs(60);
/// The first pause of a forge that fails, which doubles with each failure in a row, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// How long a forge may stay away after a run has ended.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);
/// Most of an answer that is read.
const ANSWER: usize = 64 * 1024;

/// What came of a post.
enum Posted {
    Taken,
    /// It will not be taken, however often it is posted.
    Refused(String),
    /// It may be taken later.
    Failed(String),
}

impl Statuses {
    pub(super) async fn post(self: &Arc<Self>) {
        let (store, owner) = (self.store.clone(), self.owner.clone());
        let due = Due { store, owner, kind: TaskKind::Status, at_once: AT_ONCE, lease: LEASE, longest: LONGEST };
        due.run(&self.found, |work| Arc::clone(self).settle(work)).await;
    }

    async fn settle(self: Arc<Self>, work: Work) {
        let held = work.held();
        let Task::Status { run } = work.task else { return };
        match self.tell(run, &held).await {
            // A newer event has put the work anew.
            Ok(()) | Err(CommitError::Conflict(_)) => {}
            Err(CommitError::Store(error)) => tracing::error!(run.id = %run, %error, "a status cannot be settled"),
        }
    }

    async fn tell(&self, run: RunId, held: &Held) -> Result<(), CommitError> {
        let done =
            || Change::Work(WorkUpdate { held: Some(held.clone()), work: vec![WorkChange::Done(held.key.clone())] });
        let Some(row) = self.store.run(run).await? else { return self.commit(vec![done()]).await };
        let _turn = self.turns.take(row.project).await;
        let rest = self.lock().rests.get(&row.project).map(|rest| rest.1).filter(|until| *until > clock::now());
        if let Some(until) = rest {
            return self.put_off(run, held, until).await;
        }
        // As it stands now: what was posted before was older.
        let (Some(row), Some(project)) = (self.store.run(run).await?, self.store.project(row.project).await?) else {
            return self.commit(vec![done()]).await;
        };
        let settings = project.forge.as_deref().and_then(|forge| serde_json::from_str::<ForgeSettings>(forge).ok());
        let (Some(settings), Some(status)) = (settings, self.status_of(&row)) else {
            return self.commit(vec![done()]).await;
        };
        let mut error = None;
        let letter;
        match self.send(&project, &settings, &status).await {
            Posted::Taken => {
                letter = dead_letters::told(run);
                self.metrics.status("posted");
                self.lock().rests.remove(&project.id);
            }
            Posted::Refused(reason) => {
                self.metrics.status("refused");
                tracing::warn!(project = %project.name, run.id = %run, reason, "the forge refuses a status");
                letter = dead_letters::status(run, project.id, &reason, held.fence);
                error = Some(reason);
            }
            Posted::Failed(reason) => {
                self.metrics.status("failed");
                tracing::warn!(project = %project.name, run.id = %run, reason, "a status cannot be posted yet");
                let until = self.rest(project.id);
                letter = dead_letters::status(run, project.id, &reason, held.fence);
                let note = Change::NoteForge(NoteForge { project: project.id, error: Some(reason) });
                self.commit(vec![note]).await?;
                if row.finished_at.is_none_or(|ended| clock::now() < ended.after(PATIENCE)) {
                    return self.put_off(run, held, until).await;
                }
                return self.commit(vec![done(), letter]).await;
            }
        }
        self.commit(vec![done(), Change::NoteForge(NoteForge { project: project.id, error }), letter]).await
    }

    /// Lets a forge rest that has failed; returns until when.
    fn rest(&self, project: ProjectId) -> kiket_core::Timestamp {
        let mut told = self.lock();
        let failures = told.rests.get(&project).map_or(0, |rest| rest.0).min(16);
        let until = clock::now().after(PAUSES.0.saturating_mul(1 << failures).min(PAUSES.1));
        told.rests.insert(project, (failures + 1, until));
        until
    }

    async fn put_off(&self, run: RunId, held: &Held, due: kiket_core::Timestamp) -> Result<(), CommitError> {
        let later = WorkChange::Put { task: Task::Status { run }, priority: PRIORITY, due, lease: None };
        self.commit(vec![Change::Work(WorkUpdate { held: Some(held.clone()), work: vec![later] })]).await
    }

    async fn commit(&self, unit: Vec<Change>) -> Result<(), CommitError> {
        self.store.commit(unit).await.map(drop)
    }

    /// What a forge is told of a run; nothing of one that no push and no pull request has started.
    fn status_of(&self, row: &RunRow) -> Option<Status> {
        let trigger: Trigger = serde_json::from_str(&row.trigger).ok()?;
        if !matches!(trigger, Trigger::Push | Trigger::PullRequest { .. }) {
            return None;
        }
        let state = match row.status.as_str() {
            "succeeded" => State::Success,
            "failed" => State::Failure,
            "cancelled" => State::Error,
            _ => State::Pending,
        };
        Some(Status {
            commit: row.commit.clone()?,
            state,
            context: format!("kiket/{}", row.pipeline),
            description: format!("the run is {}", row.status.replace('_', " ")),
            target_url: format!("{}/api/v1/runs/{}", self.public_url, row.id),
        })
    }

    async fn send(&self, project: &Project, settings: &ForgeSettings, status: &Status) -> Posted {
        let name = &settings.token_secret;
        let token = match self.secrets.get(project.id, name).await {
            Ok(Some(token)) => token,
            Ok(None) => return Posted::Refused(format!("there is no secret `{name}`")),
            Err(error) => return Posted::Failed(format!("secret `{name}` cannot be read: {error}")),
        };
        let url = settings.address(&status.commit);
        let Some(grant) = grant(&url) else { return Posted::Refused("`api_url` names no host".to_owned()) };
        let permit = HttpPermit {
            grants: Arc::new(Grants { http: vec![grant], ..Grants::default() }),
            placeholders: Placeholders::new(&hex::encode(self.secrets.derive("statuses"))),
            response_bytes: ANSWER,
            timeout: TIMEOUT,
        };
        let (header, value) = settings.authorization(token.reveal());
        let headers = [
            (header, value),
            ("content-type", "application/json".to_owned()),
            ("accept", "application/json".to_owned()),
        ];
        let request = Request {
            method: "POST".to_owned(),
            url,
            headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
            body: settings.body(status).into_bytes(),
            timeout_ms: None,
        };
        match self.outbound.send(request, &permit, &|_| None).await {
            Ok(answer) => match answer.status {
                200..=299 => Posted::Taken,
                408 | 425 | 429 | 500..=599 => Posted::Failed(format!("the forge answers {}", answer.status)),
                other => Posted::Refused(format!("the forge answers {other}")),
            },
            Err(failed) => match failed.error {
                kiket_host::wit::http::Error::Denied(reason) => Posted::Refused(reason),
                error => Posted::Failed(format!("the forge cannot be reached: {error:?}")),
            },
        }
    }
}

/// Leave to post to this host and no other. It is named exactly, so like a plugin's it may be a private one.
fn grant(url: &str) -> Option<HttpGrant> {
    let url = Url::parse(url).ok()?;
    let scheme = if url.scheme() == "http" { Scheme::Http } else { Scheme::Https };
    let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(HttpGrant { scheme, host, port: url.port_or_known_default(), methods: vec!["POST".to_owned()] })
}
