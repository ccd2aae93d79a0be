//! Deliveries of each forge, signed as it signs them, and what they start.

use std::collections::BTreeSet;
use std::path::Path;

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::world::{SECRET, World, git, sign};

const PIPELINES: [(&str, &str); 2] = [
    (
        ".kiket/pipelines/pushed.yaml",
        "model_version: \"1.0\"\npipeline: { id: pushed, on: { push: {} } }\n\
         stages: { a: { uses: ./tools/probe.wasm/noop } }\n",
    ),
    (
        ".kiket/pipelines/asked.yaml",
        "model_version: \"1.0\"\npipeline: { id: asked, on: { pull_request: { branches: [main, master] } } }\n\
         stages: { a: { uses: ./tools/probe.wasm/noop } }\n",
    ),
];

/// The headers of a delivery, signed by the forge's own rule.
fn signed(forge: &str, event: &str, id: &str, body: &[u8]) -> Vec<(String, String)> {
    let hub = sign(SECRET, body);
    let hex = hub.trim_start_matches("sha256=").to_owned();
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    match forge {
        "GitHub" => {
            vec![header("X-Hub-Signature-256", &hub), header("X-GitHub-Event", event), header("X-GitHub-Delivery", id)]
        }
        "GitLab" => {
            vec![header("X-Gitlab-Token", SECRET), header("X-Gitlab-Event", event), header("Idempotency-Key", id)]
        }
        name => vec![
            header(&format!("X-{name}-Signature"), &hex),
            header(&format!("X-{name}-Event"), event),
            header(&format!("X-{name}-Delivery"), id),
            // What was GitHub's first is sent as well.
            header("X-GitHub-Event", event),
            header("X-GitHub-Delivery", id),
            header("X-Hub-Signature-256", &hub),
        ],
    }
}

pub(crate) async fn deliver(world: &World, forge: &str, event: &str, id: &str, body: &Json) -> StatusCode {
    let body = body.to_string().into_bytes();
    let headers = signed(forge, event, id, &body);
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    world.hook_with(&headers, body).await.status()
}

fn push(commit: &str) -> Json {
    let zero = "0".repeat(40);
    json!({ "ref": "refs/heads/main", "before": zero, "after": commit, "pusher": { "username": "ada" }, "user_username": "ada" })
}

/// Waits until there are that many runs, and returns them, the oldest first.
async fn runs(world: &World, count: usize) -> Vec<Json> {
    let mut runs = world
        .until(async || {
            let runs =
                world.ok(world.get("/runs?project=shop&limit=200")).await["data"].as_array().expect("a list").clone();
            (runs.len() >= count).then_some(runs)
        })
        .await;
    assert_eq!(runs.len(), count, "{runs:#?}");
    runs.reverse();
    runs
}

#[tokio::test]
async fn a_push_of_every_forge_starts_its_run_once() {
    let world = World::start().await;
    world.add_project().await;
    world.push(&PIPELINES);
    for (count, (forge, event)) in
        [("GitHub", "push"), ("Forgejo", "push"), ("Gitea", "push"), ("GitLab", "Push Hook")].into_iter().enumerate()
    {
        let commit = world.push(&[("forge", forge)]);
        assert_eq!(deliver(&world, forge, event, forge, &push(&commit)).await, StatusCode::ACCEPTED, "{forge}");
        assert_eq!(deliver(&world, forge, event, forge, &push(&commit)).await, StatusCode::OK, "{forge} again");
        let runs = runs(&world, count + 1).await;
        let run = runs.last().expect("a run");
        assert_eq!((&run["commit"], &run["pipeline"]), (&json!(commit), &json!("pushed")), "{run:#}");
        assert_eq!(world.finish(run["id"].as_str().expect("an id")).await["status"], "succeeded");
    }
    world.end().await;
}

