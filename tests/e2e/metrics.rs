//! What a server says of itself without a token.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::{Method, StatusCode};
use serde_json::{Value as Json, json};

use crate::world::World;

/// The figures of `/metrics` by name and labels, as they are written.
async fn figures(world: &World) -> BTreeMap<String, f64> {
    let answer = world.bare(Method::GET, "/metrics").send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(answer.headers()["content-type"], "text/plain; version=0.0.4");
    let text = answer.text().await.expect("text");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').expect("a figure"))
        .map(|(name, value)| (name.into(), value.parse().expect("a number")))
        .collect()
}

#[tokio::test]
async fn counters_move_with_what_the_log_says() {
    let world = World::start().await;
    world.add_project().await;
    let stages = "stages:\n  a: { uses: ./tools/probe.wasm/noop }\n  \
                  b: { uses: ./tools/probe.wasm/fail, with: { kind: permanent, message: no }, allow_failure: true }\n";
    let run = world.run_pipeline(stages).await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    let figures = figures(&world).await;
    let figure = |name: &str| figures.get(name).copied().unwrap_or_else(|| panic!("{name} is missing in {figures:#?}"));
    for (name, value) in [
        ("kiket_events_total{kind=\"run.succeeded\"}", 1.0),
        ("kiket_events_total{kind=\"stage.succeeded\"}", 1.0),
        ("kiket_events_total{kind=\"stage.failed\"}", 1.0),
        ("kiket_stage_errors_total{code=\"permanent\"}", 1.0),
        ("kiket_stage_attempt_seconds_count{outcome=\"succeeded\"}", 1.0),
        ("kiket_stage_attempt_seconds_count{outcome=\"failed\"}", 1.0),
        ("kiket_slots{state=\"busy\"}", 0.0),
        ("kiket_http_requests_total{method=\"POST\",route=\"/api/v1/hooks/{project}\",status=\"202\"}", 1.0),
    ] {
        assert_eq!(figure(name), value, "{name}");
    }
    assert!(figure("kiket_log_position") > 5.0);
    assert!(!figures.keys().any(|name| name.contains("shop") || name.contains("probe")), "{figures:#?}");

    let listed =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/metrics.md")).expect("a list");
    let listed: BTreeSet<&str> =
        listed.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    let base = |name: &str| {
        let name = name.split('{').next().expect("a name");
        ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name).to_owned()
    };
    let found: BTreeSet<String> = figures.keys().map(|name| base(name)).collect();
    let unlisted: Vec<_> = found.iter().filter(|name| !listed.contains(name.as_str())).collect();
    assert!(unlisted.is_empty(), "docs/metrics.md does not say what {unlisted:?} is");
    // Work has a line only while there is some.
    let silent: Vec<_> =
        listed.iter().filter(|name| !found.contains(**name) && !name.starts_with("kiket_work")).collect();
    assert!(silent.is_empty(), "docs/metrics.md lists {silent:?}, which nobody counts");
    world.end().await;
}

#[tokio::test]
async fn up_says_what_there_is_to_do() {
    let world = World::start().await;
    let up: Json = world.bare(Method::GET, "/up").send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!((&up["status"], &up["checks"]), (&json!("up"), &json!({ "store": true, "workers": true })), "{up:#}");
    assert_eq!((&up["work"], &up["slots"]["free"]), (&json!({}), &up["slots"]["all"]), "{up:#}");
    world.end().await;
}
