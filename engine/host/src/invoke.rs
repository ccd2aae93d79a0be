//! One call of one action: a fresh store, an instance, an outcome.
//!
//! Nothing of a call outlives it. The store is dropped whether the guest
//! returned, trapped or was cut off, and with the future of [`Host::invoke`] if
//! its caller goes away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::time::timeout_at;
use wasmtime::{Store, StoreContextMut, UpdateDeadline};

use crate::bindings::PluginPre;
use crate::bindings::exports::kiket::plugin::action::{Failure, Invocation as GuestInvocation, TransientFailure};
use crate::calls::HostCalls;
use crate::clock::Clock;
use crate::digest::Digest;
use crate::error::{FailureKind, InvokeError, Reason, Stop};
use crate::grant::Grants;
use crate::journal::Journal;
use crate::state::State;
use crate::{Host, trap};

/// Most bytes a guest hands over in one host call, or as its result.
const HOSTCALL_BYTES: usize = 8 * 1024 * 1024;

/// One call of one action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    /// The plugin; it must be loaded.
    pub plugin: Digest,
    /// Name of the action, as the plugin's manifest lists it.
    pub action: String,
    /// The input: a JSON object as text.
    pub input: String,
    /// The stage's environment, in order.
    pub env: Vec<(String, String)>,
    /// Id of the run.
    pub run: String,
    /// Id of the stage inside the run.
    pub stage: String,
    /// Which attempt this is, counted from 1.
    pub attempt: u32,
    /// The same for every attempt of this stage of this run.
    pub effect_key: String,
    /// What the project granted the plugin.
    pub grants: Arc<Grants>,
    /// How much the call may use.
    pub limits: Limits,
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

type Outcome = wasmtime::Result<Result<String, Failure>>;

impl Host {
    /// Carries out one call. What the guest asks for goes to `calls`.
    ///
    /// Dropping the future ends the guest at once.
    ///
    /// # Errors
    /// Every way a call can end without an output is an [`InvokeError`] with a
    /// stable code; none of them harms the host or another call.
    pub async fn invoke(&self, call: Invocation, calls: Arc<dyn HostCalls>) -> Result<Output, InvokeError> {
        let plugin = self.shelf.get(&call.plugin).ok_or(InvokeError::NotLoaded(call.plugin))?;
        let started = Instant::now();
        let limits = Limits { memory: call.limits.memory.min(self.memory), ..call.limits };
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
        let state = State::new(calls, Arc::clone(&clock), Arc::clone(&journal), Arc::clone(&call.grants), limits);
        let mut store = self.store(state);

        let mut outcome = None;
        let flushed = timeout_at(deadline, async {
            outcome = Some(clock.meter(run(&mut store, &plugin, call.into())).await);
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
            (Some(Ok(Ok(json))), Ok(Ok(()))) => match check_output(&json, limits.output) {
                Ok(()) => Ok(Output { json, usage }),
                Err(refused) => stopped(refused),
            },
            (Some(Ok(Err(failure))), Ok(Ok(()))) => Err(fail(failure, limits.log_line, usage)),
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

async fn run(store: &mut Store<State>, plugin: &PluginPre<State>, invocation: GuestInvocation) -> Outcome {
    let guest = plugin.instantiate_async(&mut *store).await?;
    guest.kiket_plugin_action().call_run(store, &invocation).await
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
    let (kind, mut message, retry_after) = match failure {
        Failure::InvalidInput(message) => (FailureKind::InvalidInput, message, None),
        Failure::Permanent(message) => (FailureKind::Permanent, message, None),
        Failure::Denied(message) => (FailureKind::Denied, message, None),
        Failure::Transient(TransientFailure { message, retry_after_ms }) => {
            (FailureKind::Transient, message, retry_after_ms.map(Duration::from_millis))
        }
    };
    message.truncate(message.floor_char_boundary(longest));
    InvokeError::Failure { kind, message, retry_after, usage }
}

impl From<Invocation> for GuestInvocation {
    fn from(call: Invocation) -> Self {
        let Invocation { action, input, env, run, stage, attempt, effect_key, .. } = call;
        Self { action, input, env, run, stage, attempt, effect_key }
    }
}
