//! Who gets secrets: by what started the run, and by what the secret is for. A stranger's commit gets none, and waits.

use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::forges::deliver;
use crate::sink::Sink;
use crate::world::{World, git};

/// Each stage wants one thing that not everybody gets.
fn pipeline(sink: &Sink) -> String {
    let call = |function: &str, arguments: &str| {
        format!("uses: ./tools/probe.wasm/call, with: {{ function: {function}, arguments: [{arguments}] }}")
    };
    let stage = |id: &str, rest: &str| format!("  {id}: {{ run_on: always, allow_failure: true, {rest} }}\n");
    let named = call("http.send", &format!("POST, '{}', \"${{{{ secret('KEY') }}}}\"", sink.url("named")));
    [
        "model_version: \"1.0\"\npipeline: { id: trust, on: { push: { branches: ['*'], tags: ['*'] }, pull_request: {} } }\nstages:\n",
        &stage("named", &named),
        &stage("revealed", &call("secrets.reveal", "KEY")),
        &stage("signed", &call("secrets.sign", "KEY, text")),
        &stage("kept", &call("kv.set", "key, value")),
        &stage("value", "uses: ./tools/probe.wasm/echo, with: { answer: '${{ env.REGION }}' }"),
        "finally: { last: { uses: ./tools/probe.wasm/noop } }\n",
    ]
    .concat()
}

async fn shop(sink: &Sink) -> World {
    let world = World::start().await;
    world.add_project_with(json!({ "sync_every": "off" })).await;
    for path in ["secrets/KEY", "env/REGION"] {
        world.ok_empty(world.put(&format!("/projects/shop/{path}")).json(&json!({ "value": "eu-central-1" }))).await;
    }
    let grants = format!(
        "model_version: \"1.0\"\nplugins: {{ ./tools/probe.wasm: {{ grants: {{ kv: {{ quota: 1MiB }}, \
         http: [{{ scheme: http, host: 127.0.0.1, port: {} }}], \
         secrets: [{{ name: KEY, use: [header, sign, reveal], hosts: [127.0.0.1] }}] }} }} }}\n",
        sink.port
    );
    world.push(&[(".kiket/pipelines/trust.yaml", &pipeline(sink)), (".kiket/plugins.yaml", &grants)]);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
    world
}

/// What a finished run got of each thing.
fn got(run: &Json) -> Vec<(String, bool)> {
    let stages = run["stages"].as_array().expect("a list").iter();
    let wants = stages.filter(|stage| !["last", "fork-approval"].contains(&stage["id"].as_str().expect("an id")));
    wants
        .map(|stage| {
            let outputs = &stage["outputs"];
            let got = stage["status"] == "succeeded" && outputs.get("error").is_none();
            (stage["id"].as_str().expect("an id").to_owned(), got)
        })
        .collect()
}

fn all(got: bool) -> Vec<(String, bool)> {
    ["named", "revealed", "signed", "kept", "value"].map(|name| (name.to_owned(), got)).to_vec()
}

fn pushed(reference: &str, after: &str) -> Json {
    json!({ "ref": reference, "before": "0".repeat(40), "after": after, "pusher": { "username": "ada" } })
}

fn pull(number: u64, commit: &str, from: u64) -> Json {
    let side = |branch: &str, id: u64| json!({ "ref": branch, "sha": commit, "repo": { "id": id } });
    json!({ "action": "opened", "number": number, "sender": { "login": "mallory" },
            "pull_request": { "head": side("topic", from), "base": side("main", 1) } })
}

/// Waits for the run of a commit that this kind of trigger started.
async fn run_by(world: &World, commit: &str, trigger: &str) -> Json {
    let find = async || {
        let runs = world.ok(world.get("/runs?project=shop&limit=200")).await;
        let runs = runs["data"].as_array().expect("a list").clone();
        runs.into_iter().find(|run| run["commit"] == commit && run["trigger"]["type"] == trigger)
    };
    world.until(find).await
}

/// Puts the working copy's commit where the forge keeps that of a pull request.
fn propose(world: &World, number: u64) {
    git(&world.work(), &["push", "--quiet", "--force", "origin", &format!("HEAD:refs/pull/{number}/head")]);
}

