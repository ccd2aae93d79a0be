//! W6 and W7: calls of a plugin, and its first use, through the sandbox alone.
//!
//! These two are the only ones that do not go over HTTP: a request and a commit take a hundred times as long as a call,
//! so a call is measured where it is made, in this process, by the same code that the server calls.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use kiket_host::wit::action::Invocation;
use kiket_host::wit::guard::{Transition, Verdict};
use kiket_host::{
    ArtifactCalls, ClockCalls, CompileLimits, Compiler, Denial, DeploymentCalls, Digest, Host, HostCalls, HostConfig,
    HttpCalls, ItemCalls, KvCalls, Limits, LogLine, Lost, MailCalls, Placeholders, ProcessCalls, Progress, ReportCalls,
    SecretCalls, Terms, WorkspaceCalls,
};

use crate::machine::{REPEATS, latencies, times};

const CALLS: usize = 2_000;

/// An engine that listens and does nothing.
struct Nobody;

#[async_trait]
impl ReportCalls for Nobody {
    async fn log(&self, _: LogLine) -> Result<(), Lost> {
        Ok(())
    }

    async fn progress(&self, _: Progress) -> Result<(), Lost> {
        Ok(())
    }

    async fn denied(&self, _: Denial) -> Result<(), Lost> {
        Ok(())
    }
}

impl ClockCalls for Nobody {
    fn now(&self) -> Duration {
        std::time::UNIX_EPOCH.elapsed().unwrap_or_default()
    }
}

impl HttpCalls for Nobody {}
impl SecretCalls for Nobody {}
impl KvCalls for Nobody {}
impl WorkspaceCalls for Nobody {}
impl ArtifactCalls for Nobody {}
impl ProcessCalls for Nobody {}
impl ItemCalls for Nobody {}
impl MailCalls for Nobody {}
impl DeploymentCalls for Nobody {}

fn component(name: &str) -> Vec<u8> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../plugins/dist/{name}.wasm"));
    std::fs::read(file).expect("`cargo xtask setup` has built it")
}

fn terms(plugin: Digest) -> Terms {
    let placeholders = Placeholders::new("n0nce");
    Terms { plugin, grants: Arc::default(), limits: Limits::default(), placeholders, seed: [7; 32] }
}

/// The calls, one after the other: a fresh store and instance each, and both gone at its end.
pub(crate) async fn measure() {
    let host = Host::new(HostConfig::default()).expect("a host");
    let calls: Arc<dyn HostCalls> = Arc::new(Nobody);
    let [probe, guardian] = ["test/probe", "test/guardian"].map(component);
    let (probe, guardian) = (load(&host, &probe).await, load(&host, &guardian).await);
    let input =
        r#"{"order":4711,"lines":[{"sku":"a-1","count":2},{"sku":"b-2","count":1}],"note":"as soon as possible"}"#;
    let act = async |action: &str| {
        let call = Invocation {
            action: action.into(),
            input: input.into(),
            env: vec![("LANG".into(), "C".into())],
            project: "shop".into(),
            run: "run_01jd".into(),
            stage: "build".into(),
            attempt: 1,
            effect_key: "run_01jd/build".into(),
        };
        host.invoke(terms(probe), call, Arc::clone(&calls)).await.expect("it succeeds");
    };
    let ask = async |_: &str| {
        let question = Transition {
            guard: "allow".into(),
            input: "{}".into(),
            env: vec![],
            project: "shop".into(),
            item: r#"{"id":"item_01jd","title":"A thing to do","state":"open","labels":["one","two"]}"#.into(),
            name: "Done".into(),
            source_state: "open".into(),
            target_state: "done".into(),
            actor: "ada".into(),
        };
        let verdict = host.decide(terms(guardian), question, Arc::clone(&calls)).await.expect("it answers");
        assert!(matches!(verdict, Verdict::Allow));
    };
    println!("W6 a guard that logs a line and allows: {}", latencies(&repeat(ask, "").await));
    println!("W6 an action that does nothing: {}", latencies(&repeat(act, "noop").await));
    println!("W6 an action with JSON in and out: {}", latencies(&repeat(act, "echo").await));
}

async fn repeat(call: impl AsyncFn(&str), what: &str) -> Vec<Vec<Duration>> {
    let mut repeats = Vec::new();
    // The first is the warm-up.
    for _ in 0..=REPEATS {
        let mut figures = Vec::with_capacity(CALLS);
        for _ in 0..CALLS {
            let start = Instant::now();
            call(what).await;
            figures.push(start.elapsed());
        }
        repeats.push(figures);
    }
    repeats.split_off(1)
}

async fn load(host: &Host, component: &[u8]) -> Digest {
    let digest = Digest::of(component);
    host.load(&digest, component).await.expect("it loads");
    digest
}

/// The first use: compiled by a process of its own, as the server has strangers' components compiled, and taken from
/// the cache by a host that has not seen it.
pub(crate) async fn measure_cold() {
    for name in ["test/guardian", "test/probe"] {
        let component = component(name);
        let (mut compiled, mut cached) = (Vec::new(), Vec::new());
        for _ in 0..=REPEATS {
            let folder = tempfile::tempdir().expect("a temporary folder");
            for figures in [&mut compiled, &mut cached] {
                let program = env!("CARGO_BIN_EXE_kiket").into();
                let compiler =
                    Compiler { program, arguments: vec!["__compile".into()], limits: CompileLimits::default() };
                let cache_dir = Some(folder.path().join("cache"));
                let config = HostConfig { cache_dir, compiler: Some(compiler), ..HostConfig::default() };
                let host = Host::new(config).expect("a host");
                let start = Instant::now();
                load(&host, &component).await;
                figures.push(start.elapsed());
            }
        }
        let size = component.len() / 1024;
        let name = name.trim_start_matches("test/");
        println!("W7 compile {name}, a Rust component of {size} KiB: {}", times(&compiled[1..]));
        println!("W7 the same from the cache: {}", times(&cached[1..]));
    }
}
