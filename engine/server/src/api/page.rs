//! Pages of lists: how many at most, after which one, and what to ask for next.

use std::str::FromStr;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Problem;
use super::extract::Limit;

/// Which page of a list.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Paging<C = String> {
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<C>,
    /// How many to return.
    #[serde(default)]
    pub(super) limit: Limit,
}

/// Reads where a page begins.
pub(super) fn cursor<T: FromStr>(text: Option<&str>) -> Result<Option<T>, Problem> {
    let parsed = text.map(str::parse).transpose();
    parsed.map_err(|_| Problem::cursor())
}

/// Returns the cursor of the next page: there is one where this page is full.
pub(super) fn next<T, C>(rows: &[T], limit: u32, cursor: impl FnOnce(&T) -> C) -> Option<C> {
    rows.last().filter(|_| rows.len() >= limit as usize).map(cursor)
}

/// Cuts a page out of a list that is at hand as a whole and sorted by a text; the cursor is the last one's.
pub(super) fn cut<T>(mut all: Vec<T>, asked: &Paging, by: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
    let limit = asked.limit.get();
    if let Some(after) = &asked.cursor {
        all.retain(|one| by(one) > *after);
    }
    let more = all.len() > limit as usize;
    all.truncate(limit as usize);
    let next = all.last().filter(|_| more).map(by);
    (all, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_pages_that_follow_one_another() {
        let all = || ["a", "b", "c"].map(str::to_owned).to_vec();
        let by = |one: &String| one.clone();
        let page = |query: &str| serde_json::from_str::<Paging>(query).unwrap();
        let first = cut(all(), &page(r#"{"limit": 2}"#), by);
        assert_eq!(first, (vec!["a".to_owned(), "b".to_owned()], Some("b".to_owned())));
        let second = cut(all(), &page(r#"{"limit": 2, "cursor": "b"}"#), by);
        assert_eq!(second, (vec!["c".to_owned()], None));
        assert_eq!(cut(all(), &page(r#"{"limit": 3}"#), by).1, None);
    }
}
