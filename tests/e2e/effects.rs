//! Effects on the world and kill -9 around them, held against what a server outside has seen: what may happen once
//! never happens twice, what is repeated is the same to the letter, and what nobody knows waits for a person.

use kiket_core::run::DoubtCode;
use reqwest::StatusCode;
use serde_json::{Value as Json, json};

use crate::sink::{Behaviour, Sink};
use crate::world::World;

/// A world whose probe may talk to the sink.
async fn world(sink: &Sink) -> World {
    let mut world = World::start().await;
    world.heed(sink);
    let grant = format!("http: [{{ scheme: http, host: 127.0.0.1, port: {} }}]", sink.port);
    let plugins = format!("model_version: \"1.0\"\nplugins: {{ ./tools/probe.wasm: {{ grants: {{ {grant} }} }} }}\n");
    world.push(&[(".kiket/plugins.yaml", &plugins)]);
    world.add_project().await;
    world
}

fn stage(sink: &Sink, name: &str, more: &str) -> String {
    format!("  {name}: {{ uses: ./tools/probe.wasm/pay, {more}, with: {{ url: '{}', parts: 3 }} }}\n", sink.url(name))
}

/// Waits until the run has ended or a person is asked.
async fn rest(world: &World, run: &str) -> Json {
    world
        .until(async || {
            let state = world.ok(world.get(&format!("/runs/{run}"))).await;
            let status = state["status"].as_str().expect("a status").to_owned();
            matches!(&*status, "succeeded" | "failed" | "cancelled" | "needs_attention").then_some(state)
        })
        .await
}

fn stage_of<'r>(run: &'r Json, id: &str) -> &'r Json {
    let stages = run["stages"].as_array().expect("stages");
    stages.iter().find(|stage| stage["id"] == id).expect("the stage")
}

async fn resolve(world: &World, run: &str, stage: &str, body: Json) -> Json {
    world.ok(world.post(&format!("/runs/{run}/stages/{stage}/resolve")).json(&body)).await
}

#[tokio::test]
async fn asks_a_person_what_became_of_an_effect_that_a_kill_cut_off() {
    let sink = Sink::open().await;
    let mut world = world(&sink).await;
    sink.behave(Behaviour::Hangs);
    let run = world.run_pipeline(&format!("stages:\n{}", stage(&sink, "once", "effect: once"))).await;
    sink.wait_for(1).await;
    world.kill();
    sink.behave(Behaviour::Answers);
    world.boot();

    let state = rest(&world, &run).await;
    assert_eq!(state["status"], "needs_attention");
    let doubt = &stage_of(&state, "once")["doubt"];
    assert_eq!(doubt["code"], serde_json::to_value(DoubtCode::InDoubt).expect("a word"));
    assert_eq!(doubt["intent"]["summary"], format!("POST {}?part=0", sink.url("once")));
    assert_eq!(sink.payments().len(), 1, "nothing was sent again");

    let wrong = world.post(&format!("/runs/{run}/stages/once/approve")).json(&json!({})).send().await;
    assert_eq!(wrong.expect("an answer").status(), StatusCode::CONFLICT);
    let odd = json!({"resolution": "perhaps"});
    let odd = world.post(&format!("/runs/{run}/stages/once/resolve")).json(&odd).send().await.expect("an answer");
    assert!(odd.status().is_client_error(), "{odd:?}");

    resolve(&world, &run, "once", json!({"resolution": "happened", "outputs": {"parts": 1}, "comment": "seen"})).await;
    let state = world.finish(&run).await;
    assert_eq!((&state["status"], &stage_of(&state, "once")["outputs"]), (&json!("succeeded"), &json!({"parts": 1})));
    assert_eq!(sink.payments().len(), 1);
    world.end().await;
}

