//! Holds a YAML tree against its shape and reports everything that does not fit, each where it stands.

use super::place::{Owner, Place};
use super::scalar::{check_id, check_size};
use super::{Entry, Keys, Record, Shape, Support};
use crate::diagnostic::{Code, Problems, Span};
use crate::duration;
use crate::size;
use crate::yaml::{Key, Node, Value};

impl Record {
    /// Reports everything in `node` that does not have this shape.
    pub fn check(&'static self, node: &Node, problems: &mut Problems<'_>) {
        if node.value == Value::Null {
            // A file of comments, or of nothing: there is no line to show.
            let message = format!("{} has to be a mapping, and this is empty", self.name);
            return problems.report(Code::WrongType, Span::default(), message);
        }
        self.check_as(node, Owner { name: self.name, label: None }, problems);
    }

    fn check_as(&'static self, node: &Node, owner: Owner<'_>, problems: &mut Problems<'_>) {
        let Value::Mapping(entries) = &node.value else {
            let message = format!("{owner} has to be a mapping, and this is {}", node.kind());
            return report_wrong_type(node.span, message, Shape::Record(self).advice(node), problems);
        };
        let mut misspelt = Vec::new();
        for entry @ Entry { key, shape, required, support, .. } in self.keys() {
            let found = entries.iter().find(|(name, _)| name.text == *key);
            match found {
                // A value of null counts as absent, but for `push:` and the like, which say all by being there.
                Some((_, Node { value: Value::Null, .. })) if *required => {
                    let message = format!("{owner} has no \"{key}\"");
                    let place = found.map_or(node.span, |(name, _)| name.span);
                    problems.report_with_hint(Code::MissingKey, place, message, entry.advice());
                }
                Some((_, Node { value: Value::Null, .. })) => {}
                Some((name, value)) => {
                    support.report(name, owner, problems);
                    shape.check(value, Place { owner, key, entry: false }, problems);
                }
                None if *required && !self.is_misspelt(node, key) => {
                    let message = format!("{owner} has no \"{key}\"");
                    let (place, hint) = match self.misspelling(node, key) {
                        Some(name) => {
                            misspelt.push(name.span);
                            (name.span, format!("write `{key}` instead of `{:.60}`", name.text))
                        }
                        None => (first_place(node), entry.advice()),
                    };
                    problems.report_with_hint(Code::MissingKey, place, message, hint);
                }
                None => {}
            }
        }
        for (name, _) in entries.iter().filter(|(name, _)| !self.keys().any(|entry| entry.key == name.text)) {
            if misspelt.contains(&name.span) {
                continue;
            }
            if self.open {
                let message = format!("{owner}: \"{:.60}\" is kept; kiket does not act on it", name.text);
                problems.report(Code::UnknownKeyKept, name.span, message);
            } else {
                let message = format!("{owner} has no key \"{:.60}\"", name.text);
                problems.report_unknown(
                    Code::UnknownKey,
                    name.span,
                    message,
                    &name.text,
                    self.keys().map(|entry| entry.key),
                );
            }
        }
    }
}

/// A block mapping spans many lines: its place is the first key.
fn first_place(node: &Node) -> Span {
    match &node.value {
        Value::Mapping(entries) => entries.first().map_or(node.span, |(key, _)| key.span),
        _ => node.span,
    }
}

impl Support {
    fn report(self, name: &Key, owner: Owner<'_>, problems: &mut Problems<'_>) {
        match self {
            Self::Full => {}
            Self::Checked => {
                let message = format!("{owner}: \"{}\" is checked, and this version does not act on it yet", name.text);
                problems.report(Code::NotActedOnYet, name.span, message);
            }
            Self::Refused => {
                let message = format!("{owner}: \"{}\" is not supported yet", name.text);
                let hint = "remove it: this version would not act on it, and that would change what the rest means";
                problems.report_with_hint(Code::NotSupported, name.span, message, hint);
            }
        }
    }
}

