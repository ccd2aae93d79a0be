//! What the bundled plugins do, over the real server and a real network.

mod execute;
mod failures;
mod http;
mod notify;
pub(crate) mod receiver;
pub(crate) mod smtp;
mod values;

use serde_json::{Value as Json, json};

use crate::world::World;

pub(crate) use receiver::{Receiver, says};

/// A world with these grants, as they stand behind `plugins:`, and these secrets.
async fn world(grants: &str, secrets: &[(&str, &str)]) -> World {
    let world = World::start().await;
    world.push(&[(".kiket/plugins.yaml", &format!("model_version: \"1.0\"\nplugins: {{ {grants} }}\n"))]);
    world.add_project().await;
    for (name, value) in secrets {
        let path = format!("/projects/shop/secrets/{name}");
        world.ok_empty(world.put(&path).json(&json!({ "value": value }))).await;
    }
    world
}

/// Runs stages, given as YAML in one line each, to their end.
pub(crate) async fn run(world: &World, stages: &[(&str, Json)]) -> (String, Json) {
    let lines: String = stages.iter().map(|(id, stage)| format!("  {id}: {stage}\n")).collect();
    let run = world.run_pipeline(&format!("stages:\n{lines}")).await;
    let state = world.finish(&run).await;
    (run, state)
}

pub(crate) fn stage<'r>(run: &'r Json, id: &str) -> &'r Json {
    let stages = run["stages"].as_array().expect("stages");
    stages.iter().find(|stage| stage["id"] == id).expect("the stage")
}

/// The message that a stage failed with, and its code.
pub(crate) fn error<'r>(run: &'r Json, id: &str) -> (&'r str, &'r str) {
    let error = &stage(run, id)["error"];
    (error["code"].as_str().expect("a code"), error["message"].as_str().expect("a message"))
}

pub(crate) async fn log(world: &World, run: &str, stage: &str) -> String {
    let answer = world.get(&format!("/runs/{run}/stages/{stage}/log")).send().await.expect("an answer");
    answer.text().await.expect("text")
}
