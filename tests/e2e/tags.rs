//! Pushes of tags: which start runs, at which commit, and which start nothing.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::forges::deliver;
use crate::world::{World, git};

/// One that takes tags, one that takes tags and branches, one that takes branches.
const PIPELINES: [(&str, &str); 3] = [
    (
        ".kiket/pipelines/release.yaml",
        "model_version: \"1.0\"\npipeline: { id: release, on: { push: { tags: [\"v*\"], paths: [nothing] } } }\n\
         stages: { a: { uses: ./tools/probe.wasm/noop } }\n\
         outputs: { tag: \"${{ git.tag }}\", branch: \"${{ git.branch }}\" }\n",
    ),
    (
        ".kiket/pipelines/both.yaml",
        "model_version: \"1.0\"\npipeline: { id: both, on: { push: { tags: [v1], branches: [main] } } }\n\
         stages: { a: { uses: ./tools/probe.wasm/noop } }\n",
    ),
    (
        ".kiket/pipelines/listed.yaml",
        "model_version: \"1.0\"\npipeline: { id: listed, on: [push, pull_request] }\n\
         stages: { a: { uses: ./tools/probe.wasm/noop } }\n",
    ),
];

fn pushed(reference: &str, after: &str) -> Json {
    let zero = "0".repeat(40);
    json!({ "ref": reference, "before": zero, "after": after, "pusher": { "username": "ada" }, "user_username": "ada" })
}

/// What became of these deliveries, which were the last. One more is delivered that starts a run of `listed`: by then,
/// whatever came before it is settled.
async fn notes<const N: usize>(world: &World, ids: [&str; N]) -> [String; N] {
    let commit = world.push(&[("settles", ids[0])]);
    let body = pushed("refs/heads/main", &commit);
    assert_eq!(deliver(world, "GitHub", "push", &format!("after {}", ids[0]), &body).await, StatusCode::ACCEPTED);
    let runs = async || {
        let runs = world.ok(world.get("/runs?project=shop&pipeline=listed")).await["data"].clone();
        runs.as_array().expect("a list").iter().any(|run| run["commit"] == commit).then_some(())
    };
    world.until(runs).await;
    let list = world.ok(world.get("/projects/shop/deliveries")).await;
    let list = list["data"].as_array().expect("a list");
    ids.map(|id| {
        let found = list.iter().find(|delivery| delivery["external_id"] == id).expect("it was delivered");
        assert_eq!(found["status"], "done");
        found["note"].as_str().expect("a note").to_owned()
    })
}