#[tokio::test]
async fn goes_on_behind_what_was_done_when_a_person_says_it_did_not_happen() {
    let sink = Sink::open().await;
    let mut world = world(&sink).await;
    let run = {
        sink.behave(Behaviour::Answers);
        let run = world.run_pipeline(&format!("stages:\n{}", stage(&sink, "once", "effect: once"))).await;
        // The first payment is answered, the second is not.
        sink.wait_for(1).await;
        sink.behave(Behaviour::Hangs);
        run
    };
    // Whichever payment hangs: all before it are done.
    let state = world.ok(world.get(&format!("/runs/{run}"))).await;
    if state["status"] != "succeeded" {
        world.kill();
        sink.behave(Behaviour::Answers);
        world.boot();
        let mut state = rest(&world, &run).await;
        while state["status"] == "needs_attention" {
            let ordinal = stage_of(&state, "once")["doubt"]["intent"]["ordinal"].as_u64().expect("a number");
            let seen = sink.payments().iter().any(|payment| payment.key.ends_with(&format!("#{ordinal}")));
            let resolution = if seen { "happened" } else { "retry" };
            resolve(&world, &run, "once", json!({ "resolution": resolution })).await;
            state = rest(&world, &run).await;
        }
        assert_eq!(state["status"], "succeeded");
    }
    for (key, bodies) in sink.by_key() {
        assert_eq!(bodies.len(), 1, "{key:?} was seen more than once");
    }
    world.end().await;
}

#[tokio::test]
async fn sends_an_idempotent_effect_again_to_the_letter_and_none_that_was_answered() {
    let sink = Sink::open().await;
    let mut world = world(&sink).await;
    sink.behave(Behaviour::Hangs);
    let run = world.run_pipeline(&format!("stages:\n{}", stage(&sink, "idem", "effect: idempotent"))).await;
    sink.wait_for(1).await;
    world.kill();
    sink.behave(Behaviour::Answers);
    world.boot();
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    let seen = sink.by_key();
    let counts: Vec<usize> = seen.values().map(Vec::len).collect();
    assert_eq!(counts, [2, 1, 1], "{seen:#?}");
    let first = seen.values().next().expect("a payment");
    assert_eq!(first[0], first[1], "time and random number are those of the first attempt");
    world.end().await;
}

#[tokio::test]
async fn asks_the_plugin_that_can_tell_after_a_kill_and_nobody_else() {
    let sink = Sink::open().await;
    let mut world = world(&sink).await;
    sink.behave(Behaviour::Hangs);
    let with = format!("with: {{ url: '{}' }}", sink.url("tell"));
    let run = world.run_pipeline(&format!("stages: {{ a: {{ uses: ./tools/probe.wasm/transfer, {with} }} }}")).await;
    sink.wait_for(1).await;
    world.kill();
    sink.behave(Behaviour::Answers);
    world.boot();
    let state = rest(&world, &run).await;
    assert_eq!(stage_of(&state, "a")["outputs"], json!({ "told_by": "the check" }), "{state:#}");
    assert_eq!(sink.payments().len(), 1, "it is not made again");
    world.end().await;
}

#[tokio::test]
async fn asks_a_person_when_a_connection_breaks_off_and_tries_an_idempotent_effect_again() {
    let sink = Sink::open().await;
    let world = world(&sink).await;
    sink.behave(Behaviour::BreaksOff);
    let stages = stage(&sink, "once", "effect: once, retry: { max_attempts: 3 }");
    let run = world.run_pipeline(&format!("stages:\n{stages}")).await;
    let state = rest(&world, &run).await;
    assert_eq!(state["status"], "needs_attention", "{state:#}");
    assert_eq!(sink.payments().len(), 1);
    sink.behave(Behaviour::Answers);
    resolve(&world, &run, "once", json!({"resolution": "retry"})).await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");

    sink.behave(Behaviour::BreaksOff);
    let stages = stage(&sink, "idem", "retry: { max_attempts: 2, backoff: { initial: 10ms } }");
    let run = world.run_pipeline(&format!("stages:\n{stages}")).await;
    let state = rest(&world, &run).await;
    assert_eq!(state["status"], "failed", "{state:#}");
    let keys: Vec<_> = sink.by_key().into_iter().filter(|((path, _), _)| path == "/idem").collect();
    assert_eq!(keys.len(), 1, "one key: {keys:#?}");
    assert_eq!(keys[0].1.len(), 2);
    world.end().await;
}

#[tokio::test]
async fn does_nothing_to_the_world_for_an_action_that_says_it_does_nothing() {
    let sink = Sink::open().await;
    let world = world(&sink).await;
    let run = world
        .run_pipeline(&format!(
            "stages: {{ a: {{ uses: ./tools/probe.wasm/pretend, with: {{ url: '{}', parts: 1 }} }} }}",
            sink.url("pure")
        ))
        .await;
    let state = world.finish(&run).await;
    let error = &stage_of(&state, "a")["error"];
    assert_eq!(error["code"], "denied", "{error:#}");
    assert!(error["message"].as_str().expect("text").contains("`pure`"), "{error:#}");
    assert_eq!(sink.payments(), []);
    world.end().await;
}

