//! Requests that schemathesis makes up from the server's own OpenAPI document, and what it has against the answers: every
//! check it knows. `cargo xtask setup` has fetched it, `cargo xtask fuzz-api` lets it go on for longer.
//!
//! It works on a shop that has one of everything, as somebody who may do everything and as somebody who may do little.

mod place;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value as Json;

use crate::world::World;
use place::Place;

/// Requests for each operation where nobody asks for more: what fits into half a minute.
const EXAMPLES: u64 = 4;

fn own(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/e2e/schemathesis").join(file)
}

/// What is sent: so many requests for each operation that all together are at least `KIKET_CASES`.
fn examples(world: &Json) -> u64 {
    let cases: Option<u64> = std::env::var("KIKET_CASES").ok().map(|cases| cases.parse().expect("a number of cases"));
    let operations =
        world["paths"].as_object().expect("paths").values().filter_map(Json::as_object).map(serde_json::Map::len);
    let operations = u64::try_from(operations.sum::<usize>()).expect("a few");
    cases.map_or(EXAMPLES, |cases| cases.div_ceil(operations))
}

/// Lets schemathesis loose; panics with what it says if it finds anything.
async fn fuzz(world: &World, place: &Place, token: &str, folder: &Path) {
    let document = world.ok(world.bare(reqwest::Method::GET, "/api/v1/openapi.json")).await;
    let settings = std::fs::read_to_string(own("schemathesis.toml")).expect("the settings are there");
    let settings = format!("{settings}\n[auth.openapi.bearer]\nbearer = \"{token}\"\n");
    std::fs::write(folder.join("schemathesis.toml"), settings).expect("a file");
    std::fs::write(folder.join("world.json"), place.describe().to_string()).expect("a file");
    let python = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../xtask/foreign/schemathesis/bin/python");
    let mut schemathesis = Command::new(python);
    schemathesis
        .args(["-m", "schemathesis.cli", "--config-file", "schemathesis.toml", "run", "--no-color"])
        .args(["--checks", "all", "--phases", "examples,coverage,fuzzing,stateful"])
        .args(["--max-examples", &examples(&document).to_string(), "--url", world.base()])
        .arg(format!("{}/api/v1/openapi.json", world.base()))
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .env("PYTHONPATH", own(""))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("KIKET_WORLD", folder.join("world.json"))
        .current_dir(folder);
    let run = tokio::task::spawn_blocking(move || schemathesis.output().expect("`cargo xtask setup` has fetched it"));
    let output = run.await.expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    println!("{said}");
}

#[tokio::test]
async fn requests_made_up_from_the_document_are_answered_as_it_says() {
    let world = World::start_with(&[("KIKET_RATE_LIMIT", "0")]).await;
    let place = Place::make(&world).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    fuzz(&world, &place, world.token(), folder.path()).await;
    // Somebody else has changed and removed what there was.
    world.forget();
    world.end().await;
}

#[tokio::test]
async fn so_are_those_of_somebody_who_may_do_little() {
    let world = World::start_with(&[("KIKET_RATE_LIMIT", "0")]).await;
    let place = Place::make(&world).await;
    let folder = tempfile::tempdir().expect("a temporary folder");
    fuzz(&world, &place, &place.limited, folder.path()).await;
    // Somebody else has changed and removed what there was.
    world.forget();
    world.end().await;
}
