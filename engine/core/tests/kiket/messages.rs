//! Values of an item in text.

use insta::assert_snapshot;
use kiket_core::definition::KiketAction;
use proptest::collection::vec;
use proptest::prelude::{prop_assert_eq, proptest};
use proptest::sample::select;
use serde_json::{Value as Json, json};

use crate::support::{action, codes, complaints, message, with_actions};

fn value(path: &str) -> Json {
    match path {
        "title" => json!("Crash on  Löschen!"),
        "id" => json!(42),
        "fields.severity" => json!("p1"),
        "labels" => json!(["ux", "q3"]),
        "created_at" => json!("2026-01-31T23:30:00Z"),
        "fields.due" => json!("2026-02-01"),
        "fields.points" => json!(2.5),
        "fields.meta" => json!({"a": [1]}),
        "env.HOOK" => json!("https://example.com"),
        "assignee.name" => json!("ada"),
        _ => Json::Null,
    }
}

fn render(text: &str) -> String {
    message(text).render(&value)
}

#[test]
fn both_brackets_and_all_names_stand_for_values() {
    let cases = [
        ("#${issue.id}: {{case.title}}", "#42: Crash on  Löschen!"),
        ("{{ issue.custom_fields.severity }} ${item.fields.severity} ${severity}", "p1 p1 p1"),
        ("${env.HOOK}/x", "https://example.com/x"),
        ("${{ issue.id }} is ours too", "42 is ours too"),
        ("[${nothing.at.all}${title_of_old}]", "[]"),
        ("${labels} {{points}} {{meta}} {{assignee.name}}", "ux, q3 2.5 {\"a\":[1]} ada"),
    ];
    for (text, expected) in cases {
        assert_eq!(render(text), expected, "{text}");
    }
}

#[test]
fn filters_change_what_is_written() {
    let cases = [
        ("fix/${issue.id}-${issue.title | slugify}", "fix/42-crash-on-löschen"),
        ("{{ severity | upcase }}{{ severity|upcase|downcase }}", "P1p1"),
        ("{{ title | capitalize }}", "Crash on  löschen!"),
        (
            "{{ gone | default: 'no | one' }} {{ severity | default: \"x\" }} {{ gone | default: n/a }}",
            "no | one p1 n/a",
        ),
        ("{{ title | truncate: 6 }}|{{ severity | truncate: 6 }}|{{ title | truncate: 0 }}", "Crash…|p1|"),
        (
            "{{ created_at | date }} {{ due | date: '%d.%m.%Y' }} {{ created_at | date: '%H:%M' }}",
            "2026-01-31 01.02.2026 23:30",
        ),
        ("{{ severity | date }} {{ due | date: '%Q' }}", "p1 2026-02-01"),
        ("{{ labels | join: ' + ' }} {{ labels | join | upcase }}", "ux + q3 UX, Q3"),
        ("{{ severity | shout }}", "p1"),
    ];
    for (text, expected) in cases {
        assert_eq!(render(text), expected, "{text}");
    }
}

#[test]
fn what_is_not_a_value_stays_text() {
    for text in [
        "costs $5 {today}",
        "${",
        "{{ title",
        "{{ it's }}",
        "${1 + 2}",
        "{{ cycle_time(\"a\") }}",
        "{{}}",
        "{{ . }}",
        "{{ title | }}",
        "{{ a..b }}",
        "$$ {} {{{}}}",
    ] {
        assert_eq!(render(text), text);
    }
    assert_eq!(render("{{{ id }}} ${ ${id} $${id}"), "{42} ${ 42 $42");
}

#[test]
fn text_of_brackets_alone_is_read_in_linear_time() {
    for piece in ["{", "${", "{{'", "{{\"{{'", "{{a|", "{{ a }}", "${x|y}"] {
        let text = piece.repeat(200_000 / piece.len());
        let _ = message(&text).render(&value);
    }
}

proptest! {
    #[test]
    fn any_text_is_a_message(pieces in vec(select(PIECES.to_vec()), 0..24)) {
        let text = pieces.concat();
        let rendered = render(&text);
        if !text.contains('{') {
            prop_assert_eq!(rendered, text);
        }
    }
}

const PIECES: [&str; 18] = [
    "{{",
    "}}",
    "${",
    "}",
    "$",
    "{",
    "title",
    "labels",
    "|",
    "date",
    "truncate:1",
    "'",
    "\"",
    ":",
    " ",
    "é",
    ".",
    "\n",
];

#[test]
fn a_message_knows_what_it_reads() {
    let message = message("${env.A} {{ case.title | upcase }} ${custom_fields.x}");
    let paths: Vec<&str> = message.paths().map(|path| path.value.as_str()).collect();
    assert_eq!(paths, ["env.A", "title", "fields.x"]);
    assert_eq!(message.as_literal(), None);
}

#[test]
fn paths_and_filters_that_there_are_not_are_warned_of_where_they_stand() {
    let text = with_actions("- action: comment\n  body: \"took ${context.duration} {{ title | upcaes }}\"");
    assert_snapshot!(complaints(&text));
    assert_eq!(
        codes(&with_actions("- { action: comment, body: \"${whatever} ${sla.time_remaining}\" }")),
        Vec::<&str>::new()
    );
}

#[test]
fn a_value_alone_in_a_body_keeps_its_type() {
    let text = "- action: webhook\n  url: \"${env.HOOK}\"\n  headers: { X-Item: \"${issue.id}\" }\n  body:\n    id: \"${issue.id}\"\n    text: \"#${issue.id}\"\n    list: [\"{{labels}}\", 1, null, { gone: \"${gone}\" }]";
    let KiketAction::Webhook { url, method, headers, body } = action(text) else { panic!("it is a webhook") };
    assert_eq!((url.render(&value), method.as_str()), ("https://example.com".to_owned(), "POST"));
    assert_eq!(headers[0].1.render(&value), "42");
    let body = body.expect("it has a body");
    assert_eq!(body.render(&value), json!({"id": 42, "text": "#42", "list": [["ux", "q3"], 1, null, {"gone": null}]}));
    let paths: Vec<&str> = body.paths().iter().map(|path| path.value.as_str()).collect();
    assert_eq!(paths, ["id", "id", "labels", "fields.gone"]);
}
