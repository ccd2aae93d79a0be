//! Guards of transitions: plugins that are asked, and whose every answer but a clear yes leaves an item where it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::StatusCode;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::world::{World, guest};

/// What a far side answers that says yes.
const YES: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// A workflow with one transition out of `open` for each line: a name, and what stands behind it.
fn workflow(ways: &[(&str, &str)]) -> String {
    let mut text = "model_version: \"1.0\"
workflow: { id: w, name: W }
states: { open: { type: initial }, done: { type: final } }
transitions:
"
    .to_owned();
    for (name, more) in ways {
        text += &format!("  - {{ from: open, to: done, name: {name}, {more} }}\n");
    }
    text.replace("guardian/", "./tools/guardian.wasm/").replace("probe/", "./tools/probe.wasm/")
}

/// A world with a project whose workflow has these transitions.
async fn shop(ways: &[(&str, &str)], grants: &str) -> World {
    let world = World::start().await;
    std::fs::copy(guest("guardian"), world.work().join("tools/guardian.wasm")).expect("the guardian is built");
    world.add_project().await;
    let grants =
        format!("model_version: \"1.0\"\nplugins: {{ ./tools/guardian.wasm: {{ grants: {{ {grants} }} }} }}\n");
    world.push(&[(".kiket/workflows/w.yaml", &workflow(ways)), (".kiket/plugins.yaml", &grants)]);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
    world
}

async fn create(world: &World) -> String {
    let body = json!({ "title": "An item", "fields": { "risk": "low" } });
    let item = world.ok(world.post("/projects/shop/items").json(&body)).await;
    item["id"].as_str().expect("an item has an id").to_owned()
}

/// Asks for a transition that has to be refused; returns the reasons.
async fn refused(world: &World, id: &str, name: &str) -> Vec<Json> {
    let answer = world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": name })).send().await;
    let answer = answer.expect("the server answers");
    let status = answer.status();
    let body: Json = answer.json().await.expect("the answer is JSON");
    assert_eq!((status, &body["code"]), (StatusCode::CONFLICT, &json!("transition_refused")), "{name}: {body:#}");
    let item = world.ok(world.get(&format!("/items/{id}"))).await;
    assert_eq!(item["state"], "open", "{name} moved the item: {item:#}");
    body["errors"].as_array().expect("there are reasons").clone()
}

