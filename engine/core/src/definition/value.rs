//! The types of custom fields, and why a value does not fit one.

use chrono::{DateTime, NaiveDate};
use serde_json::Value as Json;

use super::field::FieldOption;
use crate::decode::Located;
use crate::diagnostic::{Code, Problems};

/// Longest text of a field, in bytes.
pub const MAX_FIELD_TEXT: usize = 64 * 1024;

/// What the values of a field are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldType {
    /// A line of text.
    Text,
    /// Lines of text, Markdown included.
    Textarea,
    /// One of the options.
    Select,
    /// A list of options.
    Multiselect,
    /// A day: `2026-05-31`.
    Date,
    /// A point in time in RFC 3339: `2026-05-31T12:00:00Z`.
    Datetime,
    /// A number.
    Number,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// An absolute address with `http` or `https`.
    Url,
    /// An e-mail address.
    Email,
    /// A user, by name or e-mail address.
    User,
    /// A file, by its name or address.
    File,
}

/// Every word for a type, in lower case without dashes and underscores; the first for a type is its own.
const WORDS: [(&str, FieldType); 29] = [
    ("text", FieldType::Text),
    ("string", FieldType::Text),
    ("phone", FieldType::Text),
    ("textarea", FieldType::Textarea),
    ("markdown", FieldType::Textarea),
    ("richtext", FieldType::Textarea),
    ("select", FieldType::Select),
    ("enum", FieldType::Select),
    ("dropdown", FieldType::Select),
    ("radio", FieldType::Select),
    ("multiselect", FieldType::Multiselect),
    ("multienum", FieldType::Multiselect),
    ("date", FieldType::Date),
    ("datetime", FieldType::Datetime),
    ("number", FieldType::Number),
    ("float", FieldType::Number),
    ("decimal", FieldType::Number),
    ("currency", FieldType::Number),
    ("percentage", FieldType::Number),
    ("integer", FieldType::Integer),
    ("boolean", FieldType::Boolean),
    ("checkbox", FieldType::Boolean),
    ("url", FieldType::Url),
    ("email", FieldType::Email),
    ("user", FieldType::User),
    ("file", FieldType::File),
    ("attachment", FieldType::File),
    // Parts of forms that hold no value.
    ("divider", FieldType::Text),
    ("heading", FieldType::Text),
];

impl FieldType {
    /// Returns the type that a word names, however Kiket's files spell it.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        let plain = word.to_ascii_lowercase().replace(['_', '-'], "");
        WORDS.iter().find(|(name, _)| *name == plain).map(|(_, field_type)| *field_type)
    }

    /// Returns the type as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        WORDS.iter().find(|(_, field_type)| *field_type == self).map_or("text", |(name, _)| *name)
    }

    /// Reads the type of a field; one that does not exist is reported and is text.
    pub(super) fn read(word: &Located<String>, field: &str, problems: &mut Problems<'_>) -> Self {
        Self::from_word(&word.value).unwrap_or_else(|| {
            let message = format!("field \"{field:.60}\" is read as text: there is no type \"{:.60}\"", word.value);
            let known = WORDS.iter().map(|(name, _)| *name);
            problems.report_unknown(Code::UnknownTarget, word.span, message, &word.value, known);
            Self::Text
        })
    }
}

