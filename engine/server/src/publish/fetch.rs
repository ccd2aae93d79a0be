//! What Git is asked: the commit of a branch, its definitions, and the components they use.

use std::path::Path;

use kiket_core::diagnostic::{Code, Diagnostic, Problems, Span};
use kiket_core::revision::component_paths;
use kiket_core::{Level, Origin, Source};
use kiket_sync::{CommitId, Limits, Mirror, RemoteUrl, SyncError};

/// How many of the largest components one commit may bring along, by the bytes they have together.
const COMPONENTS: usize = 4;

/// What the names of branches begin with.
pub(super) const HEADS: &str = "refs/heads/";
/// What the names of tags begin with.
pub(super) const TAGS: &str = "refs/tags/";

/// Files by their paths; a file that is not there is `None`.
type Components = Vec<(String, Option<Vec<u8>>)>;

/// What Git said of a branch or a tag.
pub(super) struct Fetched {
    /// The full name: `refs/heads/main`.
    pub(super) reference: String,
    /// Whether this is what the project is now: the newest commit of its own branch. A
    /// delivery that comes late must not bring an older one back.
    pub(super) is_active: bool,
    pub(super) commit: String,
    pub(super) sources: Vec<Source>,
    pub(super) skipped: Vec<Diagnostic>,
    pub(super) components: Components,
    pub(super) changed: Option<Vec<String>>,
}

/// What Git is asked.
pub(super) struct Ask {
    /// The project's branch, where one was chosen.
    pub(super) own: Option<String>,
    /// The full name of what to look at; the project's own branch where there is none.
    pub(super) reference: Option<String>,
    /// The commit that was delivered; the newest one where there is none.
    pub(super) commit: Option<CommitId>,
    /// What the files are compared with.
    pub(super) before: Option<String>,
    /// Largest component to read.
    pub(super) component_bytes: usize,
}

/// What came of it.
pub(super) enum Looked {
    Found(Box<Fetched>),
    /// There is nothing to publish; says why.
    Nothing(String),
}

/// Everything that Git is asked, in one go on a thread that may block.
pub(super) fn fetch(folder: &Path, url: &RemoteUrl, ask: Ask) -> Result<Looked, SyncError> {
    let mirror = Mirror::open(folder, url, Limits::default())?;
    let own = match ask.own {
        Some(own) => Some(own),
        None => mirror.default_branch()?,
    };
    let own = own.map(|own| format!("{HEADS}{own}"));
    let Some(reference) = ask.reference.or_else(|| own.clone()) else {
        return Ok(Looked::Nothing("the repository has no commit".to_owned()));
    };
    let tip = mirror.fetch_reference(&reference)?;
    let nothing = |why: &str| Ok(Looked::Nothing(format!("`{reference:.200}` {why}")));
    let commit = match (ask.commit, tip) {
        (None, None) => return nothing("has no commit"),
        (None, Some(tip)) => tip.commit,
        // A branch moves on, and its commits stay what they are. A tag is one commit: where it is another by now,
        // somebody else tells of that. Forges name the commit, or the tag's own object.
        (Some(commit), Some(tip)) if reference.starts_with(TAGS) => match [tip.commit, tip.target].contains(&commit) {
            true => tip.commit,
            false => return nothing("points elsewhere by now"),
        },
        (Some(_), None) if reference.starts_with(TAGS) => return nothing("is gone"),
        (Some(commit), _) => commit,
    };
    mirror.fetch_commit_of(&reference, &commit)?;
    let mut sources = mirror.sources(&commit)?;
    let origin = Origin {
        level: Level::Repository,
        repository: Some(url.to_string()),
        branch: Some(short(&reference).to_owned()),
        commit: Some(commit.to_string()),
    };
    sources.files.iter_mut().for_each(|source| source.origin = origin.clone());
    let skipped = sources.skipped.iter().flat_map(|skipped| {
        let mut problems = Problems::new(&skipped.path);
        problems.report(Code::NotActedOn, Span::default(), format!("skipped: {}", skipped.reason));
        problems.into_diagnostics()
    });
    let mut skipped: Vec<Diagnostic> = skipped.collect();
    let (components, too_large) = components(&mirror, &commit, &sources.files, ask.component_bytes)?;
    skipped.extend(too_large);
    let changed = ask
        .before
        .and_then(|before| before.parse::<CommitId>().ok())
        .and_then(|before| mirror.fetch_commit_of(&reference, &before).ok().map(|()| before))
        .and_then(|before| mirror.changed_paths(&before, &commit).ok());
    Ok(Looked::Found(Box::new(Fetched {
        is_active: own.as_deref() == Some(&reference) && tip.map(|tip| tip.commit) == Some(commit),
        reference,
        commit: commit.to_string(),
        sources: sources.files,
        skipped,
        components,
        changed,
    })))
}

/// What people call a reference: `main` for a branch.
pub(super) fn short(reference: &str) -> &str {
    reference.strip_prefix(HEADS).unwrap_or(reference)
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
