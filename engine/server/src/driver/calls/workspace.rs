//! `workspace`: the attempt's own copy of the run's files, made when it is first asked for.

use std::sync::Arc;

use async_trait::async_trait;
use kiket_host::wit::workspace::{Entry, Error, Kind};
use kiket_host::{
    Answer, Level, LogLine, Lost, ReportCalls as _, WorkspaceAnswer, WorkspaceCalls, WorkspaceGrant, WorkspaceRequest,
};

use super::Calls;
use crate::workspaces::{self, Files, Inside, Source, Workspace, WorkspaceError};

/// How many of the files that are not in the workspace the log names.
const NAMED: usize = 20;

#[async_trait]
impl WorkspaceCalls for Calls {
    async fn workspace(&self, grant: WorkspaceGrant, request: WorkspaceRequest) -> Answer<WorkspaceAnswer, Error> {
        let workspace = match self.files(grant).await? {
            Ok(workspace) => workspace,
            Err(error) => return Ok(Err(error.into())),
        };
        let done = workspace.within(move |files| perform(files, grant.quota, request)).await;
        Ok(done.map_err(Error::from))
    }
}

impl Calls {
    /// Returns the attempt's workspace; makes it, and tells the log what it lacks, where it is asked for first.
    pub(super) async fn files(&self, grant: WorkspaceGrant) -> Answer<Arc<Workspace>, WorkspaceError> {
        let made = self.workspace.get_or_try_init(|| self.make_workspace(grant.quota)).await;
        let workspace = match made {
            Ok(workspace) => Arc::clone(workspace),
            Err(error) => return Ok(Err(error)),
        };
        if !self.told.swap(true, std::sync::atomic::Ordering::Relaxed) {
            self.tell_skipped(workspace.skipped()).await?;
        }
        Ok(Ok(workspace))
    }

    async fn make_workspace(&self, quota: u64) -> Result<Arc<Workspace>, WorkspaceError> {
        let none = || WorkspaceError::NoFiles("there is no workspace: the run has no commit".to_owned());
        let queued = self.place.queued.as_deref().ok_or_else(none)?;
        let source = Source::of(&self.driver.store, &self.driver.mirrors, self.place.project, queued).await?;
        let workspaces = Arc::clone(&self.driver.workspaces);
        let made = tokio::task::spawn_blocking(move || workspaces.make(&source, quota)).await;
        made.unwrap_or_else(|panic| Err(WorkspaceError::Failed(panic.to_string()))).map(Arc::new)
    }

    async fn tell_skipped(&self, skipped: &[String]) -> Result<(), Lost> {
        let line = |text: String| self.log(LogLine { level: Level::Warn, text });
        for what in skipped.iter().take(NAMED) {
            line(format!("not in the workspace: {what}")).await?;
        }
        match skipped.len().saturating_sub(NAMED) {
            0 => Ok(()),
            more => line(format!("not in the workspace: {more} more")).await,
        }
    }
}

fn perform(files: &mut Files<'_>, quota: u64, request: WorkspaceRequest) -> Result<WorkspaceAnswer, WorkspaceError> {
    match request {
        WorkspaceRequest::Entries { path } => {
            let entries = files.entries(&Inside::parse(&path)?)?;
            Ok(WorkspaceAnswer::Entries(entries.into_iter().map(entry).collect()))
        }
        WorkspaceRequest::Read { path, offset, length } => {
            files.read(&Inside::parse(&path)?, offset, length).map(WorkspaceAnswer::Bytes)
        }
        WorkspaceRequest::Write { path, content } => {
            files.write(&Inside::parse(&path)?, &content, quota).map(|()| WorkspaceAnswer::Done)
        }
        WorkspaceRequest::Append { path, content } => {
            files.append(&Inside::parse(&path)?, &content, quota).map(|()| WorkspaceAnswer::Done)
        }
        WorkspaceRequest::SetExecutable { path, executable } => {
            files.set_executable(&Inside::parse(&path)?, executable).map(|()| WorkspaceAnswer::Done)
        }
        WorkspaceRequest::Remove { path } => files.remove(&Inside::parse(&path)?).map(|()| WorkspaceAnswer::Done),
    }
}

fn entry(entry: workspaces::Entry) -> Entry {
    let kind = match entry.kind {
        workspaces::Kind::File => Kind::File,
        workspaces::Kind::Folder => Kind::Folder,
        workspaces::Kind::Link => Kind::Link,
    };
    Entry { name: entry.name, kind, size: entry.size, executable: entry.executable }
}

impl From<WorkspaceError> for Error {
    fn from(error: WorkspaceError) -> Self {
        match error {
            WorkspaceError::NoFiles(message) => Self::Denied(message),
            WorkspaceError::NotFound(message) => Self::NotFound(message),
            WorkspaceError::Invalid(message) => Self::Invalid(message),
            WorkspaceError::OverQuota(message) => Self::OverQuota(message),
            WorkspaceError::Failed(message) => Self::Failed(message),
        }
    }
}
