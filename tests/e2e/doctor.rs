//! `kiket doctor`: all is well, until something is damaged.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value as Json;
use sqlx::{Connection as _, SqliteConnection};

use crate::world::World;

/// Asks the doctor; returns its exit code and what it says of each thing.
fn doctor(world: &World, listen: &str) -> (Option<i32>, Json) {
    let mut command = world.kiket(&["doctor", "--json", "--sites-listen", "off", "--listen", listen, "--data"]);
    let output = command.arg(world.data()).output().expect("kiket runs");
    let said = String::from_utf8_lossy(&output.stderr);
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{said}")))
}

/// Returns one check.
fn check<'j>(found: &'j Json, name: &str) -> &'j Json {
    let checks = found["checks"].as_array().expect("a list");
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name} in {found:#}"))
}

/// Damages something, sees that the doctor finds it and says what to do, and repairs it.
fn finds(world: &World, name: &str, verdict: &str, damage: impl FnOnce(), repair: impl FnOnce()) {
    damage();
    let (code, found) = doctor(world, "127.0.0.1:0");
    let check = check(&found, name);
    assert_eq!(check["verdict"], verdict, "{found:#}");
    assert!(check["do"].as_str().is_some_and(|advice| !advice.is_empty()), "{check:#}");
    assert_eq!(code, Some(i32::from(verdict == "bad")), "{found:#}");
    repair();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).expect("the mode can be set");
}

#[tokio::test]
async fn the_doctor_finds_what_is_damaged_and_nothing_where_all_is_well() {
    let mut world = World::start().await;
    world.add_project().await;
    world.push(&[(
        ".kiket/plugins.yaml",
        "model_version: \"1.0\"\nplugins:\n  ./tools/probe.wasm:\n    \
         grants: { workspace: { access: write }, artifacts: { access: write } }\n",
    )]);
    let keep = "stages: { go: { uses: ./tools/probe.wasm/keep, with: { files: { a: b } } } }";
    let run = world.run_pipeline(keep).await;
    let kept = world.finish(&run).await;
    let digest = kept["stages"][0]["outputs"]["digest"].as_str().unwrap_or_else(|| panic!("{kept:#}")).to_owned();

    // Beside a server that runs.
    let listen = world.base().trim_start_matches("http://").to_owned();
    let (code, found) = doctor(&world, &listen);
    assert_eq!(code, Some(0), "{found:#}");
    assert_eq!(check(&found, "server")["found"], "a server has the data folder open");
    for name in
        ["database file", "schema", "integrity", "history", "work", "master key", "artifacts", "plugins", "API address"]
    {
        assert_eq!(check(&found, name)["verdict"], "ok", "{found:#}");
    }
    world.kill();

    // And without one.
    let (code, found) = doctor(&world, "127.0.0.1:0");
    assert_eq!((code, &check(&found, "server")["found"]), (Some(0), &Json::from("no server runs on it")), "{found:#}");
    let text = world.kiket(&["doctor", "--listen", "127.0.0.1:0"]).arg("--data").arg(world.data()).output();
    assert!(String::from_utf8_lossy(&text.expect("kiket runs").stdout).contains("ok    integrity"));

    let data = world.data();
    let (key, database) = (data.join("master.key"), data.join("kiket.db"));
    let away = data.join("away");
    finds(&world, "data folder", "warn", || mode(&data, 0o755), || mode(&data, 0o700));
    finds(&world, "database file", "warn", || mode(&database, 0o644), || mode(&database, 0o600));
    finds(&world, "master key", "bad", || mode(&key, 0o644), || mode(&key, 0o600));
    let back = || fs::rename(&away, &key).expect("it comes back");
    finds(&world, "master key", "bad", || fs::rename(&key, &away).expect("it can go"), back);
    let other = || {
        fs::rename(&key, &away).expect("it can go");
        fs::write(&key, "0".repeat(64)).expect("another key");
        mode(&key, 0o600);
    };
    finds(&world, "master key", "bad", other, back);

    let hex = digest.trim_start_matches("sha256:");
    let artifact = data.join("artifacts").join(&hex[..2]).join(hex);
    let bytes = fs::read(&artifact).expect("it is kept there");
    let repair = || fs::write(&artifact, &bytes).expect("it comes back");
    finds(&world, "artifacts", "bad", || fs::write(&artifact, &bytes[1..]).expect("a file"), repair);
    finds(&world, "artifacts", "bad", || fs::remove_file(&artifact).expect("a file"), repair);

    let entries = fs::read_dir(data.join("plugins")).expect("a folder").flatten();
    let plugin = entries.map(|entry| entry.path()).next().expect("a component");
    let bytes = fs::read(&plugin).expect("a file");
    let repair = || fs::write(&plugin, &bytes).expect("it comes back");
    finds(&world, "plugins", "bad", || fs::write(&plugin, "x").expect("a file"), repair);

    // The log and the database itself.
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (code, found) = doctor(&world, &taken.local_addr().expect("an address").to_string());
    assert_eq!((code, &check(&found, "API address")["verdict"]), (Some(1), &Json::from("bad")), "{found:#}");
    // What is in the write-ahead log goes into the file, so that only the file counts.
    kiket_store::Store::open(&database).await.expect("it opens").close().await;
    let good = fs::read(&database).expect("a database");
    let write = |bytes: &[u8]| fs::write(&database, bytes).expect("it can be written");
    let mut torn = good.clone();
    torn.chunks_mut(4096).skip(40).for_each(|page| page.fill(0xff));
    finds(&world, "integrity", "bad", || write(&torn), || write(&good));
    // What the engine itself would never write.
    for (name, sql) in [
        ("history", "update runs set state = json_set(state, '$.status', 'failed')"),
        (
            "work",
            "insert into work (key, kind, run, priority, due, fence) select 'deadline/' || id, 'deadline', id, 0, 0, 0 from runs",
        ),
    ] {
        let path = database.display().to_string();
        let mut raw = SqliteConnection::connect(&path).await.expect("a connection");
        sqlx::raw_sql(sql).execute(&mut raw).await.expect("it can be changed");
        raw.close().await.expect("closed");
        finds(&world, name, "bad", || {}, || write(&good));
        let _ = fs::remove_file(data.join("kiket.db-wal"));
        let _ = fs::remove_file(data.join("kiket.db-shm"));
    }
    let (code, _) = doctor(&world, "127.0.0.1:0");
    assert_eq!(code, Some(0));
    world.boot();
    let run = world.trigger("p").await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    world.end().await;
}

#[test]
fn a_folder_that_is_not_there_is_bad_and_is_not_made() {
    let folder = tempfile::tempdir().expect("a folder");
    let missing = folder.path().join("none");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_kiket"));
    let output = command.args(["doctor", "--json", "--data"]).arg(&missing).output().expect("kiket runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(!missing.exists());
}
