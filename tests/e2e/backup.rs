//! Backups: taken under load, restored elsewhere, and what had been acknowledged is there.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use futures::future::{Either, select};
use reqwest::StatusCode;
use serde_json::Value as Json;

use crate::world::{SECRET, World};

const PLUGINS: &str = "model_version: \"1.0\"
plugins:
  ./tools/probe.wasm:
    grants: { workspace: { access: write }, artifacts: { access: write } }
";
const KEEP: &str = "model_version: \"1.0\"
pipeline: { id: keep }
stages: { go: { uses: ./tools/probe.wasm/keep, with: { files: { index.html: hello } } } }
";
const ASK: &str = "model_version: \"1.0\"
pipeline: { id: ask }
stages: { ask: { approval: {} }, go: { uses: ./tools/probe.wasm/noop, needs: [ask] } }
";
const WORK: &str = "model_version: \"1.0\"
pipeline: { id: work }
stages:
  a: { uses: ./tools/probe.wasm/work, with: { ms: 100 } }
  b: { uses: ./tools/probe.wasm/work, with: { ms: 100 }, needs: [a] }
  c: { uses: ./tools/probe.wasm/work, with: { ms: 100 }, needs: [b] }
";

async fn world() -> World {
    let world = World::start().await;
    world.add_project().await;
    world.push(&[
        (".kiket/plugins.yaml", PLUGINS),
        (".kiket/pipelines/keep.yaml", KEEP),
        (".kiket/pipelines/ask.yaml", ASK),
        (".kiket/pipelines/work.yaml", WORK),
    ]);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
    world
}

/// Keeps an artifact; returns its digest.
async fn keep(world: &World) -> String {
    let run = world.trigger("keep").await;
    let kept = world.finish(&run).await;
    kept["stages"][0]["outputs"]["digest"].as_str().unwrap_or_else(|| panic!("{kept:#}")).to_owned()
}

fn backup(world: &World, file: &Path, more: &[&str]) -> Output {
    let mut command = world.kiket(&["backup"]);
    command.arg(file).arg("--data").arg(world.data()).args(more).output().expect("kiket runs")
}

/// What lies in a folder, by name.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn unpack(archive: &Path, folder: &Path) {
    fs::create_dir(folder).expect("a new folder");
    let unpacked = Command::new("tar").arg("-xf").arg(archive).arg("-C").arg(folder).status().expect("tar runs");
    assert!(unpacked.success());
}

/// Writes a backup while the server takes on more all the time; also returns how many runs it took on meanwhile.
async fn backup_under_load(world: &World, file: &Path) -> (Output, usize) {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_kiket"));
    command.args(["backup", "--json"]).arg(file).arg("--data").arg(world.data());
    let mut written = Box::pin(command.output());
    let mut during = 0;
    loop {
        match select(written, Box::pin(world.trigger("work"))).await {
            Either::Left((output, last)) => {
                last.await;
                return (output.expect("kiket runs"), during);
            }
            Either::Right((_, rest)) => {
                during += 1;
                written = rest;
            }
        }
    }
}

