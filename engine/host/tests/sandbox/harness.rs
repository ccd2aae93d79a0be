//! A host, a recorder that answers its guests, and the verbs of the tests.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use kiket_host::wit::action::Invocation;
use kiket_host::wit::http::{Error, Request, Response};
use kiket_host::{
    Answer as HostAnswer, ArtifactCalls, ClockCalls, Denial, DeploymentCalls, Digest, Grants, Host, HostCalls,
    HostConfig, HttpCalls, HttpGrant, HttpPermit, InvokeError, ItemCalls, KvCalls, Limits, LogLine, Lost, MailCalls,
    Outbound, Output, Placeholders, ProcessCalls, Progress, ReportCalls, Scheme, SecretCalls, Terms, WorkspaceCalls,
};
use tokio::sync::Notify;

/// Answers host calls and remembers them.
#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) lines: Mutex<Vec<LogLine>>,
    pub(crate) reports: Mutex<Vec<Progress>>,
    pub(crate) requests: Mutex<Vec<(Request, HttpPermit)>>,
    pub(crate) denials: Mutex<Vec<Denial>>,
    pub(crate) lines_until_lost: Option<usize>,
    pub(crate) answer: Answer,
    /// Told when a request comes in.
    pub(crate) requested: Notify,
    pub(crate) logged: AtomicUsize,
}

/// What the recorder answers requests with.
#[derive(Default)]
pub(crate) enum Answer {
    /// Status 200 and the body `{}`.
    #[default]
    Empty,
    Never,
    Body(Vec<u8>),
    Lost,
    Really(Outbound),
}

#[async_trait]
impl ReportCalls for Recorder {
    async fn log(&self, line: LogLine) -> Result<(), Lost> {
        if Some(self.logged.fetch_add(1, SeqCst)) == self.lines_until_lost {
            return Err(Lost::new("the lease is gone"));
        }
        self.lines.lock().expect("lines").push(line);
        Ok(())
    }

    async fn progress(&self, report: Progress) -> Result<(), Lost> {
        self.reports.lock().expect("reports").push(report);
        Ok(())
    }

    async fn denied(&self, denial: Denial) -> Result<(), Lost> {
        self.denials.lock().expect("denials").push(denial);
        Ok(())
    }
}

impl ClockCalls for Recorder {
    fn now(&self) -> Duration {
        std::time::UNIX_EPOCH.elapsed().expect("a time after 1970")
    }
}

#[async_trait]
impl HttpCalls for Recorder {
    async fn http(&self, request: Request, permit: HttpPermit) -> HostAnswer<Response, Error> {
        self.requests.lock().expect("requests").push((request.clone(), permit.clone()));
        self.requested.notify_one();
        let body = match &self.answer {
            Answer::Empty => b"{}".to_vec(),
            Answer::Body(body) => body.clone(),
            Answer::Never => std::future::pending().await,
            Answer::Lost => return Err(Lost::new("the lease is gone")),
            Answer::Really(outbound) => {
                return Ok(outbound.send(request, &permit, &|_| None).await.map_err(|failed| failed.error));
            }
        };
        Ok(Ok(Response { status: 200, headers: vec![], body }))
    }
}

impl SecretCalls for Recorder {}
impl KvCalls for Recorder {}
impl WorkspaceCalls for Recorder {}
impl ArtifactCalls for Recorder {}
impl ProcessCalls for Recorder {}
impl ItemCalls for Recorder {}
impl MailCalls for Recorder {}
impl DeploymentCalls for Recorder {}

impl Recorder {
    pub(crate) fn answering(answer: Answer) -> Arc<Self> {
        Arc::new(Self { answer, ..Self::default() })
    }

    pub(crate) fn texts(&self) -> Vec<String> {
        self.lines.lock().expect("lines").iter().map(|line| line.text.clone()).collect()
    }

    pub(crate) fn request_count(&self) -> usize {
        self.requests.lock().expect("requests").len()
    }
}

/// A host with room for a few calls.
pub(crate) fn host() -> Host {
    host_with(16)
}

pub(crate) fn host_with(instances: u32) -> Host {
    Host::new(HostConfig { instances, ..HostConfig::default() }).expect("a host")
}

/// Limits that end a test soon.
pub(crate) fn short() -> Limits {
    Limits { wall: Duration::from_secs(5), cpu: Duration::from_millis(200), ..Limits::default() }
}

/// A call of an action, which is `run` where nothing else is said.
pub(crate) struct Call {
    pub(crate) plugin: Digest,
    pub(crate) action: String,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) grants: Arc<Grants>,
    pub(crate) limits: Limits,
    pub(crate) input: String,
    pub(crate) stage: String,
    pub(crate) attempt: u32,
    pub(crate) effect_key: String,
}

pub(crate) fn call(plugin: Digest) -> Call {
    Call {
        plugin,
        action: "run".into(),
        env: vec![("LANG".into(), "C".into())],
        grants: Arc::default(),
        limits: short(),
        input: r#"{"greeting":"hello"}"#.into(),
        stage: "build".into(),
        attempt: 1,
        effect_key: "key".into(),
    }
}

/// Makes a call on a host.
pub(crate) async fn perform(host: &Host, call: Call, calls: Arc<dyn HostCalls>) -> Result<Output, InvokeError> {
    let Call { plugin, action, env, grants, limits, input, stage, attempt, effect_key } = call;
    let terms = Terms { plugin, grants, limits, placeholders: Placeholders::new("n0nce"), seed: [7; 32] };
    let invocation =
        Invocation { action, input, env, project: "shop".into(), run: "run_1".into(), stage, attempt, effect_key };
    host.invoke(terms, invocation, calls).await
}

pub(crate) async fn load(host: &Host, component: &[u8]) -> Digest {
    let digest = Digest::of(component);
    host.load(&digest, component).await.expect("the component loads");
    digest
}

/// Calls a component on a host of its own.
pub(crate) async fn invoke(component: &[u8]) -> Result<Output, InvokeError> {
    invoke_with(component, &Arc::default(), |_| ()).await
}

pub(crate) async fn invoke_with(
    component: &[u8],
    calls: &Arc<Recorder>,
    change: impl FnOnce(&mut Call),
) -> Result<Output, InvokeError> {
    let host = host();
    let mut call = call(load(&host, component).await);
    change(&mut call);
    perform(&host, call, Arc::clone(calls) as Arc<dyn HostCalls>).await
}

/// The code and the message of a call that must not succeed.
#[track_caller]
pub(crate) fn refused(result: Result<Output, InvokeError>) -> (&'static str, String) {
    let error = result.expect_err("the call must not succeed");
    (error.code(), error.to_string())
}

pub(crate) fn granting(scheme: Scheme, host: &str, port: Option<u16>) -> Arc<Grants> {
    let host = host.parse().expect("a host pattern");
    Arc::new(Grants { http: vec![HttpGrant { scheme, host, port, methods: vec![] }], ..Grants::default() })
}
