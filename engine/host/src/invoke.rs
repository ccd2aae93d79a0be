//! Calls into a component: a fresh store, an instance, an outcome.
//!
//! Nothing of a call outlives it. The store is dropped whether the guest
//! returned, trapped or was cut off, and with the future of the call if its
//! caller goes away. The four verbs are the four interfaces a component may
//! export; they differ only in what goes in and comes out.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::timeout_at;
use wasmtime::component::Instance;
use wasmtime::{Store, StoreContextMut, UpdateDeadline};

use crate::calls::HostCalls;
use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::{FailureKind, InvokeError, Reason, Stop};
use crate::grant::Grants;
use crate::journal::Journal;
use crate::load::Loaded;
use crate::placeholder::Placeholders;
use crate::state::State;
use crate::wit::action::Invocation;
use crate::wit::guard::{Transition, Verdict};
use crate::wit::recovery::EffectState;
use crate::wit::trigger::{Request, TriggerEvent};
use crate::wit::types::{Failure, TransientFailure};
use crate::{Host, trap};

/// Most bytes a guest hands over in one host call, or as its result.
const HOSTCALL_BYTES: usize = 8 * 1024 * 1024;

/// What a component is called under.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The component; it must be loaded.
    pub plugin: Digest,
    /// What the project granted it.
    pub grants: Arc<Grants>,
    /// How much the call may use.
    pub limits: Limits,
    /// What stands for secrets in its input.
    pub placeholders: Placeholders,
    /// What its random numbers come from: the same seed gives the same numbers.
    /// Nobody but the engine may know it.
    pub seed: [u8; 32],
}

/// How much one call may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// From start to end, waiting included.
    pub wall: Duration,
    /// Time inside the guest; noticed up to 10 ms late.
    pub cpu: Duration,
    /// Linear memories and tables together, in bytes; at most [`HostConfig::memory`](crate::HostConfig::memory).
    pub memory: usize,
    /// Host calls of any kind, and log lines.
    pub host_calls: u64,
    /// HTTP requests, the denied ones included.
    pub http_calls: u32,
    /// Body of one HTTP response, in bytes.
    pub http_response: usize,
    /// One HTTP exchange.
    pub http_timeout: Duration,
    /// One log line, in bytes; what is longer is cut.
    pub log_line: usize,
    /// All log lines, in bytes.
    pub log_total: usize,
    /// The output, in bytes.
    pub output: usize,
}

impl Default for Limits {
    fn default() -> Self {
        const KIB: usize = 1024;
        const MIB: usize = 1024 * KIB;
        Self {
            wall: Duration::from_secs(10 * 60),
            cpu: Duration::from_secs(30),
            memory: 256 * MIB,
            host_calls: 100_000,
            http_calls: 200,
            http_response: 32 * MIB,
            http_timeout: Duration::from_secs(30),
            log_line: 16 * KIB,
            log_total: 10 * MIB,
            output: MIB,
        }
    }
}

/// What an action returned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// One JSON object, as the guest wrote it.
    pub json: String,
    /// What the call used.
    pub usage: Usage,
}

/// What a call used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Time inside the guest.
    pub cpu: Duration,
    /// Time from start to end.
    pub wall: Duration,
    /// Most memory at one time, in bytes.
    pub peak_memory: u64,
    /// Host calls, WASI's included.
    pub host_calls: u64,
}

impl Host {
    /// Carries out an action. What the guest asks for goes to `calls`.
    ///
    /// Dropping the future ends the guest at once.
    ///
    /// # Errors
    /// Every way a call can end without an output is an [`InvokeError`] with a
    /// stable code; none of them harms the host or another call.
    pub async fn invoke(
        &self,
        terms: Terms,
        call: Invocation,
        calls: Arc<dyn HostCalls>,
    ) -> Result<Output, InvokeError> {
        let limits = terms.limits;
        let (answer, usage) = self
            .enter(terms, calls, async |plugin, store, instance| match &plugin.exports.action {
                Some(action) => action.load(&mut *store, instance)?.call_run(store, &call).await,
                None => Err(missing("action")),
            })
            .await?;
        let json = answer.map_err(|failure| fail(failure, limits.log_line, usage))?;
        match check_output(&json, limits.output) {
            Ok(()) => Ok(Output { json, usage }),
            Err((reason, message)) => Err(InvokeError::Stopped { reason, message, usage }),
        }
    }

