//! The journal of one attempt's host calls: what it read, what it did to the world, and what came of that.
//!
//! An effect is noted before it happens (the intent) and when its answer is there (the receipt); both are commits
//! under the attempt's hold. What is only read (a time, a GET) is kept in memory and goes with the next intent:
//! nothing rests on it before. An attempt that goes on after a crash is carried out from its beginning and answered
//! from the journal as far as that goes, so it arrives at the effect in doubt and nowhere else.
//!
//! Invariants: no effect leaves before its intent is durable; no answer reaches the guest before its receipt is;
//! an effect with a receipt never happens again; one without is sent again only where the class allows it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kiket_core::manifest::Effect as Class;
use kiket_core::planted::{Bug, planted};
use kiket_core::run::{Doubt, DoubtCode, Intent, StageError};
use kiket_host::{Answer, Lost};
use kiket_store::{Change, CommitError, Conflict, EffectChange, Held, Journal, Store, WriteEffect};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::clock;
use crate::ledger::Ledger;

/// Most bytes of answers that one journal keeps.
const JOURNAL: usize = 16 * 1024 * 1024;
/// Most times that are kept between two effects.
const NOTES: usize = 100_000;
/// Longest summary of an intent, in bytes.
const SUMMARY: usize = 400;

/// The journal of an attempt, and of those that a crash cut off before it.
pub(crate) struct Effects<L = Store> {
    store: L,
    journal: Journal,
    held: Held,
    class: Class,
    book: Mutex<Book>,
}

/// What was read.
#[derive(Serialize, Deserialize)]
enum Note {
    /// The time, in nanoseconds since 1970.
    Clock(u64),
    /// An answer.
    Answer { request: [u8; 32], answer: Vec<u8> },
}

/// What the journal knows of what comes next.
enum Entry {
    Note(Note),
    Effect { ordinal: u32, request: Vec<u8>, receipt: Option<Vec<u8>> },
}

#[derive(Default)]
struct Book {
    replay: VecDeque<Entry>,
    before: Vec<Note>,
    bytes: usize,
    full: bool,
    now: u64,
    next: u32,
    /// The effect that is on its way.
    open: Option<Intent>,
    end: Option<End>,
}

/// What the journal makes of the attempt, whatever the guest does.
#[derive(Clone, Debug)]
pub(crate) enum End {
    InDoubt(Doubt),
    Failed(StageError),
    /// Nothing can be noted: what came of it is found out as after a crash, once its lease has run out.
    CutOff,
}

/// What came of trying an effect.
pub(crate) struct Tried<T, E> {
    pub(crate) answer: Result<T, E>,
    /// Whether nothing happened that the answer does not tell.
    pub(crate) certain: bool,
}

impl<T, E> Tried<T, E> {
    pub(crate) fn certain(answer: Result<T, E>) -> Self {
        Self { answer, certain: true }
    }
}

/// An error by which a guest is told that something is not granted.
pub(crate) trait Denied {
    fn denied(message: String) -> Self;
}

impl<L: Ledger> Effects<L> {
    /// Opens the journal for an attempt; what it holds already is what the attempt is answered from. One that begins
    /// with the attempt holds nothing.
    pub(crate) async fn open(
        store: L,
        journal: Journal,
        attempt: u32,
        held: Held,
        class: Class,
    ) -> Result<Self, StageError> {
        let unreadable = |error: String| StageError::new("journal", format!("the journal cannot be read: {error}"));
        let effects = match journal.attempt < attempt {
            true => store.effects(&journal).await.map_err(|error| unreadable(error.to_string()))?,
            false => Vec::new(),
        };
        let mut book = Book { next: u32::try_from(effects.len()).unwrap_or(u32::MAX), ..Book::default() };
        for effect in effects {
            book.bytes += effect.before.len() + effect.receipt.as_ref().map_or(0, Vec::len);
            let notes: Vec<Note> =
                postcard::from_bytes(&effect.before).map_err(|error| unreadable(error.to_string()))?;
            book.replay.extend(notes.into_iter().map(Entry::Note));
            let kiket_store::Effect { ordinal, request, receipt, .. } = effect;
            book.replay.push_back(Entry::Effect { ordinal, request, receipt });
        }
        Ok(Self { store, journal, held, class, book: Mutex::new(book) })
    }

    /// How many effects there were.
    pub(crate) fn count(&self) -> u32 {
        self.book().next
    }

    /// What the journal makes of the attempt once it is over. An effect that was cut off is in doubt.
    pub(crate) fn end(&self) -> Option<End> {
        let mut book = self.book();
        let cut_off = |intent| {
            let reason = "the attempt was cut off while it was on its way".to_owned();
            End::InDoubt(Doubt { code: DoubtCode::InDoubt, intent, reason })
        };
        let open = book.open.take().filter(|_| !self.may_repeat());
        book.end.take().or_else(|| open.map(cut_off))
    }

