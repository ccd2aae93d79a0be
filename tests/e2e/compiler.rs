//! Compiling strangers' components with the real binary as the compiler, and what a host makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use kiket_host::wit::action::Invocation;
use kiket_host::{
    ArtifactCalls, ClockCalls, CompileLimits, Compiler, Denial, DeploymentCalls, Digest, Grants, Host, HostConfig,
    HttpCalls, InvokeError, ItemCalls, KvCalls, Limits, LoadError, LogLine, Lost, MailCalls, Output, Placeholders,
    ProcessCalls, Progress, ReportCalls, SecretCalls, Terms, WorkspaceCalls,
};
use tempfile::{TempDir, tempdir};
use tokio::process::Command;

use crate::binary::{CORE_MODULE, CUSTOM, TYPE, append, busy, custom, functions, nested_types};
use crate::guest::returning;
use crate::world::World;

/// The binary as a compiler.
pub(crate) fn compiler() -> Compiler {
    started_by(env!("CARGO_BIN_EXE_kiket"), &["__compile"])
}

/// A shell as a compiler.
fn script(script: &str) -> Compiler {
    started_by("/bin/sh", &["-c", script])
}

fn started_by(program: &str, arguments: &[&str]) -> Compiler {
    let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
    Compiler { program: PathBuf::from(program), arguments, limits: CompileLimits::default() }
}

pub(crate) fn host(cache: &Path, compiler: Compiler) -> Host {
    let (cache_dir, compiler) = (Some(cache.to_owned()), Some(compiler));
    Host::new(HostConfig { cache_dir, compiler, instances: 4, ..HostConfig::default() }).expect("a host")
}

pub(crate) async fn load(host: &Host, component: &[u8]) -> Result<Digest, LoadError> {
    let digest = Digest::of(component);
    host.load(&digest, component).await.map(|()| digest)
}

/// A component that is fine, but that compiling takes long.
fn bomb(megabytes: usize) -> Vec<u8> {
    let mut component = returning("{}");
    append(&mut component, CORE_MODULE, &functions(100 * megabytes, &busy(620)));
    component
}

/// A component that is small, and that compiling takes gigabytes.
fn crowd() -> Vec<u8> {
    let mut component = returning("{}");
    append(&mut component, CORE_MODULE, &functions(1_000_000, &[0x20, 0]));
    component
}

/// Every file below a folder of compiled code that holds code.
fn entries(cache: &Path) -> Vec<PathBuf> {
    let files = |path: PathBuf| fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
    let entries = files(cache.join("modules")).flat_map(files);
    entries.filter(|path| path.extension().is_none()).collect()
}

fn work_folders(cache: &Path) -> usize {
    let names = fs::read_dir(cache).expect("the cache").flatten().map(|entry| entry.file_name());
    names.filter(|name| name.as_encoded_bytes().starts_with(b"work-")).count()
}

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
        Duration::ZERO
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

async fn call(host: &Host, plugin: Digest) -> String {
    invoke(host, plugin, Limits::default()).await.expect("an output").json
}

/// Calls a component for which nobody answers.
pub(crate) async fn invoke(host: &Host, plugin: Digest, limits: Limits) -> Result<Output, InvokeError> {
    let terms = Terms {
        plugin,
        grants: Arc::new(Grants::default()),
        limits,
        placeholders: Placeholders::new("n0nce"),
        seed: [7; 32],
    };
    let call = Invocation {
        action: "run".into(),
        input: "{}".into(),
        env: vec![],
        project: "shop".into(),
        run: "run".into(),
        stage: "stage".into(),
        attempt: 1,
        effect_key: "key".into(),
    };
    host.invoke(terms, call, Arc::new(Nobody)).await
}

#[tokio::test]
async fn a_child_compiles_and_its_host_finds_the_code() {
    let cache = tempdir().expect("a folder");
    let component = returning("{}");
    let first = host(cache.path(), compiler());
    first.examine(&component).await.expect("it is a plugin");
    let digest = load(&first, &component).await.expect("it loads");
    assert_eq!(call(&first, digest).await, "{}");
    assert_eq!((entries(cache.path()).len(), work_folders(cache.path())), (1, 0));

    // A host that could compile nothing finds it as well, as long as nobody changed it.
    let second = host(cache.path(), started_by("/bin/false", &[]));
    let digest = load(&second, &component).await.expect("it was compiled before");
    assert_eq!(call(&second, digest).await, "{}");
}

