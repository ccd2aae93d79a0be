//! What a test sets up, and the call.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::outcome::Outcome;
use super::world::{self, Expected, World};
use crate::bindings::kiket::plugin::types::Invocation;
use crate::entry::perform;
use crate::{Call, Failure};

/// A stage of a run, as a test sets it up.
#[derive(Debug, Clone)]
#[must_use = "a stage does nothing until an action is called"]
pub struct Stage {
    world: World,
    env: Vec<(String, String)>,
    attempt: u32,
}

/// How a test answers a request.
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// A response without headers and body.
    #[must_use]
    pub fn new(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the body to a value's JSON.
    #[must_use]
    pub fn json(self, value: &Value) -> Self {
        self.body(value.to_string())
    }
}

impl Default for Stage {
    fn default() -> Self {
        Self::new()
    }
}

impl Stage {
    /// The first attempt of a stage `test` of a run `run_test` of a project `test`, at the beginning of 2026, in which
    /// there is nothing.
    pub fn new() -> Self {
        Self { world: World::default(), env: Vec::new(), attempt: 1 }
    }

    /// Sets a variable of the stage's `env:`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Which attempt it is, counted from 1.
    pub fn attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// What the clock says all the time.
    pub fn at(mut self, time: SystemTime) -> Self {
        self.world.clock = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        self
    }

    /// Gives the project a secret that may be used in every way.
    pub fn secret(mut self, name: &str, value: &str) -> Self {
        self.world.secrets.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets a value that the plugin kept before.
    pub fn kv(mut self, key: &str, value: impl Into<Vec<u8>>) -> Self {
        self.world.kv.insert(key.to_owned(), value.into());
        self
    }

    /// Expects one more request, and answers it.
    pub fn http(mut self, method: &str, url: &str, answer: Answer) -> Self {
        self.world.http.push_back(Expected { method: method.to_owned(), url: url.to_owned(), answer: Some(answer) });
        self
    }

    /// Expects one more request, which nobody answers in time.
    pub fn http_times_out(mut self, method: &str, url: &str) -> Self {
        self.world.http.push_back(Expected { method: method.to_owned(), url: url.to_owned(), answer: None });
        self
    }

    /// Calls an action with an input, as the host does: what does not decode is an invalid input.
    ///
    /// # Panics
    /// The action sends a request that is not the next expected one, or fewer than are expected.
    #[must_use]
    pub fn call<Input, Output, Error>(
        self,
        action: impl FnOnce(Input, &Call) -> Result<Output, Error>,
        input: impl Into<Value>,
    ) -> Outcome
    where
        Input: DeserializeOwned,
        Output: Serialize,
        Failure: From<Error>,
    {
        let invocation = Invocation {
            action: "run".to_owned(),
            input: input.into().to_string(),
            env: self.env,
            project: "test".to_owned(),
            run: "run_test".to_owned(),
            stage: "test".to_owned(),
            attempt: self.attempt,
            effect_key: "run_test/test".to_owned(),
        };
        let (result, world) = world::inside(self.world, || perform(action, invocation));
        if let Some(Expected { method, url, .. }) = world.http.front() {
            panic!("the action did not send {method} {url}: it ended with {result:?}");
        }
        Outcome::new(result, world)
    }
}
