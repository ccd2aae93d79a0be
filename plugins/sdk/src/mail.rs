//! E-mail over SMTP, sent by the host. Needs a grant `mail` that names the server.
//!
//! ```no_run
//! # use kiket_plugin::{Call, Failure, mail, secrets};
//! # fn tell(call: &Call) -> Result<(), Failure> {
//! let password = secrets::placeholder("SMTP_PASSWORD")?;
//! let server = mail::Server::new("smtp.example.com", mail::Security::Starttls).login("kiket", password);
//! mail::Message::new(call.effect_key(), "Kiket <kiket@example.com>", "The build is green")
//!     .to("ada@example.com")
//!     .text("Everything passed.")
//!     .send(&server)?;
//! # Ok(())
//! # }
//! ```

mod error;
mod message;

pub use error::Error;
pub use message::Message;

use crate::host::mail as host;

/// How the connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    /// TLS from the first byte; port 465 where none is set.
    Tls,
    /// TLS after `STARTTLS`, or nothing is sent; port 587 where none is set.
    Starttls,
    /// In the clear, which the grant has to name; port 25 where none is set.
    None,
}

/// The server that takes messages.
#[derive(Debug, Clone)]
pub struct Server {
    inner: host::Server,
}

impl Server {
    /// A server by its name or address, without a login.
    pub fn new(host: impl Into<String>, security: Security) -> Self {
        let security = match security {
            Security::Tls => host::Security::Tls,
            Security::Starttls => host::Security::Starttls,
            Security::None => host::Security::None,
        };
        Self { inner: host::Server { host: host.into(), port: None, security, login: None } }
    }

    /// Sets the port; that of the security where none is set.
    #[must_use]
    pub fn port(mut self, port: impl Into<Option<u16>>) -> Self {
        self.inner.port = port.into();
        self
    }

    /// Sets who to log in as. The password is a placeholder of a secret whose use `header` is granted for the server,
    /// or plain text.
    #[must_use]
    pub fn login(mut self, user: impl Into<String>, password: impl Into<String>) -> Self {
        self.inner.login = Some(host::Credentials { user: user.into(), password: password.into() });
        self
    }
}