#[tokio::test]
async fn code_that_was_changed_is_not_used_but_compiled_again() {
    let cache = tempdir().expect("a folder");
    let component = returning("{}");
    load(&host(cache.path(), compiler()), &component).await.expect("it loads");
    let entry = entries(cache.path()).pop().expect("an entry");
    let whole = fs::read(&entry).expect("code");
    for changed in [whole[..whole.len() / 2].to_vec(), [&whole[..], b"more"].concat(), Vec::new()] {
        fs::write(&entry, changed).expect("it can be changed");
        let refused = load(&host(cache.path(), started_by("/bin/false", &[])), &component).await;
        assert!(matches!(refused, Err(LoadError::Compiler(_))), "{refused:?}");
        let host = host(cache.path(), compiler());
        let digest = load(&host, &component).await.expect("it is compiled again");
        assert_eq!(call(&host, digest).await, "{}");
        assert_eq!(fs::read(&entry).expect("code"), whole);
    }
}

#[tokio::test]
async fn compiling_ends_at_its_limits_and_says_which() {
    let limits = CompileLimits { cpu: Duration::from_secs(1), ..CompileLimits::default() };
    let cases = [
        ("cpu time", bomb(6), limits),
        ("of memory", crowd(), CompileLimits { memory: 192 << 20, ..CompileLimits::default() }),
        ("not done after", bomb(6), CompileLimits { wall: Duration::from_millis(300), ..CompileLimits::default() }),
        ("bytes of code", returning("{}"), CompileLimits { code: 1000, ..CompileLimits::default() }),
    ];
    for (expected, component, limits) in cases {
        let cache = tempdir().expect("a folder");
        let host = host(cache.path(), Compiler { limits, ..compiler() });
        let error = load(&host, &component).await.expect_err("it takes too much");
        assert!(matches!(error, LoadError::CompileLimit(_)), "{expected}: {error:?}");
        assert_eq!(error.code(), "compile_limit");
        assert!(error.to_string().contains(expected), "{expected}: {error}");
        assert_eq!((entries(cache.path()).len(), work_folders(cache.path())), (0, 0), "nothing is left");
    }
}

#[tokio::test]
async fn types_without_end_break_the_child_and_not_its_host() {
    let cache = tempdir().expect("a folder");
    let host = host(cache.path(), compiler());
    let mut component = returning("{}");
    append(&mut component, TYPE, &nested_types(300_000));
    for result in [host.examine(&component).await, load(&host, &component).await.map(drop)] {
        assert!(matches!(result, Err(LoadError::CompileLimit(_))), "{result:?}");
    }
    load(&host, &returning("{}")).await.expect("the host goes on");
}

