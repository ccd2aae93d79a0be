//! Statements that are gathered and given to the database together.
//!
//! SQLite runs on a thread of its own: a statement by itself costs two changes of thread, and so does a script of ten.
//! What a change only writes is gathered here; what it has to read goes to the connection, after what was gathered.
//!
//! A script is one SQL text of several statements, which sqlx allows for SQLite alone. Another database would be given
//! the same statements one by one.
//!
//! Invariant: a script ends at the first statement that fails; one that merely changes nothing does not end it, but is
//! found all the same, and the first of these is what the script is refused for.

use futures::TryStreamExt as _;
use kiket_core::{ProjectId, RunId};
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments as _, AssertSqlSafe, Either, Executor as _};

use crate::error::Fault;
use crate::sqlite::Connection;
use crate::{Seq, StoreError, WorkKey};

/// Gathered statements, in order.
#[derive(Default)]
pub(crate) struct Script {
    sql: Sql,
    /// What is expected of each statement.
    expected: Vec<Expected>,
    /// Where in the text each statement ends.
    ends: Vec<usize>,
}

/// Fails, and with it the script, where the statement before changed nothing: no integer is the absolute value of the
/// least one.
const GUARD: &str = "select iif(changes() = 0, abs(-9223372036854775807 - 1), 0);";

/// SQL and the values of its `?`, in order. Only what is in the source of this crate becomes SQL.
#[derive(Default)]
pub(crate) struct Sql {
    text: String,
    values: Vec<Value>,
}

/// A value to bind.
pub(crate) enum Value {
    Null,
    Number(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// What a statement has to come to.
#[derive(Clone)]
pub(crate) enum Expected {
    /// Whatever it does is fine.
    Anything,
    /// It changes a row, or else the unit is refused.
    Change(Otherwise),
    /// It finds a row, or else the unit is refused.
    Row(Otherwise),
    /// It commits: where it fails, nobody knows whether it did.
    Commit,
}

/// Why a statement came to nothing, as far as that is known without asking the database.
#[derive(Clone)]
pub(crate) enum Otherwise {
    /// The work is not held any more.
    FenceLost(WorkKey),
    /// There is such a run, or one with this trigger key.
    RunExists { run: RunId, project: ProjectId, trigger_key: Option<String> },
    /// The run is not where it was expected to be.
    RunMoved { run: RunId, expected: Seq },
    /// The effect is noted already.
    EffectExists { run: RunId },
}

/// Why a script did not come to its end as expected.
pub(crate) enum Stopped {
    /// A statement came to nothing.
    Otherwise(Otherwise),
    /// A statement failed.
    Failed(StoreError),
}

impl From<Stopped> for StoreError {
    /// Where a statement came to nothing and it is not known whose it was, the group is done again, each request by
    /// itself: nobody is told this error.
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Failed(error) => error,
            Stopped::Otherwise(_) => Self::Constraint(Fault::new(Unmet)),
        }
    }
}

/// A request of the group rests on something that is no longer so.
#[derive(Debug, thiserror::Error)]
#[error("a request of the group rests on something that is no longer so")]
struct Unmet;

impl Script {
    /// Adds a statement.
    pub(crate) fn add(&mut self, expected: Expected, write: impl FnOnce(&mut Sql)) {
        write(&mut self.sql);
        self.sql.text.push(';');
        self.expected.push(expected);
        self.ends.push(self.sql.text.len());
    }

    /// Lets the script end where a statement that has to change a row changes none, so that nothing after it is done,
    /// and answers true; where something else is expected, answers false and does nothing.
    pub(crate) fn guard(&mut self) -> bool {
        if self.expected.iter().any(|expected| matches!(expected, Expected::Row(_) | Expected::Commit)) {
            return false;
        }
        let Self { sql, expected, ends } = std::mem::take(self);
        let mut from = 0;
        for (expected, end) in expected.into_iter().zip(ends) {
            self.sql.text += &sql.text[from..end];
            self.expected.push(expected.clone());
            self.ends.push(self.sql.text.len());
            if matches!(expected, Expected::Change(_)) {
                self.sql.text += GUARD;
                self.expected.push(Expected::Anything);
                self.ends.push(self.sql.text.len());
            }
            from = end;
        }
        self.sql.values = sql.values;
        true
    }

