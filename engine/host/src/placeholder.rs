//! Texts that stand for secrets.
//!
//! A placeholder is `kiket-secret.<nonce>.<NAME>.`: characters that survive in a
//! URL, a header, JSON and HTML as they are. The nonce is the call's own and not
//! to be guessed, so no text from outside can smuggle one in. Who may send which
//! secret where is not decided here.

use serde::{Deserialize, Serialize};

const PREFIX: &str = "kiket-secret.";

/// Longest name of a secret, in bytes.
const NAME_BYTES: usize = 64;

/// The placeholders of one call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placeholders {
    start: String,
}

impl Placeholders {
    /// The placeholders with this nonce: letters and digits only.
    #[must_use]
    pub fn new(nonce: &str) -> Self {
        Self { start: format!("{PREFIX}{nonce}.") }
    }

    /// Returns the text that stands for a secret.
    #[must_use]
    pub fn of(&self, name: &str) -> String {
        format!("{}{name}.", self.start)
    }

    /// Whether the text may hold one.
    #[must_use]
    pub fn occur_in(&self, text: &str) -> bool {
        text.contains(&self.start)
    }

    /// Returns the names of the secrets that a text holds placeholders of, without repeats.
    #[must_use]
    pub fn names<'t>(&self, text: &'t str) -> Vec<&'t str> {
        let mut names = Vec::new();
        for (_, name) in self.find(text) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Replaces every placeholder; one that has no value stays as it is.
    #[must_use]
    pub fn replace<V: AsRef<str>>(&self, text: &str, value: impl Fn(&str) -> Option<V>) -> String {
        let mut replaced = String::with_capacity(text.len());
        let mut rest = 0;
        for (start, name) in self.find(text) {
            let Some(value) = value(name) else { continue };
            replaced.push_str(&text[rest..start]);
            replaced.push_str(value.as_ref());
            rest = start + self.start.len() + name.len() + 1;
        }
        replaced.push_str(&text[rest..]);
        replaced
    }

    /// Every placeholder: where it begins, and the name.
    fn find<'s, 't: 's>(&'s self, text: &'t str) -> impl Iterator<Item = (usize, &'t str)> + 's {
        text.match_indices(self.start.as_str()).filter_map(|(start, _)| {
            let after = &text[start + self.start.len()..];
            let (name, _) = after.split_once('.')?;
            let fits = (1..=NAME_BYTES).contains(&name.len())
                && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
            fits.then_some((start, name))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(name: &str) -> Option<&'static str> {
        match name {
            "TOKEN" => Some("t0p.secret"),
            "OTHER" => Some("kiket-secret.n0nce.TOKEN."),
            _ => None,
        }
    }

    #[test]
    fn replaces_what_it_made_and_nothing_else() {
        let placeholders = Placeholders::new("n0nce");
        let text =
            format!("a {}{} {} b", placeholders.of("TOKEN"), placeholders.of("TOKEN"), placeholders.of("MISSING"));
        assert_eq!(placeholders.names(&text), ["TOKEN", "MISSING"]);
        let replaced = placeholders.replace(&text, value);
        assert_eq!(replaced, "a t0p.secrett0p.secret kiket-secret.n0nce.MISSING. b");
        for other in
            ["kiket-secret.other.TOKEN.", "kiket-secret.n0nce.TOKEN", "kiket-secret.n0nce..", "kiket-secret.n0nce.a."]
        {
            assert_eq!(placeholders.replace(other, value), other);
            assert!(placeholders.names(other).is_empty(), "{other}");
        }
    }

    #[test]
    fn does_not_look_into_values() {
        let placeholders = Placeholders::new("n0nce");
        assert_eq!(placeholders.replace(&placeholders.of("OTHER"), value), "kiket-secret.n0nce.TOKEN.");
    }

    #[test]
    fn survives_in_a_url() {
        let text = Placeholders::new("n0nce").of("TOKEN");
        let url = url::Url::parse(&format!("https://a.example/{text}?x={text}")).expect("a url");
        assert_eq!(url.as_str().matches(&text).count(), 2);
    }
}
