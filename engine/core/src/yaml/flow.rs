//! JSON values as YAML on one line: `{ host: example.com, methods: [GET] }`, for hints to paste and for written files.

use serde_json::Value as Json;

/// Writes a value as YAML in flow style, with quotes only where a text would be read as something else without them.
#[must_use]
pub fn flow(value: &Json) -> String {
    match value {
        Json::String(text) if is_plain(text) => text.clone(),
        Json::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Json::Object(entries) if entries.is_empty() => "{}".to_owned(),
        Json::Object(entries) => {
            let key = |key: &str| if is_plain(key) { key.to_owned() } else { Json::from(key).to_string() };
            let entries: Vec<String> =
                entries.iter().map(|(name, value)| format!("{}: {}", key(name), flow(value))).collect();
            format!("{{ {} }}", entries.join(", "))
        }
        // JSON is YAML.
        scalar => scalar.to_string(),
    }
}

/// Tells whether YAML reads a text as itself without quotes, on one line and between brackets.
fn is_plain(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'_');
    let part =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/' | b':' | b'@' | b'+');
    let begins = text.bytes().next().is_some_and(first) || text.starts_with("./");
    let word = matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off");
    let number = text.parse::<f64>().is_ok() || text.starts_with("0x") || text.starts_with("0o");
    begins && text.bytes().all(part) && !text.ends_with(':') && !word && !number
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::Problems;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let value = json!({
            "host": "*.example.com", "port": 8080, "words": ["true", "No", "1e3", "0x1f", "null", "", "inf", "NaN"],
            "plain": ["items:read", "sha256:00ff", "./tools/a.wasm", "/usr/bin/make", "1MiB", "c++", "a@b"],
            "odd": ["a: b", "a #b", "- a", "x:", "\"", "\\", "a\nb", "{a}", "ä", "&a", "!a", "a,b"],
            "nothing": null, "empty": {}, "list": [], "1.5": true, "a b": 1.5,
        });
        let text = flow(&value);
        assert!(text.starts_with("{ host: \"*.example.com\", port: 8080, words: [\"true\", \"No\","), "{text}");
        assert!(text.contains("plain: [items:read, sha256:00ff, ./tools/a.wasm, /usr/bin/make, 1MiB, c++, a@b]"));
        let read = super::super::read(&text, &mut Problems::new("a.yaml")).expect("it is YAML");
        assert_eq!(read.to_json(), value);
    }
}
