//! What came of a call.

use serde_json::Value;

use super::world::World;
use crate::Failure;
use crate::log::Level;

/// What came of a call: how it ended, and what it said and did.
#[derive(Debug, Clone)]
pub struct Outcome {
    result: Result<Value, Failure>,
    world: World,
}

/// A request that was sent, with its secrets put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// The method.
    pub method: String,
    /// The URL.
    pub url: String,
    /// The headers in order.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Sent {
    /// The first header of that name, in whatever case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|(key, value)| key.eq_ignore_ascii_case(name).then_some(value.as_str()))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// It is not JSON.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("the body is JSON")
    }
}

impl Outcome {
    pub(super) fn new(result: Result<String, Failure>, world: World) -> Self {
        let result = result.map(|text| serde_json::from_str(&text).expect("an output is JSON"));
        Self { result, world }
    }

    /// The output, or the failure.
    pub fn result(&self) -> Result<&Value, &Failure> {
        self.result.as_ref()
    }

    /// The output.
    ///
    /// # Panics
    /// The action failed.
    #[must_use]
    pub fn output(&self) -> Value {
        match &self.result {
            Ok(output) => output.clone(),
            Err(failure) => panic!("the action failed: {failure:?}"),
        }
    }

    /// The failure.
    ///
    /// # Panics
    /// The action succeeded.
    #[must_use]
    pub fn failure(&self) -> Failure {
        match &self.result {
            Ok(output) => panic!("the action succeeded: {output}"),
            Err(failure) => failure.clone(),
        }
    }

    /// The lines of the log.
    #[must_use]
    pub fn log(&self) -> Vec<&str> {
        self.world.log.iter().map(|(_, line)| line.as_str()).collect()
    }

    /// The lines of the log that matter that much.
    #[must_use]
    pub fn log_of(&self, level: Level) -> Vec<&str> {
        self.world.log.iter().filter(|(found, _)| *found == level).map(|(_, line)| line.as_str()).collect()
    }

    /// The reports of progress: the message, how many units are done, and of how many.
    #[must_use]
    pub fn progress(&self) -> &[(String, u64, Option<u64>)] {
        &self.world.progress
    }

    /// The requests that were sent.
    #[must_use]
    pub fn requests(&self) -> &[Sent] {
        &self.world.sent
    }

    /// A value that the plugin keeps by now.
    #[must_use]
    pub fn kv(&self, key: &str) -> Option<&[u8]> {
        self.world.kv.get(key).map(Vec::as_slice)
    }
}
