//! What comes of compiling a commit: the revision it becomes, or already is, and what else speaks against it.

use std::collections::BTreeMap;

use kiket_core::catalog::Catalog;
use kiket_core::diagnostic::{Code, Diagnostic, Problems, Severity, Span};
use kiket_core::record::{RevisionEvent, RevisionNote};
use kiket_core::revision::Revision;
use kiket_core::{Level, RevisionId, Source};
use kiket_store::{NewEvent, NewRevision, Project, Revision as Row, RevisionStatus};

use super::fetch::Fetched;
use super::sync::{Publisher, SyncFailure};
use crate::clock;

/// The files that say what plugins may do and which ones they are; they always come from the active revision.
const GRANTS: [&str; 2] = [".kiket/plugins.yaml", ".kiket/plugins.lock"];

/// Where a project's key stands, if it has one.
const PROJECT: &str = ".kiket/project.yaml";

impl Publisher {
    /// Returns the revision that this commit already has, where it means the same.
    pub(super) async fn known(
        &self,
        project: &Project,
        fetched: &Fetched,
        accepted: bool,
        diagnostics: &str,
    ) -> Result<Option<RevisionId>, SyncFailure> {
        let newest = match project.active_revision.filter(|_| accepted && fetched.is_active) {
            Some(active) => self.store.revision(active).await?,
            None if accepted => None,
            None => self.store.revisions(project.id, 1).await?.pop(),
        };
        let found = |row: &Row| row.commit == fetched.commit && row.reference.as_deref() == Some(&*fetched.reference);
        let Some(row) = newest.filter(found) else { return Ok(None) };
        // One that was rejected may be rejected for other reasons by now.
        let fits = accepted || row.status == RevisionStatus::Rejected && row.diagnostics == diagnostics;
        // The commit is the same; what the other levels say may have changed.
        let same = fits && self.store.sources(row.id).await? == fetched.sources;
        Ok(same.then_some(row.id))
    }

    pub(super) async fn take_grants_of_active(
        &self,
        project: &Project,
        sources: &mut Vec<Source>,
    ) -> Result<(), SyncFailure> {
        sources.retain(|source| !GRANTS.contains(&&*source.path));
        if let Some(active) = project.active_revision {
            let active = self.store.sources(active).await?;
            let own = |source: &Source| GRANTS.contains(&&*source.path) && source.origin.level == Level::Repository;
            sources.extend(active.into_iter().filter(own));
        }
        Ok(())
    }

    /// Reports a key that the items of another project have: two items of one name would be nobody's.
    pub(super) async fn refuse_taken_key(
        &self,
        project: &Project,
        revision: &Revision,
    ) -> Result<Vec<Diagnostic>, SyncFailure> {
        let key = revision.project_key(&project.name).to_ascii_uppercase();
        let other = match self.store.project_by_key(&key).await? {
            Some(other) => Some(other),
            None => self.store.project_by_name(&key.to_ascii_lowercase()).await?,
        };
        let Some(other) = other.filter(|other| other.id != project.id) else { return Ok(Vec::new()) };
        let (path, span) = revision.key_place().unwrap_or((PROJECT, Span::default()));
        let mut problems = Problems::new(path);
        let message = match other.key.as_deref() == Some(&*key) {
            true => format!("project \"{}\" has the key \"{key:.64}\" already", other.name),
            false => {
                format!("another project is named \"{}\", and its items are found by that name as well", other.name)
            }
        };
        let hint = format!("items of both would be called {key:.64}-1: give the project another key");
        problems.report_with_hint(Code::DuplicateId, span, message, hint);
        Ok(problems.into_diagnostics())
    }

    pub(super) async fn catalog(&self, fetched: &Fetched) -> (Catalog, BTreeMap<String, String>, Vec<Diagnostic>) {
        let mut catalog = self.plugins.bundled().clone();
        let mut diagnostics = Vec::new();
        for (path, component) in &fetched.components {
            let Some(component) = component else { continue };
            match self.plugins.keep(component).await {
                Ok(plugin) => catalog.insert(format!("./{path}"), plugin),
                Err(error) => {
                    let mut problems = Problems::new(path);
                    problems.report(Code::UnusableComponent, Span::default(), format!("not a usable plugin: {error}"));
                    diagnostics.extend(problems.into_diagnostics());
                }
            }
        }
        let pinned = catalog.names().filter_map(|name| Some((name.to_owned(), catalog.get(name)?.digest.clone())));
        let pinned = pinned.collect();
        (catalog, pinned, diagnostics)
    }
}

pub(super) fn new_revision(
    id: RevisionId,
    project: &Project,
    fetched: &Fetched,
    revision: Option<&Revision>,
    diagnostics: &[Diagnostic],
    pinned: &BTreeMap<String, String>,
) -> NewRevision {
    let accepted = revision.is_some();
    let key = revision.map(|revision| revision.project_key(&project.name).to_ascii_uppercase());
    let status = match (accepted, fetched.is_active) {
        (false, _) => RevisionStatus::Rejected,
        (true, true) => RevisionStatus::Active,
        (true, false) => RevisionStatus::Branch,
    };
    let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
    let note = RevisionNote {
        revision: id,
        commit: Some(fetched.commit.clone()),
        reference: Some(fetched.reference.clone()),
        status: status.to_string(),
        errors,
    };
    let event = if accepted { RevisionEvent::Published(note) } else { RevisionEvent::Rejected(note) };
    NewRevision {
        id,
        project: project.id,
        reference: Some(fetched.reference.clone()),
        commit: fetched.commit.clone(),
        status,
        key: key.filter(|key| !key.is_empty()),
        sources: fetched.sources.clone(),
        diagnostics: written(diagnostics),
        plugins: serde_json::to_string(pinned).expect("names and digests are plain data"),
        at: clock::now(),
        event: NewEvent {
            kind: event.kind().into(),
            stage: None,
            data: serde_json::to_string(&event).expect("events are plain data"),
        },
    }
}

/// Writes diagnostics as they are stored.
pub(super) fn written(diagnostics: &[Diagnostic]) -> String {
    serde_json::to_string(diagnostics).expect("diagnostics are plain data")
}
