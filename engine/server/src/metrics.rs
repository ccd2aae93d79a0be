//! What a server counts, for Prometheus. `docs/metrics.md` lists all of it.
//!
//! What the log says is counted where it is committed, so no figure here can differ from it. Labels have few values,
//! none of them made by strangers: no projects, no pipelines, no plugins. Counters begin at 0 with the process.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::Timestamp;
use kiket_core::run::Outcome;
use kiket_store::{LetterKind, Queue, Store, StoreError};
use prometheus::{
    Counter, Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
};

/// Bounds of what takes from a hundredth of a millisecond to ten minutes, in seconds.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0];

/// The counters of one server.
pub(crate) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    pub(crate) streams: IntGauge,
    stage_seconds: HistogramVec,
    stage_cpu: Counter,
    stage_errors: IntCounterVec,
    events: IntCounterVec,
    position: IntGauge,
    work: IntGaugeVec,
    oldest: GaugeVec,
    slots: IntGaugeVec,
    started: Gauge,
    syncs: IntCounterVec,
    statuses: IntCounterVec,
    ticks: Histogram,
    forgotten: IntCounter,
    letters: IntGaugeVec,
    dropped: IntGauge,
    bytes: IntGaugeVec,
}

impl Metrics {
    /// Makes counters that begin at 0.
    ///
    /// # Errors
    /// Two of one name, which is a mistake in this file.
    pub(crate) fn new(now: Timestamp) -> prometheus::Result<Arc<Self>> {
        let registry = Registry::new();
        let histogram = |name: &str, help: &str, labels: &[&str]| {
            HistogramVec::new(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()), labels)
        };
        let counters = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let gauges = |name: &str, help: &str, labels: &[&str]| IntGaugeVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            requests: counters("kiket_http_requests_total", "Requests answered", &["method", "route", "status"])?,
            request_seconds: histogram(
                "kiket_http_request_seconds",
                "Time from a request to the head of its answer",
                &["method", "route"],
            )?,
            streams: IntGauge::new("kiket_event_streams", "Event streams that are open")?,
            stage_seconds: histogram("kiket_stage_attempt_seconds", "Time of an attempt of a stage", &["outcome"])?,
            stage_cpu: Counter::new("kiket_stage_cpu_seconds_total", "CPU time of attempts that succeeded")?,
            stage_errors: counters(
                "kiket_stage_errors_total",
                "Attempts that failed, by the code of the error",
                &["code"],
            )?,
            events: counters("kiket_events_total", "Events and records committed to the log", &["kind"])?,
            position: IntGauge::new("kiket_log_position", "Last committed position of the log")?,
            work: gauges("kiket_work", "Work in the store", &["kind", "state"])?,
            oldest: GaugeVec::new(
                Opts::new("kiket_work_oldest_seconds", "How long the oldest of what waits has been due"),
                &["kind"],
            )?,
            slots: gauges("kiket_slots", "Stages that can run at once", &["state"])?,
            started: Gauge::new("kiket_start_time_seconds", "When the server started, in Unix time")?,
            syncs: counters("kiket_syncs_total", "Looks at the branches of projects", &["outcome"])?,
            statuses: counters("kiket_commit_statuses_total", "Statuses posted to forges", &["outcome"])?,
            ticks: Histogram::with_opts(
                HistogramOpts::new("kiket_schedule_lateness_seconds", "How late scheduled runs were started")
                    .buckets(SECONDS.to_vec()),
            )?,
            forgotten: IntCounter::new("kiket_runs_forgotten_total", "Runs that were forgotten because they are old")?,
            letters: gauges("kiket_dead_letters", "What was given up and waits for a person", &["kind"])?,
            dropped: IntGauge::new(
                "kiket_dead_letters_dropped",
                "Dead letters that ever had to make room for newer ones",
            )?,
            bytes: gauges("kiket_database_bytes", "Size of the database", &["state"])?,
            registry,
        };
        let version = IntGaugeVec::new(Opts::new("kiket_build_info", "The version; always 1"), &["version"])?;
        version.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        metrics.started.set(Duration::from_millis(now.millis().unsigned_abs()).as_secs_f64());
        metrics.registry.register(Box::new(version))?;
        for outcome in ["posted", "refused", "failed"] {
            metrics.statuses.with_label_values(&[outcome]);
        }
        metrics.register()?;
        Ok(Arc::new(metrics))
    }

    fn register(&self) -> prometheus::Result<()> {
        self.registry.register(Box::new(self.requests.clone()))?;
        self.registry.register(Box::new(self.request_seconds.clone()))?;
        self.registry.register(Box::new(self.streams.clone()))?;
        self.registry.register(Box::new(self.stage_seconds.clone()))?;
        self.registry.register(Box::new(self.stage_cpu.clone()))?;
        self.registry.register(Box::new(self.stage_errors.clone()))?;
        self.registry.register(Box::new(self.events.clone()))?;
        self.registry.register(Box::new(self.position.clone()))?;
        self.registry.register(Box::new(self.work.clone()))?;
        self.registry.register(Box::new(self.oldest.clone()))?;
        self.registry.register(Box::new(self.slots.clone()))?;
        self.registry.register(Box::new(self.started.clone()))?;
        self.registry.register(Box::new(self.syncs.clone()))?;
        self.registry.register(Box::new(self.statuses.clone()))?;
        self.registry.register(Box::new(self.ticks.clone()))?;
        self.registry.register(Box::new(self.forgotten.clone()))?;
        self.registry.register(Box::new(self.letters.clone()))?;
        self.registry.register(Box::new(self.dropped.clone()))?;
        self.registry.register(Box::new(self.bytes.clone()))
    }

    /// Counts a request. The route is the pattern and not what was asked for.
    pub(crate) fn request(&self, method: &str, route: &str, status: u16, took: Duration) {
        let class = status.to_string();
        self.requests.with_label_values(&[method, route, &class]).inc();
        self.request_seconds.with_label_values(&[method, route]).observe(took.as_secs_f64());
    }

    /// Counts a look at the branch of a project.
    pub(crate) fn synced(&self, succeeded: bool) {
        self.syncs.with_label_values(&[if succeeded { "succeeded" } else { "failed" }]).inc();
    }

    /// Counts a status that was posted to a forge: `posted`, `refused` or `failed`.
    pub(crate) fn status(&self, outcome: &str) {
        self.statuses.with_label_values(&[outcome]).inc();
    }

    /// Counts a scheduled run that was started so late.
    pub(crate) fn tick(&self, late: Duration) {
        self.ticks.observe(late.as_secs_f64());
    }

    /// Counts runs that were forgotten.
    pub(crate) fn forgotten(&self, runs: usize) {
        self.forgotten.inc_by(u64::try_from(runs).unwrap_or(u64::MAX));
    }

    /// Counts an attempt of a stage.
    pub(crate) fn attempt(&self, outcome: &Outcome, took: Duration) {
        let word = match outcome {
            Outcome::Succeeded { usage, .. } => {
                self.stage_cpu.inc_by(Duration::from_millis(usage.cpu_ms).as_secs_f64());
                "succeeded"
            }
            Outcome::Failed(error) => {
                self.stage_errors.with_label_values(&[&error.code]).inc();
                "failed"
            }
            Outcome::InDoubt(_) => "in_doubt",
        };
        self.stage_seconds.with_label_values(&[word]).observe(took.as_secs_f64());
    }

    /// Writes everything in Prometheus' text format.
    ///
    /// # Errors
    /// Only failures of the database.
    pub(crate) async fn text(
        &self,
        store: &Store,
        free: usize,
        slots: usize,
        now: Timestamp,
    ) -> Result<String, StoreError> {
        for (kind, count) in store.appended() {
            let counter = self.events.with_label_values(&[&kind]);
            counter.inc_by(count.saturating_sub(counter.get()));
        }
        self.position.set(store.head().borrow().get());
        let busy = i64::try_from(slots.saturating_sub(free)).unwrap_or(i64::MAX);
        self.slots.with_label_values(&["busy"]).set(busy);
        self.slots.with_label_values(&["free"]).set(i64::try_from(free).unwrap_or(i64::MAX));
        // What is worked off has no row any more.
        self.work.reset();
        self.oldest.reset();
        for Queue { kind, waiting, held, later, oldest } in store.queues(now).await? {
            for (state, count) in [("waiting", waiting), ("held", held), ("later", later)] {
                self.work.with_label_values(&[&kind, state]).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
            let age = oldest.map_or(0, |oldest| now.millis() - oldest.millis());
            self.oldest.with_label_values(&[&kind]).set(Duration::from_millis(age.unsigned_abs()).as_secs_f64());
        }
        self.look_at_letters(store).await?;
        Ok(TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default())
    }

    /// Reads what is given up, and how large the database is.
    async fn look_at_letters(&self, store: &Store) -> Result<(), StoreError> {
        let gauge = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let counts = store.dead_letter_counts().await?;
        for kind in LetterKind::ALL {
            let open = counts.open.iter().find(|(known, _)| known == kind).map_or(0, |(_, count)| *count);
            self.letters.with_label_values(&[kind.as_str()]).set(gauge(open));
        }
        self.dropped.set(gauge(counts.dropped));
        let space = store.space().await?;
        self.bytes.with_label_values(&["used"]).set(gauge(space.used));
        self.bytes.with_label_values(&["free"]).set(gauge(space.free));
        Ok(())
    }
}
