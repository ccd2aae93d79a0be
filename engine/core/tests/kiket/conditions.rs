//! What has to hold, and why it does not.

use insta::assert_snapshot;
use kiket_core::definition::{Condition, Operator};
use serde_json::{Value as Json, json};

use crate::support::{Item, codes, complaints, condition, with_transition};

/// Tells whether one comparison of `x` holds.
fn holds(found: &Json, operator: &str, value: &Json) -> bool {
    let text = format!("{{ field: x, operator: \"{operator}\", value: {value} }}");
    Item::default().with("fields.x", found.clone()).refuses(&condition(&text)).is_empty()
}

#[test]
fn values_compare_as_people_expect() {
    let no = Json::Null;
    let cases = [
        (json!("a"), "=", json!("a"), true),
        (json!("a"), "=", json!("A"), false),
        (json!(3), "eq", json!(3.0), true),
        (json!("3"), "equals", json!(3), true),
        (json!("3.0"), "=", json!(3), true),
        (json!("3.0"), "=", json!("3"), false),
        (json!("three"), "=", json!(3), false),
        (json!(true), "=", json!(true), true),
        (json!(true), "=", json!("true"), false),
        (json!([1, "a"]), "=", json!([1.0, "a"]), true),
        (no.clone(), "=", json!(""), false),
        (no.clone(), "=", no.clone(), true),
        (json!("a"), "=", no.clone(), false),
        (json!("a"), "!=", json!("b"), true),
        (json!("a"), "not_equals", json!("a"), false),
        (no.clone(), "!=", json!("a"), true),
        (no.clone(), "!=", no.clone(), false),
        (json!(3), ">", json!(2), true),
        (json!(3), "gt", json!(3), false),
        (json!("10"), ">", json!(9), true),
        (json!(10), ">", json!("9"), true),
        (json!("10"), ">", json!("9"), true),
        (json!(3), ">=", json!(3), true),
        (json!(3), "gte", json!(4), false),
        (json!(3), "greater_or_equal", json!(3), true),
        (json!(2), "<", json!(3), true),
        (json!(2), "lt", json!(2), false),
        (json!(2), "<=", json!(2), true),
        (json!(2), "lte", json!(1), false),
        (json!(-1), "less_or_equal", json!(0.5), true),
        (json!("2026-01-31"), "<", json!("2026-02-01"), true),
        (json!("2026-01-31T12:00:00Z"), ">", json!("2026-01-31T11:59:59Z"), true),
        (json!("2026-01-31T12:00:00Z"), ">", json!("2026-01-31"), true),
        (json!("b"), ">", json!("a"), false),
        (json!("nan"), ">", json!(0), false),
        (json!("inf"), ">", json!(0), false),
        (no.clone(), ">", json!(0), false),
        (no.clone(), "<=", json!(0), false),
        (json!("a"), "in", json!(["a", "b"]), true),
        (json!("c"), "in", json!(["a", "b"]), false),
        (json!("a"), "in", json!("a"), true),
        (json!("1"), "in", json!([1, 2]), true),
        (json!(["c", "a"]), "in", json!(["a", "b"]), true),
        (json!([]), "in", json!(["a"]), false),
        (no.clone(), "in", json!(["a"]), false),
        (no.clone(), "in", json!(["a", null]), true),
        (json!("c"), "not_in", json!(["a", "b"]), true),
        (json!("a"), "not_in", json!(["a", "b"]), false),
        (no.clone(), "not_in", json!(["a"]), true),
        (json!(["a", "b"]), "contains", json!("a"), true),
        (json!(["a", "b"]), "contains", json!("c"), false),
        (json!(["a", "b"]), "contains", json!(["a", "b"]), true),
        (json!(["a", "b"]), "contains", json!(["a", "c"]), false),
        (json!("breaking change"), "contains", json!("change"), true),
        (json!("breaking change"), "contains", json!("Change"), false),
        (json!("v2"), "contains", json!(2), true),
        (no.clone(), "contains", json!("a"), false),
        (json!(12), "contains", json!(1), false),
        (json!("a"), "is_present", no.clone(), true),
        (json!(" "), "is_present", no.clone(), false),
        (json!(false), "is_present", no.clone(), true),
        (json!(0), "is_not_empty", no.clone(), true),
        (json!([]), "is_not_empty", no.clone(), false),
        (no.clone(), "is_present", no.clone(), false),
        (no.clone(), "is_empty", no.clone(), true),
        (json!({}), "is_empty", no.clone(), true),
        (json!("a"), "is_empty", no.clone(), false),
        (no.clone(), "is_present", json!(false), true),
        (json!("a"), "is_empty", json!(false), true),
    ];
    for (found, operator, value, expected) in cases {
        assert_eq!(holds(&found, operator, &value), expected, "{found} {operator} {value}");
    }
}

