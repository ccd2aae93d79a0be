//! `/dead-letters`: what was given up, and trying it again or letting it go.
//!
//! What is done about a letter is committed with its settling, so it is done once, however often it is asked for.

use std::sync::Arc;

use axum::http::StatusCode;
use kiket_core::RunId;
use kiket_core::item::{Command, Wanted};
use kiket_core::run::{Resolution, Trigger};
use kiket_store::{
    Change, CommitError, Conflict, DeadLetter, LetterFilter, LetterKind, LetterState, RepeatDelivery, SYNC_PRIORITY,
    SettleLetter, Task, WorkChange, WorkUpdate,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::auth::{Access, Authorized, may};
use super::extract::{Json, Limit, Page, Path, Query, Time};
use super::page::{cursor, next};
use super::routes::{Routes, get, post};
use super::{Problem, again, projects, runs};
use crate::clock;
use crate::dispatch::{Before, DispatchError, Start};
use crate::scope::Scope;
use crate::statuses::Statuses;

pub(super) fn operations() -> Routes {
    let once_more = post("/dead-letters/{letter}/retry", "retryDeadLetter", "Try again what was given up");
    let let_go = post("/dead-letters/{letter}/discard", "discardDeadLetter", "Let go what was given up");
    Routes::new()
        .add(get("/dead-letters", "listDeadLetters", "List what was given up, the latest first").fails(&[404]), list)
        .add(once_more.fails(&[409]), retry)
        .add(let_go.fails(&[409]), discard)
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct ListQuery {
    /// Of this project.
    project: Option<String>,
    /// Of this kind.
    kind: Option<Kind>,
    /// `next_cursor` of the page before.
    #[schemars(regex(pattern = "^[0-9]{1,16}$"))]
    cursor: Option<String>,
    /// How many to return.
    #[serde(default)]
    limit: Limit,
}

/// What was given up.
#[derive(Deserialize, Clone, Copy, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "DeadLetterKind")]
enum Kind {
    /// Acting on a webhook.
    Delivery,
    /// Letting an item go on after its actions.
    Item,
    /// A run whose definitions cannot be had, or that cannot be worked on.
    Run,
    /// A stage whose effect nobody knows.
    Stage,
    /// Telling a forge of a run.
    Status,
    /// Looking at a project's branch.
    Sync,
}

impl From<Kind> for LetterKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Delivery => Self::Delivery,
            Kind::Item => Self::Item,
            Kind::Run => Self::Run,
            Kind::Stage => Self::Stage,
            Kind::Status => Self::Status,
            Kind::Sync => Self::Sync,
        }
    }
}

/// Something that was given up.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "DeadLetter")]
struct View {
    id: String,
    /// `delivery`, `item`, `run`, `stage`, `status` or `sync`.
    kind: String,
    /// Which one: the id of a delivery, an item, a run or a project, or run/stage.
    about: String,
    project: String,
    /// The run it is about or came from.
    run: Option<RunId>,
    /// Why, for people.
    reason: String,
    /// How often it was tried.
    tries: i64,
    /// When it was given up first.
    since: Time,
    /// And last.
    at: Time,
    /// `open`, `retried`, `discarded`, or `recovered` where it came about by itself.
    state: String,
    settled_at: Option<Time>,
}

async fn list(api: Authorized<may::Read>, Query(query): Query<ListQuery>) -> Result<Json<Page<View>>, Problem> {
    let project = match &query.project {
        Some(name) => Some(projects::find(&api, name).await?.id),
        None => api.only_project(),
    };
    let filter = LetterFilter { project, kind: query.kind.map(Into::into), before: cursor(query.cursor.as_deref())? };
    let limit = query.limit.get();
    let letters = api.store.dead_letters(&filter, limit).await?;
    let next_cursor = next(&letters, limit, |last| last.id.to_string());
    Ok(Json(Page { data: letters.into_iter().map(describe).collect(), next_cursor }))
}

async fn retry(api: Authorized<may::Runs>, Path(letter): Path<String>) -> Result<Json<View>, Problem> {
    let letter = find(&api, &letter).await?;
    if letter.state == LetterState::Open {
        if letter.kind == LetterKind::Stage && !api.bearer.may(Scope::Approve) {
            let detail = "to say that an effect did not happen takes a token with the scope `approve`";
            return Err(Problem::new(StatusCode::FORBIDDEN, "missing_scope", detail));
        }
        try_again(&api, &letter).await?;
    }
    answer(&api, letter.id, LetterState::Retried).await
}

async fn discard(api: Authorized<may::Runs>, Path(letter): Path<String>) -> Result<Json<View>, Problem> {
    let letter = find(&api, &letter).await?;
    if letter.state == LetterState::Open {
        let note = api.note("dead_letter.discard", letter.id.to_string(), Some(letter.project));
        commit(&api, vec![settle(&letter, LetterState::Discarded), note]).await?;
    }
    answer(&api, letter.id, LetterState::Discarded).await
}

async fn find(api: &Access, id: &str) -> Result<DeadLetter, Problem> {
    let unknown = || Problem::not_found("dead letter", id);
    let letter = api.store.dead_letter(id.parse().map_err(|_| unknown())?).await?;
    letter.filter(|letter| api.sees(letter.project)).ok_or_else(unknown)
}

/// Answers the letter, where it was settled as was asked for, now or before.
async fn answer(api: &Access, id: i64, wanted: LetterState) -> Result<Json<View>, Problem> {
    let letter = api.store.dead_letter(id).await?.ok_or_else(|| Problem::not_found("dead letter", &id.to_string()))?;
    if letter.state != wanted {
        let detail = format!("the dead letter is {} already", letter.state);
        return Err(Problem::new(StatusCode::CONFLICT, "letter_settled", detail));
    }
    Ok(Json(describe(letter)))
}

