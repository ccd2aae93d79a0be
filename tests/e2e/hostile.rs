//! Plugins that mean harm: each ends with its typed error, and others go on meanwhile.

mod bytes;
mod case;
mod mutants;
mod space;
mod suite;
mod time;
mod watch;
mod words;

use reqwest::StatusCode;
use serde_json::json;

use crate::world::World;

#[tokio::test]
async fn hostile_stages_end_with_their_typed_errors_and_hold_nobody_up() {
    let world = World::start().await;
    world.add_project().await;
    let run = world
        .run_pipeline(
            "stages:
  spin: { uses: ./tools/probe.wasm/spin, timeout: 3s }
  hog: { uses: ./tools/probe.wasm/hog }
  trap: { uses: ./tools/probe.wasm/trap }
  panic: { uses: ./tools/probe.wasm/panic, with: { message: 'no such luck' } }
  recurse: { uses: ./tools/probe.wasm/recurse }
  fetch: { uses: ./tools/probe.wasm/fetch, with: { url: 'http://169.254.169.254/latest/' } }
  flood: { uses: ./tools/probe.wasm/flood }
  big: { uses: ./tools/probe.wasm/big, with: { bytes: 2000000 } }
  fail: { uses: ./tools/probe.wasm/fail, with: { kind: permanent, message: 'not today' } }
  good: { uses: ./tools/probe.wasm/noop }
",
        )
        .await;
    // While the stages above do their worst, other runs start and end.
    let text = "model_version: \"1.0\"\npipeline: { id: q }\nstages: { a: { uses: ./tools/probe.wasm/noop }, b: { uses: ./tools/probe.wasm/noop, needs: [a] } }\n";
    let commit = world.push(&[
        (".kiket/pipelines/q.yaml", text),
        (
            ".kiket/pipelines/p.yaml",
            "model_version: \"1.0\"\npipeline: { id: p }\nstages: { a: { uses: ./tools/probe.wasm/noop } }\n",
        ),
    ]);
    assert_eq!(world.ok(world.post("/projects/shop/sync")).await["revision"]["commit"], commit);
    for _ in 0..5 {
        let quiet = world.trigger("q").await;
        assert_eq!(world.finish(&quiet).await["status"], "succeeded");
    }
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "failed");
    let stages = finished["stages"].as_array().unwrap();
    let code = |stage: &serde_json::Value| (stage["id"].clone(), stage["error"]["code"].clone());
    let codes: Vec<_> = stages.iter().map(code).collect();
    let expected = [
        ("spin", json!("timeout_wall")),
        ("hog", json!("memory_limit")),
        ("trap", json!("trap")),
        ("panic", json!("trap")),
        ("recurse", json!("stack_overflow")),
        ("fetch", json!("denied")),
        ("flood", json!("payload_too_large")),
        ("big", json!("payload_too_large")),
        ("fail", json!("permanent")),
        ("good", json!(null)),
    ];
    assert_eq!(codes, expected.map(|(id, code)| (json!(id), code)), "{finished:#}");
    let message = |id: &str| {
        stages.iter().find(|stage| stage["id"] == id).unwrap()["error"]["message"].as_str().unwrap().to_owned()
    };
    assert!(message("panic").contains("no such luck"), "{}", message("panic"));
    assert!(message("fetch").contains("169.254.169.254"), "{}", message("fetch"));
    assert!(message("fail").contains("not today"));
    world.end().await;
}

#[tokio::test]
async fn a_cancelled_run_ends_at_once_whatever_its_stages_do() {
    let world = World::start().await;
    world.add_project().await;
    let run = world
        .run_pipeline(
            "stages: { spin: { uses: ./tools/probe.wasm/spin } }\nfinally: { bye: { uses: ./tools/probe.wasm/noop } }",
        )
        .await;
    world
        .until(async || {
            let state = world.ok(world.get(&format!("/runs/{run}"))).await;
            (state["stages"][0]["status"] == "running").then_some(())
        })
        .await;
    world.ok(world.post(&format!("/runs/{run}/cancel"))).await;
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "cancelled");
    assert_eq!(finished["stages"][1]["status"], "succeeded");
    let again = world.post(&format!("/runs/{run}/cancel")).send().await.unwrap();
    assert_eq!(again.status(), StatusCode::CONFLICT);
    world.end().await;
}

#[tokio::test]
async fn a_granted_host_is_reached_and_only_that_one() {
    let world = World::start().await;
    world.add_project().await;
    let receiver = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = receiver.local_addr().unwrap().port();
    let serve = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let (mut connection, _) = receiver.accept().await.unwrap();
        let mut request = Vec::new();
        while !String::from_utf8_lossy(&request).contains("shipped") {
            let mut buffer = [0; 4096];
            let read = connection.read(&mut buffer).await.unwrap();
            request.extend_from_slice(&buffer[..read]);
        }
        connection.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
        String::from_utf8(request).unwrap()
    });
    let grants = format!(
        "model_version: \"1.0\"\nplugins: {{ notify: {{ grants: {{ http: [{{ scheme: http, host: 127.0.0.1, port: {port} }}] }} }} }}\n"
    );
    world.push(&[(".kiket/plugins.yaml", &grants)]);
    let run = world
        .run_pipeline(&format!(
            "stages:
  tell: {{ uses: notify, with: {{ channel: webhook, url: 'http://127.0.0.1:{port}/hook', text: shipped }} }}
  other: {{ uses: notify, needs: [tell], with: {{ channel: webhook, url: 'http://${{{{ \"127.0.0.2\" }}}}:{port}/hook', text: shipped }} }}
"
        ))
        .await;
    let finished = world.finish(&run).await;
    assert_eq!(finished["stages"][0]["outputs"], json!({"status": 204}), "{finished:#}");
    assert_eq!(finished["stages"][1]["error"]["code"], "denied");
    let request = serve.await.unwrap();
    assert!(request.starts_with("POST /hook HTTP/1.1\r\n"), "{request}");
    assert!(request.contains(&format!("webhook-id: {run}/tell")), "{request}");
    // An address that is written out is found at the push already.
    let text = format!(
        "model_version: \"1.0\"\npipeline: {{ id: p }}\nstages: {{ a: {{ uses: notify, with: {{ channel: webhook, url: 'http://127.0.0.2:{port}/x', text: x }} }} }}\n"
    );
    world.push(&[(".kiket/pipelines/p.yaml", &text)]);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["diagnostics"][0]["code"], "E0123", "{synced:#}");
    world.end().await;
}

#[tokio::test]
async fn a_run_out_of_time_fails_and_still_cleans_up() {
    let world = World::start().await;
    world.add_project().await;
    let text = "model_version: \"1.0\"\npipeline: { id: p, on: push, timeout: 1s }\nstages: { spin: { uses: ./tools/probe.wasm/spin }, then: { uses: ./tools/probe.wasm/noop, needs: [spin] } }\nfinally: { bye: { uses: ./tools/probe.wasm/noop } }\n";
    let commit = world.push(&[(".kiket/pipelines/p.yaml", text)]);
    world.deliver("slow", world.payload(&commit)).await;
    let run = world.run_of(&commit).await;
    let finished = world.finish(&run).await;
    let states: Vec<_> = finished["stages"].as_array().unwrap().iter().map(|stage| stage["status"].clone()).collect();
    assert_eq!(states, ["failed", "skipped", "succeeded"], "{finished:#}");
    assert_eq!(finished["stages"][0]["error"]["code"], "timeout_run");
    world.end().await;
}
