//! Values with `${{ expressions }}` in them.
//!
//! A text that is one expression alone keeps the expression's type; inside other
//! text the value is written as text; `$${{` stands for itself.

use serde_json::{Map, Value};

use super::{EvaluationError, Expression, Scope};
use crate::diagnostic::{Code, Problems, Span};
use crate::yaml::{self, Node};

/// A JSON value some parts of which are computed.
#[derive(Debug, Clone, PartialEq)]
pub enum Template {
    /// A value without expressions.
    Literal(Value),
    /// One expression alone.
    Expression(Expression),
    /// Text with expressions in it.
    Text(Vec<Part>),
    /// A list with expressions somewhere in it.
    Sequence(Vec<Template>),
    /// A mapping with expressions somewhere in its values.
    Mapping(Vec<(String, Template)>),
}

/// A part of a text.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// Text as it is.
    Literal(String),
    /// An expression whose value is written out.
    Expression(Expression),
}

impl Template {
    /// Reads a template; expressions that cannot be read, or that use a name outside
    /// `names`, are reported.
    pub fn parse(node: &Node, names: &[&str], problems: &mut Problems<'_>) -> Self {
        match &node.value {
            yaml::Value::String(text) => parse_text(text, inside(text, node.span), names, problems),
            yaml::Value::Sequence(items) => {
                let items: Vec<_> = items.iter().map(|item| Self::parse(item, names, problems)).collect();
                if items.iter().all(Self::is_literal) { Self::Literal(node.to_json()) } else { Self::Sequence(items) }
            }
            yaml::Value::Mapping(entries) => {
                let entries: Vec<_> = entries
                    .iter()
                    .map(|(key, value)| (key.text.clone(), Self::parse(value, names, problems)))
                    .collect();
                if entries.iter().all(|(_, value)| value.is_literal()) {
                    let entries = entries.into_iter().map(|(key, value)| (key, value.into_literal()));
                    Self::Literal(Value::Object(entries.collect()))
                } else {
                    Self::Mapping(entries)
                }
            }
            _ => Self::Literal(node.to_json()),
        }
    }

    /// Tells whether nothing has to be computed.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }

    /// Computes the value.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        Ok(match self {
            Self::Literal(value) => value.clone(),
            Self::Expression(expression) => expression.evaluate(scope)?,
            Self::Text(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        Part::Literal(literal) => text.push_str(literal),
                        Part::Expression(expression) => match expression.evaluate(scope)? {
                            Value::String(value) => text.push_str(&value),
                            value => text.push_str(&value.to_string()),
                        },
                    }
                }
                Value::String(text)
            }
            Self::Sequence(items) => {
                Value::Array(items.iter().map(|item| item.evaluate(scope)).collect::<Result<_, _>>()?)
            }
            Self::Mapping(entries) => {
                let mut map = Map::new();
                for (key, value) in entries {
                    map.insert(key.clone(), value.evaluate(scope)?);
                }
                Value::Object(map)
            }
        })
    }

    fn into_literal(self) -> Value {
        match self {
            Self::Literal(value) => value,
            _ => Value::Null,
        }
    }
}

/// Reads an expression that stands alone, with or without `${{ }}` around it, as `when:` takes it.
pub(crate) fn parse_condition(
    text: &str,
    span: Span,
    names: &[&str],
    problems: &mut Problems<'_>,
) -> Option<Expression> {
    let inner = text.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
    let source = inner.unwrap_or(text);
    let span = inside(text, span);
    let before = text.len() - text.trim_start().len() + if inner.is_some() { 3 } else { 0 };
    parse_expression(source, span, before, names, problems)
}