/// A commit that is nowhere in the project but in a pull request, and that wants to be more than it is.
fn fork(world: &World, number: u64, mark: &str) -> String {
    let work = world.work();
    git(&work, &["checkout", "--quiet", "-B", "fork", "origin/main"]);
    let evil = "model_version: \"1.0\"\npipeline: { id: trust, on: { pull_request: {}, push: {} } }\n\
                stages: { evil: { uses: ./tools/probe.wasm/noop } }\n";
    for path in [".kiket/pipelines/trust.yaml", ".kiket/pipelines/evil.yaml"] {
        std::fs::write(
            work.join(path),
            evil.replace("id: trust", if path.contains("evil") { "id: evil" } else { "id: trust" }),
        )
        .expect("a file");
    }
    git(&work, &["add", "--all"]);
    let message = format!("proposal {number}: {mark}");
    git(
        &work,
        &["-c", "user.name=M", "-c", "user.email=m@example.com", "commit", "--quiet", "--allow-empty", "-m", &message],
    );
    propose(world, number);
    let commit = git(&work, &["rev-parse", "HEAD"]);
    git(&work, &["checkout", "--quiet", "main"]);
    commit
}

#[tokio::test]
async fn secrets_go_to_what_the_project_itself_has_pushed_and_to_no_stranger() {
    let sink = Sink::open().await;
    let world = shop(&sink).await;
    let work = world.work();
    let send = async |event: &str, id: &str, body: Json| {
        assert_eq!(deliver(&world, "GitHub", event, id, &body).await, StatusCode::ACCEPTED);
    };
    let mut trusted = Vec::new();
    // Pushes of the branch in force, delivered and missed; of another branch; of a tag; a pull request; the API.
    let main = world.push(&[("a", "1")]);
    send("push", "main", pushed("refs/heads/main", &main)).await;
    trusted.push(run_by(&world, &main, "push").await);
    let missed = world.push(&[("a", "2")]);
    world.ok(world.post("/projects/shop/sync")).await;
    trusted.push(run_by(&world, &missed, "push").await);
    git(&work, &["checkout", "--quiet", "-b", "topic"]);
    let topic = world.push(&[("a", "3")]);
    send("push", "topic", pushed("refs/heads/topic", &topic)).await;
    trusted.push(run_by(&world, &topic, "push").await);
    send("pull_request", "own", pull(4, &topic, 1)).await;
    trusted.push(run_by(&world, &topic, "pull_request").await);
    git(&work, &["checkout", "--quiet", "main"]);
    let tagged = world.push(&[("a", "4")]);
    git(&work, &["push", "--quiet", "origin", "HEAD:refs/tags/v1"]);
    send("push", "tag", pushed("refs/tags/v1", &tagged)).await;
    trusted.push(run_by(&world, &tagged, "push").await);
    let by_api = world.trigger("trust").await;
    trusted.push(json!({ "id": by_api }));
    for run in &trusted {
        let run = world.finish(run["id"].as_str().expect("an id")).await;
        assert_eq!((&run["status"], got(&run)), (&json!("succeeded"), all(true)), "{run:#}");
    }
    let sent = sink.payments().len();
    assert_eq!(sent, trusted.len());

    let stranger = fork(&world, 5, "only");
    send("pull_request", "fork", pull(5, &stranger, 2)).await;
    let run = run_by(&world, &stranger, "pull_request").await;
    let id = run["id"].as_str().expect("an id");
    world.ok(world.post(&format!("/runs/{id}/stages/fork-approval/approve"))).await;
    let run = world.finish(id).await;
    assert_eq!((&run["status"], got(&run)), (&json!("succeeded"), all(false)), "{run:#}");
    let stages = run["stages"].as_array().expect("a list");
    assert_eq!(stages[0]["error"]["code"], "no_secrets", "{run:#}");
    assert_eq!(sink.payments().len(), sent, "nothing left with or without the secret");
    world.end().await;
}