    /// Asks what became of the effect of a call that was cut off.
    ///
    /// # Errors
    /// As [`Host::invoke`].
    pub async fn check(
        &self,
        terms: Terms,
        call: Invocation,
        calls: Arc<dyn HostCalls>,
    ) -> Result<EffectState, InvokeError> {
        let limits = terms.limits;
        let (state, usage) = self
            .enter(terms, calls, async |plugin, store, instance| match &plugin.exports.recovery {
                Some(recovery) => recovery.load(&mut *store, instance)?.call_check(store, &call).await,
                None => Err(missing("recovery")),
            })
            .await?;
        if let EffectState::Happened(output) = &state {
            check_output(output, limits.output).map_err(|(reason, message)| InvokeError::Stopped {
                reason,
                message,
                usage,
            })?;
        }
        Ok(state)
    }

    /// Asks a guard whether an item may take a transition.
    ///
    /// # Errors
    /// As [`Host::invoke`]. Whoever asks takes an error for a refusal.
    pub async fn decide(
        &self,
        terms: Terms,
        transition: Transition,
        calls: Arc<dyn HostCalls>,
    ) -> Result<Verdict, InvokeError> {
        let longest = terms.limits.log_line;
        let (verdict, _) = self
            .enter(terms, calls, async |plugin, store, instance| match &plugin.exports.guard {
                Some(guard) => guard.load(&mut *store, instance)?.call_decide(store, &transition).await,
                None => Err(missing("guard")),
            })
            .await?;
        Ok(match verdict {
            Verdict::Deny(reason) => Verdict::Deny(cut(reason, longest)),
            Verdict::Allow => Verdict::Allow,
        })
    }

    /// Asks which events a request from outside is about.
    ///
    /// # Errors
    /// As [`Host::invoke`].
    pub async fn translate(
        &self,
        terms: Terms,
        request: Request,
        calls: Arc<dyn HostCalls>,
    ) -> Result<Vec<TriggerEvent>, InvokeError> {
        let limits = terms.limits;
        let (answer, usage) = self
            .enter(terms, calls, async |plugin, store, instance| match &plugin.exports.trigger {
                Some(trigger) => trigger.load(&mut *store, instance)?.call_translate(store, &request).await,
                None => Err(missing("trigger")),
            })
            .await?;
        let events = answer.map_err(|failure| fail(failure, limits.log_line, usage))?;
        for event in &events {
            check_output(&event.data, limits.output).map_err(|(reason, message)| InvokeError::Stopped {
                reason,
                message,
                usage,
            })?;
        }
        Ok(events)
    }

