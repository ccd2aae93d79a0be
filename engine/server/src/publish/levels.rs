//! The definitions that lie below and above those of a project's own repository: what kiket ships, what the
//! organisation shares, and what is laid over one project. The last two are Git repositories like any other.

use std::path::Path;

use kiket_core::{Level, Origin, Source};
use kiket_store::Project;
use kiket_sync::{Limits, Mirror, RemoteUrl, SyncError};

use super::{Publisher, SyncFailure};

/// A Git repository of definitions that is not a project's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GitSource {
    /// Its address.
    pub url: String,
    /// The branch; the remote's default where none is named.
    pub branch: Option<String>,
}

impl Publisher {
    /// Reads the definitions of every level but the project's own.
    ///
    /// A repository that cannot be read fails the sync: without it the project would mean something else. The last
    /// good revision stays active meanwhile.
    pub(super) async fn other_levels(&self, project: &Project) -> Result<Vec<Source>, SyncFailure> {
        let mut sources = crate::bundled::defaults();
        if let Some(organisation) = self.organisation.clone() {
            let folder = self.mirrors.join("organisation.git");
            sources.extend(read(folder, organisation, Level::Organisation).await?);
        }
        if let Some(url) = project.overrides_url.clone() {
            let folder = self.mirrors.join(format!("{}-overrides.git", project.id));
            let overrides = GitSource { url, branch: project.overrides_branch.clone() };
            sources.extend(read(folder, overrides, Level::Project).await?);
        }
        Ok(sources)
    }
}

async fn read(folder: std::path::PathBuf, from: GitSource, level: Level) -> Result<Vec<Source>, SyncFailure> {
    let url: RemoteUrl = from.url.parse().map_err(|error| SyncFailure::Url(format!("{}: {error}", from.url)))?;
    match tokio::task::spawn_blocking(move || fetch(&folder, &url, from, level)).await {
        Ok(sources) => Ok(sources?),
        Err(panic) => Err(SyncFailure::Url(format!("reading the {level} repository failed: {panic}"))),
    }
}

/// Reads the newest commit; a repository without one has no definitions.
fn fetch(folder: &Path, url: &RemoteUrl, from: GitSource, level: Level) -> Result<Vec<Source>, SyncError> {
    let mirror = Mirror::open(folder, url, Limits::default())?;
    let branch = match from.branch {
        Some(branch) => Some(branch),
        None => mirror.default_branch()?,
    };
    let Some(branch) = branch else { return Ok(Vec::new()) };
    let Some(tip) = mirror.fetch(&branch)? else { return Ok(Vec::new()) };
    let origin =
        Origin { level, repository: Some(from.url), branch: Some(branch), commit: Some(tip.commit.to_string()) };
    let files = mirror.sources(&tip.commit)?.files;
    Ok(files.into_iter().map(|source| Source { origin: origin.clone(), ..source }).collect())
}