async fn taken(world: &World, id: &str, name: &str) {
    let moved = world.ok(world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": name }))).await;
    assert_eq!(moved["state"], "done", "{moved:#}");
}

/// A server that answers every request with a status and counts them.
async fn listener(status: &'static str) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            seen.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, count)
}

#[tokio::test]
async fn a_transition_is_taken_when_all_of_its_guards_allow_it_and_every_denial_is_a_reason() {
    let world = shop(
        &[
            ("Both", "guards: [{ uses: guardian/allow }, { uses: guardian/allow }]"),
            (
                "Some",
                "guards: [{ uses: guardian/deny, with: { reason: frozen until Monday } }, { uses: guardian/allow }, { uses: guardian/deny, with: { reason: '${{ item.title }} is odd' } }]",
            ),
        ],
        "",
    )
    .await;
    let id = create(&world).await;
    let reasons = refused(&world, &id, "Some").await;
    let expected = |why: &str| {
        json!({
            "pointer": "", "code": "guard", "guard": "./tools/guardian.wasm/deny", "cause": "denied",
            "detail": format!("guard \"./tools/guardian.wasm/deny\" says no: {why}"),
        })
    };
    assert_eq!(reasons, [expected("frozen until Monday"), expected("An item is odd")]);
    taken(&world, &id, "Both").await;
    let history = world.ok(world.get(&format!("/items/{id}/history"))).await;
    let entries = history["data"].as_array().unwrap();
    let kinds: Vec<&Json> = entries.iter().map(|entry| &entry["kind"]).collect();
    assert_eq!(kinds, ["item.created", "item.refused", "item.transitioned"], "{history:#}");
    let reason = &entries[1]["reasons"][0];
    assert_eq!((&reason["guard"], &reason["cause"]), (&json!("./tools/guardian.wasm/deny"), &json!("denied")));
    world.end().await;
}

#[tokio::test]
async fn a_guard_that_does_not_answer_refuses_and_the_item_stays() {
    let ways = [
        ("Trap", "guards: [{ uses: guardian/trap }]"),
        ("Spin", "guards: [{ uses: guardian/spin, timeout: 500ms }]"),
        ("Sleep", "guards: [{ uses: guardian/sleep, with: { ms: 60000 }, timeout: 300ms }]"),
        ("Hasty", "guards: [{ uses: guardian/hasty }]"),
        ("Absent", "guards: [{ uses: probe/absent }]"),
        ("Wrong", "guards: [{ uses: guardian/deny, with: { reason: '${{ item.number }}' } }]"),
        ("Nothing", "guards: [{ uses: guardian/deny, with: { reason: '${{ item.fields.nothing.x }}' } }]"),
        ("Kiket", "guards: [{ type: extension, id: com.example.freeze }]"),
        ("Fine", "guards: [{ uses: guardian/sleep, with: { ms: 10 } }]"),
    ];
    let world = shop(&ways, "").await;
    let id = create(&world).await;
    for (name, cause, detail) in [
        ("Trap", "trap", "I have seen enough"),
        ("Spin", "timeout_wall", "500ms"),
        ("Sleep", "timeout_wall", "300ms"),
        ("Hasty", "timeout_wall", "300ms"),
        ("Absent", "trap", "does not export"),
        ("Wrong", "invalid_input", "/reason"),
        ("Nothing", "expression", "nothing"),
        ("Kiket", "not_installed", "not installed"),
    ] {
        let reasons = refused(&world, &id, name).await;
        assert_eq!((reasons.len(), &reasons[0]["cause"]), (1, &json!(cause)), "{name}: {reasons:#?}");
        assert!(reasons[0]["detail"].as_str().unwrap().contains(detail), "{name}: {reasons:#?}");
    }
    taken(&world, &id, "Fine").await;
    world.end().await;
}

#[tokio::test]
async fn a_guard_whose_component_is_gone_refuses() {
    let world = shop(&[("Go", "guards: [{ uses: guardian/allow }]")], "").await;
    let id = create(&world).await;
    let plugins = world.data().join("plugins");
    let guardian = std::fs::read(guest("guardian")).expect("the guardian is built");
    let kept = std::fs::read_dir(&plugins).expect("components are kept").flatten().map(|entry| entry.path());
    let kept: Vec<_> = kept.filter(|path| std::fs::read(path).is_ok_and(|bytes| bytes == guardian)).collect();
    std::fs::write(&kept[0], b"something else").expect("it can be damaged");
    let reasons = refused(&world, &id, "Go").await;
    assert_eq!(reasons[0]["cause"], "plugin", "{reasons:#?}");
    std::fs::write(&kept[0], guardian).expect("it can be mended");
    taken(&world, &id, "Go").await;
    world.end().await;
}

#[tokio::test]
async fn a_guard_is_told_the_item_its_input_and_who_asks() {
    let echo = "guards: [{ uses: guardian/echo, with: { risk: '${{ item.fields.risk }}', n: 3 }, env: { WHO: '${{ actor.name }} of ${{ project.name }}' } }]";
    let world = shop(&[("Echo", echo)], "").await;
    let id = create(&world).await;
    let reasons = refused(&world, &id, "Echo").await;
    let (_, said) = reasons[0]["detail"].as_str().unwrap().split_once("says no: ").unwrap();
    let said: Json = serde_json::from_str(said).unwrap();
    assert_eq!(
        said,
        json!({
            "input": { "risk": "low", "n": 3 },
            "env": "first of shop",
            "project": "shop",
            "item": { "key": "SHOP-1", "state": "open", "fields": { "risk": "low" }, "version": 1 },
            "transition": ["Echo", "open", "done"],
            "actor": "first",
        })
    );
    world.end().await;
}

#[tokio::test]
async fn a_guard_reaches_what_it_is_granted_and_changes_nothing() {
    let (good, bad) = (listener("200 OK").await, listener("503 Service Unavailable").await);
    let reads = |port: u16, more: &str| {
        format!("guards: [{{ uses: guardian/reads, with: {{ url: 'http://127.0.0.1:{port}/'{more} }} }}]")
    };
    let (open, closed, other) = (reads(good.0, ""), reads(bad.0, ""), reads(1, ""));
    let again = "retry: { max_attempts: 3, backoff: 10ms, on: [crash] }";
    let again = format!(
        "guards: [{{ uses: guardian/reads, with: {{ url: 'http://127.0.0.1:{}/', trap: true }}, {again} }}]",
        bad.0
    );
    let greedy = "guards: [{ uses: guardian/greedy, with: { item: '${{ item.id }}' } }]";
    let ways = [("Open", &*open), ("Closed", &*closed), ("Other", &*other), ("Again", &*again), ("Greedy", greedy)];
    let grants = format!(
        "http: [{{ scheme: http, host: 127.0.0.1, port: {} }}, {{ scheme: http, host: 127.0.0.1, port: {} }}], \
         items: {{ scopes: [items:read, items:write, transitions:write] }}, kv: {{ quota: 1MiB }}",
        good.0, bad.0
    );
    let world = shop(&ways, &grants).await;
    let id = create(&world).await;
    let detail = async |name: &str| refused(&world, &id, name).await[0]["detail"].as_str().unwrap().to_owned();
    assert!(detail("Closed").await.ends_with("says no: the server answers 503"));
    assert!(detail("Other").await.contains("is not granted"), "{}", detail("Other").await);
    // One that failed is asked again where its workflow says so.
    let before = bad.1.load(Ordering::SeqCst);
    assert!(detail("Again").await.contains("did not answer"));
    assert_eq!(bad.1.load(Ordering::SeqCst) - before, 3);
    // It sees items of its project. What would change something is denied, whatever was granted.
    let said = detail("Greedy").await;
    let said: Json = serde_json::from_str(said.split_once("says no: ").unwrap().1).unwrap();
    assert_eq!((&said["get"], &said["find"]), (&json!("\"SHOP-1\""), &json!("1")), "{said:#}");
    for call in ["update", "transition", "kv"] {
        assert!(said[call].is_string(), "{call}: {said:#}");
    }
    assert_eq!(good.1.load(Ordering::SeqCst), 0);
    taken(&world, &id, "Open").await;
    assert_eq!(good.1.load(Ordering::SeqCst), 1);
    world.end().await;
}

#[tokio::test]
async fn a_guard_uses_the_secrets_that_it_is_granted_and_no_reason_shows_them() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let reads = format!(
        "guards: [{{ uses: guardian/reads, with: {{ url: 'http://127.0.0.1:{port}/', authorization: 'Bearer ${{{{ secret(\"KEY\") }}}}' }} }}]"
    );
    let ways = [("Reads", &*reads), ("Tells", "guards: [{ uses: guardian/tell, with: { secret: KEY } }]")];
    let grants = format!(
        "http: [{{ scheme: http, host: 127.0.0.1, port: {port} }}], \
         secrets: [{{ name: KEY, use: [header, reveal], hosts: [127.0.0.1] }}]"
    );
    let world = shop(&ways, &grants).await;
    let value = json!({ "value": "hunter2 hunter2" });
    assert!(world.put("/projects/shop/secrets/KEY").json(&value).send().await.unwrap().status().is_success());
    let id = create(&world).await;
    let said = refused(&world, &id, "Tells").await;
    let detail = said[0]["detail"].as_str().unwrap();
    assert!(detail.contains("says no: it is ") && !detail.contains("hunter2"), "{detail}");
    let far = async {
        let (mut stream, _) = listener.accept().await.expect("the guard asks");
        let mut request = vec![0; 4096];
        let read = stream.read(&mut request).await.expect("there is a request");
        stream.write_all(YES).await.expect("the guard listens");
        String::from_utf8_lossy(&request[..read]).into_owned()
    };
    let (request, ()) = tokio::join!(far, taken(&world, &id, "Reads"));
    assert!(request.contains("authorization: Bearer hunter2 hunter2\r\n"), "{request}");
    world.end().await;
}