#[test]
fn keys_of_the_definitions_compare_without_case_and_nothing_else_does() {
    let item =
        Item::default().with("type", json!("Bug")).with("fields.kind", json!("Bug")).with("priority", json!("HIGH"));
    assert_eq!(item.refuses(&condition("[{ field: issue_type, equals: bug }]")), "");
    assert_eq!(item.refuses(&condition("[{ field: case_type, in: [bug, task] }]")), "");
    assert_eq!(item.refuses(&condition("[{ field: priority, equals: high }]")), "");
    assert_eq!(
        item.refuses(&condition("[{ field: kind, equals: bug }]")),
        "\"kind\" has to be \"bug\", and is \"Bug\""
    );
}

#[test]
fn every_spelling_means_the_same() {
    let long = condition("[{ field: x, operator: greater_or_equal, value: 3 }]");
    for short in
        ["[{ field: x, operator: \">=\", value: 3 }]", "{ field: x, gte: 3 }", "{ field: x, greater_or_equal: 3 }"]
    {
        let short = condition(short);
        for x in [2, 3, 4] {
            let item = Item::default().with("fields.x", json!(x));
            assert_eq!(item.refuses(&short), item.refuses(&long), "{x}");
        }
    }
    let item = Item::default().with("fields.x", json!(5));
    assert_eq!(item.refuses(&condition("{ field: x, gte: 1, lt: 5 }")), "\"x\" has to be less than 5, and is 5");
}

#[test]
fn groups_nest_and_nothing_holds() {
    let nested = "{ any: [{ all: [{ field: status, equals: development }, { field: days_in_state, gte: 7 }] }, { field: status, equals: staging }] }";
    let nested = condition(nested);
    let item = |state: &str, days: i64| Item::default().with("state", json!(state)).with("days_in_state", json!(days));
    assert_eq!(item("development", 7).refuses(&nested), "");
    assert_eq!(item("staging", 0).refuses(&nested), "");
    assert_eq!(
        item("development", 2).refuses(&nested),
        "one of these has to hold: \"days_in_state\" has to be at least 7, and is 2; or \"status\" has to be \"staging\", and is \"development\""
    );
    assert!(condition("[]").is_always() && condition("").is_always());
    assert_eq!(Item::default().refuses(&condition("{ any: [] }")), "one of no conditions has to hold, and none can");
    assert!(matches!(
        condition("{ field: a, is_empty: true }"),
        Condition::Compare { operator: Operator::IsEmpty, .. }
    ));
}

#[test]
fn every_refusal_says_why() {
    let text = r#"
  - { field: assignee, operator: is_present }
  - { field: custom_fields.category, operator: "=", value: duplicate }
  - { field: labels, not_in: [wip, blocked] }
  - { field: estimate, lte: 8 }
  - { field: due, is_empty: true }
  - { field: team, in: [core, web, apps] }
  - { field: title, not_equals: "?" }
  - { field: reviewers, contains: [ada, bob] }
  - { checklist: postmortem, complete: true }
  - { checklist: audit, complete: false }
  - { checklist: gone }"#;
    let item = Item::default()
        .with("fields.category", json!("bug"))
        .with("labels", json!(["wip"]))
        .with("fields.due", json!("2026-01-31"))
        .with("title", json!("?"))
        .with("fields.reviewers", json!(["ada"]))
        .with_checklist("postmortem", "Postmortem Requirements", &["Timeline documented", "Root cause identified"])
        .with_checklist("audit", "Audit", &[]);
    assert_snapshot!(item.refuses(&condition(text)));
}

#[test]
fn what_cannot_be_read_is_said_and_never_holds() {
    let text = with_transition(
        "conditions:\n  - { field: priority, operator: graeter_or_equal, value: 3 }\n  - { field: assignee }\n  - { field: x, operator: \"=\" }\n  - { note: nothing }",
    );
    assert_snapshot!(complaints(&text));
    assert_snapshot!(Item::default().refuses(&condition(
        "[{ field: priority, operator: \"=~\", value: 3 }, { field: assignee }, { field: x, operator: \"=\" }, {}]"
    )));
    assert_eq!(codes(&with_transition("conditions: 3")), ["E0102"]);
}

#[test]
fn predicates_of_the_short_dialect_are_conditions() {
    let text = "requires: { fields: [owner], predicate: \"priority == 'high' && total > 100000\" }";
    let transition = crate::support::workflow(&with_transition(text)).transitions.remove(0);
    assert_eq!(transition.requires_fields[0].value, "owner");
    let item = Item::default().with("priority", json!("high")).with("fields.total", json!(5));
    assert_eq!(item.refuses(&transition.conditions), "\"total\" has to be greater than 100000, and is 5");
    assert_eq!(item.refuses(&condition("\"total >= 5 and state != null\"")), "\"state\" has to be present");
    assert_eq!(item.refuses(&condition("[\"total<6\", { field: priority, eq: high }]")), "");
    assert_eq!(codes(&with_transition("requires: { predicate: \"size(x) or y\" }")), ["W0206"]);
}
