//! What is read of a push payload: a ref and two commits. The rest is ignored.

use serde::Deserialize;

/// A push as the forge describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    /// The branch, without `refs/heads/`.
    pub(crate) branch: String,
    /// The commit before, where the branch existed.
    pub(crate) before: Option<String>,
    /// The commit after; `None` where the branch was deleted.
    pub(crate) after: Option<String>,
    /// Who pushed, as the forge says.
    pub(crate) actor: String,
}

/// A payload that is not a push of a branch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PushError {
    /// Not JSON, or not the JSON of a push.
    #[error("the body is not a push payload: {0}")]
    Malformed(String),
    /// A tag or something else that is not a branch.
    #[error("`{0}` is not a branch")]
    NotABranch(String),
}

#[derive(Deserialize)]
struct Payload {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    pusher: Option<Pusher>,
}

#[derive(Deserialize)]
struct Pusher {
    #[serde(default, alias = "login", alias = "username")]
    name: Option<String>,
}

impl Push {
    /// Reads the body of a push delivery of GitHub's form.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, PushError> {
        let payload: Payload = serde_json::from_slice(body).map_err(|error| PushError::Malformed(error.to_string()))?;
        let branch = payload.reference.strip_prefix("refs/heads/").filter(|branch| !branch.is_empty());
        let branch = branch.ok_or_else(|| PushError::NotABranch(payload.reference.chars().take(200).collect()))?;
        let commit = |text: String| (!text.is_empty() && text.bytes().any(|byte| byte != b'0')).then_some(text);
        let actor = payload.pusher.and_then(|pusher| pusher.name).unwrap_or_default();
        Ok(Self {
            branch: branch.to_owned(),
            before: commit(payload.before),
            after: commit(payload.after),
            actor: actor.chars().take(200).collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_push_and_refuses_the_rest() {
        let body = br#"{"ref":"refs/heads/a/b","before":"0000","after":"1f","pusher":{"name":"ada"},"repository":{"url":"ext::sh"}}"#;
        let push = Push::parse(body).unwrap();
        assert_eq!(push, Push { branch: "a/b".into(), before: None, after: Some("1f".into()), actor: "ada".into() });
        assert_eq!(Push::parse(br#"{"ref":"refs/tags/v1"}"#), Err(PushError::NotABranch("refs/tags/v1".into())));
        assert!(matches!(Push::parse(b"{"), Err(PushError::Malformed(_))));
        assert!(matches!(Push::parse(b"[1]"), Err(PushError::Malformed(_))));
        assert!(matches!(Push::parse(br#"{"ref":5}"#), Err(PushError::Malformed(_))));
    }
}
