//! A migration that a kill cuts off: the database has the schema before or the one after, never half of one, and the next
//! start goes on from there.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sqlx::migrate::Migrator;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection};

use crate::checker;

/// The same migrations as the store's.
static SCHEMAS: Migrator = sqlx::migrate!("../store/migrations");

/// How many writes are tried to be the last.
const POINTS: usize = 20;

/// A project in the middle of its life, in the words of the first schema. It is of today: a server may forget what is old
/// before it finds that it cannot listen.
const LIFE: &str = "
    insert into projects (id, name, url, hook_secret, created_at)
        values ('prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'shop', 'https://forge.example/shop.git', 'hush', unixepoch() * 1000);
    insert into revisions (id, project, reference, commit_id, status, diagnostics, plugins, created_at)
        values ('rev_01jd3v7k2mfq9x8y5t4r6s0abc', 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'refs/heads/main',
                'c0ffeec0ffeec0ffeec0ffeec0ffeec0ffeec0ff', 'active', '[]', '{}', unixepoch() * 1000);
    update projects set active_revision = 'rev_01jd3v7k2mfq9x8y5t4r6s0abc';
    insert into log (position, project, kind, at, data)
        with recursive n (n) as (select 1 union all select n + 1 from n where n < 2000)
        select n, 'prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'revision.published', unixepoch() * 1000, '{\"kind\":\"revision.published\"}'
        from n;
    update counter set position = 2000;
    insert into tokens (hash, name, kind, created_at) values ('5e88', 'first', 'admin', unixepoch() * 1000);
";

async fn connect(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .foreign_keys(true)
        .connect()
        .await
        .expect("it opens")
}

/// Makes a database of the first schema, in a folder of its own.
async fn old(folder: &Path) -> PathBuf {
    let data = folder.join("old");
    std::fs::create_dir(&data).expect("a folder");
    let mut raw = connect(&data.join("kiket.db")).await;
    SCHEMAS.run_to(1, &mut raw).await.expect("the first schema");
    sqlx::raw_sql(LIFE).execute(&mut raw).await.expect("a life");
    raw.close().await.expect("closed");
    data
}

/// Every table with the SQL that made it, and how far the log goes: what half a migration would show in.
async fn shape(path: &Path) -> (i64, Vec<String>, i64) {
    let mut raw = connect(path).await;
    let version = sqlx::query_scalar("select max(version) from _sqlx_migrations where success");
    let version = version.fetch_one(&mut raw).await.expect("a version");
    let tables = "select sql from sqlite_master where sql is not null order by sql";
    let tables = sqlx::query_scalar(tables).fetch_all(&mut raw).await.expect("tables");
    let count = sqlx::query_scalar("select count(*) from log").fetch_one(&mut raw).await.expect("a count");
    let flaws: Vec<String> = sqlx::query_scalar("pragma integrity_check").fetch_all(&mut raw).await.expect("a check");
    assert_eq!(flaws, ["ok"]);
    raw.close().await.expect("closed");
    (version, tables, count)
}

/// Copies a data folder.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).expect("a folder");
    std::fs::copy(from.join("kiket.db"), to.join("kiket.db")).expect("a copy");
}

/// Lets a server open a folder under strace, which kills it at its n-th write; answers how many writes there were, where it
/// was not killed. A server that is told to listen where it cannot ends by itself.
fn open_under(data: &Path, strace: &[String]) -> bool {
    let mut traced = Command::new("strace");
    traced.args(["-f", "-qq"]).args(strace).arg(env!("CARGO_BIN_EXE_kiket"));
    traced.args(["serve", "--listen", "192.0.2.1:1", "--sites-listen", "off", "--data"]).arg(data);
    traced.env("KIKET_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled")).env("KIKET_LOG", "warn");
    let output = traced.stdin(Stdio::null()).output().expect("`cargo xtask setup` has fetched strace");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "it cannot listen there: {said}");
    said.contains("listen")
}

#[tokio::test]
async fn a_migration_that_a_kill_cuts_off_is_finished_by_the_next_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let old = old(folder.path()).await;

    // Every schema there is, and how many writes it takes to get to the last.
    let mut shapes = Vec::new();
    for version in SCHEMAS.iter().map(|migration| migration.version) {
        let path = folder.path().join(format!("{version}.db"));
        std::fs::copy(old.join("kiket.db"), &path).expect("a copy");
        let mut raw = connect(&path).await;
        SCHEMAS.run_to(version, &mut raw).await.expect("it can be migrated");
        raw.close().await.expect("closed");
        shapes.push(shape(&path).await);
    }
    let newest = shapes.last().expect("there are schemas").clone();
    let (dry, log) = (folder.path().join("dry"), folder.path().join("writes"));
    copy(&old, &dry);
    let list = ["-e", "trace=pwrite64", "-P"].map(str::to_owned);
    let mut counting = list.to_vec();
    counting.extend([dry.join("kiket.db-wal").display().to_string(), "-o".to_owned(), log.display().to_string()]);
    assert!(open_under(&dry, &counting), "it starts, but for the address");
    let writes =
        std::fs::read_to_string(&log).expect("a list").lines().filter(|line| line.contains("pwrite64")).count();
    assert!(writes > 100, "{writes} writes");

    let mut between = std::collections::BTreeSet::new();
    for point in 0..POINTS {
        let nth = 1 + point * (writes - 1) / (POINTS - 1);
        let data = folder.path().join(format!("killed-{nth}"));
        copy(&old, &data);
        let wal = data.join("kiket.db-wal").display().to_string();
        let kill = ["-o", "/dev/null", "-e", "trace=pwrite64", "-P", &wal, "-e"].map(str::to_owned);
        let inject = format!("inject=pwrite64:signal=SIGKILL:when={nth}");
        let survived = open_under(&data, &[&kill[..], &[inject]].concat());
        let database = data.join("kiket.db");
        let found = shape(&database).await;
        assert!(shapes.contains(&found), "killed at write {nth}: schema {} is half of another", found.0);
        assert!(point + 1 == POINTS || !survived, "write {nth} of {writes} never came");
        between.insert(found.0);

        assert!(open_under(
            &data,
            &["-o".to_owned(), "/dev/null".to_owned(), "-e".to_owned(), "trace=none".to_owned()]
        ));
        assert_eq!(shape(&database).await, newest, "killed at write {nth}: the next start finishes it");
        let violations = checker::violations(&database).await;
        assert!(violations.is_empty(), "killed at write {nth}: {violations:?}");
        std::fs::remove_dir_all(&data).expect("it goes");
    }
    assert!(between.len() > 3, "kills came between many schemas: {between:?}");
}
