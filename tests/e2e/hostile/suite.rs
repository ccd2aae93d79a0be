//! All of them, in one repository, against one server: each ends as it has to and in time, and the server is
//! none the worse for it.

use std::fs;
use std::time::{Duration, Instant};

use futures::future::join_all;
use serde_json::{Value as Json, json};

use super::case::{Case, End};
use super::watch::{Silent, Watch, memory};
use super::{bytes, space, time, words};
use crate::world::World;

/// The limits that the server is given: as tight as it takes for the suite to be short.
const LIMITS: [(&str, &str); 3] =
    [("KIKET_PLUGIN_CPU", "2s"), ("KIKET_COMPILE_CPU", "3s"), ("KIKET_COMPILE_WALL", "10s")];
const CPU: Duration = Duration::from_secs(2);
const COMPILE: Duration = Duration::from_secs(10);
/// What each stage is given.
const WALL: Duration = Duration::from_secs(5);
/// How much longer than its limit a stage may take.
const GRACE: Duration = Duration::from_secs(1);
/// How long it may take from the request to cancel a run to its end.
const CANCEL: Duration = Duration::from_secs(5);
/// How much the server may have grown in the end, in bytes.
const GROWTH: u64 = 64 << 20;

#[tokio::test]
async fn all_hostile_components_end_as_they_have_to_and_the_server_stays_as_it_was() {
    let (silent, forbidden) = (Silent::listen(), Silent::listen());
    let (runnable, refused) = cases(silent.port(), forbidden.port());
    println!("{} components run, {} are refused at the push", runnable.len(), refused.len());
    assert!(runnable.len() + refused.len() >= 50);
    let world = World::start_with(&LIMITS).await;
    world.add_project().await;
    warm_up(&world).await;
    let (process, before) = (world.process(), memory(world.process()));
    let watch = Watch::begin(&world);

    check_refusals(&world, &refused).await;
    publish(&world, &runnable, silent.port()).await;
    run_together(&world, &runnable).await;
    cancel_each(&world, &["h01-spin", "h04-fill", "h09-sleep", "h09-silent-server", "h10-busy"]).await;
    let (mut wrong, mut late) = (Vec::new(), Duration::ZERO);
    for case in &runnable {
        wrong.extend(run_alone(&world, case, &mut late).await);
    }

    let (slowest, asked) = watch.end().await;
    let after = memory(process);
    println!("none took longer than {late:?} beyond its limit");
    println!("GET /up: {asked} times, the slowest took {slowest:?}");
    println!("VmRSS: {} KiB before, {} KiB after", before / 1024, after / 1024);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(forbidden.connections(), 0, "a socket was opened");
    // Once when all ran, once when it was cancelled, once when it ran alone.
    assert_eq!(silent.connections(), 3, "the silent server was asked by the one that may");
    assert!(after.saturating_sub(before) < GROWTH, "the server grew by {} KiB", (after - before) / 1024);
    assert_eq!(world.process(), process);
    world.end().await;
}

/// The components that run, and those that must not.
fn cases(silent: u16, forbidden: u16) -> (Vec<Case>, Vec<Case>) {
    let all = [
        time::loops(),
        time::floods(),
        space::memory(),
        time::bulk(),
        space::stack(),
        words::payloads(),
        space::handles(),
        words::edges(silent),
        time::waits(silent),
        bytes::bombs(),
        bytes::impostors(),
        bytes::forbidden(),
        bytes::wasi(forbidden),
        words::logs(),
        words::ends(),
    ];
    all.into_iter().flatten().partition(|case| !matches!(case.end, End::Refused(_)))
}

