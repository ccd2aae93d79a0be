//! Errors as `application/problem+json` (RFC 9457). The one place that decides a status.

use axum::extract::rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kiket_core::catalog::Refusal;
use kiket_core::diagnostic::{Diagnostic, Severity};
use kiket_core::item::{self, GuardReason, Reason};
use kiket_core::run::Rejected;
use kiket_store::{CommitError, Conflict, StoreError};
use schemars::JsonSchema;
use serde::Serialize;

use crate::dispatch::DispatchError;
use crate::items::ItemError;
use crate::publish::SyncFailure;
use crate::revisions::RevisionError;
use crate::secrets::SecretError;
use crate::vault::VaultError;

/// An answer that is an error.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    code: &'static str,
    detail: String,
    errors: Vec<FieldError>,
}

/// What is wrong with one part of a request.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct FieldError {
    /// Where in the body, as a JSON pointer; empty where it is no part of it.
    pointer: String,
    /// What kind of reason it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// What is wrong, for people.
    detail: String,
    /// Where in a definition, counted from 1; in a text as it came, in an object as it is printed for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<u32>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// The guard that refuses a transition.
    #[serde(flatten)]
    guard: Option<GuardReason>,
}

/// An error as RFC 9457 has it.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub(super) struct ProblemBody {
    /// `about:blank`: the code says what it is.
    #[serde(rename = "type")]
    kind: &'static str,
    /// What the status means.
    title: &'static str,
    /// The status of the answer.
    status: u16,
    /// What went wrong, in a word that stays.
    code: &'static str,
    /// What went wrong, for people.
    detail: String,
    /// What is wrong with each part of the request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self { status, code, detail: detail.into(), errors: Vec::new() }
    }

    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        let name: String = name.chars().take(100).collect();
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no {what} `{name}`"))
    }

    pub(crate) fn unauthorized(code: &'static str, detail: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
    }

    pub(crate) fn invalid(code: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    pub(crate) fn cursor() -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_cursor", "this cursor is not one of ours")
    }

    pub(crate) fn invalid_inputs(refusals: Vec<Refusal>) -> Self {
        let mut problem = Self::invalid("invalid_inputs", "the pipeline refuses these inputs");
        let field = |refusal: Refusal| FieldError {
            pointer: format!("/inputs{}", refusal.pointer),
            code: None,
            detail: refusal.reason,
            ..FieldError::default()
        };
        problem.errors = refusals.into_iter().map(field).collect();
        problem
    }

    /// A definition with errors, each with its place.
    pub(crate) fn invalid_definition(found: &[Diagnostic]) -> Self {
        let mut problem = Self::invalid("invalid_definition", "the definition has errors");
        let field = |found: &Diagnostic| FieldError {
            pointer: "/definition".to_owned(),
            code: Some(found.code.text().to_owned()),
            detail: found.message.clone(),
            line: Some(found.span.line).filter(|line| *line > 0),
            column: Some(found.span.column).filter(|column| *column > 0),
            hint: found.hint.clone(),
            guard: None,
        };
        problem.errors = found.iter().filter(|found| found.severity == Severity::Error).map(field).collect();
        problem
    }

    /// A transition that did not happen, with every reason.
    pub(crate) fn refused(reasons: &[Reason]) -> Self {
        let mut problem = Self::new(StatusCode::CONFLICT, "transition_refused", "the transition cannot happen now");
        let field = |reason: &Reason| FieldError {
            pointer: String::new(),
            code: serde_json::to_value(reason.code).ok().and_then(|code| code.as_str().map(str::to_owned)),
            detail: reason.message.clone(),
            guard: reason.guard.clone(),
            ..FieldError::default()
        };
        problem.errors = reasons.iter().map(field).collect();
        problem
    }

    pub(crate) fn internal(error: &dyn std::error::Error) -> Self {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            chain += &format!(": {cause}");
            source = cause.source();
        }
        tracing::error!(error = %chain, "a request failed");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; its log says why")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let title = self.status.canonical_reason().unwrap_or("error");
        let Self { status, code, detail, errors } = self;
        let body = ProblemBody { kind: "about:blank", title, status: status.as_u16(), code, detail, errors };
        let body = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Full(_) => Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                "storage_full",
                "the server's disk is full; nothing was changed",
            ),
            StoreError::Failed(_) | StoreError::Disk(_) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a request failed");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "storage_failed",
                    "the server's disk failed; whether the request did anything is not known",
                )
            }
            StoreError::Closed => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the server is shutting down")
            }
            _ => Self::internal(&error),
        }
    }
}