    /// Makes an instance, calls it and accounts for what it used.
    pub(crate) async fn enter<T>(
        &self,
        terms: Terms,
        calls: Arc<dyn HostCalls>,
        call: impl AsyncFnOnce(&Loaded, &mut Store<State>, &Instance) -> wasmtime::Result<T>,
    ) -> Result<(T, Usage), InvokeError> {
        let plugin = self.shelf.get(&terms.plugin).ok_or(InvokeError::NotLoaded(terms.plugin))?;
        let started = Instant::now();
        let limits = Limits { memory: terms.limits.memory.min(self.memory), ..terms.limits };
        let deadline = started.checked_add(limits.wall).unwrap_or_else(|| started + FOREVER).into();
        let over = || format!("the plugin did not end within {:?}", limits.wall);

        let Ok(slot) = timeout_at(deadline, self.slots.acquire()).await else {
            let usage = Usage { wall: started.elapsed(), ..Usage::default() };
            let message = format!("{}: it waited for a free place all the time", over());
            return Err(InvokeError::Stopped { reason: Reason::TimeoutWall, message, usage });
        };
        let _slot = slot.expect("the semaphore is never closed");

        let clock = Arc::new(Clock::new());
        let journal = Arc::new(Journal::new(Arc::clone(&calls), Arc::clone(&clock), limits));
        let state = State::new(calls, Arc::clone(&clock), Arc::clone(&journal), Terms { limits, ..terms });
        let mut store = self.store(state);

        let mut outcome = None;
        let flushed = timeout_at(deadline, async {
            let run = async {
                let instance = plugin.linked.instantiate_async(&mut store).await?;
                call(&plugin, &mut store, &instance).await
            };
            outcome = Some(clock.meter(run).await);
            journal.finish().await
        })
        .await;

        let state = store.data();
        let usage = Usage {
            cpu: clock.elapsed(),
            wall: started.elapsed(),
            peak_memory: state.limiter.peak(),
            host_calls: state.gate.calls(),
        };
        let stopped = |(reason, message)| Err(InvokeError::Stopped { reason, message, usage });
        match (outcome, flushed) {
            (Some(Err(error)), _) => stopped(trap::explain(&error, state)),
            (_, Err(_)) => stopped((Reason::TimeoutWall, over())),
            (_, Ok(Err(lost))) => stopped((Reason::Lost, Stop::Lost(lost).to_string())),
            (Some(Ok(answer)), Ok(Ok(()))) => Ok((answer, usage)),
            (None, Ok(_)) => unreachable!("the log is finished after the call has an outcome"),
        }
    }

    fn store(&self, state: State) -> Store<State> {
        let mut store = Store::new(&self.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HOSTCALL_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(look_up);
        store
    }
}

/// Stands for a wall limit that is beyond what the clock can say.
const FOREVER: Duration = Duration::from_secs(60 * 60 * 24 * 365);

/// What a running guest does at every tick: it checks its limits and lets others run.
fn look_up(store: StoreContextMut<'_, State>) -> wasmtime::Result<UpdateDeadline> {
    let state = store.data();
    state.gate.check()?;
    if state.clock.elapsed() > state.limits.cpu {
        return Err(Stop::Cpu(state.limits.cpu).into());
    }
    // Tokio's own yield also lets timers and sockets make progress.
    Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now())))
}

/// An output has to be one that every reader of JSON takes, its depth included.
fn check_output(json: &str, limit: usize) -> Result<(), (Reason, String)> {
    if json.len() > limit {
        let text = format!("the output has {} bytes, {limit} are allowed", json.len());
        return Err((Reason::PayloadTooLarge, text));
    }
    match serde_json::from_str::<Map<String, Value>>(json) {
        Ok(_) => Ok(()),
        Err(error) => Err((Reason::InvalidOutput, format!("the output is not a json object: {error}"))),
    }
}

fn fail(failure: Failure, longest: usize, usage: Usage) -> InvokeError {
    let (kind, message, retry_after) = match failure {
        Failure::InvalidInput(message) => (FailureKind::InvalidInput, message, None),
        Failure::Permanent(message) => (FailureKind::Permanent, message, None),
        Failure::Denied(message) => (FailureKind::Denied, message, None),
        Failure::Transient(TransientFailure { message, retry_after_ms }) => {
            (FailureKind::Transient, message, retry_after_ms.map(Duration::from_millis))
        }
    };
    InvokeError::Failure { kind, message: cut(message, longest), retry_after, usage }
}

fn cut(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    text
}

/// The component does not export what is called: whoever loaded it did not look.
fn missing(interface: &str) -> wasmtime::Error {
    wasmtime::Error::msg(format!("the component does not export `kiket:plugin/{interface}`"))
}