#[tokio::test]
async fn what_is_possible_names_guards_and_asks_them_when_it_is_told_to() {
    let (port, asked) = listener("503 Service Unavailable").await;
    let reads = format!("guards: [{{ uses: guardian/reads, with: {{ url: 'http://127.0.0.1:{port}/' }} }}]");
    let world =
        shop(&[("Reads", &reads), ("Free", "")], &format!("http: [{{ scheme: http, host: 127.0.0.1, port: {port} }}]"))
            .await;
    let id = create(&world).await;
    let ways =
        async |query: &str| world.ok(world.get(&format!("/items/{id}/transitions{query}"))).await["data"].clone();
    let listed = ways("").await;
    assert_eq!(listed[0]["possible"], true, "{listed:#}");
    assert_eq!(listed[0]["guards"], json!(["./tools/guardian.wasm/reads"]));
    assert!(listed[1].get("guards").is_none());
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    let listed = ways("?ask=true").await;
    assert_eq!((&listed[0]["possible"], &listed[1]["possible"]), (&json!(false), &json!(true)), "{listed:#}");
    assert_eq!(listed[0]["reasons"][0]["code"], "guard");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    let nonsense = world.get(&format!("/items/{id}/transitions?ask=perhaps")).send().await.unwrap();
    assert_eq!(nonsense.status(), StatusCode::BAD_REQUEST);
    world.end().await;
}

