//! Projects are kept in step with their repositories without a webhook: by the clock, and by hand.

use std::fs;

use serde_json::{Value as Json, json};

use crate::world::World;

const PIPELINE: [(&str, &str); 1] = [(
    ".kiket/pipelines/p.yaml",
    "model_version: \"1.0\"\npipeline: { id: p, on: push }\nstages: { a: { uses: ./tools/probe.wasm/noop } }\n",
)];

async fn project(world: &World) -> Json {
    world.ok(world.get("/projects/shop")).await
}

async fn count(world: &World) -> usize {
    world.ok(world.get("/runs?project=shop&limit=200")).await["data"].as_array().expect("a list").len()
}

#[tokio::test]
async fn a_push_that_no_webhook_told_of_is_found_once_also_after_a_restart() {
    let mut world = World::start().await;
    world.push(&PIPELINE);
    let added = world.add_project_with(json!({ "sync_every": "1s" })).await;
    assert_eq!((&added["sync_every"], &added["sync_error"]), (&json!("1s"), &json!(null)));
    assert_eq!(added["last_sync"]["ref"], "refs/heads/main");

    let missed = world.push(&[("missed", "1")]);
    let run = world.run_of(&missed).await;
    let finished = world.finish(&run).await;
    assert_eq!((&finished["trigger"]["type"], &finished["status"]), (&json!("push"), &json!("succeeded")));
    // The webhook comes late: it tells nothing new.
    world.deliver("late", world.payload(&missed)).await;
    // What comes while nobody listens is found by the timer, which goes on where it was.
    world.kill();
    let asleep = world.push(&[("missed", "2")]);
    world.boot();
    world.finish(&world.run_of(&asleep).await).await;
    let last = world.push(&[("missed", "3")]);
    world.deliver("in time", world.payload(&last)).await;
    world.finish(&world.run_of(&last).await).await;
    // By hand as well, as often as one likes.
    let by_hand = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(by_hand["runs"], json!([]), "{by_hand:#}");
    assert_eq!(count(&world).await, 3, "the first commit was there before the project was");
    let shown = project(&world).await;
    assert_eq!((&shown["last_sync"]["commit"], &shown["sync_error"]), (&json!(last), &json!(null)));
    assert!(shown["last_sync"]["at"].is_string());
    world.end().await;
}

#[tokio::test]
async fn a_repository_that_cannot_be_reached_is_named_and_looked_at_again() {
    let world = World::start().await;
    world.push(&PIPELINE);
    world.add_project_with(json!({ "sync_every": "1s" })).await;
    let (origin, away) = (world.work().join("../origin.git"), world.work().join("../away.git"));
    fs::rename(&origin, &away).expect("it can be moved");
    let failed = world.post("/projects/shop/sync").send().await.expect("the server answers");
    assert!(failed.status().is_client_error() || failed.status().as_u16() == 502, "{}", failed.status());
    let shown = project(&world).await;
    assert!(shown["sync_error"].as_str().is_some_and(|error| !error.is_empty()), "{shown:#}");
    assert_eq!(shown["last_sync"]["ref"], "refs/heads/main", "what was found before stays");
    assert_eq!(shown["active_revision"]["status"], "active");
    let metrics = world.bare(reqwest::Method::GET, "/metrics").send().await.expect("an answer").text().await;
    let metrics = metrics.expect("text");
    assert!(metrics.contains("kiket_syncs_total{outcome=\"failed\"}"), "{metrics}");
    assert!(metrics.contains("kiket_work{kind=\"sync\""), "{metrics}");

    fs::rename(&away, &origin).expect("it can be moved back");
    let commit = world.push(&[("back", "again")]);
    world.finish(&world.run_of(&commit).await).await;
    let shown = project(&world).await;
    assert_eq!((&shown["sync_error"], &shown["last_sync"]["commit"]), (&json!(null), &json!(commit)));
    world.end().await;
}