#[tokio::test]
async fn what_was_acknowledged_before_a_backup_under_load_is_in_it_and_goes_on() {
    let mut world = world().await;
    let artifact = keep(&world).await;
    // One that has not ended before the backup, however slow that is, and many that may have.
    let asking = world.trigger("ask").await;
    world
        .until(async || (world.ok(world.get(&format!("/runs/{asking}"))).await["status"] == "waiting").then_some(()))
        .await;
    let mut acknowledged = vec![asking.clone()];
    for _ in 0..20 {
        acknowledged.push(world.trigger("work").await);
    }
    let (folder, data) = (tempfile::tempdir().expect("a folder"), world.data());
    let file = folder.path().join("kiket.tar");
    // One that is written in no time shows nothing, and is written again.
    let mut tries = 0..5;
    let output = loop {
        let (output, during) = backup_under_load(&world, &file).await;
        if during > 0 {
            break output;
        }
        assert!(tries.next().is_some(), "the server took on nothing while the backup was written");
        fs::remove_file(&file).expect("there is a backup");
    };
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("the master key is not in the backup"), "{said}");
    let summary: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(summary["artifacts"], 1, "{summary}");
    assert_eq!(names(folder.path()), ["kiket.tar"], "nothing else is left behind");
    let after = world.trigger("work").await;

    world.kill();
    // What came after the backup is lost with the folder.
    world.forget();
    fs::rename(&data, data.with_extension("lost")).expect("a folder");
    unpack(&file, &data);
    assert!(!data.join("master.key").exists());
    fs::copy(data.with_extension("lost").join("master.key"), data.join("master.key")).expect("the copy of the key");
    world.boot();
    world.ok(world.post(&format!("/runs/{asking}/stages/ask/approve"))).await;
    for run in &acknowledged {
        let finished = world.finish(run).await;
        assert_eq!(finished["status"], "succeeded", "{finished:#}");
    }
    let unknown = world.get(&format!("/runs/{after}")).send().await.expect("an answer");
    assert_eq!(unknown.status(), StatusCode::NOT_FOUND, "it began after the backup");
    assert_eq!(keep(&world).await, artifact);
    // What webhooks are signed with is a secret: the key opens it.
    let commit = world.push(&[("more", "x")]);
    let signed = crate::world::sign(SECRET, &world.payload(&commit));
    assert_eq!(world.hook("restored", &signed, world.payload(&commit)).await.status(), StatusCode::ACCEPTED);
    // What was taken on during the backup may or may not be in it, but is whole.
    let runs = world.ok(world.get("/runs?project=shop&limit=200")).await;
    for run in runs["data"].as_array().expect("a list") {
        world.finish(run["id"].as_str().expect("an id")).await;
    }
    world.end().await;
}

#[tokio::test]
async fn a_backup_is_written_whole_or_not_at_all_and_over_nothing() {
    let mut world = world().await;
    let artifact = keep(&world).await;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("kiket.tar");
    let refused = |output: &Output, reason: &str| {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(reason), "{said}");
    };

    fs::write(&file, "mine").expect("a file");
    refused(&backup(&world, &file, &[]), "no file is written over");
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "mine");
    fs::remove_file(&file).expect("it can go");

    // The key goes along where it is asked for.
    let whole = folder.path().join("whole.tar");
    let output = backup(&world, &whole, &["--with-master-key"]);
    assert!(output.status.success());
    assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    unpack(&whole, &folder.path().join("whole"));
    let key = |data: &Path| fs::read(data.join("master.key")).expect("a key");
    assert_eq!(key(&folder.path().join("whole")), key(&world.data()));

    // An artifact that is gone is named, and the rest is kept all the same.
    let hex = artifact.trim_start_matches("sha256:");
    let place = world.data().join("artifacts").join(&hex[..2]).join(hex);
    let bytes = fs::read(&place).expect("it is kept there");
    fs::remove_file(&place).expect("it can go");
    let output = backup(&world, &file, &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&artifact));
    fs::remove_file(&file).expect("it was written");
    fs::write(&place, bytes).expect("it comes back");

    world.kill();
    let database = world.data().join("kiket.db");
    // What is in the write-ahead log goes into the file, so that only the file counts.
    kiket_store::Store::open(&database).await.expect("it opens").close().await;
    let good = fs::read(&database).expect("a database");
    let mut bad = good.clone();
    // Every other page is nonsense, but for the first.
    bad.chunks_mut(4096).skip(1).step_by(2).for_each(|page| page.fill(0xff));
    fs::write(&database, bad).expect("it can be written");
    let output = backup(&world, &file, &[]);
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    fs::write(&database, good).expect("it can be written");
    let mut left = names(folder.path());
    left.sort();
    assert_eq!(left, ["whole", "whole.tar"], "nothing is left of what failed");
    refused(&backup(&world, &folder.path().join("none/kiket.tar"), &[]), "No such file");
    world.boot();
    assert_eq!(keep(&world).await, artifact, "the server is none the worse for it");
    world.end().await;
}
