//! What a script's author relies on.

use kiket_plugin::log::Level;
use serde_json::{Value, json};

use super::run;
use crate::console::{Console, Written};
use crate::{Ended, Script};

/// A script that sees one variable.
fn script(source: &str) -> Script {
    Script { source: source.into(), env: vec![("REGION".into(), "eu".into())], ..Script::default() }
}

fn run_quietly(script: Script) -> (Result<Ended, String>, Written) {
    let console = Console::new(|_, _| ());
    (run(script, &console), console.written())
}

#[track_caller]
fn end_of(script: Script) -> Ended {
    run_quietly(script).0.expect("a script that runs")
}

/// Runs a script that sees `input` and one variable, and answers with its result and what it wrote.
fn run_script(source: &str, input: &Value) -> (Result<Value, String>, Written) {
    let (ended, written) = run_quietly(Script { input: input.clone(), ..script(source) });
    (ended.map(|ended| ended.result), written)
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
fn an_exception_tells_what_caused_it() {
    let failure = failure_of(
        "function low() { throw new RangeError('no room') }
try { low() } catch (cause) { throw new Error('cannot save', { cause }) }",
    );
    assert_eq!(
        failure,
        "Error: cannot save\n    at <main> (script.js:2:37)\ncaused by: RangeError: no room\n    at low (script.js:1:24)\n    at <main> (script.js:2:10)"
    );
    assert_eq!(failure_of("throw { code: 7 }"), "{\n    code: 7\n}\n    at <main> (script.js:1:7)");
    assert_eq!(
        failure_of("class Lost extends Error { name = 'Lost' }; throw new Lost('way')"),
        "Lost: way\n    at <main> (script.js:1:51)"
    );
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
    run(script("console.log('a'); console.warn('b'); throw 1"), &console).expect_err("a script that fails");
    assert_eq!(LINES.take(), [(Level::Info, "a".to_owned()), (Level::Warn, "b".to_owned())]);
}

#[test]
fn standard_input_is_a_text_and_lines() {
    let script = |source| Script { stdin: "one\r\n\ntwo".into(), ..script(source) };
    assert_eq!(end_of(script("stdin")).result, json!("one\r\n\ntwo"));
    let lines =
        end_of(script("const lines = []; let line; while ((line = readline()) !== null) lines.push(line); lines"));
    assert_eq!(lines.result, json!(["one", "", "two"]));
    assert_eq!(result_of("[stdin, readline()]"), json!(["", null]));
}

#[test]
fn arguments_follow_the_interpreter_and_the_script() {
    let script = Script { args: vec!["--all".into(), "a b".into()], ..script("process.argv") };
    assert_eq!(end_of(script).result, json!(["javascript", "script.js", "--all", "a b"]));
}

#[test]
fn files_are_read_and_written() {
    let files = [("data.csv".to_owned(), "a;b".to_owned())].into();
    let script = |source| Script { files, ..script(source) };
    let ended =
        end_of(script("writeFile('out/sum.txt', readFile('data.csv').split(';').join('+')); readFile('out/sum.txt')"));
    assert_eq!(ended.result, json!("a+b"));
    assert_eq!(ended.files, [("out/sum.txt".to_owned(), "a+b".to_owned())].into());
}

#[test]
fn a_file_that_is_not_there_can_be_caught() {
    assert_eq!(
        result_of("try { readFile('nope') } catch (error) { error.message }"),
        json!("there is no file \"nope\"")
    );
    let failure = failure_of("\nreadFile('nope')");
    assert_eq!(failure, "Error: there is no file \"nope\"\n    at <main> (script.js:2:9)");
    assert!(failure_of("writeFile('a', { b: 1 })").starts_with("TypeError: writeFile takes a path and a text"));
    assert!(failure_of("writeFile('a', 'x'.repeat(600000))").starts_with("RangeError: a script may write"));
}

#[test]
fn exit_ends_the_script_at_once_wherever_it_stands() {
    for source in [
        "console.log('a'); process.exit(3); console.log('b')",
        "try { console.log('a'); process.exit(3) } catch { console.log('b') } finally { console.log('c') }",
        "(function f() { console.log('a'); [1].forEach(() => process.exit(3)); console.log('b') })()",
        "(async () => { console.log('a'); await null; process.exit(3) })().catch(() => {}).then(() => console.log('b'))",
        "Promise.reject(1); console.log('a'); process.exit(3)",
        "writeFile('x', 'y'); console.log('a'); process.exit(3)",
    ] {
        let (ended, written) = run_quietly(script(source));
        let ended = ended.expect("a script that exits");
        assert_eq!((ended.exit_code, ended.result, written.stdout.as_str()), (3, Value::Null, "a\n"), "{source}");
    }
    assert_eq!(end_of(script("process.exit()")).exit_code, 0);
    assert_eq!(end_of(script("process.exit('7')")).exit_code, 7);
    assert!(failure_of("process.exit(256)").starts_with("RangeError: an exit code is a whole number"));
}
