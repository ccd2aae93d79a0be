//! Asks the guards that a transition depends on: plugins, which may only look and never change anything.
//!
//! Whatever is not a clear yes is a no: a trap, a time-out, a plugin that cannot be loaded, an input that it does not
//! take. What a guard writes to its log is dropped, but for its last lines where it traps, which the reason holds.

mod calls;

use std::sync::Arc;
use std::time::Duration;

use kiket_core::expression;
use kiket_core::item::{GuardCall, Verdict};
use kiket_core::machine::GuardPlan;
use kiket_host::wit::guard;
use kiket_host::{HostCalls, Limits, Outbound, Placeholders, Terms};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::task::AbortOnDropHandle;

use super::{Reader, Surroundings};
use crate::config::Config;
use crate::plugins::Plugins;
use crate::secrets::Secrets;
use crate::{grants, token};
use calls::Calls;

/// How many guards are asked at once; further ones wait, on their own time.
const AT_ONCE: usize = 32;
/// How long one command may ask guards altogether: somebody waits for what comes of it.
const PATIENCE: Duration = Duration::from_secs(120);
/// Length of the text that tells the placeholders of one decision from others.
const NONCE: usize = 32;

/// Asks guards.
pub(crate) struct Guards {
    plugins: Arc<Plugins>,
    outbound: Outbound,
    secrets: Arc<Secrets>,
    reader: Reader,
    /// Where guests run: not on the threads that answer requests.
    runtime: Handle,
    free: Arc<Semaphore>,
}

/// What the questions of one decision have in common.
pub(super) struct Question {
    /// What stands for secrets in them: nobody can guess it.
    pub(super) placeholders: expression::Placeholders,
    /// When there is no time left to ask anybody.
    end: Instant,
}

impl Question {
    pub(super) fn new() -> Self {
        let placeholders = expression::Placeholders::new(token::random_text(NONCE));
        Self { placeholders, end: Instant::now() + PATIENCE }
    }
}

/// Why a guard did not answer.
struct Failure {
    cause: String,
    message: String,
}

impl Guards {
    pub(crate) fn new(
        plugins: Arc<Plugins>,
        outbound: Outbound,
        secrets: Arc<Secrets>,
        reader: Reader,
        runtime: Handle,
    ) -> Self {
        Self { plugins, outbound, secrets, reader, runtime, free: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Asks one guard, again where its workflow says so; all attempts together take [`GuardPlan::LONGEST`] at most, and
    /// none goes on after the question's end, but for a first compilation. Whoever stops waiting ends it.
    pub(super) async fn ask(&self, around: &Surroundings, call: &GuardCall, terms: &Question) -> Verdict {
        let verdict = self.try_to_ask(around, call, terms).await;
        let mut verdict = verdict.unwrap_or_else(|Failure { cause, message }| Verdict::Failed { cause, message });
        if let Err(failure) = self.mask(around, &mut verdict).await {
            verdict = Verdict::Failed { cause: failure.cause, message: failure.message };
        }
        if let Verdict::Failed { cause, .. } = &verdict {
            let project = &around.project.name;
            tracing::info!(guard = call.uses, project, cause, "a guard did not answer, which counts as a no");
        }
        verdict
    }

    /// Takes the values of secrets out of what a guard says.
    async fn mask(&self, around: &Surroundings, verdict: &mut Verdict) -> Result<(), Failure> {
        let (Verdict::Deny(said) | Verdict::Failed { message: said, .. }) = verdict else { return Ok(()) };
        let masking = self.secrets.masking(around.project.id).await.map_err(|error| Failure::new("secrets", error))?;
        masking.now().in_place(said);
        Ok(())
    }

    async fn try_to_ask(
        &self,
        around: &Surroundings,
        call: &GuardCall,
        Question { placeholders, end }: &Question,
    ) -> Result<Verdict, Failure> {
        let plugin = self.plugins.load(&call.digest).await.map_err(|error| Failure::new(error.code(), error))?;
        // What was computed could not be checked before; what was written out was.
        if !call.literal {
            let checked = self.plugins.check_guard_input(&call.digest, &call.guard, &call.input);
            checked.map_err(|reason| Failure::new("invalid_input", reason))?;
        }
        let end = (Instant::now() + GuardPlan::LONGEST).min(*end);
        let wall = call.timeout.unwrap_or(Config::GUARD_WALL);
        let grants = grants::of(&around.revision, &call.plugin);
        let mut failures = 0;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let terms = Terms {
                plugin,
                grants: Arc::clone(&grants),
                limits: Limits { wall: wall.min(left), ..Limits::default() },
                placeholders: Placeholders::new(placeholders.nonce()),
                seed: rand::random(),
            };
            let failure = match timeout_at(end, self.attempt(terms, around, call)).await {
                Ok(Ok(verdict)) => return Ok(verdict),
                Ok(Err(failure)) => failure,
                Err(_) => Failure::new("timeout_wall", "there was no time left to ask it"),
            };
            failures += 1;
            let wait = call.retry.backoff.wait(failures, rand::random());
            if !call.retry.allows(failures, &failure.cause) || Instant::now() + wait >= end {
                return Err(failure);
            }
            sleep(wait).await;
        }
    }

    async fn attempt(&self, terms: Terms, around: &Surroundings, call: &GuardCall) -> Result<Verdict, Failure> {
        let calls = Calls {
            outbound: self.outbound.clone(),
            secrets: Arc::clone(&self.secrets),
            reader: self.reader.clone(),
            project: around.project.clone(),
            guard: call.uses.clone(),
        };
        let (calls, question): (Arc<dyn HostCalls>, _) = (Arc::new(calls), question(&around.project.name, call));
        let place = Arc::clone(&self.free).acquire_owned().await.expect("the semaphore is never closed");
        let plugins = Arc::clone(&self.plugins);
        let asked = self.runtime.spawn(async move {
            let _place = place;
            plugins.decide(terms, question, calls).await
        });
        match AbortOnDropHandle::new(asked).await {
            Ok(Ok(guard::Verdict::Allow)) => Ok(Verdict::Allow),
            Ok(Ok(guard::Verdict::Deny(why))) => Ok(Verdict::Deny(why)),
            Ok(Err(error)) => Err(Failure::new(error.code(), error)),
            Err(error) => Err(Failure::new("internal", error)),
        }
    }
}

impl Failure {
    fn new(cause: &str, message: impl ToString) -> Self {
        Self { cause: cause.to_owned(), message: message.to_string() }
    }
}

fn question(project: &str, call: &GuardCall) -> guard::Transition {
    guard::Transition {
        guard: call.guard.clone(),
        input: call.input.to_string(),
        env: call.env.clone(),
        project: project.to_owned(),
        item: call.item.to_string(),
        name: call.transition.clone(),
        source_state: call.from.clone(),
        target_state: call.to.clone(),
        actor: call.actor.clone(),
    }
}
