//! Effects of attempts: the intent before, the receipt after.
//!
//! Both are written under the attempt's hold: whoever has lost it does nothing to the world, and nothing it learns
//! counts.

use kiket_core::RunId;

use super::work;
use crate::Held;
use crate::script::{Expected, Otherwise, Sql, values};
use crate::unit::Unit;

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
    /// It is about to happen. [`Conflict::Duplicate`](crate::Conflict::Duplicate) where that is written already.
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
    pub(super) fn apply(&self, unit: &mut Unit<'_>) {
        if let Some(held) = &self.held {
            work::check(unit, held);
        }
        let Journal { run, stage, attempt } = &self.journal;
        let (run, journal, ordinal) = (*run, i64::from(*attempt), i64::from(self.ordinal));
        let it = |sql: &mut Sql| {
            sql.push(" where run = ").bind(run.to_string()).push(" and stage = ").bind(stage);
            sql.push(" and journal = ").bind(journal).push(" and ordinal = ").bind(ordinal);
            sql.push(" and receipt is null");
        };
        let once = Expected::Change(Otherwise::EffectExists { run });
        match &self.write {
            WriteEffect::Intend { before, request, intent } => unit.gather(once, |sql| {
                let row = values![run.to_string(), stage, journal, ordinal, &**before, &request[..], intent];
                sql.push("insert into effects (run, stage, journal, ordinal, before, request, intent)").rows([row]);
                sql.push(" on conflict do nothing");
            }),
            WriteEffect::Receive { receipt } => unit.gather(once, |sql| {
                it(sql.push("update effects set receipt = ").bind(receipt.as_slice()));
            }),
            WriteEffect::Forget => unit.gather(Expected::Anything, |sql| it(sql.push("delete from effects"))),
        }
    }
}

/// Ends the journals of a run.
pub(super) fn clear(unit: &mut Unit<'_>, run: RunId) {
    unit.gather(Expected::Anything, |sql| _ = sql.push("delete from effects where run = ").bind(run.to_string()));
}