    /// Reads the clock. It never goes back.
    pub(crate) fn now(&self) -> Duration {
        let mut book = self.book();
        if let Some(Entry::Note(Note::Clock(now))) = book.replay.front() {
            book.now = *now;
            book.replay.pop_front();
        } else {
            let real = u64::try_from(clock::since_epoch().as_nanos()).unwrap_or(u64::MAX);
            book.now = real.max(book.now);
            let note = Note::Clock(book.now);
            if self.class != Class::Pure && book.replay.is_empty() && book.before.len() < NOTES {
                book.before.push(note);
            }
        }
        Duration::from_nanos(book.now)
    }

    /// Asks something that changes nothing.
    pub(crate) async fn read<Q: Serialize, T: Serialize + DeserializeOwned>(
        &self,
        call: &'static str,
        question: &Q,
        ask: impl Future<Output = Result<T, Lost>>,
    ) -> Result<T, Lost> {
        let request = digest(call, question);
        if let Some(Known::Answer(answer)) = self.known(call, &request)? {
            return decode(&answer);
        }
        let answer = ask.await?;
        if self.class != Class::Pure {
            self.book().keep(Note::Answer { request, answer: encode(&answer) });
        }
        Ok(answer)
    }

    /// Does something to the world.
    pub(crate) async fn effect<Q: Serialize, T, E>(
        &self,
        call: &'static str,
        summary: &str,
        question: &Q,
        perform: impl Future<Output = Result<Tried<T, E>, Lost>>,
    ) -> Answer<T, E>
    where
        T: Serialize + DeserializeOwned,
        E: Serialize + DeserializeOwned + Denied,
    {
        if self.class == Class::Pure {
            return Ok(Err(E::denied(changes_nothing(call))));
        }
        let request = digest(call, question);
        let ordinal = match self.known(call, &request)? {
            Some(Known::Answer(answer)) => return decode(&answer),
            Some(Known::Open(ordinal)) => ordinal,
            None => self.intend(call, summary, request).await?,
        };
        self.book().open = Some(intent(call, summary, ordinal));
        let Tried { answer, certain } = perform.await?;
        if !certain && !self.may_repeat() {
            return Err(self.break_off(End::InDoubt(Doubt {
                code: DoubtCode::InDoubt,
                intent: intent(call, summary, ordinal),
                reason: "the connection broke before the answer was there".to_owned(),
            })));
        }
        if !planted(Bug::ReceiptSkipped) {
            self.commit(ordinal, WriteEffect::Receive { receipt: encode(&answer) }).await?;
        }
        self.book().open = None;
        Ok(answer)
    }

    /// Changes something in the store. The change and its receipt are one commit, so it is never in doubt.
    /// `refused` says what a conflict of the change itself answers.
    pub(super) async fn change<Q: Serialize, T, E>(
        &self,
        call: &'static str,
        summary: &str,
        question: &Q,
        change: Change,
        done: T,
        refused: impl Fn(&Conflict) -> Option<Result<T, E>>,
    ) -> Answer<T, E>
    where
        T: Serialize + DeserializeOwned,
        E: Serialize + DeserializeOwned + Denied,
    {
        if self.class == Class::Pure {
            return Ok(Err(E::denied(changes_nothing(call))));
        }
        let request = digest(call, question);
        if let Some(Known::Answer(answer)) = self.known(call, &request)? {
            return decode(&answer);
        }
        let (ordinal, before) = self.next()?;
        let intent = serde_json::to_string(&intent(call, summary, ordinal)).expect("an intent is plain data");
        let note = |answer: &Result<T, E>| {
            let intend = WriteEffect::Intend { before: encode(&before), request, intent: intent.clone() };
            [intend, WriteEffect::Receive { receipt: encode(answer) }].map(|write| self.write(ordinal, write))
        };
        let mut answer = Ok(done);
        let [intend, receive] = note(&answer);
        if let Err(error) = self.store.commit(vec![intend, receive, change]).await {
            answer = match &error {
                CommitError::Conflict(conflict) => refused(conflict).ok_or_else(|| self.lost(&error))?,
                CommitError::Store(_) => return Err(self.lost(&error)),
            };
            self.store.commit(note(&answer).to_vec()).await.map_err(|error| self.lost(&error))?;
        }
        self.book().next = ordinal + 1;
        Ok(answer)
    }

