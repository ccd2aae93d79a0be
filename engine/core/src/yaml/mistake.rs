//! What is wrong with a text that is not YAML, or more YAML than a definition may be, in plain words: the library
//! speaks of flow mappings and simple keys, and the person who wrote the file of brackets and colons.

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::granit_parser::ErrorKind;
use serde_saphyr::localizer::ExternalMessageSource;

use super::{MAX_ALIASES, MAX_DEPTH, MAX_NODES, span_of};
use crate::diagnostic::{Code, Problems, Span};

const QUOTE: &str = "put the whole text in quotes";
const QUOTE_EXPRESSION: &str = "put the whole value in quotes: \"${{ … }}\"";
const UNCLOSED: &str = "look above for a `[`, a `{` or a quote that is never closed";

/// Reports why a text cannot be read.
pub(super) fn report(error: &Error, text: &str, problems: &mut Problems<'_>) {
    let error = error.without_snippet();
    let span = error.location().map(|location| span_of(&location)).unwrap_or_default();
    let place = Place::of(text, span);
    let (code, span, message, hint) = describe(error, place);
    match hint {
        Some(hint) => problems.report_with_hint(code, span, message, hint),
        None => problems.report(code, span, message),
    }
}

/// A place in the text, and what stands around it.
#[derive(Clone, Copy)]
struct Place<'t> {
    span: Span,
    /// The line above.
    above: &'t str,
    before: &'t str,
    after: &'t str,
}

impl<'t> Place<'t> {
    fn of(text: &'t str, span: Span) -> Self {
        let line = |back: usize| {
            let line = (span.line as usize).checked_sub(back).and_then(|line| text.lines().nth(line));
            line.unwrap_or_default()
        };
        let (above, line) = (line(2), line(1));
        let column = (span.column as usize).saturating_sub(1);
        let at = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        Self { span, above, before: &line[..at], after: &line[at..] }
    }

    /// Returns the place some characters to the right, and so many characters long.
    fn moved(self, by: usize, length: usize) -> Span {
        let narrow = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        Span { column: self.span.column.saturating_add(narrow(by)), length: narrow(length), ..self.span }
    }

    /// Returns the place of the word that begins here.
    fn word(self) -> Span {
        let end = |char: char| char.is_whitespace() || ",[]{}".contains(char);
        self.moved(0, self.after.chars().take_while(|char| !end(*char)).count())
    }

    /// Tells whether an expression without quotes stands here.
    fn in_expression(self) -> bool {
        self.before.ends_with('{') && self.after.starts_with('{') || self.after.starts_with("{{")
    }
}

