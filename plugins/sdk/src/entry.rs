//! From the bytes at the border to the author's function and back: what [`plugin!`](crate::plugin) calls.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::bindings::exports::kiket::plugin::action;
use crate::bindings::kiket::plugin::types::Invocation;
use crate::{Call, Failure};

/// Decodes the input, calls the action and encodes its output.
pub fn carry_out<Input, Output, Error>(
    handler: impl FnOnce(Input, &Call) -> Result<Output, Error>,
    invocation: Invocation,
) -> Result<String, action::Failure>
where
    Input: DeserializeOwned,
    Output: Serialize,
    Failure: From<Error>,
{
    Ok(perform(handler, invocation)?)
}

/// The same, with the failure as the author knows it.
pub(crate) fn perform<Input, Output, Error>(
    handler: impl FnOnce(Input, &Call) -> Result<Output, Error>,
    invocation: Invocation,
) -> Result<String, Failure>
where
    Input: DeserializeOwned,
    Output: Serialize,
    Failure: From<Error>,
{
    let (call, input) = Call::new(invocation);
    let output = handler(decode(&input)?, &call)?;
    encode(&output)
}

/// Answers a call of an action that the plugin does not have.
pub fn refuse(action: &str, known: &[&str]) -> Result<String, action::Failure> {
    Err(Failure::InvalidInput(format!("no action \"{action}\": this plugin has {}", known.join(", "))).into())
}

/// A mistake names the field it is in: `retries.max: invalid type: string "three", expected u32`.
pub(crate) fn decode<Input: DeserializeOwned>(input: &str) -> Result<Input, Failure> {
    let mut json = serde_json::Deserializer::from_str(input);
    serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let reason = without_position(&error.into_inner());
        Failure::InvalidInput(if path == "." { reason } else { format!("{path}: {reason}") })
    })
}

/// The input is one line of JSON that nobody wrote: where in it a mistake is says nothing to anyone.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).map_or_else(|| text.clone(), str::to_owned)
}

/// An output is one JSON object; an action that has none returns `()`.
pub(crate) fn encode<Output: Serialize>(output: &Output) -> Result<String, Failure> {
    match serde_json::to_string(output) {
        Ok(text) if text == "null" => Ok("{}".to_owned()),
        Ok(text) if text.starts_with('{') => Ok(text),
        Ok(_) => Err(Failure::permanent("the output is not a JSON object")),
        Err(error) => Err(Failure::Permanent(format!("the output has no JSON form: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Input {
        name: String,
        retries: Retries,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Retries {
        max: u32,
    }

    fn invocation(input: &str) -> Invocation {
        Invocation {
            action: "run".into(),
            input: input.into(),
            env: vec![("REGION".into(), "eu".into())],
            project: "shop".into(),
            run: "run_1".into(),
            stage: "tell".into(),
            attempt: 2,
            effect_key: "key".into(),
        }
    }

    #[test]
    fn hands_the_typed_input_and_the_call_to_the_action() {
        let output = carry_out(
            |input: Input, call| Ok::<_, Failure>(serde_json::json!({ "said": input.name, "in": call.env("REGION") })),
            invocation(r#"{"name": "hello", "retries": {"max": 3}}"#),
        );
        assert_eq!(output.expect("a good call"), r#"{"said":"hello","in":"eu"}"#);
    }

    #[test]
    fn names_the_field_a_mistake_is_in() {
        let failure = decode::<Input>(r#"{"name": "x", "retries": {"max": "three"}}"#).expect_err("a bad input");
        assert_eq!(failure, Failure::invalid_input(r#"retries.max: invalid type: string "three", expected u32"#));
    }

    #[test]
    fn names_a_missing_field() {
        let failure = decode::<Input>(r#"{"name": "x"}"#).expect_err("a bad input");
        assert_eq!(failure, Failure::invalid_input("missing field `retries`"));
    }

    #[test]
    fn an_action_without_an_output_answers_with_the_empty_object() {
        assert_eq!(encode(&()).expect("an output"), "{}");
    }

    #[test]
    fn refuses_an_output_that_is_no_object() {
        assert_eq!(encode(&[1, 2]), Err(Failure::permanent("the output is not a JSON object")));
    }

    #[test]
    fn an_unknown_action_is_an_invalid_input_that_lists_the_known_ones() {
        let failure = refuse("sing", &["run", "check"]).expect_err("no such action");
        let action::Failure::InvalidInput(message) = failure else { panic!("{failure:?}") };
        assert_eq!(message, r#"no action "sing": this plugin has run, check"#);
    }
}
