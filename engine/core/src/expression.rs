//! Expressions: CEL over what a run knows, within limits on size, depth and cost.
//!
//! Evaluating is pure: a scope comes in, a JSON value or an error goes out. An
//! expression reads data and never becomes code.

mod names;
mod placeholders;
mod scope;
mod syntax;
mod template;

use std::fmt;
use std::sync::{Arc, LazyLock};

use cel::common::ast::IdedExpr;
use cel::{Context, Env};
use serde_json::Value;

use crate::diagnostic::Span;

pub use names::Names;
pub use placeholders::Placeholders;
pub use scope::Scope;
pub use template::Template;
pub(crate) use template::parse_condition;

/// Longest source of one expression, in bytes.
pub const MAX_SOURCE: usize = 4 * 1024;
/// Deepest nesting of one expression.
pub const MAX_DEPTH: u16 = 64;
/// Most syntax nodes in one expression.
pub const MAX_NODES: usize = 500;
/// Most steps that the loops (`all`, `map` …) of one expression may take, as far as
/// the size of the scope bounds them.
pub const MAX_COST: u64 = 1_000_000;

static ENVIRONMENT: LazyLock<Arc<Env>> = LazyLock::new(|| Arc::new(Env::stdlib()));

/// A compiled expression.
#[derive(Clone)]
pub struct Expression {
    source: Arc<str>,
    syntax: Arc<IdedExpr>,
    shape: Arc<syntax::Shape>,
    span: Span,
}

/// Why a text is not an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct InvalidExpression {
    /// What is wrong.
    pub message: String,
    /// How many bytes into the text.
    pub offset: usize,
    /// What to do about it, where that is known.
    pub hint: Option<&'static str>,
}

/// Why an expression has no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the expression `{expression}` has no value: {reason}")]
pub struct EvaluationError {
    /// The expression's source.
    pub expression: String,
    /// Why.
    pub reason: String,
}

impl Expression {
    /// Compiles an expression.
    pub fn parse(source: &str) -> Result<Self, InvalidExpression> {
        if source.len() > MAX_SOURCE {
            let message = format!("an expression has at most {MAX_SOURCE} bytes, and this one has {}", source.len());
            return Err(InvalidExpression { message, offset: 0, hint: None });
        }
        let syntax = syntax::parse(source)?;
        let shape = syntax::Shape::of(&syntax);
        Ok(Self { source: source.into(), syntax: Arc::new(syntax), shape: Arc::new(shape), span: Span::default() })
    }

    /// Returns the text that was compiled.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the names that have to come from the scope, without repeats.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.shape.names.iter().map(String::as_str)
    }

    /// Returns the members that are read of names from the scope: `("stages", "build")` for `stages.build.outputs`.
    pub fn members(&self) -> impl Iterator<Item = (&str, &str)> {
        self.shape.members.iter().map(|(root, member)| (root.as_str(), member.as_str()))
    }

    /// Returns the secrets that it names: `TOKEN` for `secret("TOKEN")`.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.shape.secrets.iter().map(String::as_str)
    }

    /// Returns where it stands; a line of 0 where it was not read from a source.
    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Says where it stands.
    pub(crate) fn at(mut self, span: Span) -> Self {
        self.span = span;
        self
    }

    /// Evaluates the expression.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, EvaluationError> {
        let fail = |reason: String| EvaluationError { expression: self.source.to_string(), reason };
        let nodes = scope.size().saturating_add(self.source.len() as u64);
        let cost = nodes.saturating_pow(self.shape.loops);
        if self.shape.loops > 1 && cost > MAX_COST {
            return Err(fail(format!(
                "{} loops inside each other over this much data cost too much",
                self.shape.loops
            )));
        }
        let mut context = Context::with_env(Arc::clone(&ENVIRONMENT));
        for name in self.names() {
            if let Some(value) = scope.get(name) {
                context.add_variable_from_value(name, scope::to_cel(value));
            }
        }
        if !self.shape.secrets.is_empty() {
            let placeholders = scope.placeholders().ok_or_else(|| fail("secrets cannot be used here".to_owned()))?;
            let placeholders = placeholders.clone();
            let added = context.add_function("secret", move |name: Arc<String>| placeholders.of(&name));
            added.map_err(|error| fail(error.to_string()))?;
        }
        let value = cel::Value::resolve(&self.syntax, &context).map_err(|error| fail(self.reason(&error)))?;
        value.json().map_err(|_| fail("it is neither text, number, boolean, list nor map".to_owned()))
    }

    fn reason(&self, error: &cel::ExecutionError) -> String {
        match error {
            cel::ExecutionError::NoSuchKey(key) if self.members().any(|member| member == ("env", key.as_str())) => {
                format!(
                    "the project has no value `{key}`: set it with `kiket env set PROJECT {key}=VALUE`, or with \
                     `kiket run --env {key}=VALUE`; runs keep the values they were started with"
                )
            }
            error => lower_first(&error.to_string()),
        }
    }

    /// Evaluates the expression as a condition.
    pub fn holds(&self, scope: &Scope) -> Result<bool, EvaluationError> {
        match self.evaluate(scope)? {
            Value::Bool(holds) => Ok(holds),
            other => {
                let reason = format!("a condition has to be true or false, and this is {other}");
                Err(EvaluationError { expression: self.source.to_string(), reason })
            }
        }
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.source).finish()
    }
}

