//! Effects of attempts: the intent before, the receipt after.
//!
//! Both are written under the attempt's hold: whoever has lost it does nothing to the world, and nothing it learns
//! counts.

use kiket_core::RunId;

use super::work;
use crate::unit::Unit;
use crate::{CommitError, Conflict, Held, Stream};

/// The journal of a stage's effects: the run, the stage, and the attempt it begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// The run.
    pub run: RunId,
    /// The stage.
    pub stage: String,
    /// The attempt it begins with, from 1.
    pub attempt: u32,
}

/// A change to a journal.
#[derive(Debug, Clone)]
pub struct EffectChange {
    /// Which.
    pub journal: Journal,
    /// Which effect, from 0.
    pub ordinal: u32,
    /// The hold under which it happens; none where a person decides.
    pub held: Option<Held>,
    /// What is written.
    pub write: WriteEffect,
}

/// What is written of an effect.
#[derive(Debug, Clone)]
pub enum WriteEffect {
    /// It is about to happen. [`Conflict::Duplicate`] where that is written already.
    Intend {
        /// What was read since the effect before.
        before: Vec<u8>,
        /// SHA-256 of what is asked for.
        request: [u8; 32],
        /// The same for people, JSON.
        intent: String,
    },
    /// What came of it.
    Receive {
        /// The answer.
        receipt: Vec<u8>,
    },
    /// It did not happen: as if it had never been intended.
    Forget,
}

impl EffectChange {
    pub(super) async fn apply(&self, unit: &mut Unit<'_>) -> Result<(), CommitError> {
        if let Some(held) = &self.held {
            work::check(unit, held).await?;
        }
        let Journal { run, stage, attempt } = &self.journal;
        let query = match &self.write {
            WriteEffect::Intend { before, request, intent } => sqlx::query(
                "insert into effects (run, stage, journal, ordinal, before, request, intent)
                 values ($1, $2, $3, $4, $5, $6, $7) on conflict do nothing",
            )
            .bind(run.to_string())
            .bind(stage)
            .bind(i64::from(*attempt))
            .bind(i64::from(self.ordinal))
            .bind(before)
            .bind(request.as_slice())
            .bind(intent),
            WriteEffect::Receive { receipt } => sqlx::query(
                "update effects set receipt = $1 where run = $2 and stage = $3 and journal = $4 and ordinal = $5
                     and receipt is null",
            )
            .bind(receipt)
            .bind(run.to_string())
            .bind(stage)
            .bind(i64::from(*attempt))
            .bind(i64::from(self.ordinal)),
            WriteEffect::Forget => sqlx::query(
                "delete from effects where run = $1 and stage = $2 and journal = $3 and ordinal = $4
                     and receipt is null",
            )
            .bind(run.to_string())
            .bind(stage)
            .bind(i64::from(*attempt))
            .bind(i64::from(self.ordinal)),
        };
        let changed = query.execute(&mut *unit.connection).await?.rows_affected();
        match self.write {
            WriteEffect::Forget => Ok(()),
            _ if changed == 0 => Err(Conflict::Duplicate { stream: Stream::Run(*run) }.into()),
            _ => Ok(()),
        }
    }
}

/// Ends the journals of a run.
pub(super) async fn clear(unit: &mut Unit<'_>, run: RunId) -> Result<(), CommitError> {
    sqlx::query("delete from effects where run = $1").bind(run.to_string()).execute(&mut *unit.connection).await?;
    Ok(())
}
