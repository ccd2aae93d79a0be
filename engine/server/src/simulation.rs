//! A deterministic simulation of the engine: core, dispatch, the driver and the journal of effects as they are, over a
//! store in memory, with a clock, plugins and people that follow a seed.
//!
//! A seed decides everything: which faults are turned on, what runs there are, and every choice after that. First comes
//! chaos, then everything heals, and then all has to come to an end within a bound of time. What has to be true is in
//! `checks`. The store of the simulation is held against the real one in `differential`.
//!
//! `KIKET_SEED=7 cargo nextest run -p kiket --lib simulation::seeds --no-capture` shows what happens with a seed,
//! `KIKET_SEEDS=10000` tries as many fresh ones.
//!
//! Not simulated: the sandbox, the SQL, HTTP, and the threads. One thread does everything, in one order.

mod bugs;
mod checks;
mod differential;
mod handle;
mod luck;
mod moved;
mod node;
mod people;
mod plans;
mod puppet;
mod seeds;
mod tables;
mod world;

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{DefaultHasher, Hasher as _};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kiket_core::run::Run;
use kiket_core::{RunId, Timestamp};
use kiket_store::Change;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use ulid::Ulid;

use crate::clock::{self, simulated};
use luck::{Faults, Luck};
use node::Node;
use people::Told;
use tables::Tables;
use world::World;

/// When every simulation begins: 2026-01-01.
const START: Timestamp = Timestamp::from_millis(1_767_225_600_000);
/// How long everything may take to come to an end once nothing goes wrong any more.
const BOUND: Duration = Duration::from_secs(90 * 60);
/// Most that may happen in one simulation: one that does more goes in circles.
const STEPS: u64 = 400_000;

/// What came of a seed.
pub(super) struct Report {
    /// The hash of everything that happened.
    hash: u64,
    /// What is wrong.
    flaws: Vec<String>,
    /// How many units were committed or refused.
    steps: u64,
}

/// One simulation.
struct Sim {
    seed: u64,
    faults: Faults,
    luck: Mutex<Luck>,
    /// Nothing goes wrong any more.
    calm: AtomicBool,
    tables: Mutex<Tables>,
    world: Mutex<World>,
    told: Mutex<Vec<Told>>,
    flaws: Mutex<Vec<String>>,
    nodes: Mutex<Vec<Arc<Node>>>,
    listeners: Mutex<Vec<watch::Sender<u64>>>,
    /// Runs that have changed since the last checkpoint.
    changed: Mutex<BTreeSet<RunId>>,
    trace: Mutex<DefaultHasher>,
    shows: bool,
    begun: Instant,
    /// How many people there are who want something.
    people: AtomicU64,
    steps: AtomicU64,
    boots: AtomicU64,
    runs: AtomicU64,
}

/// Runs the simulation of a seed; `shows` prints what happens.
pub(super) fn simulate(seed: u64, shows: bool) -> Report {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let report = runtime.expect("a runtime").block_on(async {
        simulated::set(START);
        let sim = Arc::new(Sim::new(seed, shows));
        sim.run().await;
        // They hold one another.
        sim.nodes().drain(..).for_each(|node| node.process.kill());
        let mut flaws = std::mem::take(&mut *lock(&sim.flaws));
        flaws.extend(checks::in_the_end(&sim, &sim.tables(), &sim.world(), &lock(&sim.told)));
        flaws.sort();
        flaws.dedup();
        Report { hash: lock(&sim.trace).finish(), flaws, steps: sim.steps.load(Ordering::Relaxed) }
    });
    simulated::unset();
    report
}

impl Sim {
    fn new(seed: u64, shows: bool) -> Self {
        let mut luck = Luck::new(seed);
        let faults = Faults::draw(&mut luck);
        Self {
            seed,
            faults,
            luck: Mutex::new(luck),
            calm: AtomicBool::new(false),
            tables: Mutex::default(),
            world: Mutex::default(),
            told: Mutex::default(),
            flaws: Mutex::default(),
            nodes: Mutex::default(),
            listeners: Mutex::default(),
            changed: Mutex::default(),
            trace: Mutex::default(),
            shows,
            begun: Instant::now(),
            people: AtomicU64::new(1),
            steps: AtomicU64::new(0),
            boots: AtomicU64::new(0),
            runs: AtomicU64::new(0),
        }
    }

    async fn run(self: &Arc<Self>) {
        self.note(format_args!("{:?}", self.faults));
        self.boot();
        if self.faults.two {
            self.boot();
        }
        tokio::spawn(people::come(Arc::clone(self)));
        let mut jumped = 0;
        let until = self.begun + self.millis(10_000, 150_000);
        while Instant::now() < until {
            sleep(self.millis(500, 8_000)).await;
            self.checkpoint();
            self.disturb(&mut jumped);
        }
        self.note(format_args!("all is well from now on"));
        self.calm.store(true, Ordering::Relaxed);
        simulated::advance(-jumped);
        self.nodes().iter().for_each(|node| node.process.thaw());
        if self.nodes().is_empty() {
            self.boot();
        }
        let healed = Instant::now();
        while self.people.load(Ordering::Relaxed) > 0 || !self.rests() {
            if healed.elapsed() > BOUND {
                return self.wrong(format!("it does not come to an end: {}", self.open()));
            }
            sleep(Duration::from_secs(2)).await;
        }
        self.checkpoint();
    }

