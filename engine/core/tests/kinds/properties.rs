//! Whatever a file says: reading it ends, and editors accept what `kiket check` accepts.

use std::sync::LazyLock;

use jsonschema::Validator;
use kiket_core::definition::undeclared::{self, Declared};
use kiket_core::definition::{self, Kind};
use kiket_core::diagnostic::Severity;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};

use crate::support::source;

const PATHS: [&str; 9] = [
    "project.yaml",
    "team.yaml",
    "item_types.yaml",
    "boards/b.yaml",
    "automations/a.yaml",
    "workflows/w/automation_recipes/r.yaml",
    "intakes/i.yaml",
    "extensions/e/manifest.yaml",
    "inbound_email.yaml",
];

/// Every key that a shape knows.
static KEYS: LazyLock<Vec<String>> = LazyLock::new(keys);

static SCHEMAS: LazyLock<Vec<(Kind, Validator)>> = LazyLock::new(|| {
    let compile = |kind: &Kind| jsonschema::draft202012::new(&kind.schema()).expect("the schema is one");
    Kind::ALL.iter().map(|kind| (*kind, compile(kind))).collect()
});

fn keys() -> Vec<String> {
    fn walk(schema: &Json, found: &mut Vec<String>) {
        match schema {
            Json::Object(entries) => {
                if let Some(Json::Object(properties)) = entries.get("properties") {
                    found.extend(properties.keys().cloned());
                }
                entries.values().for_each(|value| walk(value, found));
            }
            Json::Array(items) => items.iter().for_each(|value| walk(value, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    Kind::ALL.iter().filter(|kind| !kind.is_closed()).for_each(|kind| walk(&kind.schema(), &mut found));
    found.sort_unstable();
    found.dedup();
    found
}

fn value() -> impl Strategy<Value = Json> {
    let texts =
        ["x", "yes", "0 9 * * 1-5", "7d", "${env.X", "{{ secrets.Y }}", "schedule", "select", "role", "2.0", ""];
    let scalar = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        (-2_i64..3).prop_map(|number| json!(number)),
        prop::sample::select(texts.to_vec()).prop_map(|text| json!(text)),
    ];
    scalar.prop_recursive(5, 60, 6, |inner| {
        let entry = (prop::sample::select(&**KEYS), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Json::Array),
            prop::collection::vec(entry, 0..6)
                .prop_map(|entries| Json::Object(entries.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_ends_and_what_has_no_error_fits_the_schema(
        path in prop::sample::select(PATHS.to_vec()),
        entries in prop::collection::vec((prop::sample::select(&**KEYS), value()), 0..6),
    ) {
        let file = Json::Object(entries.into_iter().collect::<Map<_, _>>());
        let source = source(path, &file.to_string());
        let parsed = definition::read(&source);
        let found = undeclared::check(&source, &parsed, &Declared::default());
        prop_assert!(found.iter().all(|found| found.severity == Severity::Warning));
        if let (Some(kind), true) = (parsed.kind, parsed.diagnostics.iter().all(|found| found.severity != Severity::Error)) {
            let schema = SCHEMAS.iter().find(|(known, _)| *known == kind).map(|(_, schema)| schema);
            let refused = schema.and_then(|schema| schema.iter_errors(&file).next()).map(|error| error.to_string());
            prop_assert_eq!(refused, None, "{} {}", path, file);
        }
    }
}
