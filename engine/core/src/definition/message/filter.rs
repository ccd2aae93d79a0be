//! What a message can do with a value before it is written out: `${title | slugify}`.

use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate};
use serde_json::Value as Json;

/// What is done with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Filter {
    /// `slugify`: lower case, with one dash for whatever is neither letter nor digit, and none at the ends.
    Slugify,
    /// `upcase`
    Upcase,
    /// `downcase`
    Downcase,
    /// `capitalize`: the first letter upper case, the rest lower.
    Capitalize,
    /// `default: 'x'`: the text where the value is empty.
    Default(String),
    /// `truncate: n`: at most n characters, 50 where no number is given; the last one is `…` where something was cut.
    Truncate(usize),
    /// `date`, `date: '%d.%m.%Y'`: the day of a date or an RFC 3339 timestamp, or what the format says.
    Date(Option<String>),
    /// `join`, `join: ' '`: the entries of a list with this between them; a comma and a space where none is given.
    Join(String),
    /// One that there is not: the value is left as it is.
    Unknown(String),
}

impl Filter {
    /// The names of all filters.
    pub(super) const NAMES: [&'static str; 8] =
        ["slugify", "upcase", "downcase", "capitalize", "default", "truncate", "date", "join"];

    /// Reads `name` or `name: argument`; `None` for anything else. Further arguments after a comma are left out.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, argument) = text.split_once(':').map_or((text, None), |(name, argument)| (name, Some(argument)));
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return None;
        }
        let argument = argument.map(|argument| {
            let first = split(argument, ',').next().unwrap_or_default().trim();
            let quoted = ['\'', '"'].iter().find_map(|quote| first.strip_prefix(*quote)?.strip_suffix(*quote));
            quoted.unwrap_or(first).to_owned()
        });
        Some(match name {
            "slugify" => Self::Slugify,
            "upcase" => Self::Upcase,
            "downcase" => Self::Downcase,
            "capitalize" => Self::Capitalize,
            "default" => Self::Default(argument.unwrap_or_default()),
            "truncate" => Self::Truncate(argument.and_then(|length| length.parse().ok()).unwrap_or(50)),
            "date" => Self::Date(argument),
            "join" => Self::Join(argument.unwrap_or_else(|| ", ".to_owned())),
            other => Self::Unknown(other.to_owned()),
        })
    }

    /// Returns what comes of a value.
    pub(super) fn apply(&self, value: Json) -> Json {
        let written = match (self, &value) {
            (Self::Unknown(_), _) => return value,
            (Self::Default(default), value) if text(value).trim().is_empty() => default.clone(),
            (Self::Default(_), _) => return value,
            (Self::Join(between), Json::Array(entries)) => entries.iter().map(text).collect::<Vec<_>>().join(between),
            (Self::Join(_), value) => text(value),
            (Self::Slugify, value) => slugify(&text(value)),
            (Self::Upcase, value) => text(value).to_uppercase(),
            (Self::Downcase, value) => text(value).to_lowercase(),
            (Self::Capitalize, value) => capitalize(&text(value)),
            (Self::Truncate(length), value) => truncate(text(value), *length),
            (Self::Date(format), value) => date(&text(value), format.as_deref()),
        };
        Json::String(written)
    }
}

/// Writes a value out: nothing as no text, text as it is, lists with commas, mappings as JSON.
pub(super) fn text(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        Json::String(text) => text.clone(),
        Json::Array(entries) => {
            let plain = |entry: &Json| entry.as_str().map_or_else(|| entry.to_string(), str::to_owned);
            entries.iter().map(plain).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// Splits a text at a sign that stands outside quotes.
pub(super) fn split(text: &str, sign: char) -> impl Iterator<Item = &str> {
    let mut quote = None;
    text.split(move |char| match quote {
        Some(end) => {
            if char == end {
                quote = None;
            }
            false
        }
        None if matches!(char, '\'' | '"') => {
            quote = Some(char);
            false
        }
        None => char == sign,
    })
}

/// Returns a part of a text without the spaces around it, and where it begins.
pub(super) fn trim<'t>(whole: &str, part: &'t str) -> (usize, &'t str) {
    let trimmed = part.trim();
    (trimmed.as_ptr() as usize - whole.as_ptr() as usize, trimmed)
}

fn slugify(text: &str) -> String {
    let mut slug = String::new();
    for char in text.chars().flat_map(char::to_lowercase) {
        if char.is_alphanumeric() {
            slug.push(char);
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    if slug.ends_with('-') {
        slug.pop();
    }
    slug
}

fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    first.chain(chars.flat_map(char::to_lowercase)).collect()
}

fn truncate(mut text: String, length: usize) -> String {
    if text.char_indices().nth(length).is_none() {
        return text;
    }
    let Some(kept) = length.checked_sub(1) else { return String::new() };
    let end = text.char_indices().nth(kept).map_or(text.len(), |(end, _)| end);
    text.truncate(end);
    text.push('…');
    text
}

/// A text that is no date, or a format that is none, leaves the text as it is.
fn date(text: &str, format: Option<&str>) -> String {
    let mut written = String::new();
    let done = if let Ok(moment) = DateTime::parse_from_rfc3339(text) {
        write!(written, "{}", moment.format(format.unwrap_or("%Y-%m-%d")))
    } else if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        write!(written, "{}", day.format(format.unwrap_or("%Y-%m-%d")))
    } else {
        return text.to_owned();
    };
    if done.is_ok() { written } else { text.to_owned() }
}
