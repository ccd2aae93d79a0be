//! Puts a secret into the login of a mail server: the one place of an e-mail where one may stand.

use url::Host;

use super::{goes_to, is_granted, no_value, not_granted, not_granted_for};
use crate::calls::MailPermit;
use crate::grant::{Grants, SecretUse};
use crate::placeholder::Placeholders;
use crate::wit::mail::{Credentials, Error, Message, Server};

/// Whether every placeholder stands where a grant allows it; the error says which does not.
pub(crate) fn check_mail_uses(
    server: &Server,
    message: &Message,
    grants: &Grants,
    placeholders: &Placeholders,
) -> Result<(), String> {
    let Message { sender, recipients, subject, text, html, id } = message;
    let user = server.login.iter().map(|login| &login.user);
    let mut others = [sender, subject, text, id].into_iter().chain(recipients).chain(html).chain(user);
    if others.any(|text| placeholders.occur_in(text)) {
        return Err("a secret may stand in the password of an e-mail and nowhere else".to_owned());
    }
    let password = server.login.as_ref().map_or("", |login| &login.password);
    for name in placeholders.names(password) {
        if !is_granted(grants, name, SecretUse::Header) {
            return Err(not_granted(name, SecretUse::Header.word()));
        }
    }
    Ok(())
}

/// Returns the names of the secrets that the login of a server needs, without repeats.
#[must_use]
pub fn mail_secrets_of(server: &Server, permit: &MailPermit) -> Vec<String> {
    let password = server.login.as_ref().map_or("", |login| &login.password);
    permit.placeholders.names(password).into_iter().map(str::to_owned).collect()
}

/// Puts the values into the login and checks that they may go to the server.
pub(crate) fn login(
    server: &Server,
    host: &Host,
    permit: &MailPermit,
    value: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<Option<Credentials>, Error> {
    let Some(Credentials { user, password }) = &server.login else { return Ok(None) };
    for name in permit.placeholders.names(password) {
        if !goes_to(&permit.grants, name, SecretUse::Header, host) {
            return Err(Error::Denied(not_granted_for(name, SecretUse::Header, host)));
        }
        if value(name).is_none() {
            return Err(Error::Denied(no_value(name)));
        }
    }
    Ok(Some(Credentials { user: user.clone(), password: permit.placeholders.replace(password, value) }))
}
