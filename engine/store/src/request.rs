//! What handles ask of the writer, and the answers it holds back until the commit.

use kiket_core::Timestamp;
use tokio::sync::oneshot;

use crate::change::Change;
use crate::unit::Unit;
use crate::{Claim, CommitError, Position, StoreError, Work, WorkKey, claim};

/// A question, where its answer goes, and the answer itself: known when the question was worked on, true when the
/// transaction is committed, sent then.
pub(crate) struct Ask<Question, Answer, Error> {
    question: Question,
    /// Gone once it is answered.
    reply: Option<oneshot::Sender<Result<Answer, Error>>>,
    answer: Result<Answer, Error>,
}

/// Moves the ends of leases of a worker.
pub(crate) struct Renewal {
    pub(crate) owner: String,
    pub(crate) keys: Vec<WorkKey>,
    pub(crate) until: Timestamp,
}

/// Everything the writer does.
pub(crate) enum Request {
    Commit(Ask<Vec<Change>, Position, CommitError>),
    Claim(Ask<Claim, Vec<Work>, StoreError>),
    Renew(Ask<Renewal, u64, StoreError>),
}

/// Whether a request may stay in the transaction.
pub(crate) enum Verdict {
    /// It may.
    Done,
    /// It must be undone: a conflict, or an error of its own.
    Refused(Option<StoreError>),
    /// The transaction cannot go on.
    Fatal(StoreError),
}

impl<Q, A, E: From<StoreError>> Ask<Q, A, E> {
    pub(crate) fn new(question: Q, reply: oneshot::Sender<Result<A, E>>) -> Self {
        Self { question, reply: Some(reply), answer: Err(StoreError::Closed.into()) }
    }

    fn finish(&mut self, failure: Option<&StoreError>) {
        let Some(reply) = self.reply.take() else { return };
        let answer = std::mem::replace(&mut self.answer, Err(StoreError::Closed.into()));
        // A caller that has gone away is no longer interested: that is not an error.
        _ = reply.send(failure.map_or(answer, |error| Err(error.clone().into())));
    }
}

impl Request {
    /// Works on the request. Repeating it after a rollback is fine.
    pub(crate) async fn run(&mut self, unit: &mut Unit<'_>) {
        match self {
            Self::Commit(ask) => ask.answer = commit(&ask.question, unit).await,
            Self::Claim(ask) => ask.answer = claim::claim(unit, &ask.question).await,
            Self::Renew(ask) => ask.answer = claim::renew(unit, &ask.question).await,
        }
    }

    /// Turns the answer into an error found afterwards.
    pub(crate) fn refuse(&mut self, error: CommitError) {
        match (self, error) {
            (Self::Commit(ask), error) => ask.answer = Err(error),
            (Self::Claim(ask), CommitError::Store(error)) => ask.answer = Err(error),
            (Self::Renew(ask), CommitError::Store(error)) => ask.answer = Err(error),
            // Neither rests on anything.
            (Self::Claim(_) | Self::Renew(_), CommitError::Conflict(_)) => {}
        }
    }

    /// Judges the answer.
    pub(crate) fn verdict(&self) -> Verdict {
        let error = match self {
            Self::Commit(Ask { answer: Err(CommitError::Conflict(_)), .. }) => return Verdict::Refused(None),
            Self::Commit(Ask { answer: Err(CommitError::Store(error)), .. })
            | Self::Claim(Ask { answer: Err(error), .. })
            | Self::Renew(Ask { answer: Err(error), .. }) => error,
            _ => return Verdict::Done,
        };
        if error.is_fatal() { Verdict::Fatal(error.clone()) } else { Verdict::Refused(Some(error.clone())) }
    }

    /// Sends the answer, or the failure of the whole transaction.
    pub(crate) fn finish(&mut self, failure: Option<&StoreError>) {
        match self {
            Self::Commit(ask) => ask.finish(failure),
            Self::Claim(ask) => ask.finish(failure),
            Self::Renew(ask) => ask.finish(failure),
        }
    }
}

async fn commit(changes: &[Change], unit: &mut Unit<'_>) -> Result<Position, CommitError> {
    for change in changes {
        change.apply(unit).await?;
    }
    unit.next();
    Ok(Position::new(unit.head))
}
