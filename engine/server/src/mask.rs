//! Taking the values of secrets out of what stages say: lines of logs, progress, errors, outputs.
//!
//! A courtesy, not a control: it finds a value and its usual encodings, and somebody who wants a value to get out can
//! write it backwards. What keeps a value from a guest is that the guest does not get it. Known limits:
//!
//! - values, and lines of values, of fewer than [`SHORTEST`] characters are left alone: they are in every text;
//! - of a value of several lines the first [`LINES`] are known one by one, besides the value as a whole;
//! - encodings of encodings, base64 that is broken into lines, and values in pieces are not found;
//! - of what was cut off at the longest line, a rest of fewer than [`NEEDLE`] bytes stays.
//!
//! The searcher holds the values in memory, in clear, as long as it lives.

mod spelling;
mod views;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::sync::Arc;

use aho_corasick::AhoCorasick;
use serde_json::Value as Json;
use zeroize::Zeroizing;

use spelling::Spelling;

/// Values of fewer characters are not masked.
pub(crate) const SHORTEST: usize = 8;
/// How many lines of a value are known one by one.
const LINES: usize = 256;
/// How many bytes of a spelling are searched for; the rest is compared where they are found. Long values would
/// otherwise take a searcher of many hundred times their size.
const NEEDLE: usize = 24;

/// Knows the values of some secrets, and finds them in text.
#[derive(Default)]
pub(crate) struct Mask {
    searcher: Option<AhoCorasick>,
    patterns: Vec<Pattern>,
}

/// One spelling of a value. It is spelled out when the beginning of it was found, and not kept.
struct Pattern {
    name: Arc<str>,
    value: Arc<Zeroizing<String>>,
    spelling: Spelling,
}

/// A part of a text, in bytes.
struct Found<'m> {
    start: usize,
    end: usize,
    name: &'m str,
}

impl Mask {
    /// Makes a mask of secrets: names and values.
    pub(crate) fn new<'s>(secrets: impl IntoIterator<Item = (&'s str, &'s str)>) -> Self {
        let mut patterns = Vec::new();
        for (name, value) in secrets {
            let name: Arc<str> = name.into();
            let mut add = |value: &str, spellings: &[Spelling]| {
                let value = Arc::new(Zeroizing::new(value.to_owned()));
                let pattern = |spelling: &Spelling| Pattern {
                    name: Arc::clone(&name),
                    value: Arc::clone(&value),
                    spelling: *spelling,
                };
                patterns.extend(spellings.iter().map(pattern).filter(|_| is_long(&value)));
            };
            add(value, &Spelling::ALL);
            // Files end in a line break that is not part of what is used.
            let inner = value.trim();
            if inner != value {
                add(inner, &Spelling::ALL);
            }
            for line in value.lines().take(LINES).map(str::trim).filter(|line| *line != inner) {
                add(line, &[Spelling::Plain]);
            }
        }
        let needles = patterns.iter().map(|pattern| pattern.spelling.needle(&pattern.value));
        let searcher = (!patterns.is_empty()).then(|| AhoCorasick::new(needles));
        // More patterns than the searcher can count are hundreds of times more than a project can have.
        let searcher = searcher.map(|searcher| searcher.expect("a project's secrets fit a searcher"));
        Self { searcher, patterns }
    }

    /// Returns a text in which `[secret NAME]` stands for every value that was found.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let found = self.find(text);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut masked, mut after) = (String::with_capacity(text.len()), 0);
        for Found { start, end, name } in found {
            if start >= after {
                masked += &text[after..start];
                masked += &format!("[secret {name}]");
            }
            after = after.max(end);
        }
        masked += &text[after..];
        Cow::Owned(masked)
    }

    /// Masks every text in a JSON value, names of members too. A number that is a secret becomes text.
    pub(crate) fn json(&self, value: &mut Json) {
        match value {
            Json::String(text) => self.in_place(text),
            Json::Number(number) => {
                if let Cow::Owned(masked) = self.text(&number.to_string()) {
                    *value = masked.into();
                }
            }
            Json::Array(items) => items.iter_mut().for_each(|item| self.json(item)),
            Json::Object(members) => {
                members.values_mut().for_each(|member| self.json(member));
                if members.keys().any(|name| !self.find(name).is_empty()) {
                    let old = std::mem::take(members);
                    members.extend(old.into_iter().map(|(name, member)| (self.text(&name).into_owned(), member)));
                }
            }
            Json::Null | Json::Bool(_) => {}
        }
    }

    /// Masks a text where it is.
    pub(crate) fn in_place(&self, text: &mut String) {
        if let Cow::Owned(masked) = self.text(text) {
            *text = masked;
        }
    }

    /// Finds the parts to take out, by where they begin; they may overlap.
    fn find(&self, text: &str) -> Vec<Found<'_>> {
        let Some(searcher) = &self.searcher else { return Vec::new() };
        let (said, cut) = without_cut(text);
        let mut found = Vec::new();
        self.search(searcher, said.as_bytes(), cut, |at| at, &mut found);
        for view in views::of(said) {
            self.search(searcher, &view.bytes, cut, |at| view.place(at), &mut found);
        }
        for part in &mut found {
            part.start = text.floor_char_boundary(part.start);
            part.end = text.ceil_char_boundary(part.end);
        }
        found.sort_by_key(|part| (part.start, std::cmp::Reverse(part.end)));
        found
    }

    fn search<'m>(
        &'m self,
        searcher: &AhoCorasick,
        text: &[u8],
        cut: bool,
        place: impl Fn(usize) -> usize,
        found: &mut Vec<Found<'m>>,
    ) {
        for needle in searcher.find_overlapping_iter(text) {
            let (pattern, start) = (&self.patterns[needle.pattern().as_usize()], needle.start());
            let rest = &text[start..];
            let length = pattern.spelling.length(pattern.value.len());
            if rest.len() < length && !cut {
                continue;
            }
            let spelled = pattern.spelling.of(pattern.value.as_bytes());
            if rest.starts_with(&spelled) || cut && spelled.starts_with(rest) {
                let end = (start + length).min(text.len());
                let (start, end) = pattern.spelling.widen(pattern.value.len(), text, start, end);
                found.push(Found { start: place(start), end: place(end), name: &pattern.name });
            }
        }
    }
}

fn is_long(value: &str) -> bool {
    value.chars().nth(SHORTEST - 1).is_some()
}

/// Takes off what the sandbox writes behind a line that was too long, and tells whether it did.
fn without_cut(text: &str) -> (&str, bool) {
    match text.strip_suffix(" bytes cut").and_then(|text| text.rsplit_once(" … ")) {
        Some((said, count)) if count.bytes().all(|byte| byte.is_ascii_digit()) => (said, true),
        _ => (text, false),
    }
}
