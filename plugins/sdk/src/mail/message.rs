//! A message, built step by step.

use super::{Error, Server};
use crate::host::mail as host;

/// A message that has not been sent yet. Addresses are `ada@example.com` or `Ada <ada@example.com>`.
#[derive(Debug, Clone)]
#[must_use = "a message does nothing until it is sent"]
pub struct Message {
    inner: host::Message,
}

impl Message {
    /// A message without recipients and text. The id is the part of the `Message-ID` before the `@`: the same for
    /// every attempt, so that a mailbox can tell a repetition; a [`Call`](crate::Call) has such a key.
    pub fn new(id: impl Into<String>, sender: impl Into<String>, subject: impl Into<String>) -> Self {
        Self {
            inner: host::Message {
                sender: sender.into(),
                recipients: Vec::new(),
                subject: subject.into(),
                text: String::new(),
                html: None,
                id: id.into(),
            },
        }
    }

    /// Adds somebody who gets it; at most 50.
    pub fn to(mut self, recipient: impl Into<String>) -> Self {
        self.inner.recipients.push(recipient.into());
        self
    }

    /// Sets the text.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.inner.text = text.into();
        self
    }

    /// Sets the same as HTML, which goes along with the text.
    pub fn html(mut self, html: impl Into<Option<String>>) -> Self {
        self.inner.html = html.into();
        self
    }

    /// Sends the message; returns what the server answered.
    pub fn send(self, server: &Server) -> Result<String, Error> {
        Ok(host::send(&server.inner, &self.inner)?)
    }
}
