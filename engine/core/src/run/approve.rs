//! Approvals: people agree or refuse, or their time is over.

use std::sync::Arc;

use serde_json::json;

use super::command::{Actor, Rejected};
use super::decide::{Draft, fail};
use super::event::{Event, Queued};
use super::settle::settle;
use super::state::{ApprovalRequest, StageError, StageState, Trigger, Usage, Wait};
use crate::plan::ApprovalPlan;

/// Asks for an approval; the message is computed now.
pub(super) fn request(draft: &mut Draft<'_>, id: Arc<str>, approval: &ApprovalPlan) {
    let message = match draft.plan.gate().filter(|gate| draft.plan.position(&id) == Some(*gate)) {
        Some(_) => Ok(about_stranger(draft.run.queued.as_deref()).into()),
        None => approval.message.evaluate(&draft.run.scope(draft.plan, Some(&id), 1)),
    };
    let message = match message {
        Ok(serde_json::Value::String(message)) => message,
        Ok(other) => other.to_string(),
        Err(error) => return fail(draft, id, 0, StageError::new("expression", error.to_string())),
    };
    let request = ApprovalRequest {
        message,
        approvers: approval.approvers.clone(),
        required: approval.required,
        deadline: approval.deadline.map(|deadline| draft.now.after(deadline)),
    };
    draft.push(Event::ApprovalRequested { stage: id, request: Arc::new(request) });
}

/// What people are asked before a stranger's commit runs.
fn about_stranger(queued: Option<&Queued>) -> String {
    let Some(Queued { trigger, actor, commit, resumed_from, .. }) = queued else { return String::new() };
    let commit = commit.as_deref().unwrap_or_default();
    // Whoever asks for a run once more is no stranger, and has not written the commit.
    let whose = if resumed_from.is_some() { "once more".to_owned() } else { format!("of {actor}") };
    match trigger {
        Trigger::PullRequest { number, .. } => {
            format!("Pull request {number} comes from a fork: run commit {commit} {whose}, without secrets?")
        }
        _ => format!("A stranger has made it: run commit {commit} {whose}, without secrets?"),
    }
}

pub(super) fn grant(
    draft: &mut Draft<'_>,
    id: Arc<str>,
    actor: &Actor,
    comment: Option<String>,
) -> Result<(), Rejected> {
    let (request, granted) = asked(draft, &id, actor)?;
    if granted.contains(&actor.name) {
        return Err(Rejected::AlreadyApproved { stage: id, actor: actor.name.clone() });
    }
    draft.push(Event::ApprovalGranted { stage: Arc::clone(&id), by: actor.name.clone(), comment });
    if granted.len() + 1 >= request.required as usize {
        let approved_by: Vec<&String> = granted.iter().chain([&actor.name]).collect();
        let outputs = Arc::new(json!({ "approved_by": approved_by }));
        draft.push(Event::StageSucceeded { stage: id, attempt: 0, outputs, usage: Usage::default(), kept_from: None });
        settle(draft);
    }
    Ok(())
}

pub(super) fn reject(
    draft: &mut Draft<'_>,
    id: Arc<str>,
    actor: &Actor,
    comment: Option<String>,
) -> Result<(), Rejected> {
    asked(draft, &id, actor)?;
    let reason = comment.as_ref().map(|comment| format!(": {comment}")).unwrap_or_default();
    let error = StageError::new("rejected", format!("{} rejected it{reason}", actor.name));
    draft.push(Event::ApprovalRejected { stage: Arc::clone(&id), by: actor.name.clone(), comment });
    fail(draft, id, 0, error);
    settle(draft);
    Ok(())
}

/// Ends an approval whose time is over; refused before that.
pub(super) fn expire(draft: &mut Draft<'_>, id: Arc<str>) -> Result<(), Rejected> {
    let until = draft.run.stage(&id).and_then(|stage| match &stage.state {
        StageState::Waiting { wait } => wait.until(),
        _ => None,
    });
    if until.is_none_or(|until| until > draft.now) {
        return Err(Rejected::WrongState { stage: id, status: "waiting" });
    }
    draft.push(Event::ApprovalExpired { stage: Arc::clone(&id) });
    fail(draft, id, 0, StageError::new("approval_expired", "too few people have approved it in time"));
    settle(draft);
    Ok(())
}

/// Checks that the stage waits for people and that this is one of them.
fn asked(draft: &Draft<'_>, id: &Arc<str>, actor: &Actor) -> Result<(Arc<ApprovalRequest>, Vec<String>), Rejected> {
    let stage = draft.run.stage(id).ok_or_else(|| Rejected::UnknownStage(Arc::clone(id)))?;
    let StageState::Waiting { wait: Wait::Approval { request, granted } } = &stage.state else {
        return Err(Rejected::WrongState { stage: Arc::clone(id), status: stage.state.word() });
    };
    if !actor.is_among(&request.approvers) {
        return Err(Rejected::NotAsked { stage: Arc::clone(id), actor: actor.name.clone() });
    }
    Ok((Arc::clone(request), granted.clone()))
}
