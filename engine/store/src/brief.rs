//! The short form that the log keeps an event in.
//!
//! An event is a JSON object that begins with its kind and, where it is about a stage, with that: `{"kind":"stage.ready",
//! "stage":"a",…}`. Both have columns of their own, so they are left out of the text: an eighth of what a run takes on
//! the disk. Only the text is looked at, never the JSON in it.
//!
//! Invariant: what is put back together is what was taken apart, to the letter. What begins with `{"kind":` is whole, as
//! all texts once were; what begins with `{` and a space is whole but for the space.

const WHOLE: &str = "{\"kind\":";

/// Takes the kind and the stage out of an event, where it begins with them.
pub(crate) fn shorten(kind: &str, stage: Option<&str>, data: String) -> String {
    match data.strip_prefix(&*head(kind, stage)) {
        Some("}") => "{}".to_owned(),
        Some(rest) if rest.starts_with(",\"") => format!("{{{}", &rest[1..]),
        _ if data.starts_with(WHOLE) => data,
        _ => data.replacen('{', "{ ", 1),
    }
}

/// Puts an event back together.
pub(crate) fn restore(kind: &str, stage: Option<&str>, stored: String) -> String {
    if stored.starts_with(WHOLE) {
        return stored;
    }
    match stored.strip_prefix('{') {
        Some("}") => head(kind, stage) + "}",
        Some(rest) if rest.starts_with(' ') => stored.replacen("{ ", "{", 1),
        Some(rest) => head(kind, stage) + "," + rest,
        None => stored,
    }
}

/// How an event begins. Names of kinds and stages have no character that JSON escapes; one that had would not be found.
fn head(kind: &str, stage: Option<&str>) -> String {
    match stage {
        Some(stage) => format!("{WHOLE}\"{kind}\",\"stage\":\"{stage}\""),
        None => format!("{WHOLE}\"{kind}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shortened_is_restored_to_the_letter() {
        let cases = [
            (r#"{"kind":"stage.ready","stage":"a"}"#, Some("a"), "{}"),
            (r#"{"kind":"stage.ready","stage":"a","attempt":1}"#, Some("a"), r#"{"attempt":1}"#),
            (r#"{"kind":"stage.ready"}"#, None, "{}"),
            (r#"{"kind":"stage.ready","outputs":{}}"#, None, r#"{"outputs":{}}"#),
            (r#"{"kind":"stage.ready","attempt":1,"stage":"a"}"#, Some("a"), ""),
            (r#"{"kind":"stage.ready","stage":"ab"}"#, Some("a"), ""),
            (r#"{"kind": "stage.ready"}"#, None, ""),
            ("{}", None, "{ }"),
            (r#"{ "a":1}"#, Some("a"), r#"{  "a":1}"#),
        ];
        for (data, stage, short) in cases {
            let stored = shorten("stage.ready", stage, data.to_owned());
            assert_eq!(stored, if short.is_empty() { data } else { short });
            assert_eq!(restore("stage.ready", stage, stored), data);
        }
    }
}