#[tokio::test]
async fn stops_an_action_that_asks_for_something_else_when_it_goes_on_after_a_crash() {
    let sink = Sink::open().await;
    let mut world = world(&sink).await;
    sink.behave(Behaviour::Hangs);
    let with = format!("with: {{ url: '{}', parts: 2, fickle: true }}", sink.url("fickle"));
    let run = world.run_pipeline(&format!("stages: {{ a: {{ uses: ./tools/probe.wasm/pay, {with} }} }}")).await;
    sink.wait_for(1).await;
    world.kill();
    sink.behave(Behaviour::Answers);
    world.boot();
    let state = rest(&world, &run).await;
    assert_eq!(state["status"], "needs_attention", "{state:#}");
    assert_eq!(stage_of(&state, "a")["doubt"]["code"], "replay_mismatch");
    assert_eq!(sink.payments().len(), 1, "nothing was sent");
    resolve(&world, &run, "a", json!({"resolution": "retry"})).await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    world.end().await;
}

#[tokio::test]
async fn twelve_kills_at_random_times_do_nothing_twice_that_may_happen_once() {
    let sink = Sink::open().await;
    let mut world = world(&sink).await;
    let transfer =
        format!("  tell: {{ uses: ./tools/probe.wasm/transfer, with: {{ url: '{}' }} }}\n", sink.url("tell"));
    let stages = stage(&sink, "once", "effect: once") + &stage(&sink, "idem", "effect: idempotent") + &transfer;
    let first = world.run_pipeline(&format!("stages:\n{stages}")).await;
    world.finish(&first).await;
    sink.behave(Behaviour::Dawdles);
    let mut runs = vec![first];
    for _ in 0..12 {
        for _ in 0..3 {
            runs.push(world.trigger("p").await);
        }
        // The clock and not an event says when: the moment is the test.
        let moment = std::time::Duration::from_millis(rand::random_range(0..150));
        eprintln!("killed {moment:?} after the runs began");
        tokio::time::sleep(moment).await;
        world.kill();
        world.boot();
    }
    let (mut asked, mut told) = (0, 0);
    for run in &runs {
        let mut state = rest(&world, run).await;
        while state["status"] == "needs_attention" {
            asked += 1;
            for stage in ["idem", "tell"] {
                assert_eq!(stage_of(&state, stage)["status"], "succeeded", "nobody is asked about it: {state:#}");
            }
            let ordinal = &stage_of(&state, "once")["doubt"]["intent"]["ordinal"];
            let key = format!("{run}/once#{ordinal}");
            let seen = sink.payments().iter().any(|payment| payment.key == key);
            let resolution = if seen { "happened" } else { "retry" };
            resolve(&world, run, "once", json!({ "resolution": resolution })).await;
            state = rest(&world, run).await;
        }
        assert_eq!(state["status"], "succeeded", "{state:#}");
        told += usize::from(stage_of(&state, "tell")["outputs"] == json!({ "told_by": "the check" }));
    }
    let mut repeated = 0;
    for ((path, key), bodies) in sink.by_key() {
        match &*path {
            "/once" | "/tell" => assert_eq!(bodies.len(), 1, "{key} was seen more than once"),
            _ => {
                repeated += bodies.len() - 1;
                assert!(bodies.iter().all(|body| *body == bodies[0]), "{key} was not always the same: {bodies:#?}");
            }
        }
    }
    let idem: Vec<_> = sink.by_key().into_keys().filter(|(path, _)| path == "/idem").map(|(_, key)| key).collect();
    let expected: usize = runs.len() * 3;
    assert_eq!(idem.len(), expected, "three payments a run, each with the one key of its stage");
    let transfers = sink.by_key().into_keys().filter(|(path, _)| path == "/tell").count();
    assert_eq!(transfers, runs.len(), "one transfer a run");
    eprintln!(
        "{} runs: people asked {asked} times, checks told of {told}, {repeated} idempotent effects sent again",
        runs.len()
    );
    world.end().await;
}