fn parse_text(text: &str, span: Span, names: &[&str], problems: &mut Problems<'_>) -> Template {
    if !text.contains("${{") {
        return Template::Literal(Value::String(text.to_owned()));
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    while let Some(start) = rest.find("${{") {
        let (before, from) = rest.split_at(start);
        if let Some(before) = before.strip_suffix('$') {
            literal.push_str(before);
            literal.push_str("${{");
            rest = &from[3..];
            continue;
        }
        literal.push_str(before);
        let offset = text.len() - from.len();
        let Some(end) = end_of(&from[3..]) else {
            let span = shift(span, text, offset, from);
            problems.report_with_hint(
                Code::InvalidExpression,
                span,
                "`${{` is never closed",
                "close it with `}}`, or write `$${{` for the text itself",
            );
            return Template::Literal(Value::Null);
        };
        let expression = parse_expression(&from[3..3 + end], span, offset + 3, names, problems);
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.extend(expression.map(Part::Expression));
        rest = &from[3 + end + 2..];
    }
    literal.push_str(rest);
    match (parts.as_slice(), literal.is_empty()) {
        ([], _) => Template::Literal(Value::String(literal)),
        ([Part::Expression(only)], true) => Template::Expression(only.clone()),
        (_, true) => Template::Text(parts),
        (_, false) => {
            parts.push(Part::Literal(literal));
            Template::Text(parts)
        }
    }
}

/// Returns where the `}}` stands that closes an expression; those inside quotes do not.
fn end_of(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut quote = None;
    let mut braces = 0_usize;
    let mut index = 0;
    while index < bytes.len() {
        match (quote, bytes[index]) {
            (Some(_), b'\\') => index += 1,
            (Some(open), byte) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, byte @ (b'\'' | b'"')) => quote = Some(byte),
            (None, b'{') => braces += 1,
            (None, b'}') if braces > 0 => braces -= 1,
            (None, b'}') if bytes.get(index + 1) == Some(&b'}') => return Some(index),
            (None, _) => {}
        }
        index += 1;
    }
    None
}

fn parse_expression(
    source: &str,
    span: Span,
    offset: usize,
    names: &[&str],
    problems: &mut Problems<'_>,
) -> Option<Expression> {
    let trimmed = source.trim_start();
    let offset = offset + source.len() - trimmed.len();
    let expression = match Expression::parse(trimmed.trim_end()) {
        Ok(expression) => expression,
        Err(error) => {
            let place = Span { column: span.column + narrow(offset) + error.offset, length: 1, ..span };
            problems.report(Code::InvalidExpression, place, format!("`{:.60}`: {error}", trimmed.trim_end()));
            return None;
        }
    };
    for name in expression.names().filter(|name| !names.contains(name)) {
        let at = trimmed.find(name).unwrap_or_default();
        let place = Span { column: span.column + narrow(offset + at), length: narrow(name.len()), ..span };
        let message = format!("no expression can use the name \"{name}\" here");
        problems.report_unknown(Code::UnknownName, place, message, name, names.iter().copied());
    }
    Some(expression)
}

/// Returns where the text itself begins: behind the quote where it has one.
fn inside(text: &str, span: Span) -> Span {
    let quoted = span.length > narrow(text.chars().count());
    Span { column: span.column + u32::from(quoted), ..span }
}

fn shift(span: Span, text: &str, offset: usize, rest: &str) -> Span {
    let column = span.column + narrow(text[..offset].chars().count());
    Span { column, length: narrow(rest.chars().count()), ..span }
}

fn narrow(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(text: &str) -> Result<Template, String> {
        let node = Node { value: yaml::Value::String(text.to_owned()), span: Span { line: 1, column: 1, length: 1 } };
        let mut problems = Problems::new("a.yaml");
        let template = Template::parse(&node, &["inputs"], &mut problems);
        match problems.into_diagnostics().first() {
            None => Ok(template),
            Some(found) => Err(format!("{} {}: {}", found.code, found.span.column, found.message)),
        }
    }

    fn value(text: &str) -> Value {
        let scope = Scope::new().with("inputs", json!({"n": 2, "s": "x"}));
        template(text).unwrap().evaluate(&scope).unwrap()
    }

    #[test]
    fn alone_it_keeps_its_type_and_in_text_it_is_text() {
        assert_eq!(value("${{ inputs.n }}"), json!(2));
        assert_eq!(value("v${{ inputs.n }}-${{inputs.s}}!"), json!("v2-x!"));
        assert_eq!(value("${{ {'a': {'b': '}}'}} }}"), json!({"a": {"b": "}}"}}));
        assert_eq!(value("$${{ inputs.n }} and ${{ inputs.n }}"), json!("${{ inputs.n }} and 2"));
        assert_eq!(value("a $ b {{ c }}"), json!("a $ b {{ c }}"));
    }

    #[test]
    fn points_at_what_is_wrong_inside_the_text() {
        assert_eq!(template("ab ${{ inputs.n"), Err("E0111 4: `${{` is never closed".to_owned()));
        assert_eq!(
            template("ab ${{ input.n }}"),
            Err("E0112 8: no expression can use the name \"input\" here".to_owned())
        );
        assert!(template("${{ 1 + }}").unwrap_err().starts_with("E0111 "));
    }
}
