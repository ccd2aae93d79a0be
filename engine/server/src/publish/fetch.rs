//! What Git is asked: the commit of a branch, its definitions, and the components they use.

use std::path::Path;

use kiket_core::diagnostic::{Code, Diagnostic, Problems, Span};
use kiket_core::revision::component_paths;
use kiket_core::{Level, Origin, Source};
use kiket_sync::{CommitId, Limits, Mirror, RemoteUrl, SyncError};

/// How many of the largest components one commit may bring along, by the bytes they have together.
const COMPONENTS: usize = 4;

/// Files by their paths; a file that is not there is `None`.
type Components = Vec<(String, Option<Vec<u8>>)>;

/// What Git said of a branch.
pub(super) struct Fetched {
    pub(super) branch: String,
    /// Whether this is what the project is now: the newest commit of its own branch. A
    /// delivery that comes late must not bring an older one back.
    pub(super) is_active: bool,
    pub(super) commit: String,
    pub(super) sources: Vec<Source>,
    pub(super) skipped: Vec<Diagnostic>,
    pub(super) components: Components,
    pub(super) changed: Option<Vec<String>>,
}

impl Fetched {
    /// Returns the full name of the branch.
    pub(super) fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch)
    }
}

/// Everything that Git is asked, in one go on a thread that may block.
pub(super) fn fetch(
    folder: &Path,
    url: &RemoteUrl,
    own: Option<String>,
    branch: Option<String>,
    commit: Option<CommitId>,
    before: Option<&str>,
    component_bytes: usize,
) -> Result<Option<Fetched>, SyncError> {
    let mirror = Mirror::open(folder, url, Limits::default())?;
    let own = match own {
        Some(own) => Some(own),
        None => mirror.default_branch()?,
    };
    let Some(branch) = branch.or_else(|| own.clone()) else { return Ok(None) };
    let tip = mirror.fetch(&branch)?.map(|tip| tip.commit);
    let Some(commit) = commit.or(tip) else { return Ok(None) };
    mirror.fetch_commit(&branch, &commit)?;
    let mut sources = mirror.sources(&commit)?;
    let origin = Origin {
        level: Level::Repository,
        repository: Some(url.to_string()),
        branch: Some(branch.clone()),
        commit: Some(commit.to_string()),
    };
    sources.files.iter_mut().for_each(|source| source.origin = origin.clone());
    let skipped = sources.skipped.iter().flat_map(|skipped| {
        let mut problems = Problems::new(&skipped.path);
        problems.report(Code::NotActedOn, Span::default(), format!("skipped: {}", skipped.reason));
        problems.into_diagnostics()
    });
    let mut skipped: Vec<Diagnostic> = skipped.collect();
    let (components, too_large) = components(&mirror, &commit, &sources.files, component_bytes)?;
    skipped.extend(too_large);
    let changed = before
        .and_then(|before| before.parse::<CommitId>().ok())
        .and_then(|before| mirror.fetch_commit(&branch, &before).ok().map(|()| before))
        .and_then(|before| mirror.changed_paths(&before, &commit).ok());
    Ok(Some(Fetched {
        is_active: own.as_deref() == Some(&branch) && tip == Some(commit),
        branch,
        commit: commit.to_string(),
        sources: sources.files,
        skipped,
        components,
        changed,
    }))
}

/// Reads the components that the definitions name, as far as they are not too large, each or together.
fn components(
    mirror: &Mirror,
    commit: &CommitId,
    sources: &[Source],
    most: usize,
) -> Result<(Components, Vec<Diagnostic>), SyncError> {
    let mut left = most.saturating_mul(COMPONENTS);
    let (mut components, mut too_large) = (Components::new(), Vec::new());
    for path in component_paths(sources) {
        match mirror.blob(commit, &path, most.min(left)) {
            Ok(component) => {
                left -= component.as_ref().map_or(0, Vec::len);
                components.push((path, component));
            }
            Err(SyncError::TooLarge { .. }) => {
                let mut problems = Problems::new(&path);
                let text = format!(
                    "not a usable plugin: {most} bytes are allowed for a component, and {COMPONENTS} times as many for \
                     those of a commit together"
                );
                problems.report(Code::UnusableComponent, Span::default(), text);
                too_large.extend(problems.into_diagnostics());
            }
            Err(error) => return Err(error),
        }
    }
    Ok((components, too_large))
}
