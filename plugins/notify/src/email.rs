//! The channel `email`: a message over SMTP, sent by the host. The part of its `Message-ID` before the `@` is the effect
//! key.

use kiket_plugin::mail::{Message, Security, Server};
use kiket_plugin::{Call, Failure, log};
use serde::Deserialize;

use crate::Output;

#[derive(Deserialize)]
pub(crate) struct Input {
    server: String,
    port: Option<u16>,
    #[serde(default)]
    security: How,
    user: Option<String>,
    password: Option<String>,
    from: String,
    to: Recipients,
    subject: String,
    text: String,
    html: Option<String>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum How {
    #[default]
    Tls,
    Starttls,
    None,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Recipients {
    One(String),
    Many(Vec<String>),
}

pub(crate) fn send(input: Input, call: &Call) -> Result<Output, Failure> {
    let security = match input.security {
        How::Tls => Security::Tls,
        How::Starttls => Security::Starttls,
        How::None => Security::None,
    };
    let mut server = Server::new(input.server, security).port(input.port);
    match (input.user, input.password) {
        (Some(user), Some(password)) => server = server.login(user, password),
        (None, None) => {}
        _ => return Err(Failure::invalid_input("a login has `user` and `password`")),
    }
    let message = Message::new(call.effect_key(), input.from, input.subject).text(input.text).html(input.html);
    let recipients = match input.to {
        Recipients::One(recipient) => vec![recipient],
        Recipients::Many(recipients) => recipients,
    };
    let answer = recipients.into_iter().fold(message, Message::to).send(&server)?;
    log::info!("the mail server answered: {answer}");
    Ok(Output { status: None, answer: Some(answer) })
}
