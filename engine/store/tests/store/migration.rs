//! A database of an earlier version is opened, keeps everything, and goes on.

use kiket_core::{Origin, ProjectId, RevisionId, RunId, Source};
use kiket_store::{Change, DeliveryStatus, HookSecret, Seq, Task};
use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use crate::harness::{House, at, source, stage};

static SCHEMAS: Migrator = sqlx::migrate!("./migrations");

/// A project in the middle of its life, as schema 1 knew it: a run under way whose stage is held, one that has ended,
/// a delivery nobody has looked at.
const LIFE: &str = r#"
    update meta set value = 3;
    insert into projects (id, name, url, hook_secret, created_at)
        values ('prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'shop', 'https://forge.example/shop.git', 'hush', 1700000000000);
    insert into revisions (id, project, reference, commit_id, status, diagnostics, plugins, created_at) values
        ('rev_01jd3v7k2mfq9x8y5t4r6s0abc', 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', null, 'working-tree', 'superseded',
         '[]', '{}', 1700000000000),
        ('rev_01jd3v7k2mfq9x8y5t4r6s0abd', 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'refs/heads/main',
         'c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff', 'active', '[]', '{}', 1700000000000);
    update projects set active_revision = 'rev_01jd3v7k2mfq9x8y5t4r6s0abd';
    insert into blobs (digest, text) values (printf('%064d', 1), 'kind: pipeline'), (printf('%064d', 2), 'kind: old');
    insert into definitions (revision, path, digest) values
        ('rev_01jd3v7k2mfq9x8y5t4r6s0abc', 'a.yaml', printf('%064d', 2)),
        ('rev_01jd3v7k2mfq9x8y5t4r6s0abd', 'b.yaml', printf('%064d', 1)),
        ('rev_01jd3v7k2mfq9x8y5t4r6s0abd', 'a.yaml', printf('%064d', 2));
    insert into runs (id, project, pipeline, revision, trigger, status, terminal, seq, state, created_at, finished_at)
        values
        ('run_01jd3v7k2mfq9x8y5t4r6s0abc', 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'release',
         'rev_01jd3v7k2mfq9x8y5t4r6s0abd', '{}', 'running', 0, 2, '{"open":1}', 1700000000000, null),
        ('run_01jd3v7k2mfq9x8y5t4r6s0abd', 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'release',
         'rev_01jd3v7k2mfq9x8y5t4r6s0abc', '{}', 'succeeded', 1, 2, '{"open":0}', 1700000000000, 1700000000009);
    insert into log (position, project, run, seq, kind, stage, at, data) values
        (1, 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', null, null, 'revision.published', null, 1700000000001, '{"a":1}'),
        (2, 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'run_01jd3v7k2mfq9x8y5t4r6s0abc', 1, 'run.queued', null,
         1700000000002, '{"a":2}'),
        (3, 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'run_01jd3v7k2mfq9x8y5t4r6s0abd', 1, 'run.queued', null,
         1700000000003, '{"a":3}'),
        (4, 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'run_01jd3v7k2mfq9x8y5t4r6s0abd', 2, 'run.succeeded', null,
         1700000000004, '{"a":4}'),
        (5, 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'run_01jd3v7k2mfq9x8y5t4r6s0abc', 2, 'stage.started', 'build',
         1700000000005, '{"kind":"stage.started","a":5}'),
        (6, 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'run_01jd3v7k2mfq9x8y5t4r6s0abc', null, 'stage.log', 'build',
         1700000000006, '{"a":6}');
    update counter set position = 6;
    insert into deliveries (id, project, external_id, event, headers, body, status, note, received_at)
        values ('dlv_01jd3v7k2mfq9x8y5t4r6s0abc', 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', '7', 'push', '{}', x'009f',
                'pending', '', 1700000000000);
    insert into work (key, kind, run, priority, due, fence, owner, lease_until, epoch) values
        ('stage/run_01jd3v7k2mfq9x8y5t4r6s0abc/build/1', 'stage', 'run_01jd3v7k2mfq9x8y5t4r6s0abc', -1,
         1700000000002, 2, 'a', 1700000009000, 3),
        ('deadline/run_01jd3v7k2mfq9x8y5t4r6s0abc', 'deadline', 'run_01jd3v7k2mfq9x8y5t4r6s0abc', 0,
         1700001000000, 0, null, null, null),
        ('delivery/dlv_01jd3v7k2mfq9x8y5t4r6s0abc', 'delivery', null, 0, 1700000000000, 0, null, null, null);
    insert into tokens (hash, name, kind, created_at) values ('5e88', 'first', 'admin', 1700000000000);
"#;

/// Makes a database that knows the schemas up to `version` only, lives in it, and opens it with this version.
async fn inherit(version: i64) -> House {
    let folder = tempfile::tempdir().expect("a folder");
    let options = SqliteConnectOptions::new().filename(folder.path().join("kiket.db")).create_if_missing(true);
    let mut old = options.foreign_keys(true).connect().await.expect("a connection");
    let schemas = SCHEMAS.iter().filter(|schema| schema.version <= version).cloned().collect();
    Migrator::with_migrations(schemas).run(&mut old).await.expect("the old schema");
    sqlx::raw_sql(LIFE).execute(&mut old).await.expect("an old life");
    old.close().await.expect("closed");
    let project: ProjectId = "prj_01jd3v7k2mfq9x8y5t4r6s0abc".parse().expect("an id");
    let revision: RevisionId = "rev_01jd3v7k2mfq9x8y5t4r6s0abd".parse().expect("an id");
    House::move_in(folder, project, revision).await
}

#[tokio::test]
async fn a_database_without_items_keeps_everything() {
    let house = inherit(1).await;
    let [open, ended] =
        ["run_01jd3v7k2mfq9x8y5t4r6s0abc", "run_01jd3v7k2mfq9x8y5t4r6s0abd"].map(|id| id.parse::<RunId>().unwrap());

    house.check().await;
    let history = house.history().await;
    let story: Vec<_> = history
        .iter()
        .map(|entry| (entry.position.get(), entry.run, entry.seq.map(Seq::get), entry.kind.as_str()))
        .collect();
    assert_eq!(
        story,
        [
            (1, None, None, "revision.published"),
            (2, Some(open), Some(1), "run.queued"),
            (3, Some(ended), Some(1), "run.queued"),
            (4, Some(ended), Some(2), "run.succeeded"),
            (5, Some(open), Some(2), "stage.started"),
            (6, Some(open), None, "stage.log"),
        ]
    );
    assert!(history.iter().all(|entry| entry.item.is_none() && entry.at == at(entry.position.get())));
    assert_eq!(
        (history[4].stage.as_deref(), history[4].data.as_str()),
        (Some("build"), r#"{"kind":"stage.started","a":5}"#)
    );
    for (run, terminal, state) in [(open, false, r#"{"open":1}"#), (ended, true, r#"{"open":0}"#)] {
        let row = house.store.run(run).await.unwrap().unwrap();
        assert_eq!((row.terminal, row.state.as_str(), row.seq.get()), (terminal, state, 2));
    }
    let delivery = house.store.delivery("dlv_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((delivery.status, delivery.body), (DeliveryStatus::Pending, vec![0, 159]));
    let token = house.store.token("5e88").await.unwrap().unwrap();
    assert_eq!((token.name.as_str(), token.scopes), ("first", vec!["admin".to_owned()]));
    let project = house.store.project(house.project).await.unwrap().unwrap();
    assert_eq!((project.active_revision, project.overrides_url), (Some(house.revision), None));
    assert_eq!(project.hook_secret, HookSecret::Clear("hush".to_owned()));
}

#[tokio::test]
async fn files_of_a_database_without_levels_come_from_the_repository() {
    let house = inherit(1).await;
    let origin = Origin { commit: Some("c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff".to_owned()), ..Origin::default() };
    let published = [source("a.yaml", "kind: old"), source("b.yaml", "kind: pipeline")]
        .map(|source| Source { origin: origin.clone(), ..source });
    assert_eq!(house.store.sources(house.revision).await.unwrap(), published);
    let tree: RevisionId = "rev_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap();
    assert_eq!(house.store.sources(tree).await.unwrap(), [source("a.yaml", "kind: old")]);
}

#[tokio::test]
async fn work_of_a_database_without_items_goes_on() {
    let house = inherit(1).await;
    let run: RunId = "run_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap();

    let work: Vec<_> = house.claim("b", 10).await.into_iter().map(|work| (work.task, work.fence)).collect();
    let delivery = Task::Delivery { delivery: "dlv_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap() };
    // The project is looked at now and then from here on.
    let sync = Task::Sync { project: "prj_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap() };
    assert_eq!(work, [(stage(run, "build"), 3), (delivery, 1), (sync, 1)]);

    let item = house.add_item(1).await;
    let awaited = house.start_run_for(item).await;
    house.commit(vec![Change::Run(house.finish_for(awaited, item))]).await.unwrap();
    house.commit(vec![Change::Run(house.finish(run, 2))]).await.unwrap();
    assert_eq!(house.history().await.last().unwrap().position.get(), 11);
    house.check().await;
    let house = house.restart().await;
    house.check().await;
}
