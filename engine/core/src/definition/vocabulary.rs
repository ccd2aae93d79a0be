//! The words of Kiket's files: three generations of names for the same things, brought to one.
//!
//! A path is a name with dots, as conditions and messages use it: `case.custom_fields.severity`. Its canonical form
//! is the one that facts are asked by: `fields.severity`.

/// The item's own fields, by their canonical names; every other bare name is a custom field.
pub const ITEM_FIELDS: [&str; 23] = [
    "assignee",
    "category",
    "created_at",
    "days_in_state",
    "description",
    "from_state",
    "hours_in_state",
    "hours_since_last_update",
    "id",
    "key",
    "labels",
    "now",
    "parent",
    "priority",
    "reporter",
    "state",
    "state_since",
    "title",
    "to_state",
    "type",
    "updated_at",
    "url",
    "watchers",
];

/// What paths can begin with besides a field of the item.
pub const ROOTS: [&str; 9] =
    ["actor", "approval", "env", "event", "fields", "project", "sla", "transition", "workflow"];

/// The item's own fields whose values are keys of the definitions. People write them in any case (`bug` for a type
/// `Bug`), so they are compared without it.
const KEYS: [&str; 6] = ["type", "state", "from_state", "to_state", "category", "priority"];

/// Returns the one way of writing a path: without `case.`, `issue.` or `item.` in front, custom fields as
/// `fields.x`, `state` for `status`, `type` for `case_type` and `issue_type`, `project` for `workspace`. A bare name
/// that is none of [`ITEM_FIELDS`] and [`ROOTS`] is a custom field.
#[must_use]
pub fn canonical_path(path: &str) -> String {
    let path = path.trim();
    let own = match path.split_once('.') {
        Some(("case" | "issue" | "item", rest)) => rest,
        _ => path,
    };
    let (root, rest) = own.split_once('.').map_or((own, None), |(root, rest)| (root, Some(rest)));
    let root = match root {
        "custom_fields" => "fields",
        "status" => "state",
        "to_status" => "to_state",
        "from_status" => "from_state",
        "case_type" | "issue_type" => "type",
        "workspace" => "project",
        root => root,
    };
    let known = ROOTS.contains(&root) || ITEM_FIELDS.contains(&root);
    match rest {
        Some(rest) => format!("{root}.{rest}"),
        None if known => root.to_owned(),
        None => format!("fields.{root}"),
    }
}

/// Tells whether a canonical path names something that can exist; whether a project has the custom field is for the
/// one who knows the item's type.
pub(crate) fn is_known_path(canonical: &str) -> bool {
    let root = canonical.split('.').next().unwrap_or_default();
    ROOTS.contains(&root) || ITEM_FIELDS.contains(&root)
}

/// Tells whether the values of a canonical path are keys of the definitions, which are compared without case.
pub(super) fn holds_a_key(canonical: &str) -> bool {
    KEYS.contains(&canonical)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_generations_of_names_come_to_one() {
        let cases = [
            ("priority", "priority"),
            ("case.title", "title"),
            ("issue.custom_fields.severity", "fields.severity"),
            ("item.fields.severity", "fields.severity"),
            ("custom_fields.a.b", "fields.a.b"),
            ("status", "state"),
            ("to_status", "to_state"),
            ("from_status", "from_state"),
            ("issue.case_type", "type"),
            ("issue_type", "type"),
            ("workspace.name", "project.name"),
            ("ai_risk_score", "fields.ai_risk_score"),
            ("issue.ai_risk_score", "fields.ai_risk_score"),
            ("assignee.email", "assignee.email"),
            ("env.SLACK_WEBHOOK", "env.SLACK_WEBHOOK"),
            ("context.duration", "context.duration"),
            (" title ", "title"),
            ("item", "fields.item"),
        ];
        for (written, canonical) in cases {
            assert_eq!(canonical_path(written), canonical, "{written}");
        }
    }

    #[test]
    fn a_canonical_path_stays_as_it_is() {
        for path in ["title", "fields.x", "fields.case", "state", "env.X", "type"] {
            assert_eq!(canonical_path(path), path);
        }
    }

    #[test]
    fn only_a_path_below_an_unknown_root_is_unknown() {
        assert!(is_known_path(&canonical_path("hours_until_due")));
        assert!(is_known_path(&canonical_path("case.assignee.name")));
        assert!(!is_known_path(&canonical_path("context.incident_duration")));
    }
}
