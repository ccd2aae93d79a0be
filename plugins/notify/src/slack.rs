//! The channel `slack`: an incoming webhook of Slack, or of what speaks like it (Mattermost, Rocket.Chat, Discord's
//! `/slack`).

use kiket_plugin::{Failure, http, log};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Output;

/// How much of an answer that is no yes is quoted, in characters.
const QUOTED: usize = 200;

#[derive(Deserialize)]
pub(crate) struct Input {
    url: String,
    text: String,
    blocks: Option<Vec<Value>>,
}

#[derive(Serialize)]
struct Message<'a> {
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocks: Option<&'a [Value]>,
}

pub(crate) fn send(input: &Input) -> Result<Output, Failure> {
    let message = Message { text: &input.text, blocks: input.blocks.as_deref() };
    let response = http::post(&input.url).json(&message).send()?.error_for_status()?;
    check(&response.text())?;
    log::info!("the message was taken");
    Ok(Output { status: Some(response.status()), answer: None })
}

/// A status of 200 alone says nothing here: the body has to say yes.
fn check(body: &str) -> Result<(), Failure> {
    let body = body.trim();
    let says_yes = |answer: &Value| answer["ok"] == true || answer["success"] == true;
    if body.eq_ignore_ascii_case("ok") || serde_json::from_str(body).is_ok_and(|answer: Value| says_yes(&answer)) {
        return Ok(());
    }
    let quote: String = body.chars().take(QUOTED).map(|c| if c.is_control() { ' ' } else { c }).collect();
    Err(Failure::Permanent(format!("the receiver did not take the message: {quote}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_yes_is_a_word_or_a_field() {
        for yes in ["ok", "ok\n", "OK", r#"{"ok":true}"#, r#"{"success": true}"#] {
            assert_eq!(check(yes), Ok(()), "{yes}");
        }
    }

    #[test]
    fn everything_else_is_a_no_that_is_quoted() {
        for no in ["", "invalid_payload", "true", r#"{"ok":false,"error":"channel_not_found"}"#, "<html>ok</html>"] {
            let failure = check(no).expect_err("a no");
            assert_eq!(failure, Failure::Permanent(format!("the receiver did not take the message: {no}")));
        }
    }

    #[test]
    fn blocks_are_left_out_where_there_are_none() {
        let blocks = [json!({ "type": "divider" })];
        let text = |blocks| serde_json::to_string(&Message { text: "built", blocks }).expect("plain data");
        assert_eq!(text(None), r#"{"text":"built"}"#);
        assert_eq!(text(Some(&blocks[..])), r#"{"text":"built","blocks":[{"type":"divider"}]}"#);
    }
}
