//! Predicates of the short dialect: `priority == 'high'`, `total > 100000 && region != "EU"`.

use serde_json::Value as Json;

use super::{Condition, Operator, unknown};
use crate::decode::Located;
use crate::diagnostic::{Code, Problems};

/// What stands between a path and a value; the longer ones first, since `>` begins `>=`.
const SIGNS: [&str; 6] = ["==", "!=", ">=", "<=", ">", "<"];

impl Condition {
    /// Reads comparisons that are joined by `&&` or `and`. Anything else is reported and never holds.
    pub(crate) fn parse_predicate(text: &Located<String>, problems: &mut Problems<'_>) -> Self {
        let parts = text.value.split("&&").flat_map(|part| part.split(" and "));
        let conditions: Option<Vec<Self>> = parts.map(|part| parse_comparison(part.trim(), text)).collect();
        match conditions {
            Some(mut conditions) if conditions.len() == 1 => conditions.remove(0),
            Some(conditions) => Self::All(conditions),
            None => {
                let message = format!("\"{:.60}\" is not a predicate; it never holds", text.value);
                let hint = "write comparisons such as priority == 'high', joined by &&";
                problems.report_with_hint(Code::UnknownOperator, text.span, message, hint);
                unknown(&format!("\"{:.60}\" is not a predicate", text.value), text.span)
            }
        }
    }
}

/// Reads `path sign value`.
fn parse_comparison(part: &str, whole: &Located<String>) -> Option<Condition> {
    let at = part.find(['=', '!', '<', '>'])?;
    let (path, rest) = part.split_at(at);
    let sign = SIGNS.into_iter().find(|sign| rest.starts_with(sign))?;
    let operator = Operator::from_word(sign)?;
    let value = parse_value(rest[sign.len()..].trim())?;
    let path = path.trim();
    let is_path = !path.is_empty() && path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
    let path = Located { value: path.to_owned(), span: whole.span };
    is_path.then_some(Condition::Compare { path, operator, value })
}

/// Reads text in quotes, a number, `true`, `false` or `null`.
fn parse_value(text: &str) -> Option<Json> {
    let quoted = ['\'', '"', '`'].iter().find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote));
    match quoted {
        Some(inner) if !inner.contains(['\'', '"', '`']) => Some(Json::String(inner.to_owned())),
        Some(_) => None,
        None => serde_json::from_str(text).ok().filter(|value: &Json| !value.is_object() && !value.is_array()),
    }
}