#[tokio::test]
async fn calls_go_on_while_a_component_is_compiled() {
    let cache = tempdir().expect("a folder");
    let limits = CompileLimits { cpu: Duration::from_secs(2), ..CompileLimits::default() };
    let host = host(cache.path(), Compiler { limits, ..compiler() });
    let quick = load(&host, &returning("{}")).await.expect("it loads");
    let compiling = tokio::spawn({
        let host = host.clone();
        async move { load(&host, &bomb(10)).await }
    });
    for _ in 0..20 {
        call(&host, quick).await;
        host.examine(&returning(r#"{"a":1}"#)).await.expect("looking at others goes on as well");
    }
    assert!(!compiling.is_finished(), "all of that came before");
    assert!(compiling.await.expect("no panic").is_err());
}

#[tokio::test]
async fn a_caller_that_goes_away_takes_the_child_along() {
    let cache = tempdir().expect("a folder");
    let note = cache.path().join("pid");
    // It writes who it is, and then does nothing for long.
    let host = host(cache.path(), script(&format!("echo $$ > {}; exec sleep 600", note.display())));
    let loading = tokio::spawn(async move { load(&host, &returning("{}")).await });
    let child = until(|| fs::read_to_string(&note).ok()?.trim().parse::<u32>().ok()).await;
    assert!(is_alive(child));
    loading.abort();
    until(|| (!is_alive(child)).then_some(())).await;
    assert_eq!(work_folders(cache.path()), 0);
}

#[tokio::test]
async fn a_child_ends_when_its_host_is_killed() {
    let folder = tempdir().expect("a folder");
    // A host of a few lines: it hands over an order that takes minutes, and waits.
    let component = bomb(20);
    let limits = r#"{"memory":2000000000,"cpu":{"secs":600,"nanos":0},"wall":{"secs":600,"nanos":0},"code":1000}"#;
    let work = format!(r#"{{"Compile":{{"folder":"{}","memory":65536}}}}"#, folder.path().join("work").display());
    let order = format!(r#"{{"work":{work},"component":{{"Stdin":{}}},"limits":{limits}}}"#, component.len());
    fs::write(folder.path().join("order"), [order.as_bytes(), b"\n", &component].concat()).expect("a file");
    let binary = env!("CARGO_BIN_EXE_kiket");
    let text = format!(
        "mkfifo pipe; {binary} __compile < pipe > /dev/null 2>&1 & echo $! > child; exec 3> pipe; cat order >&3; \
         touch handed-over; exec sleep 600"
    );
    let mut shell = Command::new("/bin/sh");
    let mut parent = shell.args(["-c", &text]).current_dir(folder.path()).kill_on_drop(true).spawn().expect("a shell");
    until(|| folder.path().join("handed-over").exists().then_some(())).await;
    let child = fs::read_to_string(folder.path().join("child")).expect("a number").trim().parse().expect("a number");
    assert!(is_alive(child));
    parent.kill().await.expect("it can be killed");
    until(|| (!is_alive(child)).then_some(())).await;
}

#[tokio::test]
async fn a_compiler_that_is_no_good_is_reported() {
    let ready = r#"{"Ok":{"settings":"others"}}"#;
    for (script_text, expected) in [
        ("exit 3", "exit status: 3"),
        ("echo nonsense; echo 'what went wrong' >&2; exit 1", "what went wrong"),
        ("echo nonsense", "says nothing"),
        (&format!("cat > /dev/null & echo '{ready}'"), "other settings"),
    ] {
        let cache = tempdir().expect("a folder");
        let error = load(&host(cache.path(), script(script_text)), &returning("{}")).await.expect_err("it fails");
        assert!(matches!(error, LoadError::Compiler(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{script_text}: {error}");
    }
    let cache = tempdir().expect("a folder");
    let error = load(&host(cache.path(), started_by("/does/not/exist", &[])), &returning("{}")).await;
    assert!(matches!(error, Err(LoadError::Compiler(_))), "{error:?}");
}

#[tokio::test]
async fn code_that_is_lost_before_its_use_is_reported() {
    let cache: TempDir = tempdir().expect("a folder");
    let binary = env!("CARGO_BIN_EXE_kiket");
    // What the child leaves is an entry of no content by the time the host takes it over.
    let work = cache.path().display();
    let text = format!(
        "{binary} __compile; for f in {work}/work-*/modules/*/*; do : > $f; done; rm -f {work}/work-*/modules/*/*.stats"
    );
    let host = host(cache.path(), script(&text));
    let error = load(&host, &returning("{}")).await.expect_err("there is no code");
    assert!(matches!(error, LoadError::Compiler(_)), "{error:?}");
    assert!(error.to_string().contains("lost"), "{error}");
}

#[tokio::test]
async fn a_component_is_measured_before_anybody_reads_it() {
    let cache = tempdir().expect("a folder");
    let (cache_dir, compiler) = (Some(cache.path().to_owned()), Some(started_by("/bin/false", &[])));
    let config = HostConfig { cache_dir, compiler, instances: 1, component_bytes: 100_000, ..HostConfig::default() };
    let host = Host::new(config).expect("a host");
    let mut component = returning("{}");
    append(&mut component, CUSTOM, &custom("ballast", 100_000));
    for result in [host.examine(&component).await, load(&host, &component).await.map(drop)] {
        assert!(matches!(result, Err(LoadError::TooLarge { allowed: 100_000, .. })), "{result:?}");
    }
}

fn is_alive(process: u32) -> bool {
    // One that has ended and that nobody asked for is still listed, as `Z`.
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit(')').next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(" Z"))
}

/// Waits for something outside of this process, which nobody announces.
async fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..1_000 {
        if let Some(found) = look() {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("what the test waits for does not happen");
}

#[tokio::test]
async fn folders_with_relative_names_are_the_same_for_the_compiler() {
    let mut world = World::start().await;
    world.kill();
    world.boot_relative();
    world.add_project().await;
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "succeeded", "{finished:#}");
    world.end().await;
}
