//! What became of an effect that a crash left in doubt.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::kiket::plugin::types::Invocation;
use crate::bindings::recovery::exports::kiket::plugin::recovery;
use crate::entry::{decode, encode};
use crate::{Call, Failure};

/// What a check found out. A [`Failure`] of a check (with `?`) is an [`Unknown`](Self::Unknown).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EffectState<Output = ()> {
    /// It happened: the action's output, as it would have returned it. The stage has succeeded.
    Happened(Output),
    /// It did not happen: the action is carried out again.
    DidNotHappen,
    /// It cannot be told, and why: a person decides.
    Unknown(String),
}

impl<Output> From<Result<EffectState<Output>, Failure>> for EffectState<Output> {
    fn from(found: Result<EffectState<Output>, Failure>) -> Self {
        found.unwrap_or_else(|failure| Self::Unknown(failure.to_string()))
    }
}

/// Decodes the input, calls the check and encodes what it found.
pub fn check<Input, Output, Found>(
    checker: impl FnOnce(Input, &Call) -> Found,
    invocation: Invocation,
) -> recovery::EffectState
where
    Input: DeserializeOwned,
    Output: Serialize,
    Found: Into<EffectState<Output>>,
{
    let (call, input) = Call::new(invocation);
    let found = match decode(&input) {
        Ok(input) => checker(input, &call).into(),
        Err(failure) => EffectState::Unknown(failure.to_string()),
    };
    match found {
        EffectState::Happened(output) => match encode(&output) {
            Ok(output) => recovery::EffectState::Happened(output),
            Err(failure) => recovery::EffectState::Unknown(failure.to_string()),
        },
        EffectState::DidNotHappen => recovery::EffectState::DidNotHappen,
        EffectState::Unknown(reason) => recovery::EffectState::Unknown(reason),
    }
}

/// Answers for an action that has no check.
pub fn cannot_check(action: &str) -> recovery::EffectState {
    recovery::EffectState::Unknown(format!("the action \"{action}\" cannot tell what became of its effect"))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn invocation(input: &str) -> Invocation {
        Invocation {
            action: "run".into(),
            input: input.into(),
            env: Vec::new(),
            project: "shop".into(),
            run: "run_1".into(),
            stage: "tell".into(),
            attempt: 1,
            effect_key: "key".into(),
        }
    }

    fn state(found: impl Into<EffectState<Value>>) -> String {
        match check(|_: Value, _| found, invocation("{}")) {
            recovery::EffectState::Happened(output) => output,
            recovery::EffectState::DidNotHappen => "no".into(),
            recovery::EffectState::Unknown(reason) => reason,
        }
    }

    #[test]
    fn what_happened_has_the_output_of_the_action() {
        assert_eq!(state(EffectState::Happened(json!({ "status": 200 }))), r#"{"status":200}"#);
        assert_eq!(state(EffectState::DidNotHappen), "no");
    }

    #[test]
    fn a_check_that_fails_cannot_tell() {
        assert_eq!(state(Err(Failure::transient("unreachable"))), "unreachable");
        assert_eq!(state(EffectState::Happened(json!(1))), "the output is not a JSON object");
    }

    #[test]
    fn a_check_has_the_effect_key_of_the_call() {
        let found =
            check(|_: Value, call: &Call| EffectState::Happened(json!({ "key": call.effect_key() })), invocation("{}"));
        let recovery::EffectState::Happened(output) = found else { panic!("{found:?}") };
        assert_eq!(output, r#"{"key":"key"}"#);
    }
}
