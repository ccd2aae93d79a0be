//! What goes wrong inside of a plugin reaches people whole: in the stage's error, and at the end of its log.

use serde_json::json;

use super::{error, log, run, world};

#[tokio::test]
async fn a_panic_a_trap_and_an_exception_are_told_whole() {
    let world = world("", &[]).await;
    let source = "function low() {\n  throw new RangeError('no room')\n}\ntry {\n  low()\n} catch (cause) {\n  throw new Error('cannot save', { cause })\n}";
    let (id, state) = run(
        &world,
        &[
            ("panic", json!({ "uses": "./tools/probe.wasm/panic", "with": { "message": "no such luck" } })),
            ("trap", json!({ "uses": "./tools/probe.wasm/trap" })),
            ("throw", json!({ "uses": "execute", "with": { "language": "javascript", "source": source } })),
        ],
    )
    .await;

    let (code, message) = error(&state, "panic");
    let told = log(&world, &id, "panic").await;
    assert_eq!(code, "trap");
    for part in ["no such luck", "src/hostile.rs:", "the plugin trapped"] {
        assert!(message.contains(part), "{part} is missing in\n{message}");
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }

    let (code, message) = error(&state, "trap");
    let told = log(&world, &id, "trap").await;
    assert_eq!(code, "trap");
    for part in ["the plugin trapped: ", "unreachable", "\n  at "] {
        assert!(message.contains(part), "{part} is missing in\n{message}");
        assert!(told.contains(part), "{part} is missing in\n{told}");
    }

    let whole = "Error: cannot save
    at <main> (script.js:7:9)
caused by: RangeError: no room
    at low (script.js:2:9)
    at <main> (script.js:5:6)";
    assert_eq!(error(&state, "throw"), ("permanent", whole));
    assert_eq!(log(&world, &id, "throw").await.trim_end(), whole);
    world.end().await;
}
