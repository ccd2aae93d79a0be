//! Forges are told what became of commits, whatever happens in between.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::world::World;

const TOKEN: &str = "a token of the forge";

/// A status as it came in.
#[derive(Debug, Clone)]
struct Told {
    path: String,
    authorization: String,
    body: Json,
}

/// What is left of a forge: it takes statuses, or does not.
struct Forge {
    port: u16,
    told: Mutex<Vec<Told>>,
    answer: Mutex<StatusCode>,
    came: Notify,
}

impl Forge {
    async fn open() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answer = Mutex::new(StatusCode::CREATED);
        let forge = Arc::new(Self { port, told: Mutex::default(), answer, came: Notify::new() });
        let router = Router::new().fallback(take).with_state(Arc::clone(&forge));
        tokio::spawn(async move { axum::serve(listener, router).await });
        forge
    }

    fn answer(&self, with: StatusCode) {
        *self.answer.lock().expect("no panic") = with;
    }

    fn settings(&self, kind: &str) -> Json {
        let api_url = format!("http://127.0.0.1:{}", self.port);
        json!({ "forge": { "kind": kind, "api_url": api_url, "repository": "team/shop", "token_secret": "FORGE" } })
    }

    /// The states that were taken of a commit, in order.
    fn states(&self, commit: &str) -> Vec<String> {
        let told = self.told.lock().expect("no panic");
        let of_commit = told.iter().filter(|told| told.path.ends_with(commit));
        of_commit.map(|told| told.body["state"].as_str().expect("a state").to_owned()).collect()
    }

    async fn wait_for(&self, commit: &str, state: &str) {
        let wait = async {
            while self.states(commit).last().is_none_or(|last| last != state) {
                self.came.notified().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(90), wait).await.expect("the forge is told");
    }
}

async fn take(State(forge): State<Arc<Forge>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let answer = *forge.answer.lock().expect("no panic");
    if answer.is_success() {
        let authorization = headers["authorization"].to_str().expect("text").to_owned();
        let body = serde_json::from_slice(&body).expect("a status is JSON");
        forge.told.lock().expect("no panic").push(Told { path: uri.path().to_owned(), authorization, body });
    }
    forge.came.notify_one();
    answer
}

const PIPELINE: &str =
    "model_version: \"1.0\"\npipeline: { id: p, on: push }\nstages: { a: { uses: ./tools/probe.wasm/ACTION } }\n";

fn push(world: &World, action: &str, mark: &str) -> String {
    world.push(&[(".kiket/pipelines/p.yaml", &PIPELINE.replace("ACTION", action)), ("mark", mark)])
}

async fn ended(world: &World, commit: &str) -> Json {
    world.deliver(commit, world.payload(commit)).await;
    world.finish(&world.run_of(commit).await).await
}

