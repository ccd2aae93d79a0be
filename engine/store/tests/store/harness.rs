//! A store in a folder of its own, with one project and one revision, and verbs to act on it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use kiket_core::{DeliveryId, ItemId, ProjectId, RevisionId, RunId, Source, Timestamp};
use kiket_store::{
    Change, Claim, CommitError, Conflict, Entry, Filter, Held, HookSecret, ItemChange, ItemColumns, ItemHead,
    NewDelivery, NewEvent, NewProject, NewRevision, Position, RevisionStatus, RunChange, RunHead, Seq, Store, Task,
    Work, WorkChange, Write, WriteItem,
};
use sqlx::{Connection as _, SqliteConnection};
use tempfile::TempDir;
use ulid::Ulid;

pub(crate) struct House {
    folder: TempDir,
    pub(crate) store: Store,
    pub(crate) project: ProjectId,
    pub(crate) revision: RevisionId,
}

impl House {
    pub(crate) async fn build() -> Self {
        let project = new_project("shop");
        let revision = new_revision(project.id, RevisionStatus::Active, &[]);
        let house = Self::move_in(tempfile::tempdir().expect("a folder"), project.id, revision.id).await;
        house.commit(vec![Change::Project(project), Change::Revision(revision)]).await.expect("a project");
        house
    }

    /// Opens what is in a folder, or what will be.
    pub(crate) async fn move_in(folder: TempDir, project: ProjectId, revision: RevisionId) -> Self {
        let store = Store::open(&folder.path().join("kiket.db")).await.expect("an open store");
        Self { folder, store, project, revision }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("kiket.db")
    }

    /// Closes the store and opens it again, as a restart does.
    pub(crate) async fn restart(mut self) -> Self {
        self.store.clone().close().await;
        self.store = Store::open(&self.path()).await.expect("an open store");
        self
    }

    /// A connection behind the store's back.
    pub(crate) async fn raw(&self) -> SqliteConnection {
        SqliteConnection::connect(&self.path().display().to_string()).await.expect("a raw connection")
    }

    pub(crate) async fn execute_raw(&self, statement: &'static str) {
        let mut raw = self.raw().await;
        sqlx::raw_sql(statement).execute(&mut raw).await.expect("a statement");
        raw.close().await.expect("closed");
    }

    pub(crate) async fn count(&self, table: &'static str) -> i64 {
        let query = sqlx::AssertSqlSafe(format!("select count(*) from {table}"));
        sqlx::query_scalar(query).fetch_one(&mut self.raw().await).await.expect("a count")
    }

    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<Position, CommitError> {
        self.store.commit(changes).await
    }

    /// Commits what must conflict.
    pub(crate) async fn refuse(&self, changes: Vec<Change>) -> Conflict {
        match self.commit(changes).await {
            Err(CommitError::Conflict(conflict)) => conflict,
            other => panic!("expected a conflict, got {other:?}"),
        }
    }

    /// Starts a run with one event and a deadline far away.
    pub(crate) async fn start_run(&self) -> RunId {
        let change = self.new_run();
        let run = change.run;
        self.commit(vec![Change::Run(change)]).await.expect("a run");
        run
    }

    pub(crate) fn new_run(&self) -> RunChange {
        let run = new_run_id();
        RunChange {
            run,
            project: self.project,
            write: Write::Create(RunHead {
                pipeline: "release".to_owned(),
                revision: self.revision,
                commit: None,
                reference: None,
                trigger: "{}".to_owned(),
                trigger_key: None,
                request: None,
            }),
            at: at(0),
            events: vec![event("run.queued")],
            status: "queued".into(),
            terminal: false,
            started_at: None,
            finished_at: None,
            state: "{}".to_owned(),
            held: None,
            work: vec![put(Task::Deadline { run }, at(FAR))],
        }
    }