#[tokio::test]
async fn a_tag_starts_the_pipelines_that_name_it_at_its_commit_whatever_the_forge_says_it_is() {
    let world = World::start().await;
    world.add_project().await;
    let first = world.push(&PIPELINES);
    world.ok(world.post("/projects/shop/sync")).await;
    world.push(&[("later", "commit")]);
    let work = world.work();
    let tag = |name: &str| {
        let who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
        git(&work, &[&who[..], &["tag", "-a", name, "-m", "a release", &first]].concat());
    };
    tag("v1");
    git(&work, &["tag", "v2", &first]);
    git(&work, &["tag", "other", &first]);
    git(&work, &["push", "--quiet", "origin", "--tags"]);
    // GitHub and GitLab name the object of an annotated tag, others the commit.
    let object = git(&work, &["rev-parse", "refs/tags/v1"]);
    assert_ne!(object, first);
    for (id, forge, event, body) in [
        ("1", "GitHub", "push", pushed("refs/tags/v1", &object)),
        ("2", "Gitea", "push", pushed("refs/tags/v1", &first)),
        ("3", "GitLab", "Tag Push Hook", pushed("refs/tags/v2", &first)),
        ("4", "Forgejo", "push", pushed("refs/tags/other", &first)),
    ] {
        assert_eq!(deliver(&world, forge, event, id, &body).await, StatusCode::ACCEPTED);
    }
    let notes = notes(&world, ["1", "2", "3", "4"]).await;
    let started = |tag: &str, runs: usize| format!("published {first} of refs/tags/{tag}, started {runs} runs");
    assert_eq!(notes, [started("v1", 2), started("v1", 0), started("v2", 1), started("other", 0)]);

    let runs = world.ok(world.get("/runs?project=shop")).await["data"].as_array().expect("a list").clone();
    let mut seen = Vec::new();
    for run in &runs {
        let run = world.finish(run["id"].as_str().expect("an id")).await;
        assert_eq!(run["status"], "succeeded");
        if run["ref"] == "refs/heads/main" {
            continue;
        }
        assert_eq!(run["commit"], json!(first));
        seen.push((run["pipeline"].clone(), run["ref"].clone(), run["outputs"].clone()));
    }
    seen.sort_by_key(|run| run.1.to_string() + &run.0.to_string());
    let outputs = |tag: &str| json!({ "tag": tag, "branch": null });
    let expected = [
        (json!("both"), json!("refs/tags/v1"), json!({})),
        (json!("release"), json!("refs/tags/v1"), outputs("v1")),
        (json!("release"), json!("refs/tags/v2"), outputs("v2")),
    ];
    assert_eq!(seen, expected);
    // What a tag holds is never what the project is.
    let project = world.ok(world.get("/projects/shop")).await;
    assert_eq!(project["active_revision"]["ref"], "refs/heads/main");
    world.end().await;
}

#[tokio::test]
async fn what_was_deleted_moved_or_never_there_starts_nothing_and_says_so() {
    let world = World::start().await;
    world.add_project().await;
    let first = world.push(&PIPELINES);
    let work = world.work();
    git(&work, &["tag", "v1"]);
    git(&work, &["push", "--quiet", "origin", "v1"]);
    let second = world.push(&[("another", "commit")]);
    git(&work, &["tag", "--force", "v1"]);
    git(&work, &["push", "--quiet", "--force", "origin", "v1"]);
    let zero = "0".repeat(40);
    let cases = [
        ("deleted tag", "refs/tags/v0", &zero, "`refs/tags/v0` was deleted, which starts nothing"),
        ("deleted branch", "refs/heads/old", &zero, "`refs/heads/old` was deleted, which starts nothing"),
        ("gone", "refs/tags/v9", &first, "`refs/tags/v9` is gone"),
        ("moved", "refs/tags/v1", &first, "`refs/tags/v1` points elsewhere by now"),
        ("note", "refs/notes/commits", &first, "`refs/notes/commits` is neither a branch nor a tag"),
    ];
    for (id, reference, after, _) in cases {
        assert_eq!(deliver(&world, "GitHub", "push", id, &pushed(reference, after)).await, StatusCode::ACCEPTED);
    }
    assert_eq!(notes(&world, cases.map(|case| case.0)).await, cases.map(|case| case.3));
    let body = pushed("refs/tags/v1", &second);
    assert_eq!(deliver(&world, "GitHub", "push", "now", &body).await, StatusCode::ACCEPTED);
    assert_eq!(notes(&world, ["now"]).await, [format!("published {second} of refs/tags/v1, started 2 runs")]);
    let runs = world.ok(world.get("/runs?project=shop")).await["data"].as_array().expect("a list").clone();
    let mut started: Vec<_> = runs.iter().map(|run| (run["ref"].as_str(), run["pipeline"].as_str())).collect();
    started.sort_unstable();
    let (main, tag) = (Some("refs/heads/main"), Some("refs/tags/v1"));
    let (both, listed) = (Some("both"), Some("listed"));
    let expected = [(main, both), (main, both), (main, listed), (main, listed), (tag, both), (tag, Some("release"))];
    assert_eq!(started, expected);
    for run in &runs {
        world.finish(run["id"].as_str().expect("an id")).await;
    }
    world.end().await;
}
