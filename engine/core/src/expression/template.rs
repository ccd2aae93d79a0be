//! Values with `${{ expressions }}` in them.
//!
//! A text that is one expression alone keeps the expression's type; inside other
//! text the value is written as text; `$${{` stands for itself.

use serde_json::{Map, Value};

use super::names::{Names, Whole};
use super::{EvaluationError, Expression, Scope};
use crate::decode::entries;
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
    /// Reads a template; expressions that cannot be read, or that use a name which is not known, are reported.
    pub fn parse(node: &Node, names: &Names<'_>, problems: &mut Problems<'_>) -> Self {
        match &node.value {
            yaml::Value::String(text) => parse_text(text, node.span, names, problems),
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

    /// Reads a template for each entry of a mapping.
    pub(crate) fn parse_entries(
        node: Option<&Node>,
        names: &Names<'_>,
        problems: &mut Problems<'_>,
    ) -> Vec<(String, Self)> {
        entries(node).map(|(key, node)| (key.text.clone(), Self::parse(node, names, problems))).collect()
    }

    /// Returns a mapping without entries.
    #[must_use]
    pub fn empty() -> Self {
        Self::Literal(Value::Object(Map::new()))
    }

    /// Returns all expressions in it.
    pub fn expressions(&self) -> Vec<&Expression> {
        match self {
            Self::Literal(_) => Vec::new(),
            Self::Expression(expression) => vec![expression],
            Self::Text(parts) => parts
                .iter()
                .filter_map(|part| match part {
                    Part::Literal(_) => None,
                    Part::Expression(expression) => Some(expression),
                })
                .collect(),
            Self::Sequence(items) => items.iter().flat_map(Self::expressions).collect(),
            Self::Mapping(entries) => entries.iter().flat_map(|(_, value)| value.expressions()).collect(),
        }
    }

    /// Returns the secrets that it names, and the expressions that name them; a name may come several times.
    pub fn secrets(&self) -> impl Iterator<Item = (&str, &Expression)> {
        let expressions = self.expressions().into_iter();
        expressions.flat_map(|expression| expression.secrets().map(move |name| (name, expression)))
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

/// Reads a condition: an expression that stands alone, with or without `${{ }}` around it, or a boolean.
pub(crate) fn parse_condition(node: &Node, names: &Names<'_>, problems: &mut Problems<'_>) -> Option<Expression> {
    match &node.value {
        yaml::Value::String(text) => {
            let inner = text.trim().strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
            let source = inner.unwrap_or(text);
            let offset = source.as_ptr() as usize - text.as_ptr() as usize;
            names.parse(Whole { text, span: node.span }, offset, source.len(), problems)
        }
        yaml::Value::Bool(value) => Expression::parse(if *value { "true" } else { "false" }).ok(),
        _ => None,
    }
}

/// Most expressions in one text: each is looked for from the beginning of it to say where it stands.
const MAX_EXPRESSIONS: usize = 100;

fn parse_text(text: &str, span: Span, names: &Names<'_>, problems: &mut Problems<'_>) -> Template {
    if !text.contains("${{") {
        return Template::Literal(Value::String(text.to_owned()));
    }
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut rest = text;
    let mut count = 0;
    while let Some(start) = rest.find("${{") {
        let (before, from) = rest.split_at(start);
        if let Some(before) = before.strip_suffix('$') {
            literal.push_str(before);
            literal.push_str("${{");
            rest = &from[3..];
            continue;
        }
        literal.push_str(before);
        count += 1;
        if count > MAX_EXPRESSIONS {
            let message = format!("a text has at most {MAX_EXPRESSIONS} expressions");
            problems.report(Code::Budget, span, message);
            return Template::Literal(Value::Null);
        }
        let offset = text.len() - from.len();
        let Some(end) = end_of(&from[3..]) else {
            let place = problems.inside(span, text, offset, from.len());
            let hint = "close it with `}}`, or write `$${{` for the text itself";
            problems.report_with_hint(Code::InvalidExpression, place, "`${{` is never closed", hint);
            return Template::Literal(Value::Null);
        };
        let expression = names.parse(Whole { text, span }, offset + 3, end, problems);
        if !literal.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut literal)));
        }
        parts.extend(expression.map(Part::Expression));
        rest = &from[3 + end + 2..];
    }
    literal.push_str(rest);
    if !literal.is_empty() && !parts.is_empty() {
        parts.push(Part::Literal(std::mem::take(&mut literal)));
    }
    refuse_runon_secrets(&parts, problems);
    match parts.as_slice() {
        [] => Template::Literal(Value::String(literal)),
        [Part::Expression(only)] => Template::Expression(only.clone()),
        _ => Template::Text(parts),
    }
}

/// Reports a secret with text behind it that reads on like its name: nobody could tell where the name ends.
fn refuse_runon_secrets(parts: &[Part], problems: &mut Problems<'_>) {
    for pair in parts.windows(2) {
        let [Part::Expression(expression), Part::Literal(after)] = pair else { continue };
        let reads_on =
            after.starts_with(|char: char| char.is_ascii_uppercase() || char.is_ascii_digit() || char == '_');
        if let (true, Some(name)) = (reads_on, expression.secrets().next()) {
            let message = format!("secret \"{name}\" is followed by text that reads like a part of its name");
            let hint = "put a character between them that no name has, such as a colon or a slash";
            problems.report_with_hint(Code::MisplacedSecret, expression.span(), message, hint);
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::Source;

    fn template(text: &str) -> Result<Template, String> {
        let node = Node { value: yaml::Value::String(text.to_owned()), span: Span { line: 1, column: 1, length: 1 } };
        let source = Source::new("a.yaml", text);
        let mut problems = Problems::of(&source);
        let template = Template::parse(&node, &Names::of(&["inputs"]), &mut problems);
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