    pub(crate) fn advance(&self, run: RunId, expected: i64, events: &[&'static str]) -> RunChange {
        RunChange {
            run,
            write: Write::Advance { expected: Seq::new(expected) },
            events: events.iter().map(|kind| event(kind)).collect(),
            status: "running".into(),
            work: vec![],
            ..self.new_run()
        }
    }

    pub(crate) fn finish(&self, run: RunId, expected: i64) -> RunChange {
        RunChange {
            status: "succeeded".into(),
            terminal: true,
            finished_at: Some(at(9)),
            ..self.advance(run, expected, &["run.succeeded"])
        }
    }

    /// Adds an item with one event.
    pub(crate) async fn add_item(&self, number: i64) -> ItemId {
        let change = self.new_item(number);
        let item = change.item;
        self.commit(vec![Change::Item(change)]).await.expect("an item");
        item
    }

    pub(crate) fn new_item(&self, number: i64) -> ItemChange {
        ItemChange {
            item: ItemId::new(ulid()),
            write: WriteItem::Create(ItemHead { project: self.project, number, kind: "issue".to_owned() }),
            at: at(0),
            events: vec![event("item.created")],
            row: ItemColumns {
                workflow: "support".to_owned(),
                state: "open".to_owned(),
                category: None,
                title: format!("Item {number}"),
                priority: None,
                assignee: None,
                labels: BTreeSet::new(),
                revision: None,
                pending_run: None,
            },
            data: "{}".to_owned(),
            held: None,
            work: vec![],
        }
    }

    pub(crate) fn advance_item(&self, item: ItemId, expected: i64, events: &[&'static str]) -> ItemChange {
        ItemChange {
            item,
            write: WriteItem::Advance { expected: Seq::new(expected) },
            at: at(1),
            events: events.iter().map(|kind| event(kind)).collect(),
            ..self.new_item(1)
        }
    }

    /// Starts a run and lets an item that is at its first event wait for it, in one unit.
    pub(crate) async fn start_run_for(&self, item: ItemId) -> RunId {
        let run = self.new_run();
        let mut wait = self.advance_item(item, 1, &["item.updated"]);
        wait.row.pending_run = Some(run.run);
        let id = run.run;
        self.commit(vec![Change::Run(run), Change::Item(wait)]).await.expect("a run that is waited for");
        id
    }

    /// Ends a run that is at its first event, and puts the work on the item that waits for it.
    pub(crate) fn finish_for(&self, run: RunId, item: ItemId) -> RunChange {
        RunChange { work: vec![put(Task::Item { item, run }, at(9))], ..self.finish(run, 1) }
    }

    pub(crate) fn delivery(&self, external_id: &str) -> NewDelivery {
        NewDelivery {
            id: DeliveryId::new(ulid()),
            project: self.project,
            external_id: external_id.to_owned(),
            event: "push".to_owned(),
            headers: "{}".to_owned(),
            body: vec![0, 159, 146, 150],
            priority: 0,
            received_at: at(0),
        }
    }

    /// Claims everything that is due, until 1,000 ms later.
    pub(crate) async fn claim(&self, owner: &str, now: i64) -> Vec<Work> {
        self.store.claim(claim(owner, now)).await.expect("claimed work")
    }

    pub(crate) async fn history(&self) -> Vec<Entry> {
        self.store.tail(Position::ZERO, &Filter::default(), 10_000).await.expect("the log")
    }

    /// What must be true after everything.
    pub(crate) async fn check(&self) {
        assert_eq!(self.store.stuck().await.expect("a check"), []);
        assert_eq!(self.store.integrity().await.expect("a check"), Vec::<String>::new());
    }
}

/// A time so late that nothing becomes due in a test.
pub(crate) const FAR: i64 = 1_000_000;

pub(crate) fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

pub(crate) fn ulid() -> Ulid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Ulid::from_parts(1_700_000_000_000 + NEXT.fetch_add(1, Ordering::Relaxed), 7)
}

pub(crate) fn new_run_id() -> RunId {
    RunId::new(ulid())
}

pub(crate) fn event(kind: &'static str) -> NewEvent {
    NewEvent { kind: kind.into(), stage: None, data: r#"{"a":1}"#.to_owned() }
}

pub(crate) fn new_project(name: &str) -> NewProject {
    let hush = HookSecret::Clear("hush".to_owned());
    NewProject::new(ProjectId::new(ulid()), name, "https://forge.example/shop.git", hush, at(0))
}

pub(crate) fn new_revision(project: ProjectId, status: RevisionStatus, sources: &[(&str, &str)]) -> NewRevision {
    NewRevision {
        key: None,
        id: RevisionId::new(ulid()),
        project,
        reference: Some("refs/heads/main".to_owned()),
        commit: "c0ffee".to_owned(),
        status,
        sources: sources.iter().map(|(path, text)| source(path, text)).collect(),
        diagnostics: "[]".to_owned(),
        plugins: "{}".to_owned(),
        at: at(0),
        event: event("revision.published"),
    }
}

pub(crate) fn source(path: &str, text: &str) -> Source {
    Source::new(path, text)
}

pub(crate) fn stage(run: RunId, stage: &str) -> Task {
    Task::Stage { run, stage: stage.to_owned(), attempt: 1 }
}

pub(crate) fn put(task: Task, due: Timestamp) -> WorkChange {
    WorkChange::Put { task, priority: 0, due, lease: None }
}

pub(crate) fn claim(owner: &str, now: i64) -> Claim {
    Claim { owner: owner.to_owned(), kinds: vec![], limit: 100, now: at(now), until: at(now + 1_000) }
}

pub(crate) fn held(task: &Task, fence: i64) -> Option<Held> {
    Some(Held { key: task.key(), fence })
}
