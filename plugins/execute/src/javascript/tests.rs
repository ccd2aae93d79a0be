//! What a script's author relies on.

use kiket_plugin::log::Level;
use serde_json::{Value, json};

use super::run;
use crate::Script;
use crate::console::{Console, Written};

/// Runs a script that sees `input` and one variable, and answers with its result and what it wrote.
fn run_script(source: &str, input: &Value) -> (Result<Value, String>, Written) {
    let console = Console::new(|_, _| ());
    let result = run(&Script { source, input, env: vec![("REGION", "eu")] }, &console);
    (result, console.written())
}

#[track_caller]
fn result_of(source: &str) -> Value {
    run_script(source, &Value::Null).0.expect("a script that runs")
}

#[track_caller]
fn failure_of(source: &str) -> String {
    run_script(source, &Value::Null).0.expect_err("a script that fails")
}

#[track_caller]
fn stdout_of(source: &str) -> String {
    let (result, written) = run_script(source, &Value::Null);
    result.expect("a script that runs");
    written.stdout
}

#[test]
fn the_last_expression_is_the_result() {
    assert_eq!(result_of("const a = 20; a + 22"), json!(42));
    assert_eq!(
        result_of("({ when: new Date(0), list: [1, undefined, NaN] })"),
        json!({
            "when": "1970-01-01T00:00:00.000Z",
            "list": [1, null, null],
        })
    );
}

#[test]
fn a_script_without_a_value_has_the_result_null() {
    assert_eq!(result_of("let a = 1;"), Value::Null);
    assert_eq!(result_of("(() => 1)"), Value::Null);
}

#[test]
fn data_arrives_by_input_and_env() {
    let input = json!({ "items": [{ "price": 2.5 }, { "price": 4 }] });
    let source = "input.items.map(i => i.price).reduce((a, b) => a + b) + env.REGION + process.env.REGION";
    assert_eq!(run_script(source, &input).0, Ok(json!("6.5eueu")));
}

#[test]
fn a_promise_is_awaited() {
    assert_eq!(result_of("(async () => { await null; return 7 })()"), json!(7));
}

#[test]
fn a_promise_that_nothing_resolves_is_a_failure() {
    let failure = failure_of("new Promise(() => {})");
    assert!(failure.contains("a promise that nothing resolves"), "{failure}");
}

#[test]
fn an_unhandled_rejection_is_a_failure() {
    let failure = failure_of("Promise.reject(new Error('lost')); 1");
    assert!(failure.starts_with("Error: lost"), "{failure}");
}

#[test]
fn a_handled_rejection_is_none() {
    assert_eq!(result_of("Promise.reject(new Error('lost')).catch(error => error.message)"), json!("lost"));
}

#[test]
fn an_exception_names_its_message_its_position_and_the_call_stack() {
    let failure = failure_of("function load() {\n  throw new TypeError('no such file')\n}\nload()");
    assert_eq!(failure, "TypeError: no such file\n    at load (script.js:2:9)\n    at <main> (script.js:4:5)");
}

#[test]
fn an_exception_in_a_promise_names_its_position_too() {
    let failure = failure_of("async function load() {\n  await null;\n  throw new Error('late')\n}\nload()");
    assert_eq!(failure, "Error: late\n    at load (script.js:3:9)");
}

#[test]
fn a_syntax_error_names_its_position() {
    assert_eq!(
        failure_of("const a = 1;\nconst = 2;"),
        "SyntaxError: expected token 'identifier', got '=' in identifier parsing at line 2, col 7"
    );
}

#[test]
fn a_result_that_is_not_json_is_a_failure() {
    let failure = failure_of("const a = {}; a.a = a; a");
    assert!(failure.contains("cyclic"), "{failure}");
}

#[test]
fn endless_recursion_is_a_failure() {
    let failure = failure_of("function f() { return f() } f()");
    assert!(failure.contains("maximum number of recursive calls"), "{failure}");
    assert_eq!(failure.matches("at f (script.js:1:24)").count(), 10, "{failure}");
}

#[test]
fn the_console_prints_strings_as_they_are_and_objects_as_json() {
    let stdout = stdout_of("console.log('a', 1, true, null, undefined); console.info({ b: [1, { c: 'd' }] })");
    assert_eq!(stdout, "a 1 true null undefined\n{\"b\":[1,{\"c\":\"d\"}]}\n");
}

#[test]
fn the_console_prints_what_has_no_json() {
    let stdout = stdout_of("const a = { b: 1 }; a.a = a; console.log(a); console.log(new Map([[1, 2]]), /x/g, 1n)");
    assert_eq!(stdout, "{\n    b: 1,\n    a: [Cycle]\n}\nMap { 1 → 2 } /x/g 1n\n");
}

#[test]
fn the_console_prints_errors_with_their_message() {
    assert_eq!(stdout_of("console.log(new Error('kept'))"), "Error: kept (script.js:1:13)\n");
}

#[test]
fn warnings_and_errors_go_to_standard_error() {
    let (_, written) = run_script("console.debug('a'); console.warn('b'); console.error('c')", &Value::Null);
    assert_eq!(written, Written { stdout: "a\n".into(), stderr: "b\nc\n".into() });
}

#[test]
fn every_line_reaches_the_log_at_once_with_its_level() {
    thread_local! {
        static LINES: std::cell::RefCell<Vec<(Level, String)>> = const { std::cell::RefCell::new(Vec::new()) };
    }
    let console = Console::new(|level, line| LINES.with_borrow_mut(|lines| lines.push((level, line.to_owned()))));
    let script = Script { source: "console.log('a'); console.warn('b'); throw 1", input: &Value::Null, env: vec![] };
    run(&script, &console).expect_err("a script that fails");
    assert_eq!(LINES.take(), [(Level::Info, "a".to_owned()), (Level::Warn, "b".to_owned())]);
}
