//! What is set for a project, where it is used: values in the expressions of runs and items, both on the command line,
//! both without a server.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use crate::secrets::files;
use crate::world::World;

#[tokio::test]
async fn values_reach_the_expressions_of_runs_and_an_unset_one_fails_by_name() {
    let world = World::start().await;
    world.add_project().await;
    let stages = "stages:
  there: { uses: ./tools/probe.wasm/echo, env: { WHERE: '${{ env.REGION }}' }, when: \"env.REGION != 'mars'\" }
  finally_set: { uses: ./tools/probe.wasm/echo, needs: [there], with: { at: '${{ env.LATE }}' } }
";
    world.ok_empty(world.put("/projects/shop/env/REGION").json(&json!({ "value": "eu" }))).await;
    let run = world.run_pipeline(stages).await;
    let failed = world.finish(&run).await;
    assert_eq!(failed["stages"][0]["outputs"]["env"], json!({ "WHERE": "eu" }), "{failed:#}");
    let error = &failed["stages"][1]["error"];
    assert_eq!(error["code"], "expression");
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("no value `LATE`") && message.contains("kiket env set PROJECT LATE=VALUE"), "{message}");

    for (name, value) in [("LATE", "now"), ("REGION", "us")] {
        world.ok_empty(world.put(&format!("/projects/shop/env/{name}")).json(&json!({ "value": value }))).await;
    }
    let again = world.finish(&world.trigger("p").await).await;
    assert_eq!(again["status"], "succeeded", "{again:#}");
    assert_eq!(again["stages"][0]["outputs"]["env"], json!({ "WHERE": "us" }));
    let story = world.get(&format!("/runs/{run}/events")).send().await.unwrap().text().await.unwrap();
    assert!(story.contains("\"env\":{\"REGION\":\"eu\"}"), "{story}");
    world.end().await;
}

#[tokio::test]
async fn items_are_decided_on_the_values_of_the_moment() {
    let world = World::start().await;
    world.add_project().await;
    let workflow = "model_version: \"1.0\"
workflow: { id: release, name: Release }
states: { open: { type: initial }, live: { type: active }, done: { type: final } }
transitions:
  - { from: open, to: live, name: Ship, when: \"env.FREEZE == 'no'\" }
  - { from: live, to: done, name: Tell, actions: [{ uses: ./tools/probe.wasm/echo, env: { WHERE: '${{ env.REGION }}' } }] }
";
    world.push(&[(".kiket/workflows/release.yaml", workflow)]);
    world.ok(world.post("/projects/shop/sync")).await;
    let item = world.ok(world.post("/projects/shop/items").json(&json!({ "title": "v1" }))).await;
    let go = |name: &str| {
        let path = format!("/items/{}/transitions", item["id"].as_str().unwrap());
        world.post(&path).json(&json!({ "name": name }))
    };
    let refused = go("Ship").send().await.unwrap().text().await.unwrap();
    assert!(refused.contains("transition_refused") && refused.contains("no value `FREEZE`"), "{refused}");
    for (name, value) in [("FREEZE", "no"), ("REGION", "eu")] {
        world.ok_empty(world.put(&format!("/projects/shop/env/{name}")).json(&json!({ "value": value }))).await;
    }
    assert_eq!(world.ok(go("Ship")).await["state"], "live");
    let told = world.ok(go("Tell")).await;
    let finished = world.finish(told["runs"][0].as_str().unwrap()).await;
    assert_eq!(finished["stages"][0]["outputs"]["env"], json!({ "WHERE": "eu" }), "{finished:#}");
    world.end().await;
}

fn give(mut command: Command, input: &str) -> Output {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("it starts");
    child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
    child.wait_with_output().expect("it ends")
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).expect("it is text")
}

#[tokio::test]
async fn the_command_line_sets_lists_and_removes() {
    let world = World::start().await;
    world.add_project().await;
    let kiket = |arguments: &[&str]| said(&give(world.kiket(arguments), ""));
    assert_eq!(
        said(&give(world.kiket(&["secret", "set", "shop", "TOKEN"]), "hunter2 hunter2\n")),
        "TOKEN of project shop set\n"
    );
    let file = world.work().join("key.pem");
    fs::write(&file, "-----BEGIN KEY-----\n").unwrap();
    kiket(&["secret", "set", "shop", "KEY", "--file", file.to_str().unwrap()]);
    let listed = kiket(&["secret", "ls", "shop"]);
    assert!(listed.contains("KEY ") && listed.contains("TOKEN ") && !listed.contains("hunter2"), "{listed}");
    assert_eq!(kiket(&["secret", "rm", "shop", "TOKEN"]), "TOKEN of project shop removed\n");
    let gone = give(world.kiket(&["secret", "rm", "shop", "TOKEN"]), "");
    assert!(String::from_utf8_lossy(&gone.stderr).contains("there is no secret `TOKEN`"), "{gone:?}");
    let empty = give(world.kiket(&["secret", "set", "shop", "TOKEN", "--value-stdin"]), "\n");
    assert!(String::from_utf8_lossy(&empty.stderr).contains("the value is empty"), "{empty:?}");
    let names = world.ok(world.get("/projects/shop/secrets")).await;
    assert_eq!(names["data"].as_array().unwrap().len(), 1);

    assert_eq!(
        kiket(&["env", "set", "shop", "REGION=eu", "OPTIONS=a=b c"]),
        "REGION of project shop set\nOPTIONS of project shop set\n"
    );
    let listed = kiket(&["env", "ls", "shop"]);
    assert!(listed.contains("REGION   eu ") && listed.contains("OPTIONS  a=b c "), "{listed}");
    let listed: Json = serde_json::from_str(&kiket(&["env", "ls", "shop", "--json"])).unwrap();
    assert_eq!(listed[0]["value"], "a=b c");
    kiket(&["env", "rm", "shop", "REGION"]);
    assert!(!kiket(&["env", "ls", "shop"]).contains("REGION"));
    world.end().await;
}

#[test]
fn a_local_run_takes_values_from_options_and_secrets_from_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let pipelines = folder.path().join(".kiket/pipelines");
    fs::create_dir_all(&pipelines).unwrap();
    let text = "model_version: \"1.0\"\npipeline: { id: p }\nstages:\n  say:\n    uses: execute\n    env: { WHO: '${{ env.WHO }}' }\n    with: { language: javascript, source: \"console.log('hello ' + env.WHO + ', ' + 'sretnuh retnuh'.split('').reverse().join(''))\" }\n";
    fs::write(pipelines.join("p.yaml"), text).unwrap();
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiket"));
        command
            .current_dir(folder.path())
            .env("XDG_STATE_HOME", folder.path().join("state"))
            .env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
            .env("KIKET_SECRET_TOKEN", "hunter hunters")
            .args(arguments);
        give(command, "")
    };
    let shown = said(&run(&["run", "p", "--env", "WHO=you"]));
    assert!(shown.contains("hello you, [secret TOKEN]") && !shown.contains("hunter hunters"), "{shown}");
    let unset = run(&["run", "p"]);
    let shown = String::from_utf8_lossy(&unset.stdout);
    assert!(!unset.status.success() && shown.contains("`kiket run --env WHO=VALUE`"), "{shown}");
    let mut found = Vec::new();
    files(&folder.path().join("state"), &mut found);
    let search = AhoCorasick::new(["hunter hunters", &STANDARD.encode("hunter hunters")[..16]]).unwrap();
    assert!(found.len() > 2 && found.iter().all(|file| search.find(&fs::read(file).unwrap()).is_none()), "{found:?}");
}