impl PartialEq for Expression {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

fn lower_first(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| first.to_lowercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn scope() -> Scope {
        Scope::new()
            .with("inputs", json!({"n": 2, "who": "Ada", "list": [1, 2, 3]}))
            .with("git", json!({"branch": "main"}))
    }

    fn evaluate(source: &str) -> Result<Value, String> {
        let expression = Expression::parse(source).map_err(|error| error.to_string())?;
        expression.evaluate(&scope()).map_err(|error| error.reason)
    }

    #[test]
    fn computes_typed_values() {
        assert_eq!(evaluate("inputs.n + 1"), Ok(json!(3)));
        assert_eq!(evaluate("git.branch == 'main' && inputs.who.startsWith('A')"), Ok(json!(true)));
        assert_eq!(evaluate("inputs.list.map(x, x * inputs.n)"), Ok(json!([2, 4, 6])));
        assert_eq!(evaluate("has(inputs.absent) ? 1 : {'a': [true]}"), Ok(json!({"a": [true]})));
    }

    #[test]
    fn says_why_there_is_no_value() {
        assert_eq!(evaluate("inputs.absent"), Err("no such key: absent".to_owned()));
        assert_eq!(evaluate("stages.build.outputs"), Err("undeclared reference to 'stages'".to_owned()));
        let unset = Expression::parse("env.REGION").unwrap().evaluate(&scope().with("env", json!({}))).unwrap_err();
        assert!(unset.reason.contains("`kiket env set PROJECT REGION=VALUE`"), "{unset}");
        assert!(evaluate("1 / 0").is_err());
        assert!(evaluate("1 +").is_err());
        let condition = Expression::parse("inputs.n").unwrap().holds(&scope()).unwrap_err();
        assert_eq!(condition.reason, "a condition has to be true or false, and this is 2");
    }

    #[test]
    fn knows_which_names_come_from_outside() {
        let expression = Expression::parse("inputs.list.exists(x, x == y) && size(git.branch) > 1").unwrap();
        assert_eq!(expression.names().collect::<Vec<_>>(), ["git", "inputs", "y"]);
    }

    #[test]
    fn a_secret_is_a_text_that_stands_for_it() {
        let secret = Expression::parse("inputs.n > 1 ? 'Bearer ' + secret(\"TOKEN\") : secret('OTHER')").unwrap();
        assert_eq!(secret.secrets().collect::<Vec<_>>(), ["OTHER", "TOKEN"]);
        let reason = secret.evaluate(&scope()).unwrap_err().reason;
        assert_eq!(reason, "secrets cannot be used here");
        let scope = scope().with_placeholders(Placeholders::new("n0nce"));
        assert_eq!(secret.evaluate(&scope), Ok(json!("Bearer kiket-secret.n0nce.TOKEN.")));
        let listed = Expression::parse("['a', 'b'].map(x, x + secret('A_1'))").unwrap();
        assert_eq!(listed.evaluate(&scope), Ok(json!(["akiket-secret.n0nce.A_1.", "bkiket-secret.n0nce.A_1."])));
        assert_eq!(Expression::parse("secret + 1").unwrap().names().collect::<Vec<_>>(), ["secret"]);
    }

    #[test]
    fn a_secret_is_named_by_a_text_that_is_written_out() {
        for source in
            ["secret(inputs.who)", "secret('A' + 'B')", "secret()", "secret('A', 'B')", "'A'.secret()", "secret(1)"]
        {
            let error = Expression::parse(source).unwrap_err();
            assert!(error.message.contains("takes one name"), "{source}: {error}");
        }
        for name in ["", "token", "1A", "A-B", "A B", &"A".repeat(65)] {
            let error = Expression::parse(&format!("1 == 1 || secret('{name}') == 'x'")).unwrap_err();
            assert_eq!((error.offset, error.message.contains("cannot be the name of a secret")), (10, true), "{error}");
        }
    }

    #[test]
    fn ends_bombs_in_an_error() {
        let deep = [
            "(".repeat(2_000),
            "!".repeat(4_000),
            "!!(".repeat(40),
            "[".repeat(4_000),
            format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000)),
            format!("a{}", ".b".repeat(2_000)),
            format!("a{}", "[0]".repeat(1_300)),
            "true?".repeat(800),
            "1+".repeat(2_000),
            "x".repeat(MAX_SOURCE + 1),
        ];
        for source in deep {
            assert!(evaluate(&source).is_err(), "{source:.40}");
        }
        assert_eq!(evaluate(&format!("{}1", "-".repeat(4_000))), Ok(json!(1)));
        let data = Scope::new().with("l", json!(vec![0; 2_000]));
        let nested = Expression::parse("l.all(a, l.all(b, l.all(c, true)))").unwrap();
        assert!(nested.evaluate(&data).unwrap_err().reason.contains("cost too much"));
        assert_eq!(Expression::parse("l.all(a, a == 0)").unwrap().holds(&data), Ok(true));
    }
}