/// Runs that do no harm, many at once, some of them large: what a server needs anyway, such as
/// the pages of the database that it keeps in memory, is there afterwards.
async fn warm_up(world: &World) {
    let small = (0..16).map(|number| format!("  s{number}: {{ uses: ./tools/probe.wasm/echo }}\n"));
    let (lines, text) = (40_000, "x".repeat(200));
    let talkative = (0..4).map(|number| {
        format!("  l{number}: {{ uses: ./tools/probe.wasm/count, with: {{ lines: {lines}, text: {text} }} }}\n")
    });
    let script = "  js: { uses: execute, with: { language: javascript, source: '6 * 7' } }\n";
    let stages: String = small.chain(talkative).chain([script.to_owned()]).collect();
    let run = world.run_pipeline(&format!("stages:\n{stages}")).await;
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "succeeded", "{finished:#}");
}

/// The path and the text of the pipeline that calls a component.
fn definition(case: &Case) -> (String, String) {
    let (id, file, wall) = (case.pipeline(), case.file(), WALL.as_secs());
    let text = format!(
        "model_version: \"1.0\"\npipeline: {{ id: {id} }}\nstages: {{ s: {{ uses: ./{file}, timeout: {wall}s }} }}\n"
    );
    (format!(".kiket/pipelines/{id}.yaml"), text)
}

/// Puts components and a pipeline for each into the working copy, pushes and syncs; returns the revision.
async fn push(world: &World, cases: &[Case], more: &[(&str, &str)]) -> Json {
    let mut files: Vec<(String, String)> = more.iter().map(|(path, text)| ((*path).into(), (*text).into())).collect();
    for case in cases {
        fs::write(world.work().join(case.file()), &case.component).expect("a component");
        files.push(definition(case));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let commit = world.push(&files);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["commit"], commit);
    synced["revision"].clone()
}

