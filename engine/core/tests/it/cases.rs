//! Test cases of plugins, as their authors write them.

use kiket_core::case::{Called, Case, End};
use serde_json::{Value as Json, json};

const CASES: &str = r#"
- name: sends
  action: send
  with: { token: "${{ secret('TOKEN') }}" }
  env: { REGION: eu, N: 3 }
  grants: { http: [{ host: a.example }], kv: {} }
  secrets: { TOKEN: s3cret }
  kv: { seen: 4 }
  clock: 2026-02-03T04:05:06Z
  http:
    - request: { method: POST, url: "https://a.example/", headers: { x: 1 }, body: { n: 1 } }
      response: { status: 204 }
  expect: { output: {}, log: [one, two] }
- { name: asks, guard: run, transition: { item: { key: A-1 }, name: Start }, expect: { verdict: deny, reason_contains: no } }
- { name: fails, expect: { failure: { kind: transient } } }
"#;

#[test]
fn cases_are_read_with_their_defaults_and_fit_their_schema() {
    let (cases, found) = Case::read("tests/a.yaml", CASES);
    assert_eq!((cases.len(), found), (3, Vec::new()));
    let sends = &cases[0];
    assert_eq!(sends.env, [("REGION".to_owned(), "eu".to_owned()), ("N".to_owned(), "3".to_owned())]);
    assert_eq!((sends.span.line, sends.clock.millis(), sends.with.is_literal()), (2, 1_770_091_506_000, false));
    assert_eq!((sends.grants.http.len(), &sends.kv["seen"], sends.expect.log.len()), (1, &json!(4), 2));
    assert_eq!((&sends.http[0].request.headers["x"], sends.http[0].response.status), (&"1".to_owned(), 204));
    let Called::Guard { name, transition } = &cases[1].call else { panic!("{:?}", cases[1].call) };
    assert_eq!((name.as_str(), &transition.item, transition.to.as_str()), ("run", &json!({ "key": "A-1" }), ""));
    assert_eq!(cases[2].call, Called::Action("run".to_owned()));
    assert!(matches!(&cases[2].expect.end, End::Failure { kind, message_contains: None } if kind == "transient"));

    let schema = jsonschema::draft202012::new(&Case::schema()).expect("the schema is one");
    let all: Json = json!([
        { "name": "a", "with": {}, "expect": { "output": {} } },
        { "name": "b", "guard": "run", "expect": { "verdict": "allow" } },
    ]);
    assert!(schema.is_valid(&all) && schema.is_valid(&all[0]));
    assert!(!schema.is_valid(&json!({ "name": "a", "expects": {} })) && !schema.is_valid(&json!([])));
}

#[test]
fn what_is_wrong_with_a_case_is_said_with_its_place() {
    for (text, place) in [
        ("name: x\nnmae: y\nexpect: { output: {} }", "2:1 "),
        ("name: x\nexpect: { output: {}, verdict: allow }", "2:9 an expectation is one `output`"),
        ("name: x\nguard: g\nexpect: { output: {} }", "3:9 an expectation is one `verdict`"),
        ("name: x\nguard: g\naction: a\nexpect: { verdict: deny }", "2:8 a case calls an `action` or asks a `guard`"),
        ("name: x\ntransition: { name: y }\nexpect: { output: {} }", "2:13 a transition is what"),
        ("name: x\nwith: { a: '${{ inputs.b }}' }\nexpect: { output: {} }", "2:17 "),
        ("- name: x\n  expect: { output: {} }\n- name: y", "3:3 "),
    ] {
        let (cases, found) = Case::read("a.yaml", text);
        let said: Vec<String> =
            found.iter().map(|found| format!("{}:{} {}", found.span.line, found.span.column, found.message)).collect();
        assert!(cases.is_empty() && said.iter().any(|said| said.starts_with(place)), "{text}: {said:#?}");
    }
}
