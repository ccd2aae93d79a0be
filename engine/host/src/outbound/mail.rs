//! The real SMTP client: what stands between a plugin's e-mail and the network.
//!
//! It opens one connection for one message and closes it. The rules for addresses are those of HTTP: the name is
//! resolved once, one address that is not admitted refuses the whole answer, and what is connected to is what was
//! checked. Certificates are checked against the server's name, and a server that should offer `STARTTLS` and does
//! not gets nothing.

mod message;
mod stream;

use std::error::Error as _;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::Starttls;
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Host;

use super::resolver::{Names, Refused, addresses};
use super::{CONNECT, Outbound};
use crate::calls::MailPermit;
use crate::fill;
use crate::grant::{MailSecurity, read_host};
use crate::wit::mail::{Error, Message, Server};
pub(crate) use message::Parties;
use stream::Secured;

/// How to log in, in order of preference: both send the password, which the connection has to protect.
const MECHANISMS: [Mechanism; 2] = [Mechanism::Plain, Mechanism::Login];

/// A message that was not sent, or of which that is not known.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{error:?}")]
pub struct MailFailed {
    /// Why, as the guest is told.
    pub error: Error,
    /// Whether the server may have taken it all the same.
    pub sent: bool,
}

impl From<Error> for MailFailed {
    /// What fails before the message is on its way was not sent.
    fn from(error: Error) -> Self {
        Self { error, sent: false }
    }
}

impl Outbound {
    /// Puts the secret into the login, connects and sends a message; returns what the server answered. `value` knows
    /// the secrets that [`mail_secrets_of`](crate::mail_secrets_of) names.
    ///
    /// # Errors
    /// Every variant of `wit`'s `error`, and whether the message may have been taken.
    pub async fn mail(
        &self,
        server: Server,
        message: Message,
        permit: &MailPermit,
        value: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<String, MailFailed> {
        let host = read_host(&server.host).ok_or_else(|| Error::Invalid("the server is not a host".to_owned()))?;
        let login = fill::login(&server, &host, permit, value)?;
        let letter = message::compose(&message).map_err(Error::Invalid)?;
        let sent = AtomicBool::new(false);
        let exchange = async {
            let mut connection = self.connect(&server, &host, permit).await?;
            if let Some(login) = login {
                let login = Credentials::new(login.user, login.password);
                connection.auth(&MECHANISMS, &login).await.map_err(explain)?;
            }
            sent.store(true, Ordering::Relaxed);
            let answer = connection.send(letter.envelope(), &letter.formatted()).await.map_err(|error| {
                // A server that answers has not taken it, and what is refused on this side never left.
                let sent = error.status().is_none() && !error.is_client();
                MailFailed { error: explain(error), sent }
            })?;
            let _ = connection.quit().await;
            let lines: Vec<&str> = answer.message().collect();
            Ok(format!("{} {}", answer.code(), lines.join(" ")))
        };
        match timeout(permit.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(MailFailed { error: Error::TimedOut, sent: sent.load(Ordering::Relaxed) }),
        }
    }

    /// Makes a connection that is as secure as it has to be.
    async fn connect(&self, server: &Server, host: &Host, permit: &MailPermit) -> Result<AsyncSmtpConnection, Error> {
        let security = MailSecurity::from(server.security);
        let port = server.port.unwrap_or(security.port());
        let stream = dial(&self.names, host, port, permit.grant.host.is_exact()).await?;
        let me = stream.local_addr().map_or_else(|_| ClientId::default(), introduce);
        let connection = match security {
            MailSecurity::None => AsyncSmtpConnection::connect_with_transport(Box::new(stream), &me).await,
            MailSecurity::Tls => {
                let secured = Secured::begin(stream, host, &self.tls).await.map_err(unreachable)?;
                AsyncSmtpConnection::connect_with_transport(Box::new(secured), &me).await
            }
            MailSecurity::Starttls => {
                let (plain, stream) = stream::twice(stream).map_err(unreachable)?;
                let mut plain =
                    AsyncSmtpConnection::connect_with_transport(Box::new(plain), &me).await.map_err(explain)?;
                if !plain.can_starttls() {
                    let message = "the server does not offer STARTTLS: nothing was sent";
                    return Err(Error::Rejected(message.to_owned()));
                }
                plain.command(Starttls).await.map_err(explain)?;
                // What the server, or somebody in between, said before TLS is forgotten with this.
                drop(plain);
                let secured = Secured::go_on(stream, host, &self.tls).await.map_err(unreachable)?;
                AsyncSmtpConnection::connect_with_transport(Box::new(secured), &me).await
            }
        };
        connection.map_err(explain)
    }
}

/// Connects to the first of the host's addresses that answers, if all of them are admitted.
async fn dial(names: &Names, host: &Host, port: u16, allow_private: bool) -> Result<TcpStream, Error> {
    let admitted = addresses(names, host, port, allow_private).await;
    let addresses = admitted.map_err(|error| match error.downcast::<Refused>() {
        Ok(refused) => Error::Denied(refused.to_string()),
        Err(error) => unreachable(error),
    })?;
    let mut last = Error::Unreachable("the name has no address".to_owned());
    for address in addresses {
        last = match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => unreachable(error),
            Err(_) => Error::TimedOut,
        };
    }
    Err(last)
}

/// The address this side is seen with is what it has for a name.
fn introduce(address: SocketAddr) -> ClientId {
    match address {
        SocketAddr::V4(address) => ClientId::Ipv4(*address.ip()),
        SocketAddr::V6(address) => ClientId::Ipv6(*address.ip()),
    }
}

fn unreachable(error: impl std::fmt::Display) -> Error {
    Error::Unreachable(error.to_string())
}

/// The reply's code decides; its text is quoted.
fn explain(error: lettre::transport::smtp::Error) -> Error {
    let said = error.source().map_or_else(|| error.to_string(), ToString::to_string);
    let text = error.status().map_or_else(|| said.clone(), |code| format!("{code} {said}"));
    if error.is_timeout() {
        Error::TimedOut
    } else if error.is_permanent() || error.is_client() {
        Error::Rejected(text)
    } else {
        Error::Unreachable(text)
    }
}
