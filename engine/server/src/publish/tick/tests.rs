//! A month of timers, with restarts and clocks that jump: none is early, lost or doubled.
//!
//! The store, the loop's steps, the decisions and everything that is committed are the real ones. Time is simulated, and
//! what an attempt of a stage comes to is made up: the first ones fail and are tried again later, then people are asked
//! who never answer. One process has one clock, so these tests go one after the other.
//!
//! `KIKET_TIMERS=10000` makes the month as full as that; it takes minutes then, instead of seconds.

mod oracle;
mod world;

use std::time::Duration;

use kiket_core::Timestamp;
use kiket_core::planted::{Bug, plant, weed};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use world::World;

use crate::clock;

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);
/// New York, Prague and Sydney change their clocks within the month that begins here: 2025-03-08T00:00:00Z.
const BEGIN: Timestamp = Timestamp::from_millis(1_741_392_000_000);

/// What happens to a server besides the passing of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Incident {
    /// It is cut off at whatever it does, and started again.
    Crash,
    /// It is stopped for a while.
    Down(Duration),
    /// Its clock is set forward.
    Forward(Duration),
    /// Its clock is set back.
    Back(Duration),
    /// Its clock is set back, and all schedules are taken out and put back.
    Again(Duration),
    /// Another revision takes half of the schedules out, or puts them back.
    Publish,
}

const INCIDENTS: [Incident; 13] = [
    Incident::Crash,
    Incident::Forward(HOUR),
    Incident::Publish,
    Incident::Crash,
    Incident::Back(HOUR),
    Incident::Publish,
    Incident::Down(Duration::from_secs(5 * 3600)),
    Incident::Publish,
    Incident::Back(DAY),
    Incident::Publish,
    Incident::Crash,
    Incident::Again(DAY),
    Incident::Forward(DAY),
];

/// How long, and how much.
struct Story {
    pipelines: usize,
    days: u64,
    incidents: usize,
    seed: u64,
}

/// What came of it.
struct Told {
    timers: usize,
    restarts: usize,
    /// The time by then.
    until: Timestamp,
    wrong: Vec<String>,
}

/// Lets a month go by.
async fn tell(story: &Story) -> Told {
    let mut random = StdRng::seed_from_u64(story.seed);
    clock::simulated::stand(BEGIN);
    let mut world = World::open(story.pipelines, StdRng::seed_from_u64(story.seed + 1)).await;
    world.publish(true).await;
    let pause = DAY.mul_f64(story.days as f64 / (story.incidents + 1) as f64);
    let (mut whole, mut restarts) = (true, 0);
    for incident in INCIDENTS.iter().cycle().take(story.incidents) {
        let until = clock::now().after(pause.mul_f64(random.random_range(0.5..1.5)));
        world.live_until(until).await;
        match incident {
            Incident::Crash => {
                restarts += 1;
                world.crash().await;
            }
            Incident::Down(long) => {
                restarts += 1;
                world.close().await;
                forward(*long);
                world.reopen().await;
            }
            Incident::Forward(far) => forward(*far),
            Incident::Back(far) => back(*far),
            Incident::Again(far) => {
                back(*far);
                world.take_out().await;
                world.publish(whole).await;
            }
            Incident::Publish => {
                whole = !whole;
                world.publish(whole).await;
            }
        }
        world.settle().await;
        if !world.wrong.is_empty() {
            break;
        }
    }
    let until = clock::now();
    let (timers, wrong) = world.end().await;
    Told { timers, restarts, until, wrong }
}

fn forward(far: Duration) {
    clock::simulated::advance(i64::try_from(far.as_millis()).expect("not as far"));
}

fn back(far: Duration) {
    clock::simulated::advance(-i64::try_from(far.as_millis()).expect("not as far"));
}

/// As long as the environment says: in timers, about.
fn story() -> Story {
    let timers = std::env::var("KIKET_TIMERS").ok().and_then(|text| text.parse::<usize>().ok()).unwrap_or(600);
    // Each schedule has a time a day or so, and each of its runs three timers more.
    let pipelines = (timers / 100).clamp(6, 100);
    Story { pipelines, days: 40, incidents: 78, seed: 7 }
}

async fn alone() -> tokio::sync::MutexGuard<'static, ()> {
    static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
    ONE.lock().await
}

#[tokio::test]
async fn in_a_month_of_restarts_and_jumping_clocks_no_timer_is_early_lost_or_doubled() {
    let _alone = alone().await;
    let story = story();
    let Told { timers, restarts, until, wrong } = tell(&story).await;
    eprintln!("{timers} timers, {restarts} restarts, {} incidents until {until}", story.incidents);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    println!(r#"chaos: {{"what":"timers of a month","many":{timers},"lost":0,"doubled":0,"stuck":0,"corrupt":0}}"#);
    assert!(timers >= story.pipelines * 100 && restarts >= 20, "too little happened: {timers}, {restarts}");
    assert!(until > BEGIN.after(30 * DAY), "not all clocks were changed: {until}");
}

async fn catches(bug: Bug, what: &str) {
    let _alone = alone().await;
    plant(bug);
    let Told { wrong, .. } = tell(&Story { pipelines: 6, days: 20, incidents: 24, seed: 3 }).await;
    weed();
    assert!(wrong.iter().any(|wrong| wrong.contains(what)), "{} is not caught: {wrong:#?}", bug.name());
}

#[tokio::test]
async fn the_month_shows_the_planted_bug_timer_early() {
    catches(Bug::TimerEarly, "before it is due").await;
}

#[tokio::test]
async fn the_month_shows_the_planted_bug_timer_forgotten() {
    catches(Bug::TimerForgotten, "nobody takes it").await;
}

#[tokio::test]
async fn the_month_shows_the_planted_bug_tick_twice() {
    catches(Bug::TickTwice, "started twice").await;
}
