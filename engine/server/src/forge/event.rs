//! What is read of a payload: names of references and commits, and who it was. The rest is ignored.

use serde::Deserialize;

use super::Forge;

/// What a delivery tells of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Event {
    /// A branch has another commit, or a tag is new.
    Push(Push),
    /// A pull or merge request is new, or has other commits.
    PullRequest(PullRequest),
    /// Nothing that could start anything; says what.
    Other(String),
}

/// A push of a branch or a tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Push {
    /// The full name: `refs/heads/main`, `refs/tags/v1`.
    pub(crate) reference: String,
    /// The commit before, where there was one.
    pub(crate) before: Option<String>,
    /// The commit after. Of an annotated tag, some forges name the tag's own object.
    pub(crate) after: String,
    /// Who pushed, as the forge says.
    pub(crate) actor: String,
}

/// A pull request of GitHub, Forgejo or Gitea, a merge request of GitLab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PullRequest {
    /// Its number.
    pub(crate) number: u64,
    /// The newest commit of what is to be merged.
    pub(crate) commit: String,
    /// The branch that is merged, in its own repository.
    pub(crate) source: String,
    /// Where the repository that is merged into has that commit: `refs/pull/7/head`.
    pub(crate) head: String,
    /// The branch that is merged into.
    pub(crate) target: String,
    /// Whether it comes from another repository, whose authors are strangers.
    pub(crate) is_fork: bool,
    /// Who opened or changed it, as the forge says.
    pub(crate) actor: String,
}

/// The body is not the payload that its event says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the body is not a payload of {event}: {reason}")]
pub(crate) struct EventError {
    event: String,
    reason: String,
}

impl Event {
    /// Reads the body of a genuine delivery.
    ///
    /// # Errors
    /// [`EventError`] where the body is not the JSON of its event.
    pub(crate) fn read(forge: Forge, event: &str, body: &[u8]) -> Result<Self, EventError> {
        match (forge, event) {
            (Forge::GitLab, "Push Hook" | "Tag Push Hook") => parse(event, body).map(GitLabPush::read),
            (Forge::GitLab, "Merge Request Hook") => parse(event, body).map(MergeRequest::read),
            (Forge::GitHub | Forge::Forgejo | Forge::Gitea, "push") => parse(event, body).map(GitHubPush::read),
            (Forge::GitHub | Forge::Forgejo | Forge::Gitea, "pull_request" | "pull_request_sync") => {
                parse(event, body).map(Pull::read)
            }
            _ => Ok(Self::Other(format!("a {event} event starts nothing"))),
        }
    }
}

fn parse<'b, T: Deserialize<'b>>(event: &str, body: &'b [u8]) -> Result<T, EventError> {
    serde_json::from_slice(body).map_err(|error| EventError { event: event.to_owned(), reason: error.to_string() })
}

/// A push as GitHub describes it, and those who came after it.
#[derive(Deserialize)]
struct GitHubPush {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    pusher: Option<User>,
}

#[derive(Deserialize)]
struct GitLabPush {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    user_username: Option<String>,
}

/// Forges name people by one or the other.
#[derive(Default, Deserialize)]
struct User {
    #[serde(default)]
    login: Option<String>,
    #[serde(default)]
    username: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Pull {
    action: String,
    number: u64,
    pull_request: PullDetails,
    #[serde(default)]
    sender: Option<User>,
}

#[derive(Deserialize)]
struct PullDetails {
    head: Side,
    base: Side,
}

#[derive(Deserialize)]
struct Side {
    #[serde(rename = "ref", default)]
    reference: String,
    #[serde(default)]
    sha: String,
    /// Absent where the fork was deleted.
    #[serde(default)]
    repo: Option<Repository>,
}

#[derive(PartialEq, Deserialize)]
struct Repository {
    id: u64,
}

#[derive(Deserialize)]
struct MergeRequest {
    object_attributes: MergeDetails,
    #[serde(default)]
    user: Option<User>,
}

#[derive(Deserialize)]
struct MergeDetails {
    iid: u64,
    #[serde(default)]
    action: String,
    /// There where an update brought other commits.
    #[serde(default)]
    oldrev: Option<String>,
    source_branch: String,
    target_branch: String,
    source_project_id: Option<u64>,
    target_project_id: Option<u64>,
    last_commit: Option<Commit>,
}

#[derive(Deserialize)]
struct Commit {
    id: String,
}

impl GitHubPush {
    fn read(self) -> Event {
        let actor = self.pusher.map(User::name).unwrap_or_default();
        moved(&self.reference, self.before, self.after, actor)
    }
}

impl GitLabPush {
    fn read(self) -> Event {
        moved(&self.reference, self.before, self.after, self.user_username.unwrap_or_default())
    }
}

/// A reference that was moved, made or deleted.
fn moved(reference: &str, before: String, after: String, actor: String) -> Event {
    let commit = |text: String| (!text.is_empty() && text.bytes().any(|byte| byte != b'0')).then_some(text);
    let shown: String = reference.chars().take(200).collect();
    let is_known =
        ["refs/heads/", "refs/tags/"].iter().any(|kind| reference.len() > kind.len() && reference.starts_with(kind));
    if !is_known {
        return Event::Other(format!("`{shown}` is neither a branch nor a tag"));
    }
    match commit(after) {
        Some(after) => {
            Event::Push(Push { reference: reference.to_owned(), before: commit(before), after, actor: short(actor) })
        }
        None => Event::Other(format!("`{shown}` was deleted, which starts nothing")),
    }
}

impl Pull {
    fn read(self) -> Event {
        let Self { action, number, pull_request: PullDetails { head, base }, sender } = self;
        // Forgejo and Gitea say `synchronized` where GitHub says `synchronize`.
        if !["opened", "reopened", "synchronize", "synchronized"].contains(&&*action) {
            return Event::Other(format!("a pull request that is {} starts nothing", short(action)));
        }
        Event::PullRequest(PullRequest {
            number,
            commit: head.sha,
            source: head.reference,
            head: format!("refs/pull/{number}/head"),
            target: base.reference,
            is_fork: head.repo.is_none() || head.repo != base.repo,
            actor: short(sender.map(User::name).unwrap_or_default()),
        })
    }
}

impl MergeRequest {
    fn read(self) -> Event {
        let Self { object_attributes: details, user } = self;
        let starts =
            matches!(&*details.action, "open" | "reopen") || details.action == "update" && details.oldrev.is_some();
        match details.last_commit.filter(|_| starts) {
            Some(commit) => Event::PullRequest(PullRequest {
                number: details.iid,
                commit: commit.id,
                source: details.source_branch,
                head: format!("refs/merge-requests/{}/head", details.iid),
                target: details.target_branch,
                is_fork: details.source_project_id.is_none() || details.source_project_id != details.target_project_id,
                actor: short(user.map(User::name).unwrap_or_default()),
            }),
            None => Event::Other(format!("a merge request with the action `{}` starts nothing", short(details.action))),
        }
    }
}

impl User {
    fn name(self) -> String {
        let said = [self.login, self.username, self.name];
        said.into_iter().flatten().find(|name| !name.is_empty()).unwrap_or_default()
    }
}

fn short(text: String) -> String {
    text.chars().take(200).collect()
}
