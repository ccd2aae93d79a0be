//! A server without its threads: whatever is due is done when the test says so.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use kiket_core::revision::{Revision, compile};
use kiket_core::run::{Found, Outcome, StageError, Usage};
use kiket_core::{ProjectId, RevisionId, Source, Timestamp};
use kiket_host::{Host, HostConfig};
use kiket_store::{
    Change, Claim, Filter, HookSecret, NewEvent, NewProject, NewRevision, Position, RevisionStatus, Store, Task,
    TaskKind, Work,
};
use rand::RngExt as _;
use rand::rngs::StdRng;
use tempfile::TempDir;
use tokio::sync::{Notify, mpsc};

use super::super::{due, settle};
use super::oracle::{Happened, Ticks};
use crate::clock;
use crate::dispatch::{Assignment, Dispatch, DispatchError, Slots};
use crate::metrics::Metrics;
use crate::plugins::Plugins;
use crate::publish::Publisher;
use crate::revisions::Revisions;
use crate::turns::Turns;

/// Further away than any story goes.
const END: Timestamp = Timestamp::from_millis(super::BEGIN.millis() + 200 * 24 * 3_600_000);
const ZONES: [&str; 5] = ["UTC", "Europe/Prague", "America/New_York", "Australia/Sydney", "Asia/Kathmandu"];

pub(super) struct World {
    folder: TempDir,
    project: ProjectId,
    plugins: Arc<Plugins>,
    pipelines: usize,
    random: StdRng,
    /// `None` while it is down.
    server: Option<Server>,
    ticks: Ticks,
    timeouts: BTreeMap<String, Option<Duration>>,
    pub(super) wrong: Vec<String>,
}

struct Server {
    publisher: Arc<Publisher>,
    slots: Arc<Slots>,
    handed: mpsc::UnboundedReceiver<Assignment>,
}

