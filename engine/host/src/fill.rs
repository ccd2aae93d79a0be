//! Puts secrets into a request that is about to leave.
//!
//! Which secret may stand where is checked twice: by the gate, on what the guest
//! wrote, and here, on what it has become. The host is that of the finished URL.

mod mail;

use url::Host;

use crate::calls::HttpPermit;
use crate::grant::{Grants, SecretGrant, SecretUse};
use crate::placeholder::Placeholders;
use crate::target::Target;
use crate::wit::http::{Error, Request};

pub use mail::mail_secrets_of;
pub(crate) use mail::{check_mail_uses, login};

/// Whether every placeholder of a request stands where a grant allows it; the error says which does not.
pub(crate) fn check_uses(request: &Request, grants: &Grants, placeholders: &Placeholders) -> Result<(), String> {
    for (name, wanted) in uses(request, placeholders) {
        if !is_granted(grants, name, wanted) {
            return Err(not_granted(name, wanted.word()));
        }
    }
    Ok(())
}

/// Returns the names of the secrets that a request needs, without repeats.
#[must_use]
pub fn secrets_of(request: &Request, permit: &HttpPermit) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in uses(request, &permit.placeholders) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Puts the values in and checks the grants against what comes of it: the request as it would leave, for whoever answers
/// it without a network.
///
/// # Errors
/// What the guest is told of a request that does not leave.
pub fn filled(
    request: Request,
    permit: &HttpPermit,
    value: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<Request, Error> {
    fill(request, permit, value).map(|(request, ..)| request)
}

/// Puts the values in and checks the grants against what comes of it.
pub(crate) fn fill(
    request: Request,
    permit: &HttpPermit,
    value: &(dyn Fn(&str) -> Option<String> + Sync),
) -> Result<(Request, Target, bool), Error> {
    let placeholders = &permit.placeholders;
    let used: Vec<(String, SecretUse)> =
        uses(&request, placeholders).into_iter().map(|(name, wanted)| (name.to_owned(), wanted)).collect();
    if let Some((name, _)) = used.iter().find(|(name, _)| value(name).is_none()) {
        return Err(Error::Denied(no_value(name)));
    }
    let put = |text: &str| placeholders.replace(text, value);
    let secret_url = used.iter().any(|(_, wanted)| *wanted == SecretUse::Url);
    let url = put(&request.url);
    let target = Target::parse(&request.method, &url).map_err(|reason| match secret_url {
        // The reason may quote the URL, and with it the secret.
        true => Error::InvalidRequest("the URL is not valid once its secret is put in".to_owned()),
        false => Error::InvalidRequest(reason),
    })?;
    let covered = permit.grants.cover(&target).ok_or_else(|| Error::Denied(target.not_granted()))?;
    for (name, wanted) in &used {
        if !goes_to(&permit.grants, name, *wanted, &target.host) {
            return Err(Error::Denied(not_granted_for(name, *wanted, &target.host)));
        }
    }
    let headers = request.headers.iter().map(|(name, text)| (name.clone(), put(text))).collect();
    let body = match std::str::from_utf8(&request.body) {
        Ok(text) if placeholders.occur_in(text) => put(text).into_bytes(),
        _ => request.body,
    };
    Ok((Request { headers, body, url, ..request }, target, covered.exactly))
}

/// Whether some grant lets a secret be sent to a host in this way.
pub(crate) fn goes_to(grants: &Grants, name: &str, wanted: SecretUse, host: &Host) -> bool {
    of(grants, name, wanted).any(|grant| grant.hosts.iter().any(|pattern| pattern.matches(host)))
}

/// Whether some grant allows a use of a secret.
pub(crate) fn is_granted(grants: &Grants, name: &str, wanted: SecretUse) -> bool {
    of(grants, name, wanted).next().is_some()
}

/// The grants for a use of a secret; a name may stand in several.
fn of<'g>(grants: &'g Grants, name: &str, wanted: SecretUse) -> impl Iterator<Item = &'g SecretGrant> {
    grants.secrets.iter().filter(move |grant| grant.name == name && grant.uses.contains(&wanted))
}

pub(crate) fn not_granted(name: &str, wanted: &str) -> String {
    format!(
        "secret `{name}` is not granted for `{wanted}`: to allow it, add \
         `{{ name: {name}, use: [{wanted}], hosts: [\"…\"] }}` to this plugin's `grants.secrets` in \
         `.kiket/plugins.yaml`"
    )
}

fn no_value(name: &str) -> String {
    format!("secret `{name}` has no value in this project: `kiket secret set` gives it one")
}

pub(crate) fn not_granted_for(name: &str, wanted: SecretUse, host: &Host) -> String {
    format!(
        "secret `{name}` may not be sent to {host} as `{}`: its grant in `.kiket/plugins.yaml` has to name that host",
        wanted.word()
    )
}

/// Every secret a request names, and where it stands.
fn uses<'r>(request: &'r Request, placeholders: &Placeholders) -> Vec<(&'r str, SecretUse)> {
    let mut uses = Vec::new();
    let mut note = |text: &'r str, wanted| uses.extend(placeholders.names(text).into_iter().map(|name| (name, wanted)));
    note(&request.url, SecretUse::Url);
    request.headers.iter().for_each(|(_, text)| note(text, SecretUse::Header));
    if let Ok(body) = std::str::from_utf8(&request.body) {
        note(body, SecretUse::Body);
    }
    uses
}