/// Returns why a value does not fit, as the rest of a sentence that begins with the field.
pub(super) fn refuse(field_type: FieldType, options: &[FieldOption], value: &Json) -> Option<String> {
    if value.is_null() {
        return None;
    }
    if let Some(text) = value.as_str().filter(|text| text.len() > MAX_FIELD_TEXT) {
        return Some(format!("takes at most {MAX_FIELD_TEXT} bytes, and this is {}", text.len()));
    }
    let expected = match (field_type, value) {
        (FieldType::Text | FieldType::Textarea | FieldType::User | FieldType::File, Json::String(_)) => return None,
        (FieldType::Text | FieldType::Textarea, _) => "text",
        (FieldType::User, _) => "the name of a user",
        (FieldType::File, _) => "the name of a file",
        (FieldType::Number, value) if value.is_number() => return None,
        (FieldType::Number, _) => "a number",
        (FieldType::Integer, value) if value.is_i64() || value.is_u64() => return None,
        (FieldType::Integer, _) => "a whole number",
        (FieldType::Boolean, Json::Bool(_)) => return None,
        (FieldType::Boolean, _) => "true or false",
        (FieldType::Date, Json::String(text)) if is_date(text) => return None,
        (FieldType::Date, _) => "a day such as 2026-05-31",
        (FieldType::Datetime, Json::String(text)) if DateTime::parse_from_rfc3339(text).is_ok() => return None,
        (FieldType::Datetime, _) => "a time with its zone such as 2026-05-31T12:00:00Z",
        (FieldType::Url, Json::String(text)) if is_address(text) => return None,
        (FieldType::Url, _) => "an address such as https://example.com/page",
        (FieldType::Email, Json::String(text)) if is_email(text) => return None,
        (FieldType::Email, _) => "an e-mail address",
        (FieldType::Select, value) => return refuse_choice(options, value),
        (FieldType::Multiselect, Json::Array(values)) => {
            return values.iter().find_map(|value| refuse_choice(options, value));
        }
        (FieldType::Multiselect, _) => "a list",
    };
    Some(format!("has to be {expected}, and this is {}", shown(value)))
}

fn refuse_choice(options: &[FieldOption], value: &Json) -> Option<String> {
    let chosen = match value {
        Json::String(text) => text.clone(),
        Json::Number(_) | Json::Bool(_) => value.to_string(),
        Json::Null | Json::Array(_) | Json::Object(_) => {
            return Some(format!("has to be chosen by its value, and this is {}", shown(value)));
        }
    };
    if chosen.len() > MAX_FIELD_TEXT {
        return Some(format!("takes at most {MAX_FIELD_TEXT} bytes, and this is {}", chosen.len()));
    }
    if options.is_empty() || options.iter().any(|option| option.value == chosen) {
        return None;
    }
    let mut listed = options.iter().take(12).map(|option| option.value.as_str()).collect::<Vec<_>>().join(", ");
    if options.len() > 12 {
        listed.push_str(", …");
    }
    Some(format!("has to be one of {listed}, and this is {}", shown(value)))
}

/// A value for a message: short, and in the form that JSON gives it.
pub(super) fn shown(value: &Json) -> String {
    match value {
        Json::Array(_) => "a list".to_owned(),
        Json::Object(_) => "an object".to_owned(),
        value => {
            let text = value.to_string();
            let short: String = text.chars().take(60).collect();
            if short.len() < text.len() { format!("{short}…") } else { short }
        }
    }
}

/// RFC 3339 `full-date`: digits where the calendar has them.
fn is_date(text: &str) -> bool {
    let full = text
        .bytes()
        .enumerate()
        .all(|(at, byte)| if matches!(at, 4 | 7) { byte == b'-' } else { byte.is_ascii_digit() });
    text.len() == 10 && full && NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok()
}

/// An absolute address with `http` or `https`: a host, and no character that an address cannot hold.
fn is_address(text: &str) -> bool {
    let scheme = text.find("://").map_or("", |end| &text[..end]);
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return false;
    }
    let rest = &text[scheme.len() + "://".len()..];
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let strange = |char: char| char.is_whitespace() || char.is_control() || "<>\"{}|\\^`".contains(char);
    !host.is_empty() && !host.starts_with(':') && !rest.contains(strange)
}

fn is_email(text: &str) -> bool {
    let strange = |char: char| char.is_whitespace() || char.is_control() || "<>,;".contains(char);
    let halves = text.rsplit_once('@');
    halves.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty()) && !text.contains(strange)
}
