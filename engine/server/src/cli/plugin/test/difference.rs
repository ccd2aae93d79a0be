//! What is different between two JSON values, place by place.

use serde_json::Value as Json;

/// Says every place where `found` is not what was expected: `/a/0: expected 1, found 2`.
pub(super) fn differences(expected: &Json, found: &Json) -> Vec<String> {
    let mut said = Vec::new();
    compare("", expected, found, &mut said);
    said
}

fn compare(place: &str, expected: &Json, found: &Json, said: &mut Vec<String>) {
    match (expected, found) {
        (Json::Object(expected), Json::Object(found)) => {
            for (key, value) in expected {
                let place = format!("{place}/{key}");
                match found.get(key) {
                    Some(found) => compare(&place, value, found, said),
                    None => said.push(format!("{place}: expected {value}, and it is missing")),
                }
            }
            let more = found.iter().filter(|(key, _)| !expected.contains_key(*key));
            said.extend(more.map(|(key, value)| format!("{place}/{key}: found {value}, and nothing is expected")));
        }
        (Json::Array(expected), Json::Array(found)) if expected.len() == found.len() => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare(&format!("{place}/{index}"), expected, found, said);
            }
        }
        (Json::Number(one), Json::Number(other)) if one.as_f64() == other.as_f64() => {}
        (expected, found) if expected == found => {}
        _ => {
            let place = if place.is_empty() { "the whole" } else { place };
            said.push(format!("{place}: expected {expected}, found {found}"));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_place_is_said_and_equal_values_are_not() {
        let expected = json!({ "a": [1, 2], "b": { "c": "x" }, "gone": true, "n": 1 });
        let found = json!({ "a": [1, 3], "b": { "c": "y" }, "more": null, "n": 1.0 });
        assert_eq!(
            differences(&expected, &found),
            [
                "/a/1: expected 2, found 3",
                "/b/c: expected \"x\", found \"y\"",
                "/gone: expected true, and it is missing",
                "/more: found null, and nothing is expected",
            ]
        );
        assert_eq!(differences(&json!([1]), &json!([1, 2])), ["the whole: expected [1], found [1,2]"]);
        assert!(differences(&expected, &expected).is_empty());
    }
}
