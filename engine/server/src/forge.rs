//! The forges whose webhooks are understood: GitHub, Forgejo, Gitea and GitLab.
//!
//! Opening a delivery proves that it is genuine before anything of its body is read, and says which forge sent it
//! ([`open`]). What it tells of is read later, when it is acted on ([`Event::read`]): every delivery is a hint to
//! look at the repository, and nothing in it is believed but names of references and commits. Nothing here asks a
//! forge anything.

mod event;
mod signature;
mod status;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use axum::http::HeaderMap;

pub(crate) use event::{Event, PullRequest, Push};
pub(crate) use status::{ForgeSettings, State, Status};

/// Longest id of a delivery, in bytes.
const ID: usize = 200;
/// Longest name of an event, in bytes.
const EVENT: usize = 100;

/// A kind of forge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forge {
    GitHub,
    Forgejo,
    Gitea,
    GitLab,
}

/// What the headers of a genuine delivery say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Envelope {
    /// Who sent it.
    pub(crate) forge: Forge,
    /// The delivery's id: one that is sent again has the same.
    pub(crate) id: String,
    /// The kind of event in the forge's own word, for example `push` or `Push Hook`.
    pub(crate) event: String,
}

/// Why a delivery is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// No forge signs like this, or the signature is another's.
    #[error("{0}")]
    NotGenuine(&'static str),
    /// It is genuine, and a header is missing.
    #[error("the headers {0} and {1} are missing or too long")]
    Headers(&'static str, &'static str),
}

/// Opens a delivery: checks over the raw body that whoever sent it knows the secret.
///
/// # Errors
/// [`Refused`], always the same for a wrong secret whatever is wrong about it.
pub(crate) fn open(headers: &HeaderMap, body: &[u8], secret: &str, now: Duration) -> Result<Envelope, Refused> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let forge = signature::check(&text, body, secret, now).map_err(Refused::NotGenuine)?;
    let (id, event) = forge.headers();
    let short = |name: &str, most| text(name).filter(|text| !text.is_empty() && text.len() <= most);
    // GitLab's older versions send no id that stays the same; a later sync finds what a lost delivery told of.
    let known = short(id, ID).or_else(|| (forge == Forge::GitLab).then(|| short("x-gitlab-event-uuid", ID)).flatten());
    match (known, short(event, EVENT)) {
        (Some(id), Some(event)) => Ok(Envelope { forge, id: id.to_owned(), event: event.to_owned() }),
        _ => Err(Refused::Headers(id, event)),
    }
}

impl Forge {
    const ALL: [(Self, &'static str); 4] =
        [(Self::GitHub, "github"), (Self::Forgejo, "forgejo"), (Self::Gitea, "gitea"), (Self::GitLab, "gitlab")];

    /// The headers of a delivery's id and event. GitLab's retries share the key of idempotency.
    fn headers(self) -> (&'static str, &'static str) {
        match self {
            Self::GitHub => ("x-github-delivery", "x-github-event"),
            Self::Forgejo => ("x-forgejo-delivery", "x-forgejo-event"),
            Self::Gitea => ("x-gitea-delivery", "x-gitea-event"),
            Self::GitLab => ("idempotency-key", "x-gitlab-event"),
        }
    }
}

impl fmt::Display for Forge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = Self::ALL.iter().find(|(forge, _)| forge == self).map_or("", |(_, name)| *name);
        f.write_str(name)
    }
}

impl FromStr for Forge {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().find(|(_, name)| *name == text).map(|(forge, _)| *forge).ok_or(())
    }
}

#[cfg(test)]
mod tests;