#[tokio::test]
async fn a_change_while_a_guard_thinks_is_looked_at_before_anything_is_decided() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let slow = format!(
        "guards: [{{ uses: guardian/reads, with: {{ url: 'http://127.0.0.1:{port}/' }} }}], conditions: [{{ field: fields.risk, equals: low }}]"
    );
    let world = shop(&[("Slow", &slow)], &format!("http: [{{ scheme: http, host: 127.0.0.1, port: {port} }}]")).await;
    let id = create(&world).await;
    let ask = world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": "Slow" })).send();
    // While the far side has not answered the guard, the item changes.
    let change = async {
        let (mut stream, _) = listener.accept().await.expect("the guard asks");
        world.ok(world.patch(&format!("/items/{id}")).json(&json!({ "fields": { "risk": "high" } }))).await;
        stream.write_all(YES).await.expect("the guard listens");
        stream.shutdown().await.expect("the guard listens");
    };
    let (asked, ()) = tokio::join!(ask, change);
    let body: Json = asked.unwrap().json().await.unwrap();
    assert_eq!(body["errors"][0]["code"], "condition", "{body:#}");
    assert_eq!(world.ok(world.get(&format!("/items/{id}"))).await["state"], "open");
    world.end().await;
}

#[tokio::test]
async fn definitions_that_are_published_while_a_guard_thinks_count() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let reads = format!("guards: [{{ uses: guardian/reads, with: {{ url: 'http://127.0.0.1:{port}/' }} }}]");
    let grants = format!("http: [{{ scheme: http, host: 127.0.0.1, port: {port} }}]");
    let world = shop(&[("Go", &reads)], &grants).await;
    let id = create(&world).await;
    let ask = world.post(&format!("/items/{id}/transitions")).json(&json!({ "name": "Go" })).send();
    let publish = async {
        let (mut stream, _) = listener.accept().await.expect("the guard asks");
        let stricter = workflow(&[("Go", "guards: [{ uses: guardian/deny, with: { reason: not any more } }]")]);
        world.push(&[(".kiket/workflows/w.yaml", &stricter)]);
        let synced = world.ok(world.post("/projects/shop/sync")).await;
        assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
        stream.write_all(YES).await.expect("the guard listens");
        stream.shutdown().await.expect("the guard listens");
    };
    let (asked, ()) = tokio::join!(ask, publish);
    let body: Json = asked.unwrap().json().await.unwrap();
    assert!(body["errors"][0]["detail"].as_str().unwrap().ends_with("not any more"), "{body:#}");
    world.end().await;
}
