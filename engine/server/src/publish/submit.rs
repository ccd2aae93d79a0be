//! A pipeline that comes with a request: compiled in place of its namesake in the active revision, never more than that
//! may do, and kept as a revision of its own that is in force for one run.

use std::collections::BTreeMap;
use std::sync::Arc;

use kiket_core::definition::{Definition, parse};
use kiket_core::diagnostic::{Diagnostic, Severity};
use kiket_core::plan::Plan;
use kiket_core::record::{RevisionEvent, RevisionNote};
use kiket_core::revision::compile;
use kiket_core::{Level, Origin, RevisionId, Source};
use kiket_store::{NewEvent, NewRevision, Project, RevisionStatus, StoreError};

use super::Publisher;
use crate::clock;
use crate::plugins::PluginError;

/// Why a submitted pipeline cannot run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SubmitFailure {
    /// The project has no definitions, and so no grants.
    #[error("the project has no active revision yet")]
    NoRevision,
    /// It says something wrong, or is no pipeline.
    #[error("the definition has errors")]
    Invalid(Vec<Diagnostic>),
    /// It is no pipeline.
    #[error("the definition is not one of a pipeline: it needs `pipeline: {{ id: … }}` and `stages:`")]
    NoPipeline,
    /// A component of the active revision is gone.
    #[error("a component of the active revision cannot be had")]
    Plugin(#[from] PluginError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A compiled submission, to be committed together with the run that it is for.
pub(crate) struct Submission {
    pub(crate) revision: NewRevision,
    pub(crate) plan: Arc<Plan>,
}

impl Publisher {
    /// Compiles a submitted pipeline with the plugins, the grants and everything else of the active revision.
    pub(crate) async fn submission(&self, project: &Project, text: String) -> Result<Submission, SubmitFailure> {
        let active = project.active_revision.ok_or(SubmitFailure::NoRevision)?;
        let row = self.store.revision(active).await?.ok_or(SubmitFailure::NoRevision)?;
        let pinned: BTreeMap<String, String> = serde_json::from_str(&row.plugins).unwrap_or_default();
        let catalog = self.plugins.catalog(&pinned)?;
        let others = self.store.sources(active).await?;
        let compiled = tokio::task::spawn_blocking(move || {
            let own = source(text, &others);
            let (definition, found) = parse(&own);
            let Some(Definition::Pipeline(pipeline)) = definition else {
                let wrong = found.iter().any(|found| found.severity == Severity::Error);
                return Err(if wrong { SubmitFailure::Invalid(found) } else { SubmitFailure::NoPipeline });
            };
            let mut sources = others;
            sources.retain(|source| !is_namesake(source, &pipeline.id.value));
            sources.push(own.clone());
            sources.sort_by(|one, other| (one.origin.level, &one.path).cmp(&(other.origin.level, &other.path)));
            let (revision, mut found) = compile(&sources, &catalog);
            // What the other files say was accepted before; only where it is refused now is it worth a word.
            found.retain(|found| found.path == own.path || found.severity == Severity::Error);
            match revision {
                Some(revision) => Ok((revision, pipeline.id.value.clone(), sources, found)),
                None => Err(SubmitFailure::Invalid(found)),
            }
        });
        // Compiling does not panic; where it did, the definition is at least not accepted.
        let compiled = compiled.await.unwrap_or_else(|_| Err(SubmitFailure::Invalid(Vec::new())));
        let (revision, pipeline, sources, diagnostics) = compiled?;
        let plan = revision.pipeline(&pipeline).cloned().ok_or(SubmitFailure::NoPipeline)?;
        let id = RevisionId::new(clock::ulid());
        self.revisions.remember(id, Arc::new(revision));
        let (note, at) = (published(id, &row.commit, row.reference.clone()), clock::now());
        let revision = NewRevision {
            id,
            project: project.id,
            reference: row.reference,
            commit: row.commit,
            status: RevisionStatus::Submitted,
            key: None,
            sources,
            diagnostics: serde_json::to_string(&diagnostics).unwrap_or_else(|_| "[]".to_owned()),
            plugins: row.plugins,
            at,
            event: note,
        };
        Ok(Submission { revision, plan })
    }
}

/// The definition as a file of the repository that no other file is.
fn source(text: String, others: &[Source]) -> Source {
    let taken = |path: &str| others.iter().any(|source| source.path == path);
    let mut path = ".kiket/submitted.yaml".to_owned();
    while taken(&path) {
        path.insert(path.len() - ".yaml".len(), '-');
    }
    Source { path, text, origin: Origin { level: Level::Repository, ..Origin::default() } }
}

fn is_namesake(source: &Source, pipeline: &str) -> bool {
    let named = || matches!(parse(source).0, Some(Definition::Pipeline(other)) if other.id.value == pipeline);
    source.origin.level == Level::Repository && source.text.contains(pipeline) && named()
}

fn published(id: RevisionId, commit: &str, reference: Option<String>) -> NewEvent {
    let status = RevisionStatus::Submitted.to_string();
    let note = RevisionNote { revision: id, commit: Some(commit.to_owned()), reference, status, errors: 0 };
    let event = RevisionEvent::Published(note);
    NewEvent {
        kind: event.kind().into(),
        stage: None,
        data: serde_json::to_string(&event).expect("events are plain data"),
    }
}
