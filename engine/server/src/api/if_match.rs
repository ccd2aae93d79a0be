//! `If-Match` (RFC 9110): the entity tags that a caller has seen. Ours are versions in quotes, with a digest of the answer behind them; tags that are not ours, and
//! weak ones, match nothing.

use axum::http::{HeaderMap, StatusCode, header};

use super::Problem;

/// Reads the versions that will do; `None` is any.
pub(super) fn read(headers: &HeaderMap) -> Result<Option<Vec<u64>>, Problem> {
    let lines: Result<Vec<_>, _> = headers.get_all(header::IF_MATCH).iter().map(|line| line.to_str()).collect();
    let text = lines.map(|lines| lines.join(",")).map_err(|_| invalid())?;
    match text.trim() {
        "*" => Ok(None),
        "" if !headers.contains_key(header::IF_MATCH) => Ok(None),
        tags => list(tags).map(Some).ok_or_else(invalid),
    }
}

fn invalid() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_header", "If-Match is the ETag of an earlier answer")
}

/// Reads tags with commas between them; one at least.
fn list(mut text: &str) -> Option<Vec<u64>> {
    let mut versions = Vec::new();
    loop {
        let weak = text.strip_prefix("W/");
        let (tag, rest) = weak.unwrap_or(text).strip_prefix('"')?.split_once('"')?;
        if !tag.bytes().all(|byte| byte.is_ascii_graphic()) {
            return None;
        }
        versions
            .extend(tag.split('-').next().and_then(|version| version.parse::<u64>().ok()).filter(|_| weak.is_none()));
        let rest = rest.trim_start();
        if rest.is_empty() {
            return Some(versions);
        }
        text = rest.strip_prefix(',')?.trim_start();
    }
}

#[cfg(test)]
mod tests {
    use super::list;

    #[test]
    fn strong_tags_of_ours_are_versions_and_others_are_none() {
        for (text, expected) in [
            ("\"7\"", Some(vec![7])),
            ("\"7-0a1b\"", Some(vec![7])),
            ("\"7\", \"8\" ,\"9\"", Some(vec![7, 8, 9])),
            ("W/\"7\"", Some(vec![])),
            ("\"a,b\", \"7\"", Some(vec![7])),
            ("7", None),
            ("\"7", None),
            ("\"7\" \"8\"", None),
            ("\"7\",", None),
            ("\"a b\"", None),
            ("", None),
        ] {
            assert_eq!(list(text), expected, "{text}");
        }
    }
}