impl Shape {
    fn check(&'static self, node: &Node, place: Place<'_>, problems: &mut Problems<'_>) {
        match (self, &node.value) {
            (Self::Any | Self::Template, _)
            | (Self::Nothing, Value::Null)
            | (Self::Text, Value::String(_))
            | (Self::Scalar, Value::String(_) | Value::Number(_) | Value::Bool(_))
            | (Self::Boolean, Value::Bool(_))
            | (Self::Condition, Value::String(_) | Value::Bool(_))
            | (Self::Templates | Self::Schema, Value::Mapping(_)) => {}
            (Self::Integer { min, max }, Value::Number(number)) => match number.as_i64() {
                Some(whole) if (*min..=*max).contains(&whole) => {}
                _ => problems.report(
                    Code::InvalidValue,
                    node.span,
                    format!("{place} has to be a whole number from {min} to {max}, and this is {number}"),
                ),
            },
            (Self::Number { min, max }, Value::Number(number)) => {
                if !number.as_f64().is_some_and(|value| (*min..=*max).contains(&value)) {
                    let message = format!("{place} has to be a number from {min} to {max}, and this is {number}");
                    problems.report(Code::InvalidValue, node.span, message);
                }
            }
            (Self::Duration, Value::String(text)) => {
                if duration::parse(text).is_none() {
                    let message = format!("{place}: \"{text:.60}\" is not a duration");
                    let hint = "write 90s, 15m, 4h, 3d or ISO 8601 such as PT15M; the longest is ten years";
                    problems.report_with_hint(Code::InvalidValue, node.span, message, hint);
                }
            }
            (Self::Size { max }, Value::String(text)) => {
                let amount = size::parse(text);
                check_size(amount, &format!("\"{text:.60}\""), *max, node.span, place, problems);
            }
            (Self::Size { max }, Value::Number(number)) => {
                let amount = number.as_u64().filter(|bytes| *bytes > 0);
                check_size(amount, &number.to_string(), *max, node.span, place, problems);
            }
            (Self::Id(rule), Value::String(id)) => check_id(*rule, id, node.span, place.owner.name, problems),
            (Self::Word(words), Value::String(text)) => {
                if !words.contains(&text.as_str()) {
                    let message = format!("{place} cannot be \"{text:.60}\"");
                    problems.report_unknown(Code::InvalidValue, node.span, message, text, words.iter().copied());
                }
            }
            (Self::List(shape) | Self::OneOrList(shape), Value::Sequence(items)) => {
                for item in items {
                    shape.check(item, Place { entry: true, ..place }, problems);
                }
            }
            (Self::OneOrList(shape), _) => shape.check(node, place, problems),
            (Self::Map(keys, shape), Value::Mapping(entries)) => check_map(keys, shape, node, entries, place, problems),
            (Self::Record(record), Value::Mapping(_)) => {
                let label = if place.entry { label(node) } else { None };
                record.check_as(node, Owner { name: record.name, label }, problems);
            }
            (Self::Either([_, ..]) | Self::Tagged { .. }, _) => self.chosen(node).check(node, place, problems),
            _ => {
                let message = format!("{place} has to be {}, and this is {}", self.expected(), node.kind());
                report_wrong_type(node.span, message, self.advice(node), problems);
            }
        }
    }

