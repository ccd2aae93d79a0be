//! What the action does, without a sandbox: `cargo test`.

use kiket_plugin::testing::Stage;
use serde_json::json;

use super::*;

#[test]
fn greets_by_name() {
    let done = Stage::new().call(greet, json!({ "name": "Ada" }));
    assert_eq!(done.output(), json!({ "greeting": "Hello Ada" }));
    assert_eq!(done.log(), ["greeting Ada"]);
}
