//! A guard: whether an item may take a transition.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Failure;
use crate::bindings::guards::exports::kiket::plugin::guard as host;
use crate::entry::decode;

/// What a guard says. A [`Failure`] of a guard (with `?`) denies with its message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The transition may be taken.
    Allow,
    /// It may not, and why, in a sentence that people are shown.
    Deny(String),
}

impl Verdict {
    /// The transition may not be taken.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::Deny(reason.into())
    }
}

impl From<Result<Verdict, Failure>> for Verdict {
    fn from(verdict: Result<Verdict, Failure>) -> Self {
        verdict.unwrap_or_else(|failure| Self::Deny(failure.to_string()))
    }
}

/// A transition that somebody wants an item to take.
#[derive(Debug, Clone)]
pub struct Transition {
    inner: host::Transition,
    item: Value,
}

impl Transition {
    /// The item as the API shows it.
    pub fn item(&self) -> &Value {
        &self.item
    }

    /// The transition's name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The state it leads from.
    pub fn source_state(&self) -> &str {
        &self.inner.source_state
    }

    /// The state it leads to.
    pub fn target_state(&self) -> &str {
        &self.inner.target_state
    }

    /// Who wants it.
    pub fn actor(&self) -> &str {
        &self.inner.actor
    }

    /// Name of the project.
    pub fn project(&self) -> &str {
        &self.inner.project
    }

    /// The guard's name, as the manifest lists it.
    pub fn guard(&self) -> &str {
        &self.inner.guard
    }

    /// The value of one variable of the guard's `env:`, where it is set. Never a secret.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.inner.env.iter().find_map(|(key, value)| (key == name).then_some(value.as_str()))
    }
}

/// Decodes the input and the item and asks the guard. What does not decode is denied.
pub fn decide<Input, Said>(
    guard: impl FnOnce(Input, &Transition) -> Said,
    mut transition: host::Transition,
) -> host::Verdict
where
    Input: DeserializeOwned,
    Said: Into<Verdict>,
{
    let input = std::mem::take(&mut transition.input);
    let item = std::mem::take(&mut transition.item);
    let verdict: Verdict = decode(&input)
        .and_then(|input| Ok(guard(input, &Transition { item: decode(&item)?, inner: transition }).into()))
        .into();
    match verdict {
        Verdict::Allow => host::Verdict::Allow,
        Verdict::Deny(reason) => host::Verdict::Deny(reason),
    }
}

/// Denies a transition whose guard the plugin does not have.
pub fn no_guard(guard: &str, known: &[&str]) -> host::Verdict {
    host::Verdict::Deny(format!("no guard \"{guard}\": this plugin has {}", known.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Input {
        most: u64,
    }

    fn transition(input: &str) -> host::Transition {
        host::Transition {
            guard: "run".into(),
            input: input.into(),
            env: Vec::new(),
            project: "shop".into(),
            item: r#"{"points": 8}"#.into(),
            name: "Start".into(),
            source_state: "open".into(),
            target_state: "doing".into(),
            actor: "ada".into(),
        }
    }

    fn small(input: Input, transition: &Transition) -> Result<Verdict, Failure> {
        let points = transition.item()["points"].as_u64().ok_or_else(|| Failure::permanent("no points"))?;
        Ok(if points <= input.most { Verdict::Allow } else { Verdict::deny(format!("{points} points are too many")) })
    }

    #[test]
    fn hands_the_typed_input_and_the_item_to_the_guard() {
        assert!(matches!(decide(small, transition(r#"{"most": 8}"#)), host::Verdict::Allow));
        let host::Verdict::Deny(reason) = decide(small, transition(r#"{"most": 5}"#)) else { panic!("allowed") };
        assert_eq!(reason, "8 points are too many");
    }

    #[test]
    fn an_input_that_does_not_decode_is_denied() {
        let host::Verdict::Deny(reason) = decide(small, transition("{}")) else { panic!("allowed") };
        assert_eq!(reason, "missing field `most`");
    }

    #[test]
    fn an_unknown_guard_denies() {
        let host::Verdict::Deny(reason) = no_guard("size", &["run"]) else { panic!("allowed") };
        assert_eq!(reason, r#"no guard "size": this plugin has run"#);
    }
}
