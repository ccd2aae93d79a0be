//! Any text as an expression: it has a value, or it ends in an error.

#![no_main]

use kiket_core::expression::{Expression, Scope};
use libfuzzer_sys::fuzz_target;
use serde_json::json;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(expression) = Expression::parse(text) else { return };
    let scope = Scope::new()
        .with("inputs", json!({ "n": 2, "text": "abc", "list": [1, 2, 3], "map": { "a": { "b": null } } }))
        .with("stages", json!({ "build": { "status": "succeeded", "outputs": { "x": [true, 1.5, "y"] } } }))
        .with("git", json!({ "branch": "main", "commit": "c".repeat(40) }));
    let _ = expression.evaluate(&scope);
});