    /// Returns the shape that is meant where this one leaves a choice.
    fn chosen(&'static self, node: &Node) -> &'static Self {
        let mut shape = self;
        loop {
            shape = match shape {
                Self::Either([first, rest @ ..]) => {
                    let last = rest.last().unwrap_or(first);
                    std::iter::once(first).chain(rest).find(|shape| shape.takes(node)).unwrap_or(last)
                }
                Self::Tagged { keys, then, otherwise } => {
                    if keys.iter().any(|key| node.get(key).is_some()) {
                        then
                    } else {
                        otherwise
                    }
                }
                _ => return shape,
            }
        }
    }

    /// Tells whether a value is of the kind that this shape is about.
    fn takes(&'static self, node: &Node) -> bool {
        match self {
            Self::Either(shapes) => return shapes.iter().any(|shape| shape.takes(node)),
            Self::Tagged { .. } => return self.chosen(node).takes(node),
            _ => {}
        }
        matches!(
            (self, &node.value),
            (Self::Any | Self::Template, _)
                | (Self::Nothing, Value::Null)
                | (Self::Text | Self::Duration | Self::Id(_) | Self::Word(_), Value::String(_))
                | (Self::Scalar, Value::String(_) | Value::Number(_) | Value::Bool(_))
                | (Self::Condition, Value::String(_) | Value::Bool(_))
                | (Self::Boolean, Value::Bool(_))
                | (Self::Integer { .. } | Self::Number { .. }, Value::Number(_))
                | (Self::Size { .. }, Value::String(_) | Value::Number(_))
                | (Self::List(_), Value::Sequence(_))
                | (Self::OneOrList(_), _)
                | (Self::Map(..) | Self::Record(_) | Self::Templates | Self::Schema, Value::Mapping(_))
        )
    }

    /// Says what this shape takes, with its article.
    fn expected(&self) -> String {
        match self {
            Self::Any | Self::Template => "a value".to_owned(),
            Self::Nothing => "nothing".to_owned(),
            Self::Text | Self::Id(_) => "text".to_owned(),
            Self::Scalar => "text, a number or a boolean".to_owned(),
            Self::Boolean => "true or false".to_owned(),
            Self::Integer { .. } => "a whole number".to_owned(),
            Self::Number { .. } => "a number".to_owned(),
            Self::Duration => "a duration such as 90s, 15m, 4h or 3d".to_owned(),
            Self::Size { .. } => "an amount of bytes such as 512KiB, 1MiB or 2GiB".to_owned(),
            Self::Word(words) => format!("one of {}", words.join(", ")),
            Self::Condition => "an expression".to_owned(),
            Self::Schema => "a JSON Schema".to_owned(),
            Self::List(_) | Self::OneOrList(_) => "a list".to_owned(),
            Self::Map(..) | Self::Record(_) | Self::Templates => "a mapping".to_owned(),
            Self::Either(shapes) => shapes.last().map_or_else(String::new, Self::expected),
            Self::Tagged { otherwise, .. } => otherwise.expected(),
        }
    }
}

fn report_wrong_type(span: Span, message: String, advice: Option<String>, problems: &mut Problems<'_>) {
    match advice {
        Some(advice) => problems.report_with_hint(Code::WrongType, span, message, advice),
        None => problems.report(Code::WrongType, span, message),
    }
}

fn check_map(
    keys: &'static Keys,
    shape: &'static Shape,
    node: &Node,
    entries: &[(Key, Node)],
    place: Place<'_>,
    problems: &mut Problems<'_>,
) {
    if entries.is_empty() && keys.required {
        problems.report(Code::MissingKey, node.span, format!("{place} lists no {}", keys.name));
    }
    for (key, value) in entries {
        let owner = Owner { name: keys.name, label: Some(&key.text) };
        let shape = shape.chosen(value);
        if let Shape::Record(record) = shape
            && record.is_misplaced(&key.text, value)
        {
            let message = format!("\"{}\" belongs inside a {}, and stands beside it", key.text, keys.name);
            let hint = format!("indent it as far as the other keys of the {}", keys.name);
            problems.report_with_hint(Code::UnknownKey, key.span, message, hint);
            continue;
        }
        if let Some(rule) = keys.rule {
            check_id(rule, &key.text, key.span, keys.name, problems);
        }
        match (shape, &value.value) {
            (Shape::Record(_), Value::Null) => {
                let message = format!("{owner} has to be a mapping, and there is nothing in it");
                problems.report(Code::WrongType, key.span, message);
            }
            // Says itself what is wrong with a value that is no mapping.
            (Shape::Record(record), _) => record.check_as(value, owner, problems),
            (shape, _) => shape.check(value, Place { owner, key: "", entry: false }, problems),
        }
    }
}

/// What an entry of a list calls itself.
fn label(node: &Node) -> Option<&str> {
    ["id", "key", "name"].into_iter().find_map(|key| node.get(key)?.as_str())
}