type Description = (Code, Span, String, Option<&'static str>);

fn describe(error: &Error, place: Place<'_>) -> Description {
    let span = place.span;
    let (code, message, hint) = match error {
        Error::DuplicateMappingKey { key, .. } => {
            let message = format!("key {:?} stands twice in one mapping", key.as_deref().unwrap_or_default());
            (Code::DuplicateKey, message, Some("remove one of them, or give it another name"))
        }
        Error::MergeKeyNotAllowed { .. } => {
            let message = "merge keys (`<<`) are not part of the language".to_owned();
            (Code::Syntax, message, Some("write the keys out; an alias may stand for a whole value"))
        }
        Error::MultipleDocuments { .. } | Error::Budget { breach: BudgetBreach::Documents { .. }, .. } => {
            let message = "a definition file holds one YAML document".to_owned();
            (Code::Budget, message, Some("write what follows `---` into a file of its own"))
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => (Code::Budget, too_deep(), None),
        Error::Budget { breach: BudgetBreach::Aliases { .. } | BudgetBreach::Anchors { .. }, .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. } => {
            let message = format!("too many aliases: a definition has at most {MAX_ALIASES}");
            (Code::Budget, message, Some("write the values out"))
        }
        Error::Budget { breach: BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. }, .. }
        | Error::AliasError { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            let message =
                format!("too many values: a definition has at most {MAX_NODES}, those that aliases repeat included");
            (Code::Budget, message, None)
        }
        Error::Budget { .. } => (Code::Budget, "larger than a definition may be".to_owned(), None),
        Error::Unexpected { expected: "string scalar", .. } => {
            let hint = if place.in_expression() { Some(QUOTE_EXPRESSION) } else { None };
            (Code::Syntax, "a key has to be text".to_owned(), hint)
        }
        Error::UnknownAnchor { .. } => {
            let name = place.word();
            let written: String = place.after.chars().take(name.length as usize).collect();
            let anchor = written.replacen('*', "&", 1);
            let message = format!("`{written}` is an alias, and no `{anchor}` stands above it");
            return (Code::Syntax, name, message, Some("put text that begins with `*` in quotes"));
        }
        Error::ExternalMessage { source, .. } => match &**source {
            ExternalMessageSource::Parser(error) => return describe_syntax(error.kind(), &error.info(), place),
            _ => (Code::Syntax, plain(error), None),
        },
        other => (Code::Syntax, plain(other), None),
    };
    (code, span, message, hint)
}

fn too_deep() -> String {
    format!("too deeply nested: a definition has at most {MAX_DEPTH} levels")
}

/// The library's own words, without the place that it adds to them.
fn plain(error: &Error) -> String {
    let text = error.render_with_formatter(&serde_saphyr::UserMessageFormatter);
    let text = text.lines().next().unwrap_or_default();
    text.rsplit_once(" at line ").map_or(text, |(message, _)| message).trim_end_matches('.').to_owned()
}

/// What the parser stumbled over.
fn describe_syntax(kind: &ErrorKind, info: &str, place: Place<'_>) -> Description {
    let span = place.span;
    let (message, hint) = match kind {
        ErrorKind::RecursionLimitExceeded => return (Code::Budget, span, too_deep(), None),
        ErrorKind::TabInBlockIndentation | ErrorKind::TabInIndentation | ErrorKind::TabNotAllowed => {
            let text = place.before.trim_end_matches('\t');
            let tabs = (place.before.len() - text.len()).max(1);
            let column = u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
            let length = u32::try_from(tabs).unwrap_or(u32::MAX);
            let message = "a tab in the indentation".to_owned();
            return (Code::Syntax, Span { column, length, ..span }, message, Some("indent with spaces"));
        }
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator if place.in_expression() => {
            ("an expression in braces has to be in quotes", Some(QUOTE_EXPRESSION))
        }
        ErrorKind::ExpectedFlowMappingSeparator => ("a `,` or the closing `}` is missing before this", Some(UNCLOSED)),
        ErrorKind::ExpectedFlowSequenceSeparator => ("a `,` or the closing `]` is missing before this", Some(UNCLOSED)),
        ErrorKind::UnclosedFlowCollection { .. } => ("a bracket is never closed", Some(UNCLOSED)),
        ErrorKind::InvalidColonPlacement => ("a key where the value above still goes on", Some(UNCLOSED)),
        ErrorKind::UnclosedQuotedScalar => ("a quote is never closed", Some(UNCLOSED)),
        ErrorKind::InvalidQuotedScalarIndent => {
            ("a quote above is never closed, and its text goes on here", Some(UNCLOSED))
        }
        ErrorKind::MappingValueNotAllowed => return misplaced_colon(place),
        ErrorKind::ExpectedBlockMappingKey => (
            "this line belongs to no mapping: it is indented otherwise than the keys above",
            Some("let the keys of one mapping begin in one column"),
        ),
        ErrorKind::SimpleKeyExpected => {
            ("a key without a `:` behind it", Some("write `key: value`, or `- ` before an entry of a list"))
        }
        ErrorKind::MissingAnchorOrAliasName => {
            ("`*` and `&` begin names of aliases and anchors, and there is none", Some(QUOTE))
        }
        ErrorKind::UnexpectedCharacter { character } if !character.is_control() => {
            let message = format!("text cannot begin with `{character}`");
            return (Code::Syntax, span, message, Some(QUOTE));
        }
        ErrorKind::UnknownQuotedScalarEscape => {
            let hint = "write `\\\\` for a backslash, or single quotes, in which it is text";
            return (Code::Syntax, escape(place), "an escape that does not exist".to_owned(), Some(hint));
        }
        _ => return (Code::Syntax, span, info.trim_end_matches('.').to_owned(), None),
    };
    (Code::Syntax, span, message.to_owned(), hint)
}

/// A colon where no key can end: in a text, behind a line that is no key itself, or on a line that stands too far in.
fn misplaced_colon(place: Place<'_>) -> Description {
    let key = place.above.trim_start();
    let glued = key.find(':').filter(|at| {
        let (name, value) = (&key[..*at], &key[at + 1..]);
        let is_name = name.chars().all(|char| char.is_ascii_alphanumeric() || "_-".contains(char));
        is_name && !name.is_empty() && !value.is_empty() && !value.contains(char::is_whitespace)
    });
    let (span, message, hint) = if place.before.contains(": ") {
        (place.span, "a second `: ` in one value", "put text with a colon in quotes")
    } else if let Some(at) = glued {
        let column = place.above.chars().count() - key.chars().count() + at + 1;
        let column = u32::try_from(column).unwrap_or(u32::MAX);
        let span = Span { line: place.span.line.saturating_sub(1), column, length: 1 };
        (span, "a `:` without a space behind it makes no key", "put a space behind the colon")
    } else {
        (place.span, "a key inside the value of the line above", "indent the line like its neighbours")
    };
    (Code::Syntax, span, message.to_owned(), Some(hint))
}

/// Returns the place of the first escape of a quoted text that does not exist.
fn escape(place: Place<'_>) -> Span {
    let mut chars = place.after.chars().enumerate();
    while let Some((at, char)) = chars.next() {
        if char == '\\' && !chars.next().is_some_and(|(_, char)| "0abt\tnvfre \"/\\N_LPxuU".contains(char)) {
            return place.moved(at, 2);
        }
    }
    place.span
}
