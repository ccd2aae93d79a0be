//! What cases can say, on components that are there already.

use serde_json::json;

use super::Desk;
use crate::world::guest;

fn test(desk: &Desk, code: i32) -> String {
    let probe = guest("probe");
    desk.says(&["plugin", "test", probe.to_str().expect("a plain path"), "--cases", "tests"], code)
}

const HTTP: &str = r#"
- name: sends what is expected
  action: fetch
  with: { url: "https://api.example.com/v1", method: POST, headers: { authorization: "Bearer ${{ secret('TOKEN') }}" }, body: '{"n": 1}' }
  grants:
    http: [{ host: api.example.com }]
    secrets: [{ name: TOKEN, use: [header], hosts: [api.example.com] }]
  secrets: { TOKEN: s3cret }
  http:
    - request: { method: POST, url: "https://api.example.com/v1", headers: { Authorization: Bearer s3cret }, body: { n: 1 } }
      response: { status: 201, headers: { etag: x }, body: { id: 7 } }
  expect: { output: { status: 201, headers: { etag: x }, body: '{"id":7}' } }
- name: is not granted the host
  action: fetch
  with: { url: "https://other.example.com/" }
  grants: { http: [{ host: api.example.com }] }
  expect: { failure: { kind: denied, message_contains: other.example.com } }
"#;

#[test]
fn requests_are_held_against_the_case_and_answered_from_it() {
    let desk = Desk::new();
    desk.write("tests/http.yaml", HTTP);
    let passed = test(&desk, 0);
    assert!(passed.ends_with("2 passed, 0 failed\n"), "{passed}");

    desk.write("tests/http.yaml", &HTTP.replace("{ n: 1 }", "{ n: 2 }").replace("Bearer s3cret", "Bearer other"));
    let failed = test(&desk, 1);
    assert!(failed.contains("FAILED  sends what is expected  tests/http.yaml:2"), "{failed}");
    assert!(
        failed.contains("http request 1: header Authorization: expected Bearer other, found Bearer s3cret"),
        "{failed}"
    );
    assert!(failed.contains("http request 1: body /n: expected 2, found 1"), "{failed}");

    desk.write("tests/http.yaml", &HTTP.replace("use: [header]", "use: [url]"));
    let failed = test(&desk, 1);
    assert!(failed.contains("it failed: denied: secret `TOKEN` is not granted for `header`"), "{failed}");
    assert!(failed.contains("POST https://api.example.com/v1 is expected, and was not sent"), "{failed}");
}

#[test]
fn values_secrets_the_clock_and_the_class_are_those_of_the_case() {
    let desk = Desk::new();
    desk.write(
        "tests/values.yaml",
        r#"
- { name: reads what was kept, action: kept, with: { do: get, key: seen }, grants: { kv: {} }, kv: { seen: 4 }, expect: { output: { value: "4" } } }
- { name: swaps, action: kept, with: { do: swap, key: a, expected: x, value: y }, grants: { kv: {} }, kv: { a: x }, expect: { output: { done: true } } }
- { name: has a quota, action: kept, with: { do: set, key: a, value: much too much }, grants: { kv: { quota: 4 } }, expect: { failure: { kind: permanent, message_contains: 4 are granted } } }
- { name: is not granted values, action: kept, with: { do: get, key: seen }, expect: { failure: { kind: denied, message_contains: kv } } }
- { name: signs, action: sign, with: { secret: KEY, text: hello }, grants: { secrets: [{ name: KEY, use: [sign] }] }, secrets: { KEY: k }, expect: { output: { mac: 406e4b43f87095aa86ca6299d25e875921fefa180f02043bb29bec5681c0c2d0 } } }
- { name: sees its env, action: echo, with: { a: 1 }, env: { REGION: eu }, expect: { output: { input: { a: 1 }, env: { REGION: eu }, run: run_test, stage: test, attempt: 1, effect_key: run_test/test } } }
- { name: traps, action: trap, with: {}, expect: { failure: { kind: trap } } }
- { name: refuses its input, action: work, with: { ms: -1 }, expect: { failure: { kind: invalid_input } } }
- { name: fails as it should, action: fail, with: { kind: transient, message: busy }, expect: { failure: { kind: transient, message_contains: busy } } }
"#,
    );
    let said = test(&desk, 0);
    assert!(said.ends_with("9 passed, 0 failed\n"), "{said}");
}

#[test]
fn guards_are_asked_about_the_transition_of_the_case() {
    let desk = Desk::new();
    let cases = r#"
- { name: allows, guard: allow, expect: { verdict: allow } }
- { name: denies, guard: deny, with: { reason: too late }, expect: { verdict: deny, reason_contains: late } }
- { name: is told, guard: echo, transition: { item: { key: SHOP-1 }, name: Start, from: open, to: doing, actor: ada }, expect: { verdict: deny, reason_contains: SHOP-1 } }
- { name: asks, guard: reads, with: { url: "https://a.example/" }, grants: { http: [{ host: a.example }] }, http: [{ request: { url: "https://a.example/" }, response: { status: 200 } }], expect: { verdict: allow } }
- { name: traps, guard: trap, expect: { failure: { kind: trap } } }
"#;
    desk.write("tests/guards.yaml", cases);
    let guardian = guest("guardian");
    let arguments = ["plugin", "test", guardian.to_str().expect("a plain path"), "--cases", "tests"];
    let passed = desk.says(&arguments, 0);
    assert!(passed.ends_with("5 passed, 0 failed\n"), "{passed}");
    desk.write("tests/guards.yaml", "{ name: x, guard: deny, with: { reason: no }, expect: { verdict: allow } }\n");
    let failed = desk.says(&arguments, 1);
    assert!(failed.contains("a yes is expected, and the guard denies it: no"), "{failed}");
    desk.write("tests/guards.yaml", "{ name: x, guard: deny, expect: { output: {} } }\n");
    assert!(desk.says(&arguments, 2).contains("one `verdict` or one `failure`"));
}

#[test]
fn a_component_of_another_tool_gets_its_manifest() {
    let desk = Desk::new();
    let probe = guest("probe");
    let probe = probe.to_str().expect("a plain path");
    desk.write("manifest.yaml", "id: other\nversion: 2.0.0\nactions: { noop: { effect: pure, timeout: 5s } }\n");
    let arguments = ["plugin", "build", "--component", probe, "--manifest", "manifest.yaml", "--out", "other.wasm"];
    let built = desk.says(&arguments, 0);
    assert!(built.contains("wrote other.wasm"), "{built}");
    let shown = desk.inspect("other.wasm");
    assert_eq!((&shown["id"], &shown["version"]), (&json!("other"), &json!("2.0.0")));
    assert_eq!(
        shown["actions"],
        json!({ "noop": { "description": "", "effect": "pure", "timeout": "5s", "input": null, "output": null } })
    );
    desk.write("tests/noop.yaml", "{ name: does nothing, action: noop, expect: { output: {} } }\n");
    let tested = desk.says(&["plugin", "test", "other.wasm"], 0);
    assert!(tested.contains("1 passed"), "{tested}");
}
