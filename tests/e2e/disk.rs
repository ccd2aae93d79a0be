//! A disk that is full: at the start nothing is begun, and while a server runs it says so, loses nothing, and goes on as
//! soon as there is room.
//!
//! The disk is a small file system in memory that only the server sees: a process keeps it, and the server joins that.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::world::World;

/// A disk in the place of a folder, for those who join it.
struct Disk {
    keeper: Child,
    place: PathBuf,
}

impl Disk {
    fn of(place: &Path, mebibytes: u32) -> Self {
        fs::create_dir_all(place).expect("a folder");
        let script = "mount -t tmpfs -o mode=700,size=\"$2\"m kiket \"$1\" && echo ready && exec sleep 600";
        let mut keep = Command::new("unshare");
        keep.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]).arg(place);
        let mut keeper = keep.arg(mebibytes.to_string()).stdout(Stdio::piped()).spawn().expect("unshare is there");
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().expect("it is piped")).read_line(&mut line).expect("text");
        assert_eq!(line, "ready\n");
        Self { keeper, place: place.to_owned() }
    }

    /// The folder as those see it who have joined.
    fn inside(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(self.place.strip_prefix("/").expect("it is absolute"))
    }

    /// The same command, joined.
    fn join(&self, command: &Command) -> Command {
        let mut joined = Command::new("nsenter");
        joined.args(["--user", "--mount", "--preserve-credentials", "--target", &self.keeper.id().to_string()]);
        joined.arg(command.get_program()).args(command.get_args());
        joined.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        joined
    }

    /// Takes all the room there is, but for `left` bytes.
    fn fill(&self, left: u64) {
        let path = self.inside().join("ballast");
        let mut file = File::create(&path).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
        let length = file.metadata().expect("it is there").len();
        file.set_len(length.saturating_sub(left)).expect("it can shrink");
    }

    fn make_room(&self) {
        fs::remove_file(self.inside().join("ballast")).expect("the ballast goes");
    }

    /// Everything on it, for when it is gone.
    fn copy_to(&self, place: &Path) {
        let from = self.inside().join(".");
        let status = Command::new("cp").arg("-a").arg(from).arg(place).status().expect("cp is there");
        assert!(status.success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

async fn start(world: &World) -> (StatusCode, Json) {
    let ask = world.post("/projects/shop/pipelines/p/runs").json(&json!({}));
    let answer = world.send(ask).await;
    (answer.status(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_disk_that_fills_up_is_told_and_the_server_goes_on_when_there_is_room() {
    let mut world = World::start().await;
    world.stop();
    fs::remove_dir_all(world.data()).expect("it goes");
    let disk = Disk::of(&world.data(), 96);
    world.forget_token();
    let serve = disk.join(&world.serve());
    world.start_process(serve);
    world.add_project().await;
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");

    disk.fill(0);
    let mut refused = 0;
    let mut taken = Vec::new();
    while refused < 5 {
        match start(&world).await {
            (StatusCode::INSUFFICIENT_STORAGE, problem) => {
                assert_eq!(problem["code"], "storage_full", "{problem:#}");
                refused += 1;
            }
            // What is left of the last page of the log.
            (status, run) => {
                assert_eq!(status, StatusCode::ACCEPTED, "{run:#}");
                taken.push(run["id"].as_str().expect("an id").to_owned());
            }
        }
        assert_eq!(world.ok(world.get(&format!("/runs/{run}"))).await["status"], "succeeded", "reads go on");
        assert!(taken.len() < 10_000, "the disk is never full");
    }
    disk.make_room();
    let (status, run) = start(&world).await;
    assert_eq!(status, StatusCode::ACCEPTED, "it goes on without a restart: {run:#}");
    taken.push(run["id"].as_str().expect("an id").to_owned());
    for run in taken {
        assert_eq!(world.finish(&run).await["status"], "succeeded");
    }
    world.stop();
    disk.copy_to(&world.data());
    drop(disk);
    world.end().await;
}

#[tokio::test]
async fn a_server_does_not_begin_on_a_full_disk_and_begins_when_there_is_room() {
    let mut world = World::start().await;
    world.stop();
    let kept = world.data().with_extension("kept");
    fs::rename(world.data(), &kept).expect("it moves");
    let disk = Disk::of(&world.data(), 96);
    let copied = Command::new("cp").arg("-a").arg(kept.join(".")).arg(disk.inside()).status().expect("cp is there");
    assert!(copied.success());
    let before = crate::refusals::contents(&disk.inside());
    disk.fill(0);
    let refused = disk.join(&world.serve()).output().expect("it can be started");
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success());
    assert!(said.lines().count() == 1 && said.contains("is full") && said.contains("make room"), "{said}");
    disk.make_room();
    assert_eq!(crate::refusals::contents(&disk.inside()), before, "nothing is made and nothing damaged");
    let serve = disk.join(&world.serve());
    world.start_process(serve);
    world.add_project().await;
    world.stop();
    disk.copy_to(&world.data());
    drop(disk);
    world.end().await;
}
