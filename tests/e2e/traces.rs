//! Traces: what a collector gets of a run, and that it is all sent before the server has stopped.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use prost::Message as _;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::world::World;

/// A span as it arrived.
#[derive(Debug)]
struct Span {
    name: String,
    trace: String,
    says: BTreeMap<String, String>,
}

/// A collector that hands over what it gets.
async fn collector() -> (String, mpsc::UnboundedReceiver<Span>) {
    async fn take(State(spans): State<mpsc::UnboundedSender<Span>>, headers: HeaderMap, body: Bytes) {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        let request = ExportTraceServiceRequest::decode(body).expect("it is what OTLP says");
        for resource in request.resource_spans {
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                let says = span.attributes.into_iter().filter_map(|attribute| {
                    let text = match attribute.value?.value? {
                        Value::StringValue(text) => text,
                        Value::IntValue(number) => number.to_string(),
                        other => format!("{other:?}"),
                    };
                    Some((attribute.key, text))
                });
                let says = says.collect();
                // The test may have seen enough.
                let _ = spans.send(Span { name: span.name, trace: hex::encode(span.trace_id), says });
            }
        }
    }
    let (sender, spans) = mpsc::unbounded_channel();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let routes = Router::new().route("/v1/traces", post(take)).with_state(sender);
    tokio::spawn(async move { axum::serve(listener, routes).await });
    (address, spans)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_gets_the_stages_calls_syncs_and_requests_of_a_run() {
    let (address, mut spans) = collector().await;
    let world = World::start_with(&[("KIKET_OTLP_ENDPOINT", address.as_str())]).await;
    world.add_project().await;
    let run = world.run_pipeline("stages: { first: { uses: ./tools/probe.wasm/noop } }").await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    world.ok(world.get(&format!("/runs/{run}"))).await;
    // A server that stops sends what is left.
    world.end().await;

    let mut found: Vec<Span> = Vec::new();
    while let Ok(span) = spans.try_recv() {
        found.push(span);
    }
    let of = |name: &str, key: &str, value: &str| {
        let said = |span: &&Span| span.name == name && span.says.get(key).is_some_and(|said| said == value);
        found.iter().find(said).unwrap_or_else(|| panic!("{name} with {key}={value} in {found:#?}"))
    };
    let stage = of("stage", "run.id", &run);
    assert_eq!((stage.says["stage.id"].as_str(), stage.says["project"].as_str()), ("first", "shop"));
    assert_eq!(stage.says["stage.attempt"], "1");
    let call = of("plugin", "run.id", &run);
    assert_eq!(call.says["stage.id"], "first");
    assert_eq!(call.trace, stage.trace, "both belong to the run");
    assert_eq!(of("sync", "project", "shop").name, "sync");
    assert_eq!(of("request", "http.route", "/api/v1/runs/{run}").says["run.id"], run);
}
