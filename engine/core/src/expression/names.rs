//! The names that expressions can use where they stand, and the places of those they cannot.

use std::collections::BTreeSet;

use super::Expression;
use crate::diagnostic::{Code, Problems, Span};

/// Names that expressions can use.
#[derive(Debug, Clone, Default)]
pub struct Names<'n> {
    roots: Vec<&'n str>,
    /// Names whose members are all known, with those members: `inputs` has `version`.
    members: Vec<(&'n str, BTreeSet<&'n str>)>,
    /// Whether secrets can be named.
    secrets: bool,
}

/// A scalar: its value and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Whole<'t> {
    pub(super) text: &'t str,
    pub(super) span: Span,
}

impl<'n> Names<'n> {
    /// Makes a set of names whose members nobody knows beforehand.
    #[must_use]
    pub fn of(roots: &[&'n str]) -> Self {
        Self { roots: roots.to_vec(), ..Self::default() }
    }

    /// Adds a name.
    #[must_use]
    pub fn and(mut self, root: &'n str) -> Self {
        self.roots.push(root);
        self
    }

    /// Says which members a name has.
    #[must_use]
    pub fn with_members(mut self, root: &'n str, members: impl IntoIterator<Item = &'n str>) -> Self {
        self.members.push((root, members.into_iter().collect()));
        self
    }

    /// Lets expressions name secrets, as only the input and the values of a call can.
    #[must_use]
    pub fn and_secrets(mut self) -> Self {
        self.secrets = true;
        self
    }

    /// Reads the expression of `length` bytes at `offset` of a scalar; what is wrong with it is reported.
    pub(super) fn parse(
        &self,
        whole: Whole<'_>,
        offset: usize,
        length: usize,
        problems: &mut Problems<'_>,
    ) -> Option<Expression> {
        let source = &whole.text[offset..offset + length];
        let offset = offset + source.len() - source.trim_start().len();
        let source = source.trim();
        let place = |at: usize, length: usize, problems: &Problems<'_>| {
            problems.inside(whole.span, whole.text, offset + at.min(source.len()), length)
        };
        let expression = match Expression::parse(source) {
            Ok(expression) => expression.at(place(0, source.len(), problems)),
            Err(error) => {
                let length = usize::from(error.offset < source.len());
                let place = place(error.offset, length, problems);
                let message = match source {
                    "" => "an expression has to say something, and this is empty".to_owned(),
                    source => format!("`{source:.60}` is not an expression: {error}"),
                };
                match error.hint {
                    Some(hint) => problems.report_with_hint(Code::InvalidExpression, place, message, hint),
                    None => problems.report(Code::InvalidExpression, place, message),
                }
                return None;
            }
        };
        if let (false, Some(name)) = (self.secrets, expression.secrets().next()) {
            let place = place(word(source, "secret"), "secret".len(), problems);
            let message = format!("secret \"{name}\" cannot be used here");
            let hint = "only a call takes secrets, by its `with` or `env`: nothing else may depend on one";
            problems.report_with_hint(Code::MisplacedSecret, place, message, hint);
        }
        for name in expression.names().filter(|name| !self.roots.contains(name)) {
            let place = place(word(source, name), name.len(), problems);
            let message = format!("no expression can use the name \"{name}\" here");
            problems.report_unknown(Code::UnknownName, place, message, name, self.roots.iter().copied());
        }
        for (root, member) in expression.members() {
            let Some((_, known)) = self.members.iter().find(|(name, _)| *name == root) else { continue };
            if !known.contains(member) {
                let at = word(source, root);
                let at = at + source[at..].find(member).unwrap_or_default();
                let place = place(at, member.len(), problems);
                let message = format!("there is no \"{root}.{member}\"");
                problems.report_unknown(Code::UnknownName, place, message, member, known.iter().copied());
            }
        }
        Some(expression)
    }
}

/// Returns where a name stands as a word of its own.
pub(super) fn word(source: &str, name: &str) -> usize {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'));
    let bytes = source.as_bytes();
    let alone = |at: &usize| {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        let after = bytes.get(at + name.len()).filter(|byte| **byte != b'.');
        !part(before) && !part(after)
    };
    source.match_indices(name).map(|(at, _)| at).find(alone).unwrap_or_default()
}