/// Pushes those that must not become plugins: every one of them is named with its reason, in one pass.
async fn check_refusals(world: &World, cases: &[Case]) {
    let revision = push(world, cases, &[]).await;
    assert_eq!(revision["status"], "rejected");
    let diagnostics = revision["diagnostics"].as_array().expect("a list");
    let mut wrong = Vec::new();
    for case in cases {
        let End::Refused(says) = case.end else { continue };
        let (id, file) = (case.id, case.file());
        let found = diagnostics.iter().find(|found| found["code"] == "E0115" && found["path"] == file.as_str());
        let message = found.and_then(|found| found["message"].as_str()).unwrap_or("nothing is said of it");
        println!("{id:<34} {}", message.chars().take(120).collect::<String>());
        if !message.contains(says) || message.contains('\n') {
            wrong.push(format!("{id}: {message}\n    does not say on one line: {says}"));
        }
        fs::remove_file(world.work().join(&file)).expect("it was put there");
        fs::remove_file(world.work().join(definition(case).0)).expect("it was put there");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Pushes those that are plugins, with what they are granted.
async fn publish(world: &World, cases: &[Case], port: u16) {
    let grant = format!("{{ grants: {{ http: [{{ scheme: http, host: 127.0.0.1, port: {port} }}] }} }}");
    let grants = format!(
        "model_version: \"1.0\"
plugins:
  ./tools/h09-silent-server.wasm: {grant}
  ./tools/h08-ten-thousand-fields.wasm: {grant}
  ./tools/h15-pure-and-yet-it-posts.wasm: {grant}
"
    );
    let honest = "model_version: \"1.0\"
pipeline: { id: honest }
stages: { s: { uses: ./tools/probe.wasm/work, with: { ms: 50 } } }
";
    let more = [(".kiket/plugins.yaml", grants.as_str()), (".kiket/pipelines/honest.yaml", honest)];
    let revision = push(world, cases, &more).await;
    assert_eq!(revision["status"], "active", "{revision:#}");
}

/// All at once: whatever becomes of each among the others, all of them end, and an honest run does as well.
async fn run_together(world: &World, cases: &[Case]) {
    let runs = join_all(cases.iter().map(async |case| world.trigger(&case.pipeline()).await)).await;
    let honest = world.trigger("honest").await;
    assert_eq!(world.finish(&honest).await["status"], "succeeded");
    for run in &runs {
        let finished = world.finish(run).await;
        let code = &finished["stages"][0]["error"]["code"];
        assert!(finished["status"] == "succeeded" || code.is_string(), "{finished:#}");
    }
}

/// Runs one of them with nobody beside it, and says what was not as it should be.
async fn run_alone(world: &World, case: &Case, late: &mut Duration) -> Option<String> {
    let run = world.trigger(&case.pipeline()).await;
    let finished = world.finish(&run).await;
    let stage = &finished["stages"][0];
    let code = stage["error"]["code"].as_str().unwrap_or("-");
    let took = took(stage);
    println!("{:<34} {code:<18} {:>6} ms", case.id, took.as_millis());
    let message = stage["error"]["message"].as_str().unwrap_or_default();
    let limit = match code {
        "timeout_cpu" => CPU,
        "compile_limit" => COMPILE,
        _ => WALL,
    };
    *late = took.saturating_sub(limit).max(*late);
    let as_expected = match case.end {
        End::Fails(codes) => codes.contains(&code),
        End::Succeeds | End::Refused(_) => finished["status"] == "succeeded",
    };
    if !as_expected || took > limit + GRACE || message.len() > 20_000 {
        return Some(format!("{}: {code} after {took:?}: {}", case.id, message.chars().take(400).collect::<String>()));
    }
    check_words(world, &run).await.map(|wrong| format!("{}: {wrong}", case.id))
}

/// What a run leaves for readers has no character that would do something to a terminal.
async fn check_words(world: &World, run: &str) -> Option<String> {
    let log = world.get(&format!("/runs/{run}/stages/s/log")).send().await.expect("the server answers");
    if log.headers().get("x-content-type-options").is_none_or(|value| value != "nosniff") {
        return Some("a browser may take its log for something else".to_owned());
    }
    let log = log.text().await.expect("text");
    let text = async |path: String| {
        let answer = world.get(&path).send().await.expect("the server answers");
        answer.text().await.expect("text")
    };
    let (events, state) = (text(format!("/runs/{run}/events")).await, text(format!("/runs/{run}")).await);
    let plain = |char: &char| char.is_control() && !matches!(char, '\n' | '\t');
    // In JSON, which programs read, the format's own rule has to do.
    let json = |char: &char| *char < ' ' && *char != '\n';
    let found =
        [("log", log.chars().find(plain)), ("events", events.chars().find(json)), ("state", state.chars().find(json))];
    found.into_iter().find_map(|(name, char)| Some(format!("its {name} holds {:?}", char?)))
}

/// Each of them can be cancelled in the middle, and that is the end of its run.
async fn cancel_each(world: &World, ids: &[&str]) {
    for id in ids {
        let run = world.trigger(&id.replace('-', "_")).await;
        started(world, &run).await;
        // By the time an honest run is through, the guest is at it.
        let honest = world.trigger("honest").await;
        assert_eq!(world.finish(&honest).await["status"], "succeeded");
        let asked = Instant::now();
        world.ok(world.post(&format!("/runs/{run}/cancel")).json(&json!({}))).await;
        assert_eq!(world.finish(&run).await["status"], "cancelled", "{id}");
        println!("{id:<34} cancelled after    {:>6} ms", asked.elapsed().as_millis());
        assert!(asked.elapsed() < CANCEL, "{id}");
    }
}

/// Waits until the stage of a run has started.
async fn started(world: &World, run: &str) {
    let mut events = world.get(&format!("/runs/{run}/events")).send().await.expect("the server answers");
    let mut seen = String::new();
    while !seen.contains("stage.started") {
        let chunk = events.chunk().await.expect("the stream goes on").expect("the run goes on");
        seen += &String::from_utf8_lossy(&chunk);
    }
}

/// From the start of a stage to its end.
fn took(stage: &Json) -> Duration {
    let millis = |name: &str| {
        let text = stage[name].as_str().unwrap_or_default();
        chrono::DateTime::parse_from_rfc3339(text).expect("a time").timestamp_millis()
    };
    Duration::from_millis(u64::try_from(millis("finished_at") - millis("started_at")).unwrap_or(u64::MAX))
}