#[tokio::test]
async fn every_end_of_a_run_arrives_in_order_across_failures_and_a_restart() {
    let forge = Forge::open().await;
    let mut world = World::start().await;
    push(&world, "noop", "0");
    world.add_project().await;
    world.ok_empty(world.put("/projects/shop/secrets/FORGE").json(&json!({ "value": TOKEN }))).await;
    // What was before anybody wanted to hear of it is not told.
    let before = push(&world, "noop", "before");
    ended(&world, &before).await;
    let shown = world.ok(world.patch("/projects/shop").json(&forge.settings("forgejo"))).await;
    assert_eq!((&shown["forge"]["kind"], &shown["forge_error"]), (&json!("forgejo"), &json!(null)));
    let good = push(&world, "noop", "good");
    let run = ended(&world, &good).await;
    let bad = push(&world, "trap", "bad");
    assert_eq!(ended(&world, &bad).await["status"], "failed");
    forge.wait_for(&good, "success").await;
    forge.wait_for(&bad, "failure").await;
    let last = forge.told.lock().expect("no panic").iter().rfind(|told| told.path.ends_with(&good)).cloned();
    let last = last.expect("it was told");
    assert_eq!(last.path, format!("/api/v1/repos/team/shop/statuses/{good}"));
    assert_eq!(last.authorization, format!("token {TOKEN}"));
    assert_eq!((&last.body["context"], &last.body["description"]), (&json!("kiket/p"), &json!("the run is succeeded")));
    let target = last.body["target_url"].as_str().expect("an address");
    assert_eq!(target, format!("{}/api/v1/runs/{}", world.base(), run["id"].as_str().expect("an id")));

    // The forge is away while runs go on and end, and while the server is started anew.
    forge.answer(StatusCode::SERVICE_UNAVAILABLE);
    let mut away = Vec::new();
    for mark in ["1", "2", "3"] {
        let action = if mark == "2" { "trap" } else { "noop" };
        let commit = push(&world, action, mark);
        ended(&world, &commit).await;
        away.push((commit, if mark == "2" { "failure" } else { "success" }));
    }
    world.kill();
    world.boot();
    forge.answer(StatusCode::CREATED);
    for (commit, state) in &away {
        forge.wait_for(commit, state).await;
    }
    for (commit, state) in [(good, "success"), (bad, "failure")].iter().chain(&away) {
        let states = forge.states(commit);
        let first_end = states.iter().position(|told| told == state).expect("it was told");
        assert!(states[..first_end].iter().all(|told| told == "pending"), "{states:?}");
        assert!(states[first_end..].iter().all(|told| told == state), "{states:?}");
    }
    assert_eq!(forge.states(&before), [""; 0]);
    world.end().await;
}

#[tokio::test]
async fn a_forge_that_refuses_is_named_and_runs_go_on() {
    let forge = Forge::open().await;
    let world = World::start().await;
    push(&world, "noop", "0");
    world.add_project().await;
    world.ok(world.patch("/projects/shop").json(&forge.settings("github"))).await;
    // Runs go on meanwhile, and each is told of: sooner or later one leaves this behind.
    let shown = async |mark: &str, error: Option<&str>| {
        for count in 0..100 {
            let commit = push(&world, "noop", &format!("{mark}, {count}"));
            assert_eq!(ended(&world, &commit).await["status"], "succeeded");
            let project = world.ok(world.get("/projects/shop")).await;
            if count > 0 && project["forge_error"].as_str() == error {
                return commit;
            }
        }
        panic!("{:#}", world.ok(world.get("/projects/shop")).await);
    };
    shown("1", Some("there is no secret `FORGE`")).await;
    world.ok_empty(world.put("/projects/shop/secrets/FORGE").json(&json!({ "value": TOKEN }))).await;
    forge.answer(StatusCode::UNAUTHORIZED);
    shown("2", Some("the forge answers 401")).await;
    forge.answer(StatusCode::CREATED);
    // What it has refused is given up, and posted when somebody tries it again.
    let given_up = world.ok(world.get("/dead-letters?project=shop&kind=status")).await;
    let letter = &given_up["data"][0];
    assert_eq!(letter["reason"], "the forge answers 401", "{given_up:#}");
    world.ok(world.post(&format!("/dead-letters/{}/retry", letter["id"].as_str().expect("a number")))).await;
    let run = world.ok(world.get(&format!("/runs/{}", letter["about"].as_str().expect("a run")))).await;
    forge.wait_for(run["commit"].as_str().expect("a commit"), "success").await;
    let commit = shown("3", None).await;
    forge.wait_for(&commit, "success").await;
    let told = forge.told.lock().expect("no panic").last().cloned().expect("it was told");
    assert_eq!(told.path, format!("/repos/team/shop/statuses/{commit}"));
    assert_eq!(told.authorization, format!("Bearer {TOKEN}"));
    // Nowhere is a setting as well.
    let project = world.ok(world.patch("/projects/shop").json(&json!({ "forge": null }))).await;
    assert_eq!((&project["forge"], &project["forge_error"]), (&json!(null), &json!(null)));
    world.end().await;
}