#[tokio::test]
async fn a_pull_request_within_the_repository_starts_what_asks_for_it_and_a_strangers_nothing() {
    let world = World::start().await;
    world.add_project().await;
    world.push(&PIPELINES);
    world.ok(world.post("/projects/shop/sync")).await;
    git(&world.work(), &["checkout", "--quiet", "-b", "topic"]);
    let commit = world.push(&[("new", "idea")]);
    let pull = |action: &str, number: u64, from: u64, target: &str| {
        let side = |branch: &str, id: u64| json!({ "ref": branch, "sha": commit, "repo": { "id": id } });
        json!({ "action": action, "number": number, "sender": { "login": "ada" },
                "pull_request": { "head": side("topic", from), "base": side(target, 1) } })
    };
    let merge = json!({ "user": { "username": "ada" }, "object_attributes": {
        "iid": 9, "action": "open", "source_branch": "topic", "target_branch": "main",
        "source_project_id": 1, "target_project_id": 1, "last_commit": { "id": commit },
    } });
    let stages = [
        ("GitHub", "pull_request", pull("opened", 6, 2, "main")),
        ("GitHub", "pull_request", pull("labeled", 7, 1, "main")),
        ("GitHub", "pull_request", pull("opened", 8, 1, "release")),
        ("GitHub", "pull_request", pull("opened", 7, 1, "main")),
        ("Forgejo", "pull_request", pull("synchronized", 7, 1, "main")),
        ("GitLab", "Merge Request Hook", merge),
    ];
    for (at, (forge, event, body)) in stages.iter().enumerate() {
        assert_eq!(deliver(&world, forge, event, &format!("d{at}"), body).await, StatusCode::ACCEPTED);
    }
    // The second delivery of the same pull request at the same commit starts nothing new.
    let runs = runs(&world, 2).await;
    let triggers: Vec<_> = runs.iter().map(|run| &run["trigger"]).collect();
    let trigger = |number: u64| json!({ "type": "pull_request", "number": number, "target": "main" });
    assert_eq!(triggers, [&trigger(7), &trigger(9)]);
    for run in &runs {
        assert_eq!(
            (&run["commit"], &run["ref"], &run["pipeline"]),
            (&json!(commit), &json!("refs/heads/topic"), &json!("asked"))
        );
        assert_eq!(world.finish(run["id"].as_str().expect("an id")).await["status"], "succeeded");
    }
    world.end().await;
}

/// The examples of npm's `@octokit/webhooks-examples`: the kind of event, and the payload.
fn examples() -> Vec<(String, Json)> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("../xtask/foreign/webhooks/node_modules/@octokit/webhooks-examples");
    let mut found = Vec::new();
    for set in ["api.github.com", "ghes-31", "ghes-32", "ghes-33", "ghes-34", "ghes-35"] {
        let text = std::fs::read(folder.join(set).join("index.json")).expect("`cargo xtask setup` has fetched it");
        let events: Vec<Json> = serde_json::from_slice(&text).expect("a list");
        for event in events {
            let name = event["name"].as_str().expect("a name").to_owned();
            let payloads = event["examples"].as_array().expect("examples").clone();
            found.extend(payloads.into_iter().map(|payload| (name.clone(), payload)));
        }
    }
    found
}

/// What a payload should start: by what, and at which commit.
fn expected(event: &str, payload: &Json) -> Option<(&'static str, String)> {
    let commit = |value: &Json| value.as_str().expect("a commit").to_owned();
    match (event, payload["action"].as_str()) {
        ("push", _) if payload["ref"] == "refs/heads/master" && payload["deleted"] == false => {
            Some(("push", commit(&payload["after"])))
        }
        ("pull_request", Some("opened" | "reopened" | "synchronize")) => {
            Some(("pull_request", commit(&payload["pull_request"]["head"]["sha"])))
        }
        _ => None,
    }
}

#[tokio::test]
async fn what_github_has_really_sent_is_taken_and_starts_what_it_should() {
    let world = World::start().await;
    world.add_project().await;
    world.push(&PIPELINES);
    world.ok(world.post("/projects/shop/sync")).await;
    // The commits of the examples are in nobody's repository: ours stand in for them.
    let mut ours = Vec::new();
    for (branch, theirs) in [
        ("master", "6113728f27ae82c7b1a177c8d03f9e96e0adf246"),
        ("changes", "14977a7b5485400124827221a04bfb474bcd72d1"),
        ("changes", "ec26c3e57ca3a959ca5aad62de7213c562f8c821"),
    ] {
        let commit = world.push(&[("what", theirs)]);
        git(&world.work(), &["push", "--quiet", "origin", &format!("HEAD:refs/heads/{branch}")]);
        ours.push((theirs, commit));
    }
    let examples = examples();
    assert!(examples.len() > 700, "{}", examples.len());
    let mut starts = BTreeSet::new();
    for (at, (event, payload)) in examples.iter().enumerate() {
        let text = ours.iter().fold(payload.to_string(), |text, (theirs, own)| text.replace(theirs, own));
        let payload: Json = serde_json::from_str(&text).expect("it is still JSON");
        starts.extend(expected(event, &payload));
        assert_eq!(deliver(&world, "GitHub", event, &at.to_string(), &payload).await, StatusCode::ACCEPTED, "{event}");
    }
    assert_eq!(starts.len(), 3, "a push and a pull request of two commits");
    // Deliveries are worked off in their order: when this one has started its run, all of them have.
    let last = world.push(&[("the", "last")]);
    assert_eq!(deliver(&world, "GitHub", "push", "last", &push(&last)).await, StatusCode::ACCEPTED);
    world.run_of(&last).await;
    starts.insert(("push", last));
    let runs = runs(&world, starts.len()).await;
    for run in &runs {
        world.finish(run["id"].as_str().expect("an id")).await;
    }
    let text = |value: &Json| value.as_str().expect("text").to_owned();
    let started: BTreeSet<_> = runs.iter().map(|run| (text(&run["trigger"]["type"]), text(&run["commit"]))).collect();
    assert_eq!(started, starts.into_iter().map(|(by, commit)| (by.to_owned(), commit)).collect());
    world.end().await;
}
