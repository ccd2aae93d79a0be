//! A server that cannot start says why in one line, and leaves everything as it was.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use sqlx::{Connection as _, SqliteConnection};

use crate::world::World;

/// Somebody who is not root.
const NOBODY: u32 = 65_534;

/// Every file below a folder, with its rights and the digest of what is in it.
pub(crate) fn contents(folder: &Path) -> BTreeMap<PathBuf, (u32, String)> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        let mode = entry.metadata().expect("it is there").permissions().mode();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if path.file_name().is_some_and(|name| name != "ballast") {
            let bytes = fs::read(&path).expect("a file");
            found.insert(path, (mode, hex::encode(Sha256::digest(bytes))));
        }
    }
    found
}

/// A data folder that a server has left behind, and the world that it was in.
async fn left_behind() -> World {
    let mut world = World::start().await;
    world.add_project().await;
    world.stop();
    world
}

/// Starts a server that has to refuse, and answers its one line.
fn refused(mut serve: Command, data: &Path) -> String {
    let before = contents(data);
    let output = serve.output().expect("it can be started");
    let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
    assert!(output.status.code().is_some_and(|code| code != 0), "{}: {said}", output.status);
    assert!(said.starts_with("error: ") && said.lines().count() == 1, "one line: {said}");
    assert!(output.stdout.is_empty(), "it does not say that it listens");
    assert_eq!(contents(data), before, "nothing is made and nothing damaged: {said}");
    said
}

#[track_caller]
fn says(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused_and_the_first_goes_on() {
    let world = World::start().await;
    world.add_project().await;
    let said = refused(world.serve(), &world.data());
    says(&said, &["kiket.db", "in use by another process", "--data"]);
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    world.end().await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let world = left_behind().await;
    let database = world.data().join("kiket.db");
    let change = async |sql: &'static str| {
        let mut raw = SqliteConnection::connect(&database.display().to_string()).await.expect("a connection");
        sqlx::raw_sql(sql).execute(&mut raw).await.expect("it can be changed");
        raw.close().await.expect("closed");
    };
    change(
        "insert into _sqlx_migrations (version, description, success, checksum, execution_time)
         values (9000, 'from the future', 1, x'00', 0)",
    )
    .await;
    let said = refused(world.serve(), &world.data());
    says(&said, &["kiket.db", "schema 9000", "knows schemas up to", "newer one"]);
    change("delete from _sqlx_migrations where version = 9000").await;
    world.end().await;
}

#[tokio::test]
async fn what_is_damaged_or_no_database_is_refused() {
    let world = left_behind().await;
    let database = world.data().join("kiket.db");
    let good = fs::read(&database).expect("a database");
    for (what, at, bytes) in [
        ("no database", 0, b"this is no database, whatever it is called".repeat(200)),
        ("its first page is gone", 0, vec![0xff; 4096]),
        ("the pages behind it are gone", 4096, vec![0xff; good.len() - 4096]),
    ] {
        let mut file = OpenOptions::new().write(true).open(&database).expect("a file");
        file.seek(SeekFrom::Start(at)).expect("a place");
        file.write_all(&bytes).expect("it can be damaged");
        drop(file);
        let said = refused(world.serve(), &world.data());
        says(&said, &["kiket.db", "damaged", "keep a copy", "kiket doctor", "restore the newest backup"]);
        println!("{what}: {said}");
        fs::write(&database, &good).expect("it is repaired");
    }
    world.end().await;
}

/// The command as somebody who is not root.
fn as_nobody(world: &World) -> Command {
    let known = world.serve();
    if !rustix::process::geteuid().is_root() {
        return known;
    }
    // The program may be where nobody but root gets.
    let program = world.data().with_file_name("kiket");
    if !program.exists() {
        let there = fs::hard_link(known.get_program(), &program);
        there.or_else(|_| fs::copy(known.get_program(), &program).map(drop)).expect("a copy of the program");
    }
    let mut serve = Command::new(program);
    serve.args(known.get_args()).uid(NOBODY).gid(NOBODY);
    serve.envs(known.get_envs().filter_map(|(name, value)| Some((name, value?))));
    serve
}

/// Gives a folder, and what is in it, to somebody who is not root.
fn give(path: &Path) {
    if rustix::process::geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).expect("root may");
        if path.is_dir() {
            fs::read_dir(path).expect("a folder").flatten().for_each(|entry| give(&entry.path()));
        }
    }
}

#[tokio::test]
async fn what_may_only_be_read_is_refused() {
    let world = left_behind().await;
    let (data, database) = (world.data(), world.data().join("kiket.db"));
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("it can be set");
    give(&data);
    // Whoever it is has to get there.
    mode(data.parent().expect("a folder"), 0o755);
    let why = ["cannot be read and written", "Permission denied", "as the user whose it is"];

    mode(&database, 0o400);
    says(&refused(as_nobody(&world), &data), &[&["kiket.db"][..], &why].concat());
    mode(&database, 0o600);
    mode(&data, 0o500);
    says(&refused(as_nobody(&world), &data), &[&["/data"][..], &why].concat());
    mode(&data, 0o700);
    world.end().await;
}

#[test]
fn a_folder_that_cannot_be_made_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("data");
    fs::write(&file, "x").expect("a file");
    for data in [file.clone(), file.join("below")] {
        let mut serve = Command::new(env!("CARGO_BIN_EXE_kiket"));
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data).env("KIKET_LOG", "warn");
        says(&refused(serve, folder.path()), &["data folder", &data.display().to_string(), "cannot be made"]);
    }
}