#[tokio::test]
async fn a_rejected_commit_is_rejected_once_however_often_it_is_looked_at() {
    let world = World::start().await;
    world.push(&PIPELINE);
    world.add_project_with(json!({ "sync_every": "off" })).await;
    world.push(&[(".kiket/pipelines/p.yaml", "pipeline: nonsense\n")]);
    for _ in 0..3 {
        let synced = world.ok(world.post("/projects/shop/sync")).await;
        assert_eq!(synced["revision"]["status"], "rejected");
    }
    let revisions = world.ok(world.get("/projects/shop/revisions")).await["data"].as_array().expect("a list").len();
    assert_eq!(revisions, 2);
    // What was put right starts what the webhook should have.
    let commit = world.push(&PIPELINE);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["runs"].as_array().map(Vec::len), Some(1), "{synced:#}");
    world.finish(&world.run_of(&commit).await).await;
    world.end().await;
}

#[tokio::test]
async fn another_branch_is_chosen_at_the_terminal_and_looked_at_at_once() {
    let world = World::start().await;
    let main = world.push(&PIPELINE);
    world.add_project().await;
    crate::world::git(&world.work(), &["checkout", "--quiet", "-b", "next"]);
    let next = world.push(&[("next", "one")]);
    let set = |arguments: &[&str]| {
        let output = world.kiket(&[&["project", "set", "shop"], arguments].concat()).output().expect("it runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    assert_eq!(project(&world).await["active_revision"]["commit"], json!(main));
    let (code, text) = set(&["--branch", "next", "--sync-every", "10m"]);
    assert!(code == Some(0) && text.contains("branch     next") && text.contains("sync every 10m"), "{text}");
    let shown = project(&world).await;
    assert_eq!((&shown["branch"], &shown["sync_every"]), (&json!("next"), &json!("10m")));
    assert_eq!(shown["active_revision"]["commit"], json!(next));
    assert_eq!(count(&world).await, 0, "the first look at a branch starts nothing");
    // What is pushed to the old one runs as that of any other branch does, and is not in force.
    crate::world::git(&world.work(), &["checkout", "--quiet", "main"]);
    let other = world.push(&[("main", "two")]);
    world.deliver("other", world.payload(&other)).await;
    world.finish(&world.run_of(&other).await).await;
    assert_eq!(project(&world).await["active_revision"]["commit"], json!(next));

    for (arguments, wrong) in [
        (&["--branch", "a b"][..], "not the name of a branch"),
        (&["--sync-every", "5"], "`sync_every` is a duration"),
        (&["--sync-every", "100d"], "`sync_every` is a duration"),
        (&["--url", "ext::sh"], "this repository address has no scheme"),
        (&["--forge", "github"], "--repository"),
        (&["--forge", "gitea", "--repository", "a/b", "--token-secret", "T"], "--api-url"),
        (&["--forge", "github", "--repository", "a", "--token-secret", "T"], "`repository` is `owner/name`"),
        (&["--forge", "github", "--repository", "a/b", "--token-secret", "t"], "`token_secret`"),
        (
            &["--forge", "github", "--repository", "a/b", "--token-secret", "T", "--api-url", "https://u:p@x"],
            "`api_url`",
        ),
        (&[], "nothing to set"),
    ] {
        let (code, text) = set(arguments);
        assert!(code == Some(1) && text.contains(wrong), "{arguments:?}: {text}");
    }
    let (code, text) = set(&["--default-branch", "--sync-every", "off"]);
    assert!(code == Some(0) && text.contains("the default") && text.contains("off"), "{text}");
    let shown = project(&world).await;
    assert_eq!((&shown["branch"], &shown["active_revision"]["commit"]), (&json!(null), &json!(other)));
    let answer = world.patch("/projects/nobody").json(&json!({ "branch": "x" })).send().await.expect("an answer");
    assert_eq!(answer.status().as_u16(), 404);
    world.end().await;
}