impl From<CommitError> for Problem {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Store(error) => error.into(),
            CommitError::Conflict(Conflict::DuplicateProject { name }) => {
                Self::new(StatusCode::CONFLICT, "project_exists", format!("there is already a project `{name}`"))
            }
            CommitError::Conflict(Conflict::UnknownSetting { what, name }) => Self::not_found(what, &name),
            CommitError::Conflict(conflict @ Conflict::TooManySettings { .. }) => {
                Self::invalid("too_many", conflict.to_string())
            }
            CommitError::Conflict(conflict @ Conflict::TooLarge { .. }) => {
                Self::invalid("too_large", conflict.to_string())
            }
            CommitError::Conflict(conflict @ Conflict::DuplicateKey { .. }) => {
                Self::new(StatusCode::CONFLICT, "key_taken", conflict.to_string())
            }
            CommitError::Conflict(conflict) => Self::new(StatusCode::CONFLICT, "conflict", conflict.to_string()),
        }
    }
}

impl From<SecretError> for Problem {
    fn from(error: SecretError) -> Self {
        match error {
            SecretError::Commit(error) => error.into(),
            SecretError::Store(error) => error.into(),
            SecretError::Key(_) | SecretError::Vault(_) => Self::internal(&error),
        }
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        Self::internal(&error)
    }
}

impl From<DispatchError> for Problem {
    fn from(error: DispatchError) -> Self {
        match error {
            DispatchError::UnknownRun(run) => Self::not_found("run", &run.to_string()),
            DispatchError::Rejected(Rejected::Ended) => {
                Self::new(StatusCode::CONFLICT, "run_ended", "the run has ended")
            }
            DispatchError::Rejected(Rejected::NothingLeft) => {
                let detail =
                    "the run has done everything; `retry` with `from_start` or `resume` with `from` repeats it";
                Self::new(StatusCode::CONFLICT, "nothing_left", detail)
            }
            DispatchError::Rejected(Rejected::UnknownStage(stage)) => Self::not_found("stage", &stage),
            DispatchError::Rejected(rejected @ Rejected::NotAsked { .. }) => {
                Self::new(StatusCode::FORBIDDEN, "not_an_approver", rejected.to_string())
            }
            DispatchError::Rejected(rejected) => Self::new(StatusCode::CONFLICT, "rejected", rejected.to_string()),
            DispatchError::Lost => {
                Self::new(StatusCode::CONFLICT, "conflict", "somebody else changed the run; ask again")
            }
            DispatchError::Store(error) => error.into(),
            DispatchError::Revision(error) => error.into(),
            error @ (DispatchError::Moved(_) | DispatchError::Duplicate(_)) => Self::internal(&error),
        }
    }
}

impl From<RevisionError> for Problem {
    fn from(error: RevisionError) -> Self {
        match error {
            RevisionError::Store(error) => error.into(),
            error => Self::internal(&error),
        }
    }
}

impl From<ItemError> for Problem {
    fn from(error: ItemError) -> Self {
        match error {
            ItemError::Unknown => Self::not_found("item", ""),
            ItemError::NoRevision => Self::new(StatusCode::CONFLICT, "no_revision", error.to_string()),
            ItemError::NoWorkflow(_) => Self::new(StatusCode::CONFLICT, "no_workflow", error.to_string()),
            ItemError::UnknownType { .. } => Self::invalid("unknown_type", error.to_string()),
            ItemError::Changed(_) => Self::new(StatusCode::PRECONDITION_FAILED, "changed", error.to_string()),
            ItemError::Refused(item::Refusal::Values(refused)) => {
                let mut problem = Self::invalid("invalid_item", "the item cannot have these values");
                let field = |(name, detail): (String, String)| FieldError {
                    pointer: format!("/{}", name.replacen('.', "/", 1)),
                    code: None,
                    detail,
                    ..FieldError::default()
                };
                problem.errors = refused.into_iter().map(field).collect();
                problem
            }
            ItemError::Refused(refusal) => Self::new(StatusCode::CONFLICT, "rejected", refusal.to_string()),
            ItemError::Busy => Self::new(StatusCode::CONFLICT, "conflict", "somebody else changed the item; ask again"),
            ItemError::Dispatch(error) => error.into(),
            ItemError::Store(error) => error.into(),
            ItemError::Revision(error) => error.into(),
        }
    }
}

impl From<SyncFailure> for Problem {
    fn from(error: SyncFailure) -> Self {
        match error {
            SyncFailure::UnknownProject => Self::not_found("project", ""),
            SyncFailure::Url(detail) => Self::invalid("invalid_url", detail),
            SyncFailure::Commit40(_) => Self::invalid("invalid_commit", error.to_string()),
            SyncFailure::Git(error) => Self::invalid("sync_failed", error.to_string()),
            SyncFailure::Dispatch(error) => error.into(),
            SyncFailure::Commit(error) => error.into(),
            SyncFailure::Store(error) => error.into(),
        }
    }
}

macro_rules! from_rejection {
    ($($rejection:ty => $code:literal),+) => {
        $(impl From<$rejection> for Problem {
            fn from(rejection: $rejection) -> Self {
                Self::new(rejection.status(), $code, rejection.body_text())
            }
        })+
    };
}

from_rejection!(
    JsonRejection => "invalid_body",
    QueryRejection => "invalid_query",
    PathRejection => "invalid_path",
    BytesRejection => "invalid_body"
);