/// The file of a pipeline: a schedule, a stage that fails twice, and an approval that nobody gives.
fn pipeline(index: usize) -> Source {
    let zone = ZONES[index % ZONES.len()];
    let missed = ["once", "all", "skip"][index % 3];
    let (minute, hour) = ((index * 7) % 60, (index * 5 + 1) % 24);
    // In the night as well, when clocks are changed, and a few that go with them.
    let cron = match index % 6 {
        0 => format!("{minute} 2 * * *"),
        1 => format!("0,30 {} * * 1-6", (hour + 1) % 4),
        5 => format!("{minute} */11 * * *"),
        _ => format!("{minute} {hour} * * *"),
    };
    let timeout = if index.is_multiple_of(4) { "timeout: 45m, " } else { "" };
    let text = format!(
        "model_version: \"1.0\"
pipeline: {{ id: p{index}, {timeout}on: {{ schedule: {{ cron: \"{cron}\", timezone: {zone}, missed: {missed} }} }} }}
stages:
  work:
    uses: execute
    with: {{ language: javascript, source: \"1\" }}
    retry: {{ max_attempts: 3, on: transient, backoff: {{ initial: 7m, factor: 3, max: 1h }} }}
  ask: {{ needs: [work], approval: {{ message: well?, deadline: 50m }} }}
"
    );
    Source::new(format!(".kiket/pipelines/p{index}.yaml"), text)
}

impl World {
    pub(super) async fn open(pipelines: usize, random: StdRng) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let host = Host::new(HostConfig { instances: 1, ..HostConfig::default() }).expect("a host");
        let plugins = Arc::new(Plugins::open(host, folder.path().join("plugins")).expect("plugins"));
        let project = ProjectId::new(clock::ulid());
        let (ticks, timeouts, wrong) = (Ticks::default(), BTreeMap::new(), Vec::new());
        let mut world = Self { folder, project, plugins, pipelines, random, server: None, ticks, timeouts, wrong };
        world.reopen().await;
        let shop = NewProject::new(
            project,
            "shop",
            "https://forge.example/shop.git",
            HookSecret::Clear("hush".to_owned()),
            clock::now(),
        );
        world.store().commit(vec![Change::Project(shop)]).await.expect("a project");
        world
    }

    /// Starts a server on what there is.
    pub(super) async fn reopen(&mut self) {
        let store = Store::open(&self.folder.path().join("kiket.db")).await.expect("a store");
        let revisions = Arc::new(Revisions::new(store.clone(), Arc::clone(&self.plugins)));
        let slots = Arc::new(Slots::new(8));
        let (hand, handed) = mpsc::unbounded_channel();
        let (for_dispatch, owner) = (Arc::clone(&slots), "node".to_owned());
        let dispatch = Dispatch::new(store.clone(), Arc::clone(&revisions), for_dispatch, owner, hand);
        let publisher = Arc::new(Publisher {
            store,
            plugins: Arc::clone(&self.plugins),
            revisions,
            dispatch: Arc::new(dispatch),
            mirrors: self.folder.path().join("git"),
            organisation: None,
            component_bytes: 0,
            metrics: Metrics::new(clock::now()).expect("metrics"),
            turns: Turns::default(),
            timers: Notify::new(),
            ticks: Notify::new(),
        });
        self.server = Some(Server { publisher, slots, handed });
    }

    /// Stops the server.
    pub(super) async fn close(&mut self) {
        let store = self.store().clone();
        self.server = None;
        store.close().await;
    }

    /// Cuts the server off at what it does when something is due next, and starts it again at the same moment.
    pub(super) async fn crash(&mut self) {
        let Some(next) = self.store().earliest_due(&[]).await.expect("it can be asked") else { return };
        if next > clock::now() && next < Timestamp::NEVER {
            clock::simulated::stand(next);
        }
        let polls = self.random.random_range(0..60);
        let publisher = Arc::clone(&self.server().publisher);
        let work = due(&publisher, "node").claim(16).await.expect("work can be claimed");
        self.claim_stages().await;
        let acts = join_all(work.into_iter().map(|work| settle(Arc::clone(&publisher), work)));
        tokio::select! {
            biased;
            _ = acts => {}
            () = async { for _ in 0..polls { tokio::task::yield_now().await } } => {}
        }
        drop(publisher);
        self.close().await;
        self.reopen().await;
    }

    /// Publishes all schedules, or those of every other pipeline.
    pub(super) async fn publish(&mut self, whole: bool) {
        let mut sources: Vec<Source> =
            (0..self.pipelines).filter(|index| whole || index.is_multiple_of(2)).map(pipeline).collect();
        sources.sort_by(|one, other| one.path.cmp(&other.path));
        self.put_in_force(sources).await;
    }

    /// Takes all schedules out.
    pub(super) async fn take_out(&mut self) {
        self.put_in_force(Vec::new()).await;
    }

    async fn put_in_force(&mut self, sources: Vec<Source>) {
        let bundled = self.plugins.bundled();
        let (revision, found) = compile(&sources, bundled);
        let revision: Arc<Revision> = Arc::new(revision.unwrap_or_else(|| panic!("{found:#?}")));
        let pinned = bundled.names().filter_map(|name| Some((name, bundled.get(name)?.digest.clone())));
        let id = RevisionId::new(clock::ulid());
        let row = NewRevision {
            key: None,
            id,
            project: self.project,
            reference: Some("refs/heads/main".to_owned()),
            commit: "c0ffee".to_owned(),
            status: RevisionStatus::Active,
            sources,
            diagnostics: "[]".to_owned(),
            plugins: serde_json::to_string(&pinned.collect::<BTreeMap<_, _>>()).expect("names and digests"),
            at: clock::now(),
            event: NewEvent { kind: "revision.published".into(), stage: None, data: "{}".to_owned() },
        };
        let publisher = Arc::clone(&self.server().publisher);
        let schedules = publisher.reschedule(self.project, &revision).await.expect("it can be asked");
        let unit = std::iter::once(Change::Revision(row)).chain(schedules).collect();
        publisher.store.commit(unit).await.expect("it is published");
        let schedules = revision
            .pipelines()
            .flat_map(|plan| plan.on.schedules.iter().map(|schedule| (plan.pipeline.clone(), schedule.clone())));
        self.ticks.publish(schedules.collect(), clock::now(), END);
        self.timeouts.extend(revision.pipelines().map(|plan| (plan.pipeline.clone(), plan.timeout)));
    }

    /// Goes from one timer to the next, until a time.
    pub(super) async fn live_until(&mut self, until: Timestamp) {
        while self.wrong.is_empty() {
            let next = self.store().earliest_due(&[]).await.expect("it can be asked");
            let Some(next) = next.filter(|next| *next <= until) else { break };
            if next > clock::now() {
                clock::simulated::stand(Timestamp::from_millis(next.millis() - 1));
                self.look_too_early(next).await;
                let late = if self.random.random_bool(0.9) { 0 } else { self.random.random_range(0..90_000) };
                clock::simulated::stand(Timestamp::from_millis(next.millis() + late));
            }
            self.settle().await;
        }
        if clock::now() < until {
            clock::simulated::stand(until);
        }
    }

    /// Nothing is there to be taken a moment before its time.
    async fn look_too_early(&mut self, next: Timestamp) {
        let mut early = due(&self.server().publisher, "node").claim(16).await.expect("work can be claimed");
        early.extend(self.claim_stages().await);
        let now = clock::now();
        self.wrong.extend(
            early
                .iter()
                .map(|work| format!("{} is taken at {now}, before it is due at {} ({next})", work.task, work.due)),
        );
    }

    /// Does everything that is due, and what comes of it, until nothing is.
    pub(super) async fn settle(&mut self) {
        if !self.wrong.is_empty() {
            return;
        }
        self.ticks.settle(clock::now());
        loop {
            let publisher = Arc::clone(&self.server().publisher);
            let ticks = due(&publisher, "node").claim(16).await.expect("work can be claimed");
            let stages = self.claim_stages().await;
            if ticks.is_empty() && stages.is_empty() {
                break;
            }
            let ticks = join_all(ticks.into_iter().map(|work| settle(Arc::clone(&publisher), work)));
            let slots = Arc::clone(&self.server().slots);
            let stages = join_all(stages.into_iter().map(|work| take_up(&publisher.dispatch, &slots, work)));
            tokio::join!(ticks, stages);
            while let Ok(assignment) = self.server().handed.try_recv() {
                carry_out(&publisher.dispatch, Some(assignment)).await;
            }
        }
        let left = self.store().earliest_due(&[]).await.expect("it can be asked");
        let now = clock::now();
        self.wrong.extend(
            left.filter(|due| *due <= now).map(|due| format!("something is due since {due}, and nobody takes it")),
        );
    }

    /// What the driver claims.
    async fn claim_stages(&mut self) -> Vec<Work> {
        let now = clock::now();
        let kinds = vec![TaskKind::Stage, TaskKind::Deadline];
        let until = now.after(Duration::from_secs(15));
        self.store().claim(Claim { owner: "node".to_owned(), kinds, limit: 8, now, until }).await.expect("a claim")
    }

    /// Takes all schedules out, waits for what still waits, and checks everything; returns how many timers there were,
    /// and what was wrong.
    pub(super) async fn end(mut self) -> (usize, Vec<String>) {
        if self.wrong.is_empty() {
            self.take_out().await;
            self.live_until(END).await;
        }
        let mut happened = Happened::default();
        let mut after = Position::ZERO;
        loop {
            let page = self.store().tail(after, &Filter::default(), 1000).await.expect("the log can be read");
            let Some(last) = page.last() else { break };
            after = last.position;
            page.iter().for_each(|entry| happened.read(entry, |name| self.timeouts.get(name).copied().flatten()));
        }
        let timers = happened.timers;
        let mut wrong = std::mem::take(&mut self.wrong);
        if wrong.is_empty() {
            wrong.extend(self.ticks.compare(&happened));
            wrong.extend(happened.wrong());
            let stuck = self.store().stuck().await.expect("it can be asked");
            wrong.extend(stuck.iter().map(|stuck| format!("stuck: {stuck:?}")));
            wrong.extend(self.store().integrity().await.expect("it can be asked"));
            let left = self.store().queues(clock::now()).await.expect("it can be asked");
            wrong.extend(left.iter().map(|queue| format!("there is work left: {queue:?}")));
        }
        self.close().await;
        (timers, wrong)
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().expect("it is up")
    }

    fn store(&self) -> &Store {
        &self.server.as_ref().expect("it is up").publisher.store
    }
}

/// What the driver does with work, but for calling the plugin.
async fn take_up(dispatch: &Dispatch, slots: &Slots, work: Work) {
    let held = work.held();
    match work.task {
        Task::Stage { run, stage, .. } => {
            let slot = slots.wait().await;
            let seen = dispatch.look(run).await.expect("it is there").seq;
            match dispatch.begin(run, stage.into(), held, slot, (Found::Nothing, seen)).await {
                Ok(assignment) => carry_out(dispatch, assignment).await,
                Err(DispatchError::Lost | DispatchError::Rejected(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
        Task::Deadline { run } => match dispatch.expire(run, held).await {
            Ok(()) | Err(DispatchError::Lost | DispatchError::Rejected(_)) => {}
            Err(error) => panic!("{error}"),
        },
        other => panic!("nobody asked for {other}"),
    }
}

/// The first two attempts fail, the third does not.
async fn carry_out(dispatch: &Dispatch, mut assignment: Option<Assignment>) {
    while let Some(begun) = assignment {
        let outcome = match begun.attempt {
            1 | 2 => Outcome::Failed(StageError::new("transient", "not yet")),
            _ => Outcome::Succeeded { outputs: serde_json::json!({}), usage: Usage::default() },
        };
        assignment = match dispatch.finish(begun, outcome, None).await {
            Ok(next) => next,
            Err(DispatchError::Lost | DispatchError::Rejected(_)) => None,
            Err(error) => panic!("{error}"),
        };
    }
}
