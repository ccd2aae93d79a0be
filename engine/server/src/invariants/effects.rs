//! Effects of an open run: each under an attempt that had begun, and none under one that was superseded by then.
//!
//! That a receipt has an intent, and one at most, is a row and its key.

use kiket_core::run::{Intent, Run};
use kiket_store::{Snapshot, StoreError};

use super::runs::Story;
use super::{Invariant, Report};

pub(super) async fn check(
    snapshot: &mut Snapshot<'_>,
    report: &mut Report,
    state: &Run,
    story: &Story,
) -> Result<(), StoreError> {
    let run = story.id;
    let effects = snapshot.effects_of(run).await?;
    for (journal, effect) in &effects {
        let (stage, attempt) = (&journal.stage, journal.attempt);
        let about = format!("{run}/{stage}/{attempt}/{}", effect.ordinal);
        let began = |attempt| story.began.get(&(stage.clone(), attempt)).copied();
        if began(attempt).is_none() || state.stage(stage).is_none() {
            report.add(Invariant::EffectOfItsAttempt, about, "no such attempt has begun");
            continue;
        }
        let intent = match serde_json::from_str::<Intent>(&effect.intent) {
            Ok(intent) => intent,
            Err(error) => {
                report.add(Invariant::EffectOfItsAttempt, about, format!("its intent cannot be read: {error}"));
                continue;
            }
        };
        if intent.ordinal != effect.ordinal {
            report.add(
                Invariant::EffectOfItsAttempt,
                &about,
                format!("its intent is that of number {}", intent.ordinal),
            );
        }
        // A journal that was begun anew has superseded all attempts of the one before.
        let next =
            effects.iter().map(|(other, _)| other).filter(|other| other.stage == *stage && other.attempt > attempt);
        let next = next.filter_map(|other| began(other.attempt)).min();
        if let Some(next) = next.filter(|next| intent.at > *next) {
            let found = format!("it was intended at {}, and another attempt had begun anew at {next}", intent.at);
            report.add(Invariant::EffectOfItsAttempt, about, found);
        }
    }
    Ok(())
}