    /// The next effect, and what was read since the one before.
    fn next(&self) -> Result<(u32, Vec<Note>), Lost> {
        let mut book = self.book();
        if !book.full {
            return Ok((book.next, std::mem::take(&mut book.before)));
        }
        drop(book);
        let message = format!("the action read more than {JOURNAL} bytes before it had an effect");
        Err(self.break_off(End::Failed(StageError::new("payload_too_large", message))))
    }

    /// Notes what is about to happen.
    async fn intend(&self, call: &str, summary: &str, request: [u8; 32]) -> Result<u32, Lost> {
        let (ordinal, before) = self.next()?;
        let intent = serde_json::to_string(&intent(call, summary, ordinal)).expect("an intent is plain data");
        self.commit(ordinal, WriteEffect::Intend { before: encode(&before), request, intent }).await?;
        self.book().next = ordinal + 1;
        Ok(ordinal)
    }

    /// What the journal knows of the next call; a call that differs from the one it knows ends the attempt.
    fn known(&self, call: &str, request: &[u8; 32]) -> Result<Option<Known>, Lost> {
        let mut book = self.book();
        let fits = match book.replay.pop_front() {
            None => return Ok(None),
            Some(Entry::Note(Note::Answer { request: known, answer })) if known == *request => {
                Some(Known::Answer(answer))
            }
            Some(Entry::Effect { ordinal, request: known, receipt }) if known == request => {
                Some(receipt.map_or(Known::Open(ordinal), Known::Answer))
            }
            Some(_) => None,
        };
        let ordinal = book.next.saturating_sub(1);
        drop(book);
        if fits.is_some() {
            return Ok(fits);
        }
        let doubt = Doubt {
            code: DoubtCode::ReplayMismatch,
            intent: intent(call, "something else than before it was cut off", ordinal),
            reason: "done again after a crash, the action asked for something else than the first time".to_owned(),
        };
        Err(self.break_off(End::InDoubt(doubt)))
    }

    async fn commit(&self, ordinal: u32, write: WriteEffect) -> Result<(), Lost> {
        let committed = self.store.commit(vec![self.write(ordinal, write)]).await;
        committed.map(drop).map_err(|error| self.lost(&error))
    }

    fn write(&self, ordinal: u32, write: WriteEffect) -> Change {
        Change::Effect(EffectChange { journal: self.journal.clone(), ordinal, held: Some(self.held.clone()), write })
    }

    fn lost(&self, error: &CommitError) -> Lost {
        match error {
            CommitError::Conflict(_) => Lost::new("the stage belongs to another worker by now"),
            CommitError::Store(error) => {
                let Journal { run, stage, .. } = &self.journal;
                tracing::error!(run.id = %run, stage.id = stage, %error, "an effect cannot be noted");
                self.book().end = Some(End::CutOff);
                Lost::new("the effect could not be noted")
            }
        }
    }

    fn break_off(&self, end: End) -> Lost {
        let message = match &end {
            End::InDoubt(doubt) => doubt.reason.clone(),
            End::Failed(error) => error.message.clone(),
            End::CutOff => "the effect could not be noted".to_owned(),
        };
        let mut book = self.book();
        book.open = None;
        book.end = Some(end);
        Lost::new(message)
    }

    /// Whether what may have happened may be done again without asking anybody.
    fn may_repeat(&self) -> bool {
        matches!(self.class, Class::Pure | Class::Idempotent)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// Keeps what was read until the next effect; past the journal's size there can be none.
    fn keep(&mut self, note: Note) {
        if let Note::Answer { answer, .. } = &note {
            self.bytes += answer.len();
        }
        if self.bytes > JOURNAL || self.before.len() >= NOTES {
            self.full = true;
            self.before = Vec::new();
        } else {
            self.before.push(note);
        }
    }
}

/// What the journal knows of a call.
enum Known {
    Answer(Vec<u8>),
    /// It was intended, and what came of it is not known.
    Open(u32),
}

fn changes_nothing(call: &str) -> String {
    format!(
        "the action is of the class `pure`, and `{call}` would change something: its manifest has to name another class"
    )
}

fn intent(call: &str, summary: &str, ordinal: u32) -> Intent {
    let cut = summary.floor_char_boundary(SUMMARY);
    Intent { ordinal, call: call.to_owned(), summary: summary[..cut].to_owned(), at: clock::now() }
}

fn digest(call: &str, question: &impl Serialize) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(call.as_bytes());
    hash.update([0]);
    hash.update(encode(question));
    hash.finalize().into()
}

fn encode(value: &impl Serialize) -> Vec<u8> {
    postcard::to_allocvec(value).expect("what crosses the border is plain data")
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Lost> {
    postcard::from_bytes(bytes).map_err(|error| Lost::new(format!("the journal cannot be read: {error}")))
}
