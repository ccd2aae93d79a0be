//! What was given up is in one list, and is tried again or let go: once.

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::sink::{Behaviour, Sink};
use crate::world::{World, git};

const PIPELINE: &str =
    "model_version: \"1.0\"\npipeline: { id: p, on: push }\nstages: { a: { uses: ./tools/probe.wasm/noop } }\n";

async fn letters(world: &World, kind: &str) -> Vec<Json> {
    let answer = world.ok(world.get(&format!("/dead-letters?project=shop&kind={kind}"))).await;
    answer["data"].as_array().expect("a list").clone()
}

/// Waits for the one letter of a kind.
async fn letter(world: &World, kind: &str) -> Json {
    loop {
        if let Some(letter) = letters(world, kind).await.pop() {
            return letter;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

fn path(letter: &Json, how: &str) -> String {
    format!("/dead-letters/{}/{how}", letter["id"].as_str().expect("a number"))
}

async fn refused(world: &World, path: &str) -> (StatusCode, Json) {
    let answer = world.post(path).send().await.expect("an answer");
    (answer.status(), answer.json::<Json>().await.expect("a problem")["code"].clone())
}

#[tokio::test]
async fn a_webhook_that_was_given_up_is_acted_on_once_when_it_is_tried_again() {
    let world = World::start().await;
    world.push(&[(".kiket/pipelines/p.yaml", PIPELINE)]);
    world.add_project().await;
    // A commit that the repository does not have, as far as anybody can tell.
    git(&world.work(), &["-c", "user.name=Ada", "-c", "user.email=a@b.c", "commit", "-q", "--allow-empty", "-m", "x"]);
    let commit = git(&world.work(), &["rev-parse", "HEAD"]);
    world.deliver("early", world.payload(&commit)).await;
    let given_up = letter(&world, "delivery").await;
    assert_eq!(
        (&given_up["tries"], &given_up["state"], &given_up["project"]),
        (&json!(1), &json!("open"), &json!("shop"))
    );
    let deliveries = world.ok(world.get("/projects/shop/deliveries")).await;
    assert_eq!(deliveries["data"][0]["id"], given_up["about"]);
    let text = world.bare(Method::GET, "/metrics").send().await.expect("an answer").text().await.expect("text");
    assert!(text.contains("kiket_dead_letters{kind=\"delivery\"} 1\n"), "{text}");
    let doctor = world.kiket(&["doctor", "--listen", "127.0.0.1:0", "--data"]).arg(world.data()).output();
    let doctor = String::from_utf8_lossy(&doctor.expect("kiket runs").stdout).into_owned();
    assert!(doctor.contains("given up: delivery 1"), "{doctor}");

    git(&world.work(), &["push", "--quiet", "origin", "HEAD"]);
    let (one, other) =
        tokio::join!(world.ok(world.post(&path(&given_up, "retry"))), world.ok(world.post(&path(&given_up, "retry"))));
    assert_eq!((&one["state"], &one), (&json!("retried"), &other));
    let run = world.run_of(&commit).await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    assert_eq!(refused(&world, &path(&given_up, "discard")).await, (StatusCode::CONFLICT, json!("letter_settled")));
    assert_eq!(letters(&world, "delivery").await, [Json::Null; 0]);
    let audit = world.ok(world.get("/audit")).await;
    let acts = audit["data"].as_array().expect("a list").iter();
    assert_eq!(acts.filter(|act| act["act"] == "dead_letter.retry").count(), 1, "{audit:#}");
    world.end().await;
}

#[tokio::test]
async fn what_was_given_up_is_listed_and_let_go_by_hand() {
    let world = World::start().await;
    world.push(&[(".kiket/pipelines/p.yaml", PIPELINE)]);
    world.add_project().await;
    for number in 1..=3 {
        world.deliver(&format!("bad {number}"), world.payload(&format!("{number:040}"))).await;
    }
    while letters(&world, "delivery").await.len() < 3 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let page = world.ok(world.get("/dead-letters?limit=2")).await;
    let cursor = page["next_cursor"].as_str().expect("there is more");
    let rest = world.ok(world.get(&format!("/dead-letters?limit=2&cursor={cursor}"))).await;
    assert_eq!((page["data"].as_array().unwrap().len(), rest["data"].as_array().unwrap().len()), (2, 1));
    let listed = world.kiket(&["dead-letters", "ls", "--json"]).output().expect("kiket runs");
    let listed = String::from_utf8(listed.stdout).expect("text");
    assert_eq!(listed.lines().count(), 3, "{listed}");
    for line in listed.lines() {
        let letter: Json = serde_json::from_str(line).expect("JSON");
        let id = letter["id"].as_str().expect("a number");
        for _ in 0..2 {
            let said = world.kiket(&["dead-letters", "discard", id]).output().expect("kiket runs");
            assert!(String::from_utf8_lossy(&said.stdout).ends_with("is discarded\n"), "{said:?}");
        }
    }
    assert_eq!(letters(&world, "delivery").await, [Json::Null; 0]);
    world.end().await;
}

#[tokio::test]
async fn a_stage_that_needs_attention_is_a_letter_until_somebody_says_what_became_of_it() {
    let sink = Sink::open().await;
    let world = World::start().await;
    let grant = format!("http: [{{ scheme: http, host: 127.0.0.1, port: {} }}]", sink.port);
    let plugins = format!("model_version: \"1.0\"\nplugins: {{ ./tools/probe.wasm: {{ grants: {{ {grant} }} }} }}\n");
    world.push(&[(".kiket/plugins.yaml", &plugins)]);
    world.add_project().await;
    let stage =
        format!("{{ uses: ./tools/probe.wasm/pay, effect: once, with: {{ url: '{}', parts: 1 }} }}", sink.url("x"));
    let stages = format!("stages:\n  pay: {stage}\n");

    sink.behave(Behaviour::BreaksOff);
    let run = world.run_pipeline(&stages).await;
    let in_doubt = letter(&world, "stage").await;
    assert_eq!((&in_doubt["about"], &in_doubt["run"]), (&json!(format!("{run}/pay")), &json!(run)));
    assert!(in_doubt["reason"].as_str().is_some_and(|reason| reason.contains("POST")), "{in_doubt:#}");
    // Who may start runs may not say what became of an effect.
    let body = json!({ "name": "ci", "scopes": ["runs"] });
    let made = world.ok(world.post("/tokens").json(&body)).await;
    let retry = world.bare(Method::POST, &format!("/api/v1{}", path(&in_doubt, "retry")));
    let answer = retry.bearer_auth(made["token"].as_str().expect("a token")).send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);

    sink.behave(Behaviour::Answers);
    assert_eq!(world.ok(world.post(&path(&in_doubt, "retry"))).await["state"], "retried");
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    assert_eq!(sink.payments().len(), 2);

    // Resolved elsewhere, it is off the list as well.
    sink.behave(Behaviour::BreaksOff);
    let run = world.run_pipeline(&stages).await;
    let in_doubt = letter(&world, "stage").await;
    let word = json!({ "resolution": "happened", "outputs": {} });
    world.ok(world.post(&format!("/runs/{run}/stages/pay/resolve")).json(&word)).await;
    assert_eq!(letters(&world, "stage").await, [Json::Null; 0]);
    assert_eq!(refused(&world, &path(&in_doubt, "retry")).await, (StatusCode::CONFLICT, json!("letter_settled")));
    world.end().await;
}

#[tokio::test]
async fn a_run_whose_plugin_is_gone_goes_on_in_a_new_one_when_it_is_back() {
    let mut world = World::start().await;
    world.add_project().await;
    let stages = "stages: { a: { uses: ./tools/probe.wasm/work, with: { ms: 700 } } }";
    let run = world.run_pipeline(stages).await;
    let begun = async |world: &World| {
        let state = world.ok(world.get(&format!("/runs/{run}"))).await;
        (state["stages"][0]["status"] == "running").then_some(())
    };
    world.until(async || begun(&world).await).await;
    world.kill();
    let probe = std::fs::metadata(crate::world::probe()).expect("the probe is built").len();
    let kept = std::fs::read_dir(world.data().join("plugins")).expect("components are kept there").flatten();
    let kept = kept.map(|kept| kept.path()).find(|kept| std::fs::metadata(kept).is_ok_and(|kept| kept.len() == probe));
    let (kept, aside) = (kept.expect("the probe is kept"), world.data().join("aside"));
    std::fs::rename(&kept, &aside).expect("it can be moved");
    world.boot();
    assert_eq!(world.finish(&run).await["status"], "failed");
    let given_up = letter(&world, "run").await;
    assert_eq!(given_up["about"], json!(run));
    assert_eq!(refused(&world, &path(&given_up, "retry")).await, (StatusCode::CONFLICT, json!("definitions_gone")));

    std::fs::rename(&aside, &kept).expect("it can be moved back");
    for _ in 0..2 {
        assert_eq!(world.ok(world.post(&path(&given_up, "retry"))).await["state"], "retried");
    }
    let runs = world.ok(world.get("/runs?project=shop")).await;
    let runs = runs["data"].as_array().expect("a list");
    assert_eq!(runs.len(), 2, "one letter starts one run: {runs:#?}");
    let new = runs.iter().find(|one| one["id"] != json!(run)).and_then(|one| one["id"].as_str()).expect("another run");
    let finished = world.finish(new).await;
    assert_eq!(finished["status"], "succeeded", "{finished:#}");
    world.end().await;
}
