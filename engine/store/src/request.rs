//! What handles send to the writer, and the answers it holds back until the commit.

use kiket_core::Timestamp;
use tokio::sync::oneshot;

use crate::change::Change;
use crate::{Claim, CommitError, Position, StoreError, Work};

/// A question and where its answer goes.
pub(crate) struct Ask<Question, Answer, Error> {
    pub(crate) question: Question,
    pub(crate) reply: oneshot::Sender<Result<Answer, Error>>,
}

/// Moves the end of every lease of a worker.
pub(crate) struct Renewal {
    pub(crate) owner: String,
    pub(crate) until: Timestamp,
}

/// Everything the writer does.
pub(crate) enum Request {
    Commit(Ask<Vec<Change>, Position, CommitError>),
    Claim(Ask<Claim, Vec<Work>, StoreError>),
    Renew(Ask<Renewal, u64, StoreError>),
}

impl Request {
    /// Answers with an error without having tried.
    pub(crate) fn fail(self, error: &StoreError) {
        // A caller that has gone away is no longer interested: that is not an error.
        match self {
            Self::Commit(ask) => _ = ask.reply.send(Err(error.clone().into())),
            Self::Claim(ask) => _ = ask.reply.send(Err(error.clone())),
            Self::Renew(ask) => _ = ask.reply.send(Err(error.clone())),
        }
    }
}

/// An answer that is known but not yet true: it is sent after the commit, or replaced by its failure.
pub(crate) trait Answer: Send {
    fn send(self: Box<Self>);
    fn fail(self: Box<Self>, error: &StoreError);
}

pub(crate) struct Pending<T, E> {
    pub(crate) reply: oneshot::Sender<Result<T, E>>,
    pub(crate) result: Result<T, E>,
}

impl<T: Send, E: Send + From<StoreError>> Answer for Pending<T, E> {
    fn send(self: Box<Self>) {
        _ = self.reply.send(self.result);
    }

    fn fail(self: Box<Self>, error: &StoreError) {
        _ = self.reply.send(Err(error.clone().into()));
    }
}

/// An error that may come from the database rather than from the question.
pub(crate) trait Refusal {
    fn store(&self) -> Option<&StoreError>;
}

impl Refusal for StoreError {
    fn store(&self) -> Option<&StoreError> {
        Some(self)
    }
}

impl Refusal for CommitError {
    fn store(&self) -> Option<&StoreError> {
        match self {
            Self::Store(error) => Some(error),
            Self::Conflict(_) => None,
        }
    }
}
