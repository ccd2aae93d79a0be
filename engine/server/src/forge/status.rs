//! How a forge is told what became of a commit: where statuses go, and how each forge wants them.

use reqwest::Url;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Where the statuses of a project's commits are posted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Forge")]
pub(crate) struct ForgeSettings {
    /// Which forge it is.
    pub(crate) kind: Kind,
    /// Where its API is: `https://api.github.com`, `https://git.example.com`.
    pub(crate) api_url: String,
    /// The repository there: `owner/name`.
    pub(crate) repository: String,
    /// The name of the project's secret that is its token.
    pub(crate) token_secret: String,
}

/// A kind of forge that takes statuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ForgeKind")]
pub(crate) enum Kind {
    Github,
    Forgejo,
    Gitea,
    Gitlab,
}

/// How a run stands, as forges say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Success,
    Failure,
    /// It neither succeeded nor failed: it was cancelled.
    Error,
}

/// A status to be posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    pub(crate) commit: String,
    pub(crate) state: State,
    /// What it is about: `kiket/release`.
    pub(crate) context: String,
    pub(crate) description: String,
    pub(crate) target_url: String,
}

impl ForgeSettings {
    /// Says what is wrong with the settings, if anything.
    pub(crate) fn check(&self) -> Result<(), String> {
        let url = Url::parse(&self.api_url).map_err(|error| format!("`api_url`: {error}"))?;
        if !matches!(url.scheme(), "https" | "http") || url.host().is_none() {
            return Err("`api_url` begins with https:// or http://".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err("`api_url` is an address and nothing else: the token is a secret".to_owned());
        }
        let is_part = |part: &str| {
            let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
            !part.is_empty() && part.len() <= 100 && part != "." && part != ".." && part.bytes().all(known)
        };
        let parts: Vec<&str> = self.repository.split('/').collect();
        let fits = if self.kind == Kind::Gitlab { (2..=20).contains(&parts.len()) } else { parts.len() == 2 };
        if !fits || !parts.iter().all(|part| is_part(part)) {
            return Err("`repository` is `owner/name`".to_owned());
        }
        if !crate::secrets::is_name(&self.token_secret) {
            return Err("`token_secret` is the name of a secret of the project".to_owned());
        }
        Ok(())
    }

    /// Writes the settings as they are stored.
    pub(crate) fn to_json(&self) -> String {
        serde_json::to_string(self).expect("settings are plain data")
    }

    /// Returns the address that a status of this commit is posted to.
    pub(crate) fn address(&self, commit: &str) -> String {
        let base = self.api_url.trim_end_matches('/');
        match self.kind {
            Kind::Github => format!("{base}/repos/{}/statuses/{commit}", self.repository),
            Kind::Forgejo | Kind::Gitea => format!("{base}/api/v1/repos/{}/statuses/{commit}", self.repository),
            Kind::Gitlab => {
                format!("{base}/api/v4/projects/{}/statuses/{commit}", self.repository.replace('/', "%2F"))
            }
        }
    }

    /// Returns the header that proves who posts it; `token` is put in where it belongs.
    pub(crate) fn authorization(&self, token: &str) -> (&'static str, String) {
        match self.kind {
            Kind::Github | Kind::Gitlab => ("authorization", format!("Bearer {token}")),
            Kind::Forgejo | Kind::Gitea => ("authorization", format!("token {token}")),
        }
    }

    /// Writes the body of a status.
    pub(crate) fn body(&self, status: &Status) -> String {
        let Status { state, context, description, target_url, .. } = status;
        let state = match (self.kind, state) {
            (_, State::Pending) => "pending",
            (_, State::Success) => "success",
            (Kind::Gitlab, State::Failure) => "failed",
            (Kind::Gitlab, State::Error) => "canceled",
            (_, State::Failure) => "failure",
            (_, State::Error) => "error",
        };
        let body = json!({
            "state": state, "context": context, "description": description, "target_url": target_url,
        });
        body.to_string()
    }
}