#[tokio::test]
async fn a_strangers_commit_waits_for_a_person_and_brings_no_definitions_along() {
    let sink = Sink::open().await;
    let world = shop(&sink).await;
    let first = fork(&world, 7, "first");
    let send = async |id: &str, commit: &str| {
        assert_eq!(deliver(&world, "GitHub", "pull_request", id, &pull(7, commit, 2)).await, StatusCode::ACCEPTED);
    };
    send("one", &first).await;
    let run = run_by(&world, &first, "pull_request").await;
    let id = run["id"].as_str().expect("an id").to_owned();
    let shown = world.ok(world.get(&format!("/runs/{id}"))).await;
    assert_eq!((&shown["pipeline"], &shown["status"]), (&json!("trust"), &json!("waiting")), "{shown:#}");
    assert_eq!(shown["ref"], "refs/pull/7/head");
    let stages = shown["stages"].as_array().expect("a list");
    let states: Vec<_> = stages.iter().map(|stage| stage["status"].as_str().expect("a word")).collect();
    assert_eq!(states, [&["pending"; 6][..], &["waiting"]].concat(), "the stages of the project, and the question");
    let active = world.ok(world.get("/projects/shop")).await["active_revision"]["id"].clone();
    assert_eq!(shown["revision"], active, "{shown:#}");

    // Another commit is another question; the same one again is none, and one that is gone starts nothing.
    let second = fork(&world, 7, "second");
    assert_ne!(first, second);
    for (delivery, commit) in [("again", &first), ("two", &second), ("two again", &second)] {
        send(delivery, commit).await;
    }
    let other = run_by(&world, &second, "pull_request").await;
    let rejected = other["id"].as_str().expect("an id");
    world.ok(world.post(&format!("/runs/{rejected}/stages/fork-approval/reject"))).await;
    let run = world.finish(rejected).await;
    assert_eq!(run["status"], "failed");
    let states =
        run["stages"].as_array().expect("a list").iter().map(|stage| stage["status"].as_str().expect("a word"));
    let states: Vec<_> = states.collect();
    assert_eq!(states, [&["skipped"; 6][..], &["failed"]].concat(), "not even what runs in the end, whatever happens");
    // The question is bound to its commit, which is still the first one.
    world.ok(world.post(&format!("/runs/{id}/stages/fork-approval/approve"))).await;
    let run = world.finish(&id).await;
    assert_eq!((&run["status"], &run["commit"]), (&json!("succeeded"), &json!(first)));
    let runs = world.ok(world.get("/runs?project=shop")).await["data"].as_array().expect("a list").len();
    assert_eq!(runs, 2);
    let revisions = world.ok(world.get("/projects/shop/revisions")).await["data"].as_array().expect("a list").len();
    assert_eq!(revisions, 1, "nothing of a stranger's commit is published");
    let deliveries = world.ok(world.get("/projects/shop/deliveries")).await;
    let again =
        deliveries["data"].as_array().expect("a list").iter().find(|one| one["external_id"] == "again").cloned();
    let note = again.expect("it was delivered")["note"].clone();
    assert_eq!(note, format!("`refs/pull/7/head` is not at {first} any more"));
    world.end().await;
}

#[tokio::test]
async fn a_strangers_run_that_is_tried_again_waits_again_and_gets_no_secret_either() {
    let sink = Sink::open().await;
    let world = shop(&sink).await;
    let commit = fork(&world, 9, "again");
    assert_eq!(deliver(&world, "GitHub", "pull_request", "fork", &pull(9, &commit, 2)).await, StatusCode::ACCEPTED);
    let run = run_by(&world, &commit, "pull_request").await;
    let first = run["id"].as_str().expect("an id").to_owned();
    world.ok(world.post(&format!("/runs/{first}/stages/fork-approval/approve"))).await;
    assert_eq!(world.finish(&first).await["status"], "succeeded");
    // Newer definitions of the project, which do not change whose commit it is.
    assert!(sink.payments().is_empty());
    let own = world.push(&[("b", "1")]);
    world.ok(world.post("/projects/shop/sync")).await;
    let trusted = run_by(&world, &own, "push").await;
    assert_eq!(got(&world.finish(trusted["id"].as_str().expect("an id")).await), all(true));
    let sent = sink.payments().len();
    assert_eq!(sent, 1, "the project's own commit gets the secret");
    let wishes = [
        ("retry", json!({ "from_start": true }), 0),
        ("retry", json!({ "newest": true }), 0),
        ("resume", json!({ "from": "named" }), 4),
        ("resume", json!({ "from": "fork-approval" }), 5),
    ];
    for (verb, wish, kept) in wishes {
        let new = world.ok(world.post(&format!("/runs/{first}/{verb}")).json(&wish)).await;
        assert_eq!(new["kept"].as_array().map_or(0, Vec::len), kept, "{verb} {wish}: {new:#}");
        let id = new["id"].as_str().expect("an id");
        let shown = world.ok(world.get(&format!("/runs/{id}"))).await;
        assert_eq!((&shown["status"], &shown["commit"]), (&json!("waiting"), &json!(commit)), "{verb} {wish}");
        let stages = shown["stages"].as_array().expect("a list");
        let begun = |stage: &&Json| stage["attempt"].as_u64() > Some(0);
        assert_eq!(stages.iter().filter(begun).count(), 0, "{verb} {wish}: nothing begins: {shown:#}");
        assert_eq!((&stages[5]["id"], &stages[5]["status"]), (&json!("last"), &json!("pending")), "{shown:#}");
        assert_eq!((&stages[6]["id"], &stages[6]["status"]), (&json!("fork-approval"), &json!("waiting")), "{shown:#}");
        world.ok(world.post(&format!("/runs/{id}/stages/fork-approval/approve"))).await;
        let run = world.finish(id).await;
        assert_eq!((&run["status"], got(&run)), (&json!("succeeded"), all(false)), "{verb} {wish}: {run:#}");
    }
    assert_eq!(sink.payments().len(), sent, "nothing left with or without the secret");
    world.end().await;
}