    /// Adds the statements of another script.
    pub(crate) fn append(&mut self, other: Self) {
        let before = self.sql.text.len();
        self.sql.text += &other.sql.text;
        self.sql.values.extend(other.sql.values);
        self.expected.extend(other.expected);
        self.ends.extend(other.ends.into_iter().map(|end| before + end));
    }

    /// The text, which scripts that do the same to other rows have in common.
    pub(crate) fn text(&self) -> &str {
        &self.sql.text
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.expected.is_empty()
    }

    /// Runs the statements.
    pub(crate) async fn run(self, connection: &mut Connection) -> Result<(), Stopped> {
        if self.is_empty() {
            return Ok(());
        }
        let Self { sql, expected, .. } = self;
        let arguments = sql.arguments().map_err(Stopped::Failed)?;
        let query = sqlx::query_with(AssertSqlSafe(sql.text), arguments);
        let (mut done, mut rows, mut otherwise) = (0, 0_usize, None);
        let mut steps = connection.fetch_many(query);
        loop {
            match steps.try_next().await {
                Ok(Some(Either::Right(_))) => rows += 1,
                Ok(Some(Either::Left(changed))) => {
                    let unmet = match expected.get(done) {
                        Some(Expected::Change(why)) if changed.rows_affected() == 0 => Some(why.clone()),
                        Some(Expected::Row(why)) if rows == 0 => Some(why.clone()),
                        _ => None,
                    };
                    otherwise = otherwise.or(unmet);
                    (done, rows) = (done + 1, 0);
                }
                Ok(None) => break,
                // What came to nothing before is why this failed: a row that is missing is referred to, for instance.
                Err(_) if otherwise.is_some() => break,
                Err(error) => {
                    let commits = matches!(expected.get(done), Some(Expected::Commit));
                    return Err(Stopped::Failed(match error.into() {
                        // Running out of space is found before anything is synced.
                        error if !commits || matches!(error, StoreError::Full(_)) => error,
                        error => error.into_failed(),
                    }));
                }
            }
        }
        otherwise.map_or(Ok(()), |why| Err(Stopped::Otherwise(why)))
    }
}

impl Sql {
    /// Adds SQL.
    pub(crate) fn push(&mut self, text: &'static str) -> &mut Self {
        self.text += text;
        self
    }

    /// Adds a value.
    pub(crate) fn bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.text.push('?');
        self.values.push(value.into());
        self
    }

    /// Adds rows: ` values (?, …), (?, …)`.
    pub(crate) fn rows(&mut self, rows: impl IntoIterator<Item = Vec<Value>>) -> &mut Self {
        for (index, row) in rows.into_iter().enumerate() {
            self.text += if index == 0 { " values " } else { ", " };
            self.list(row);
        }
        self
    }

    /// Adds a list: `(?, …)`.
    pub(crate) fn list(&mut self, values: Vec<Value>) -> &mut Self {
        for index in 0..values.len() {
            self.text += if index == 0 { "(?" } else { ", ?" };
        }
        self.text.push(')');
        self.values.extend(values);
        self
    }

    fn arguments(&self) -> Result<SqliteArguments, StoreError> {
        let mut arguments = SqliteArguments::default();
        for value in &self.values {
            match value {
                Value::Null => arguments.add(None::<i64>),
                Value::Number(number) => arguments.add(*number),
                Value::Text(text) => arguments.add(text.as_str()),
                Value::Bytes(bytes) => arguments.add(bytes.as_slice()),
            }
            .map_err(|error| StoreError::from(sqlx::Error::Encode(error)))?;
        }
        Ok(arguments)
    }
}

/// The values of a row.
macro_rules! values {
    ($($value:expr),+ $(,)?) => {
        vec![$($crate::script::Value::from($value)),+]
    };
}
pub(crate) use values;

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<&String> for Value {
    fn from(text: &String) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        Self::Bytes(bytes.to_vec())
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}
