//! `kiket:plugin/mail`.

use crate::bindings::kiket::plugin::mail::{Error, Host, Message, Security, Server};
use crate::gate::Refusal;
use crate::grant::{Capability, MailSecurity};
use crate::imports::ask;
use crate::state::State;

/// What these calls take.
const CAPABILITY: Capability = Capability::Mail;

/// Most recipients of one message.
const RECIPIENTS: usize = 50;

impl Host for State {
    async fn send(&mut self, server: Server, message: Message) -> wasmtime::Result<Result<String, Error>> {
        let permit = match self.gate.mail(&server, &message)? {
            Ok(permit) => permit,
            Err(Refusal::Denied(denial)) => return Ok(Err(Error::Denied(self.deny(denial).await?))),
            Err(Refusal::Invalid(text)) => return Ok(Err(Error::Invalid(text))),
        };
        if message.recipients.is_empty() || message.recipients.len() > RECIPIENTS {
            return Ok(Err(Error::Invalid(format!("a message has 1 to {RECIPIENTS} recipients"))));
        }
        Ok(ask!(self, mail(permit, server, message)))
    }
}

impl From<Security> for MailSecurity {
    fn from(security: Security) -> Self {
        match security {
            Security::Tls => Self::Tls,
            Security::Starttls => Self::Starttls,
            Security::None => Self::None,
        }
    }
}
