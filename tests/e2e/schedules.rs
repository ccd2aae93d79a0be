//! Times that start runs, on a real server whose clock is set by a file: across kills and jumps each time starts one run
//! at most, and what was missed goes by the schedule's own word.

use std::time::{SystemTime, UNIX_EPOCH};

use kiket_core::Timestamp;
use serde_json::{Value as Json, json};

use crate::world::World;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;
/// 2025-06-01T00:00:00Z, a day like any other.
const MIDNIGHT: i64 = 1_748_736_000_000;

/// The clock of a server.
struct Clock(tempfile::TempDir);

impl Clock {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self) -> String {
        self.0.path().join("offset").display().to_string()
    }

    /// Sets it, and lets it go on.
    fn set(&self, millis: i64) {
        let system = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
        let offset = millis - i64::try_from(system).expect("a time");
        let part = self.0.path().join("part");
        std::fs::write(&part, offset.to_string()).expect("it is written");
        std::fs::rename(part, self.file()).expect("it is put in place");
    }
}

fn pipeline(id: &str, missed: &str) -> (String, String) {
    let path = format!(".kiket/pipelines/{id}.yaml");
    let on = format!("on: {{ schedule: {{ cron: \"0 3 * * *\", missed: {missed} }} }}");
    (
        path,
        format!(
            "model_version: \"1.0\"\npipeline: {{ id: {id}, {on} }}\nstages: {{ a: {{ uses: ./tools/probe.wasm/noop }} }}\n"
        ),
    )
}

/// A shop with a pipeline of each kind, published at noon of the day before.
async fn shop(clock: &Clock) -> World {
    clock.set(MIDNIGHT - 12 * HOUR);
    let world = World::start_with(&[("KIKET_CLOCK", &clock.file())]).await;
    let files = [pipeline("once", "once"), pipeline("all", "all"), pipeline("skip", "skip")];
    world.push(&files.each_ref().map(|(path, text)| (&**path, &**text)));
    world.add_project_with(json!({ "sync_every": "off" })).await;
    world
}

/// The nominal times that runs of a pipeline were started for, the oldest first.
async fn ticks(world: &World, pipeline: &str) -> Vec<String> {
    let runs = world.ok(world.get(&format!("/runs?project=shop&pipeline={pipeline}"))).await;
    let runs = runs["data"].as_array().expect("a list");
    let mut ticks: Vec<String> = runs.iter().map(|run| text(&run["trigger"]["nominal"])).collect();
    assert!(runs.iter().all(|run| run["trigger"]["type"] == "schedule"), "{runs:#?}");
    ticks.sort_unstable();
    ticks
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is text")).to_owned()
}

/// The times of three o'clock on these days.
fn at_three(days: impl IntoIterator<Item = i64>) -> Vec<String> {
    days.into_iter().map(|day| Timestamp::from_millis(MIDNIGHT + day * DAY + 3 * HOUR).to_string()).collect()
}

/// Waits until every schedule is due next on a day; nothing more starts then.
async fn settled(world: &World, day: i64) -> Vec<Json> {
    let expected = at_three([day]).remove(0);
    loop {
        let list = world.ok(world.get("/projects/shop/schedules")).await;
        let list = list["data"].as_array().expect("a list").clone();
        assert_eq!(list.len(), 3, "{list:#?}");
        if list.iter().all(|one| one["next"] == json!(expected)) {
            return list;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_time_that_comes_while_nobody_is_there_starts_one_run_at_the_next_start() {
    let clock = Clock::new();
    let mut world = shop(&clock).await;
    // What was before it was published starts nothing.
    settled(&world, 0).await;
    assert!(ticks(&world, "once").await.is_empty());

    clock.set(MIDNIGHT + 3 * HOUR - 60_000);
    world.kill();
    clock.set(MIDNIGHT + 3 * HOUR + 5_000);
    world.boot();
    let list = settled(&world, 1).await;
    for pipeline in ["once", "all", "skip"] {
        assert_eq!(ticks(&world, pipeline).await, at_three([0]), "{pipeline}");
    }
    let once = list.iter().find(|one| one["pipeline"] == "once").expect("it is there");
    assert_eq!(
        (&once["cron"], &once["timezone"], &once["last"]),
        (&json!("0 3 * * *"), &json!("UTC"), &json!(at_three([0])[0]))
    );
    let run = world.finish(&text(&once["last_run"])).await;
    assert_eq!((&run["status"], &run["trigger"]["nominal"]), (&json!("succeeded"), &once["last"]), "{run:#}");

    // Again and again, also before the clock is where it was.
    for start in [0, -2 * HOUR, 1_000] {
        world.kill();
        clock.set(MIDNIGHT + 3 * HOUR + 5_000 + start);
        world.boot();
        world.ok(world.post("/projects/shop/sync")).await;
    }
    settled(&world, 1).await;
    assert_eq!(ticks(&world, "all").await, at_three([0]));
    let shown = world.kiket(&["project", "schedules", "shop"]).output().expect("it runs");
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    assert!(shown.contains("0 3 * * *") && shown.contains("2025-06-02T03:00:00.000Z"), "{shown}");
    world.end().await;
}

#[tokio::test]
async fn a_clock_that_jumps_by_days_starts_what_the_schedules_say_and_nothing_twice() {
    let clock = Clock::new();
    let mut world = shop(&clock).await;
    clock.set(MIDNIGHT + 3 * HOUR - 1_000);
    settled(&world, 1).await;
    let lateness =
        world.bare(reqwest::Method::GET, "/metrics").send().await.expect("an answer").text().await.expect("text");
    assert!(lateness.contains("kiket_schedule_lateness_seconds_count 3"), "{lateness}");

    // Four times are jumped over.
    clock.set(MIDNIGHT + 4 * DAY + 12 * HOUR);
    settled(&world, 5).await;
    assert_eq!(ticks(&world, "once").await, at_three([0, 4]));
    assert_eq!(ticks(&world, "all").await, at_three(0..5));
    assert_eq!(ticks(&world, "skip").await, at_three([0]));

    // Back again, schedules taken out and put back: what was, was.
    clock.set(MIDNIGHT + 3 * DAY + 2 * HOUR);
    let (path, file) = pipeline("all", "all");
    std::fs::remove_file(world.work().join(&path)).expect("it is there");
    world.push(&[]);
    world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(world.ok(world.get("/projects/shop/schedules")).await["data"].as_array().map(Vec::len), Some(2));
    world.push(&[(&path, &file)]);
    world.ok(world.post("/projects/shop/sync")).await;
    clock.set(MIDNIGHT + 5 * DAY + 3 * HOUR - 1_000);
    world.kill();
    world.boot();
    settled(&world, 6).await;
    assert_eq!(ticks(&world, "once").await, at_three([0, 4, 5]));
    assert_eq!(ticks(&world, "all").await, at_three(0..6));
    assert_eq!(ticks(&world, "skip").await, at_three([0, 5]));
    world.end().await;
}
