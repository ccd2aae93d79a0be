//! Guards: what plugins are asked about a transition, and what they said.
//!
//! Core asks nobody. A decision that depends on guards answers with the questions that are open; who can ask them
//! decides again with the verdicts. A verdict counts for exactly the question that was asked, the item as it was then
//! included: of an item that has changed since, it says nothing.

use std::time::Duration;

use serde_json::Value as Json;

use super::command::Context;
use super::reasons::{GuardReason, Reason, ReasonCode};
use super::state::Item;
use crate::definition::Retry;
use crate::expression::Scope;
use crate::machine::{GuardPlan, Machine, TransitionPlan};
use crate::run::evaluate;

/// Longest text of a guard that becomes a part of a reason, in bytes.
const MAX_MESSAGE: usize = 2_000;

/// A guard to ask, and everything that it is asked: the question.
#[derive(Debug, Clone, PartialEq)]
pub struct GuardCall {
    /// What the workflow calls it: `freeze-calendar`, `policy/check`.
    pub uses: String,
    /// The plugin's name in `uses:`, by which grants are found.
    pub plugin: String,
    /// Digest of the plugin's component.
    pub digest: String,
    /// Name of the guard in the plugin.
    pub guard: String,
    /// How long one attempt may take, where the workflow says so.
    pub timeout: Option<Duration>,
    /// What happens after an attempt that failed.
    pub retry: Retry,
    /// Its input, a JSON object.
    pub input: Json,
    /// Whether nothing of the input was computed, so that it was held against the guard's schema when the workflow was
    /// compiled.
    pub literal: bool,
    /// Plain values.
    pub env: Vec<(String, String)>,
    /// The item as the API shows it.
    pub item: Json,
    /// The transition's name.
    pub transition: String,
    /// The state it leads from.
    pub from: String,
    /// The state it leads to.
    pub to: String,
    /// Who wants it.
    pub actor: String,
}

/// What a guard says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The transition may be taken.
    Allow,
    /// It may not, and the guard says why.
    Deny(String),
    /// The guard did not come to an answer, which counts as a no.
    Failed {
        /// The stable name of what happened: `trap`, `timeout_wall`, `not_loaded` …
        cause: String,
        /// The same in words.
        message: String,
    },
}

/// What guards said, each to the question it was asked.
#[derive(Debug, Clone, Default)]
pub struct Verdicts(Vec<(GuardCall, Verdict)>);

impl Verdicts {
    /// Makes a record without any verdict.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Notes what a guard said.
    pub fn note(&mut self, call: GuardCall, verdict: Verdict) {
        self.0.push((call, verdict));
    }

    /// Tells whether nobody was asked.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn of(&self, call: &GuardCall) -> Option<&Verdict> {
        self.0.iter().find(|(asked, _)| asked == call).map(|(_, verdict)| verdict)
    }
}

/// What the guards of a transition lead to.
#[derive(Default)]
pub(super) struct Guarded {
    /// Why those refuse that have said so, or that cannot be asked.
    pub(super) reasons: Vec<Reason>,
    /// The questions that nobody has answered.
    pub(super) open: Vec<GuardCall>,
}

impl Item {
    /// Looks at the guards of a transition. Where `asks` is false only those count that never can be asked.
    pub(super) fn guarded(
        &self,
        machine: &Machine,
        transition: &TransitionPlan,
        context: &Context<'_>,
        asks: bool,
    ) -> Guarded {
        let mut guarded = Guarded::default();
        if transition.guards.is_empty() {
            return guarded;
        }
        let scope = self.scope(machine, Some(transition), context);
        let scope = match context.placeholders {
            Some(placeholders) => scope.with_placeholders(placeholders.clone()),
            None => scope,
        };
        let mut refuse = |uses: &str, cause: &str, message: String| {
            let guard = GuardReason { guard: uses.to_owned(), cause: cause.to_owned() };
            guarded.reasons.push(Reason { guard: Some(guard), ..Reason::new(ReasonCode::Guard, message) });
        };
        for plan in &transition.guards {
            let uses = plan.uses.as_str();
            let call = match self.guard_call(plan, transition, &scope, context) {
                Ok(call) if asks => call,
                Ok(_) => continue,
                Err((cause, message)) if asks || cause == NOT_INSTALLED => {
                    refuse(uses, cause, format!("guard \"{uses}\" cannot be asked: {message}"));
                    continue;
                }
                Err(_) => continue,
            };
            match context.verdicts.of(&call) {
                None => guarded.open.push(call),
                Some(Verdict::Allow) => {}
                Some(Verdict::Deny(why)) => {
                    let why = if why.trim().is_empty() { "it does not say why" } else { cut(why) };
                    refuse(uses, "denied", format!("guard \"{uses}\" says no: {why}"));
                }
                Some(Verdict::Failed { cause, message }) => {
                    refuse(uses, cause, format!("guard \"{uses}\" did not answer: {}", cut(message)));
                }
            }
        }
        guarded
    }

    /// Puts the question, or says with a stable name and in words why it cannot be put.
    fn guard_call(
        &self,
        plan: &GuardPlan,
        transition: &TransitionPlan,
        scope: &Scope,
        context: &Context<'_>,
    ) -> Result<GuardCall, (&'static str, String)> {
        let Some(call) = &plan.call else {
            return Err((NOT_INSTALLED, "it is not installed".to_owned()));
        };
        let made = evaluate(call, scope).map_err(|error| ("expression", error.to_string()))?;
        Ok(GuardCall {
            uses: plan.uses.clone(),
            plugin: call.plugin.clone(),
            digest: call.digest.clone(),
            guard: call.action.clone(),
            timeout: call.timeout,
            retry: call.retry.clone(),
            literal: call.input.is_literal(),
            input: made.input,
            env: made.env,
            item: scope.get("item").cloned().unwrap_or_default(),
            transition: transition.name.clone(),
            from: self.state.clone(),
            to: transition.to.clone(),
            actor: context.actor.name.clone(),
        })
    }
}

const NOT_INSTALLED: &str = "not_installed";

/// What guards say is shown to people and kept: no more of it than that.
fn cut(text: &str) -> &str {
    text[..text.floor_char_boundary(MAX_MESSAGE)].trim_end()
}