fn settle(letter: &DeadLetter, state: LetterState) -> Change {
    Change::SettleLetter(SettleLetter { id: letter.id, state, at: clock::now() })
}

/// Commits what is done about a letter; somebody who was faster has settled it, and that is told by its state.
async fn commit(api: &Access, unit: Vec<Change>) -> Result<(), Problem> {
    match api.store.commit(unit).await {
        Ok(_) | Err(CommitError::Conflict(Conflict::LetterSettled { .. })) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

async fn try_again(api: &Access, letter: &DeadLetter) -> Result<(), Problem> {
    let gone = || Problem::new(StatusCode::CONFLICT, "nothing_to_retry", "what it is about is no longer there");
    let note = api.note("dead_letter.retry", letter.id.to_string(), Some(letter.project));
    let mut unit = vec![settle(letter, LetterState::Retried), note];
    let put = |task| Change::Work(WorkUpdate { held: None, work: vec![due_now(task)] });
    match letter.kind {
        LetterKind::Delivery => {
            let id = letter.about.parse().map_err(|_| gone())?;
            unit.push(Change::RepeatDelivery(RepeatDelivery { id, priority: 0, at: clock::now() }));
            commit(api, unit).await
        }
        LetterKind::Status => {
            unit.push(Statuses::repeat(letter.run.ok_or_else(gone)?));
            commit(api, unit).await?;
            api.statuses.look();
            Ok(())
        }
        LetterKind::Sync => {
            let project = api.store.project(letter.project).await?.ok_or_else(gone)?;
            if project.sync_every.is_none() {
                let detail = "the project is no longer looked at by itself; `kiket project sync` looks at it once";
                return Err(Problem::new(StatusCode::CONFLICT, "not_scheduled", detail));
            }
            unit.push(put(Task::Sync { project: project.id }));
            commit(api, unit).await?;
            api.publisher.timers.notify_one();
            Ok(())
        }
        LetterKind::Stage => {
            let (run, stage) = letter.about.split_once('/').ok_or_else(gone)?;
            let run = run.parse().map_err(|_| gone())?;
            let resolved = api.dispatch.resolve(run, stage, api.actor(), Resolution::Retry, None, unit).await;
            match resolved {
                // Somebody else has resolved it or settled the letter, and the letter says so.
                Ok(()) | Err(DispatchError::Lost) => Ok(()),
                Err(error) => Err(error.into()),
            }
        }
        LetterKind::Item => item(api, letter, unit, gone).await,
        LetterKind::Run => run(api, letter, unit, gone).await,
    }
}

fn due_now(task: Task) -> WorkChange {
    let priority = if matches!(task, Task::Sync { .. }) { SYNC_PRIORITY } else { 0 };
    WorkChange::Put { task, priority, due: clock::now(), lease: None }
}

/// An item that still waits is looked at again; one that does not makes the transition again.
async fn item(
    api: &Access,
    letter: &DeadLetter,
    mut unit: Vec<Change>,
    gone: impl Fn() -> Problem,
) -> Result<(), Problem> {
    let run = letter.run.ok_or_else(&gone)?;
    let id = letter.about.parse().map_err(|_| gone())?;
    if api.store.item_waiting_for(run).await? == Some(id) {
        unit.push(Change::Work(WorkUpdate { held: None, work: vec![due_now(Task::Item { item: id, run })] }));
        return commit(api, unit).await;
    }
    let state = runs::parse(&api.store.run(run).await?.ok_or_else(&gone)?)?;
    let Some(Trigger::Item { transition, .. }) = state.queued.as_ref().map(|queued| queued.trigger.clone()) else {
        return Err(gone());
    };
    let command = Command::Transition { wanted: Wanted::Name(transition), comment: None };
    let outcome = api.items.tell_beside(id, command, &api.actor(), unit).await?;
    if outcome.refused.is_empty() { Ok(()) } else { Err(Problem::refused(&outcome.refused)) }
}

/// A run that has ended goes on in a new one; one that has not is taken up again by itself.
async fn run(
    api: &Access,
    letter: &DeadLetter,
    mut unit: Vec<Change>,
    gone: impl Fn() -> Problem,
) -> Result<(), Problem> {
    let row = api.store.run(letter.run.ok_or_else(&gone)?).await?.ok_or_else(&gone)?;
    if !row.terminal {
        return commit(api, unit).await;
    }
    let old = again::ended(&row)?;
    let new = again::repeat(api, &row, &old, &api.bearer.name).await?;
    let before = Some(Before { run: Arc::new(old), from: None });
    match api.dispatch.draft_start(Start { new, request: None, before }).await {
        Ok((change, _)) => unit.insert(0, Change::Run(change)),
        Err(DispatchError::Revision(error)) => {
            return Err(Problem::new(StatusCode::CONFLICT, "definitions_gone", error.to_string()));
        }
        Err(error) => return Err(error.into()),
    }
    commit(api, unit).await
}

fn describe(letter: DeadLetter) -> View {
    View {
        id: letter.id.to_string(),
        kind: letter.kind.to_string(),
        about: letter.about,
        project: letter.project_name,
        run: letter.run,
        reason: letter.reason,
        tries: letter.tries,
        since: Time(letter.since),
        at: Time(letter.at),
        state: letter.state.to_string(),
        settled_at: letter.settled_at.map(Time),
    }
}
