//! Event streams: nothing skipped, nothing repeated, an end that is one.

use reqwest::StatusCode;
use serde_json::json;

use crate::world::World;

const STAGES: &str = "stages:
  a: { uses: ./tools/probe.wasm/count, with: { lines: 20, text: tick } }
  b: { uses: ./tools/probe.wasm/noop, needs: [a] }
  c: { uses: ./tools/probe.wasm/noop, needs: [a] }
  d: { uses: ./tools/probe.wasm/noop, needs: [b, c] }
";

#[tokio::test]
async fn a_reader_that_comes_back_gets_exactly_what_it_has_not_seen() {
    let world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline(STAGES).await;
    let live = world.follow(&run, None).await;
    let ids: Vec<i64> = live.iter().filter_map(|frame| frame.id).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "{ids:?}");
    let (end, events) = live.split_last().unwrap();
    assert_eq!((end.kind.as_str(), end.id, &end.data), ("end", None, &json!({})));
    let seqs: Vec<i64> = events.iter().filter_map(|frame| frame.data["seq"].as_i64()).collect();
    assert_eq!(seqs, (1..=seqs.len() as i64).collect::<Vec<_>>());

    for (seen, id) in ids.iter().enumerate().take(ids.len() - 1) {
        let rest = world.follow(&run, Some(*id)).await;
        assert_eq!(rest, live[seen + 1..], "after {id}");
    }
    let replay = world.follow(&run, Some(0)).await;
    assert_eq!(replay, live);

    let last = ids.last().unwrap();
    for past in [*last, last + 1, 999_999_999_999_999_999] {
        let request = world.get(&format!("/runs/{run}/events")).header("Last-Event-ID", past.to_string());
        assert_eq!(request.send().await.unwrap().status(), StatusCode::NO_CONTENT);
    }
    for junk in ["-1", "x", "1.5", "99999999999999999999", "é"] {
        let request = world.get(&format!("/runs/{run}/events")).header("Last-Event-ID", junk.as_bytes());
        assert_eq!(request.send().await.unwrap().status(), StatusCode::BAD_REQUEST, "{junk}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_stream_can_be_narrowed_to_kinds_and_still_ends() {
    let world = World::start().await;
    world.add_project().await;
    let run = world.run_pipeline(STAGES).await;
    let answer = world.get(&format!("/runs/{run}/events?kinds=stage.succeeded,run.queued")).send().await.unwrap();
    let frames = crate::world::parse(&answer.text().await.unwrap());
    let kinds: Vec<&str> = frames.iter().map(|frame| frame.kind.as_str()).collect();
    assert_eq!(
        kinds,
        ["run.queued", "stage.succeeded", "stage.succeeded", "stage.succeeded", "stage.succeeded", "end"]
    );
    world.end().await;
}
