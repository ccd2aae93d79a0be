//! The call an action is carried out for: who asks, which attempt it is and the stage's `env`.

use crate::bindings::kiket::plugin::types::Invocation;

/// One call of one action, without its input.
#[derive(Debug, Clone)]
pub struct Call {
    invocation: Invocation,
}

impl Call {
    /// The call, and its input as it came.
    pub(crate) fn new(mut invocation: Invocation) -> (Self, String) {
        let input = std::mem::take(&mut invocation.input);
        (Self { invocation }, input)
    }

    /// The action's name, as the manifest lists it.
    pub fn action(&self) -> &str {
        &self.invocation.action
    }

    /// Name of the project.
    pub fn project(&self) -> &str {
        &self.invocation.project
    }

    /// Id of the run, for example `run_01jd…`.
    pub fn run(&self) -> &str {
        &self.invocation.run
    }

    /// Id of the stage inside the run.
    pub fn stage(&self) -> &str {
        &self.invocation.stage
    }

    /// Which attempt this is, counted from 1.
    pub fn attempt(&self) -> u32 {
        self.invocation.attempt
    }

    /// The same for every attempt of this stage of this run, and different for every other stage: what to send as
    /// an idempotency key.
    pub fn effect_key(&self) -> &str {
        &self.invocation.effect_key
    }

    /// The value of one variable of the stage's `env:`, where it is set. Never a secret.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.vars().find_map(|(key, value)| (key == name).then_some(value))
    }

    /// All variables of the stage's `env:`, in the order they were written.
    pub fn vars(&self) -> impl Iterator<Item = (&str, &str)> {
        self.invocation.env.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}
