//! Which values fit a custom field, and why others do not.

use insta::assert_snapshot;
use kiket_core::definition::{Definition, FieldDefinition, FieldType, MAX_FIELD_TEXT};
use serde_json::{Value as Json, json};

use crate::support::{complaints, read};

const FIELDS: &str = r#"
model_version: "1.0"
item_types:
  - key: Release
    fields:
      - { key: tag, label: Version Tag, type: text, required: true, placeholder: v1.2.3 }
      - { key: notes, label: Notes, type: textarea }
      - { key: size, label: Size, type: select, options: [major, minor, 3, true] }
      - { key: areas, label: Areas, type: multiselect, options: { values: [{ value: api, label: API }, { value: ui }] } }
      - { key: due, label: Due, type: date }
      - { key: at, label: Deployed At, type: datetime, readonly: true }
      - { key: share, label: Share, type: number, default: 0 }
      - { key: link, label: Link, type: url }
      - { key: count, label: Count, type: integer }
      - { key: ready, label: Ready, type: boolean }
      - { key: mail, label: Mail, type: email }
      - { key: free, label: Free, type: select }
"#;

fn fields() -> Vec<FieldDefinition> {
    let Definition::ItemTypes(types) = read("item_types.yaml", FIELDS) else { panic!("the file is one of types") };
    types.into_iter().next().expect("there is one").fields
}

fn refusals(values: &[(&str, Json)]) -> String {
    let fields = fields();
    let line = |(key, value): &(&str, Json)| {
        let field = fields.iter().find(|field| field.key.value == *key).expect("the field is there");
        field.refuse(value).unwrap_or_else(|| format!("fits: {key} {value}"))
    };
    values.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn values_that_fit() {
    let values = [
        ("tag", json!("v1")),
        ("tag", json!("")),
        ("tag", Json::Null),
        ("notes", json!("# Notes\nlines")),
        ("notes", json!("x".repeat(MAX_FIELD_TEXT))),
        ("size", json!("major")),
        ("size", json!(3)),
        ("size", json!("true")),
        ("free", json!("anything")),
        ("areas", json!(["ui", "api"])),
        ("areas", json!([])),
        ("due", json!("2028-02-29")),
        ("at", json!("2026-05-31T12:00:00Z")),
        ("at", json!("2026-05-31T12:00:00.5+02:00")),
        ("share", json!(0.5)),
        ("share", json!(-3)),
        ("link", json!("https://user@example.com:8443/a?b=c#d")),
        ("link", json!("HTTP://[::1]/")),
        ("count", json!(7)),
        ("ready", json!(false)),
        ("mail", json!("ada@example.com")),
    ];
    for line in refusals(&values).lines().filter(|line| !line.starts_with("lines")) {
        assert!(line.starts_with("fits"), "{line:.200}");
    }
}

#[test]
fn values_that_do_not_fit_are_refused_with_a_reason() {
    assert_snapshot!(refusals(&[
        ("tag", json!(1)),
        ("tag", json!("x".repeat(MAX_FIELD_TEXT + 1))),
        ("notes", json!({ "a": 1 })),
        ("size", json!("huge")),
        ("size", json!(["major"])),
        ("areas", json!("api")),
        ("areas", json!(["api", "db"])),
        ("areas", json!([null])),
        ("due", json!("2026-02-30")),
        ("due", json!("2026-2-3")),
        ("due", json!("+026-02-03")),
        ("due", json!("tomorrow")),
        ("due", json!(20260203)),
        ("at", json!("2026-05-31")),
        ("at", json!("2026-05-31T12:00:00")),
        ("share", json!("12")),
        ("link", json!("example.com")),
        ("link", json!("ftp://example.com")),
        ("link", json!("javascript:alert(1)")),
        ("link", json!("https://")),
        ("link", json!("https://:80/")),
        ("link", json!("https://a b/")),
        ("count", json!(1.5)),
        ("ready", json!("yes")),
        ("mail", json!("ada")),
        ("mail", json!("@example.com")),
        ("tag", json!("x".repeat(80))),
        ("due", json!("y".repeat(80))),
    ]));
}

#[test]
fn kiket_spells_types_in_many_ways() {
    let cases = [
        ("string", FieldType::Text),
        ("Markdown", FieldType::Textarea),
        ("multi_enum", FieldType::Multiselect),
        ("multi-select", FieldType::Multiselect),
        ("enum", FieldType::Select),
        ("integer", FieldType::Integer),
        ("user", FieldType::User),
    ];
    for (word, field_type) in cases {
        assert_eq!(FieldType::from_word(word), Some(field_type), "{word}");
        assert_eq!(FieldType::from_word(field_type.word()), Some(field_type));
    }
    assert_eq!(FieldType::from_word("blob"), None);
}

#[test]
fn a_type_that_does_not_exist_is_text_and_a_default_is_one_of_the_options() {
    let text = "model_version: \"1.0\"\nitem_types:\n  - key: Bug\n    fields:\n      - { key: a, type: selct, options: [x] }\n      - { key: b, type: select, options: [low, high], default: hihg }\n      - { key: c, type: select, options: [low], default: \"{{ now }}\" }\n      - { key: a }\n";
    assert_snapshot!(complaints("item_types.yaml", text));
}