    /// Lets something happen to the processes, or to their clocks.
    fn disturb(self: &Arc<Self>, jumped: &mut i64) {
        let Some(node) = self.some_node() else { return self.boot() };
        if self.faults.crashes && self.chance(200) {
            self.note(format_args!("{} dies", node.name));
            node.process.kill();
            self.nodes().retain(|other| other.name != node.name);
        }
        if self.faults.pauses && self.chance(250) {
            match node.process.is_frozen() {
                true => node.process.thaw(),
                false => node.process.freeze(),
            }
            self.note(format_args!("{} stands still: {}", node.name, node.process.is_frozen()));
        }
        if self.faults.jumps && self.chance(200) {
            let by = self.below(600_000) as i64 - 300_000;
            self.note(format_args!("the clock goes by {by} ms"));
            simulated::advance(by);
            *jumped += by;
        }
        let well = self.nodes().iter().filter(|node| !node.process.is_frozen()).count();
        if well == 0 && self.chance(600) {
            self.boot();
        }
    }

    /// Starts a process. One that is alone may know that, or not.
    fn boot(self: &Arc<Self>) {
        let alone = self.nodes().is_empty() && !self.faults.two;
        let node = Node::boot(self, alone);
        self.nodes().push(node);
    }

    /// Holds what has changed against what has to be true at any time.
    fn checkpoint(&self) {
        let changed = std::mem::take(&mut *lock(&self.changed));
        let tables = self.tables();
        let flaws: Vec<String> = changed
            .iter()
            .filter_map(|run| tables.runs.get(run))
            .flat_map(|row| checks::standing(&tables, row))
            .collect();
        drop(tables);
        flaws.into_iter().for_each(|flaw| self.wrong(flaw));
    }

    /// Whether every run has ended, but for those that wait for somebody who never comes.
    fn rests(&self) -> bool {
        let waits = |state: &str| serde_json::from_str(state).is_ok_and(|run: Run| checks::waits_for_nobody(&run));
        self.tables().runs.values().all(|row| row.terminal || (row.status == "waiting" && waits(&row.state)))
    }

    /// What is still open.
    fn open(&self) -> String {
        let tables = self.tables();
        let rows = tables.work.values().map(|row| format!("{} due {} {:?}", row.task, row.due, row.lease));
        let (now, people) = (clock::now(), self.people.load(Ordering::Relaxed));
        format!("at {now} with {people} people: {:?}", rows.collect::<Vec<_>>())
    }

    /// Writes down that something happened.
    fn note(&self, what: fmt::Arguments<'_>) {
        use std::fmt::Write as _;
        struct Hash<'a>(&'a mut DefaultHasher);
        impl fmt::Write for Hash<'_> {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        let steps = self.steps.fetch_add(1, Ordering::Relaxed);
        assert!(steps < STEPS, "seed {}: it goes in circles", self.seed);
        let after = self.begun.elapsed().as_millis();
        _ = write!(Hash(&mut lock(&self.trace)), "{after} {what}");
        if self.shows {
            println!("{after:>8} {what}");
        }
    }

    /// Writes down that something is wrong.
    fn wrong(&self, what: String) {
        self.note(format_args!("WRONG: {what}"));
        lock(&self.flaws).push(what);
    }

    fn tell(&self, told: Told) {
        self.note(format_args!("{told:?}"));
        lock(&self.told).push(told);
    }

    /// Notes that a unit has changed a run.
    fn touch(&self, change: &Change) {
        if let Change::Run(run) = change {
            lock(&self.changed).insert(run.run);
        }
    }

    fn is_calm(&self) -> bool {
        self.calm.load(Ordering::Relaxed)
    }

    /// Yes in so many of a thousand cases, as long as anything goes wrong at all.
    fn chance(&self, per_mille: u64) -> bool {
        per_mille > 0 && !self.is_calm() && lock(&self.luck).chance(per_mille)
    }

    /// Yes in so many of a thousand cases, whatever goes wrong.
    fn coin(&self, per_mille: u64) -> bool {
        lock(&self.luck).chance(per_mille)
    }

    fn below(&self, limit: u64) -> u64 {
        lock(&self.luck).below(limit)
    }

    fn millis(&self, from: u64, to: u64) -> Duration {
        lock(&self.luck).millis(from, to)
    }

    fn new_run(&self) -> RunId {
        let number = self.runs.fetch_add(1, Ordering::Relaxed);
        RunId::new(Ulid::from_parts(START.millis().unsigned_abs(), u128::from(number)))
    }

    fn count_boot(&self) -> u64 {
        self.boots.fetch_add(1, Ordering::Relaxed)
    }

    fn begin(&self) {
        self.people.fetch_add(1, Ordering::Relaxed);
    }

    fn done(&self) {
        self.people.fetch_sub(1, Ordering::Relaxed);
    }

    fn some_node(&self) -> Option<Arc<Node>> {
        let nodes = self.nodes();
        let which = usize::try_from(self.below(nodes.len() as u64)).unwrap_or_default();
        nodes.get(which).map(Arc::clone)
    }

    /// Somebody who wants to hear of work.
    fn listen(&self) -> watch::Receiver<u64> {
        let (sender, receiver) = watch::channel(0);
        lock(&self.listeners).push(sender);
        receiver
    }

    /// Tells everybody that there is work, as far as it gets there.
    fn wake(self: &Arc<Self>) {
        let mut listeners = lock(&self.listeners);
        listeners.retain(|listener| !listener.is_closed());
        listeners.iter().for_each(|listener| handle::tell(self, listener));
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<Arc<Node>>> {
        lock(&self.nodes)
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        lock(&self.tables)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}
