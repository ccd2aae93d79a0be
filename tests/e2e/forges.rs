//! Deliveries of each forge, signed as it signs them, and what they start.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::world::{SECRET, World, git, sign};

const PIPELINES: [(&str, &str); 2] = [
    (
        ".kiket/pipelines/pushed.yaml",
        "model_version: \"1.0\"\npipeline: { id: pushed, on: { push: { branches: [main] } } }\n\
         stages: { a: { uses: ./tools/probe.wasm/noop } }\n",
    ),
    (
        ".kiket/pipelines/asked.yaml",
        "model_version: \"1.0\"\npipeline: { id: asked, on: { pull_request: { branches: [main] } } }\n\
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

async fn deliver(world: &World, forge: &str, event: &str, id: &str, body: &Json) -> StatusCode {
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
