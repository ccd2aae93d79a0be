//! The shape of an expression: which names and secrets it takes from outside and how deep its loops nest.

use std::collections::BTreeSet;

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr, LiteralValue};
use cel::parser::PrattParser;

use super::names::word;
use super::{InvalidExpression, MAX_DEPTH, MAX_NODES};
use crate::shape::IdRule;

/// What is known of an expression without evaluating it.
#[derive(Debug, Clone, Default)]
pub(super) struct Shape {
    /// Names that come from the scope.
    pub(super) names: BTreeSet<String>,
    /// Members that are read of those names: `stages.build`, `stages["build"]`.
    pub(super) members: BTreeSet<(String, String)>,
    /// Secrets that are named.
    pub(super) secrets: BTreeSet<String>,
    /// How many loops stand inside each other at most.
    pub(super) loops: u32,
}

/// Parses within the limits on depth and size: the parser refuses before it has built anything deep.
///
/// The library's other parser, its default, needs a gigabyte for 125 bytes of `!!(!!(`.
pub(super) fn parse(source: &str) -> Result<IdedExpr, InvalidExpression> {
    let parser = PrattParser::new().max_recursion_depth(MAX_DEPTH).max_expression_node_count(MAX_NODES);
    let syntax = parser.parse(source).map_err(|errors| invalid(source, &errors))?;
    if depth(&syntax) > usize::from(MAX_DEPTH) {
        let message = format!("nested deeper than {MAX_DEPTH} levels");
        return Err(InvalidExpression { message, offset: 0, hint: None });
    }
    refuse_computed_secrets(source, &syntax)?;
    Ok(syntax)
}

/// Refuses a secret that is not named by one text which is written out: which secrets a definition uses has to be
/// known without running it.
fn refuse_computed_secrets(source: &str, syntax: &IdedExpr) -> Result<(), InvalidExpression> {
    let mut open = vec![syntax];
    while let Some(expression) = open.pop() {
        each_part(&expression.expr, |part| open.push(part));
        let Expr::Call(call) = &expression.expr else { continue };
        if call.func_name != SECRET {
            continue;
        }
        let offset = word(source, SECRET);
        match secret_name(call) {
            Some(name) if IdRule::Secret.allows(name) => {}
            Some(name) => {
                let message = format!("\"{name:.80}\" cannot be the name of a secret");
                return Err(InvalidExpression { message, offset, hint: Some(IdRule::Secret.hint()) });
            }
            None => {
                let message = "`secret` takes one name, which is written out".to_owned();
                return Err(InvalidExpression { message, offset, hint: Some("write secret(\"TOKEN\")") });
            }
        }
    }
    Ok(())
}

/// The function that names a secret.
const SECRET: &str = "secret";

/// Returns the name that a call of [`SECRET`] is about, where it is called as it has to be.
fn secret_name(call: &CallExpr) -> Option<&str> {
    match (&call.target, call.args.as_slice()) {
        (None, [IdedExpr { expr: Expr::Literal(LiteralValue::String(name)), .. }]) => Some(name.inner()),
        _ => None,
    }
}

/// Counts levels without recursion: a chain such as `a.b.b.b` is deep although its text does not nest.
fn depth(expression: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut open = vec![(expression, 1)];
    while let Some((expression, level)) = open.pop() {
        deepest = deepest.max(level);
        each_part(&expression.expr, |part| open.push((part, level + 1)));
    }
    deepest
}

fn each_part<'e>(expression: &'e Expr, mut visit: impl FnMut(&'e IdedExpr)) {
    let visit_entry = |entry: &'e EntryExpr, visit: &mut dyn FnMut(&'e IdedExpr)| match entry {
        EntryExpr::StructField(field) => visit(&field.value),
        EntryExpr::MapEntry(entry) => {
            visit(&entry.key);
            visit(&entry.value);
        }
    };
    match expression {
        Expr::Unspecified | Expr::Literal(_) | Expr::Ident(_) => {}
        Expr::Call(call) => call.target.iter().map(AsRef::as_ref).chain(&call.args).for_each(visit),
        Expr::List(list) => list.elements.iter().for_each(visit),
        Expr::Select(select) => visit(&select.operand),
        Expr::Map(map) => map.entries.iter().for_each(|entry| visit_entry(&entry.expr, &mut visit)),
        Expr::Struct(made) => made.entries.iter().for_each(|entry| visit_entry(&entry.expr, &mut visit)),
        Expr::Comprehension(comprehension) => {
            let parts = [&comprehension.iter_range, &comprehension.accu_init, &comprehension.loop_cond];
            parts.into_iter().chain([&comprehension.loop_step, &comprehension.result]).for_each(visit);
        }
    }
}

fn invalid(source: &str, errors: &cel::ParseErrors) -> InvalidExpression {
    if source.is_empty() {
        return InvalidExpression { message: "it is empty".to_owned(), offset: 0, hint: None };
    }
    let Some(first) = errors.errors.first() else {
        return InvalidExpression { message: "it is not one".to_owned(), offset: 0, hint: None };
    };
    // The parser counts lines and columns, in characters, from 1.
    let (line, column) = (usize::try_from(first.pos.0).unwrap_or(1), usize::try_from(first.pos.1).unwrap_or(1));
    let before: usize = source.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let inside = source[before..].char_indices().nth(column.saturating_sub(1));
    let offset = inside.map_or(source.len(), |(at, _)| before + at);
    let message = first.msg.lines().next().unwrap_or_default().trim_end_matches('.');
    let message = plain(message.strip_prefix("Syntax error: ").unwrap_or(message));
    match slip(&source[offset..]) {
        Some((message, hint)) => InvalidExpression { message: message.to_owned(), offset, hint: Some(hint) },
        None => InvalidExpression { message, offset, hint: None },
    }
}

/// The parser's words, without those that only it knows.
fn plain(message: &str) -> String {
    match message.strip_prefix("mismatched input ").and_then(|rest| rest.split_once(" expecting ")) {
        Some(("<EOF>" | "'<EOF>'", "expression")) => "it ends where a value is missing".to_owned(),
        Some(("<EOF>" | "'<EOF>'", expected)) => format!("it ends and {expected} is missing"),
        Some((found, _)) => format!("{found} cannot stand here"),
        None => message.to_owned(),
    }
}

/// What people write who have another language in mind, told by what the parser stumbled over.
fn slip(rest: &str) -> Option<(&'static str, &'static str)> {
    let end = rest.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(rest.len());
    match &rest[..end] {
        "and" => Some(("there is no operator `and`", "write `&&`")),
        "or" => Some(("there is no operator `or`", "write `||`")),
        "is" => Some(("there is no operator `is`", "write `==`")),
        "" if rest.starts_with("=") && !rest.starts_with("==") => Some(("`=` compares nothing", "write `==`")),
        "" if rest.starts_with(['\'', '"']) && rest.matches(&rest[..1]).count() == 1 => {
            Some(("a quote is never closed", "close it where the text ends"))
        }
        _ => None,
    }
}

impl Shape {
    pub(super) fn of(expression: &IdedExpr) -> Self {
        let mut shape = Self::default();
        shape.visit(expression, &mut Vec::new(), 0);
        shape
    }

    fn visit<'e>(&mut self, expression: &'e IdedExpr, bound: &mut Vec<&'e str>, loops: u32) {
        self.loops = self.loops.max(loops);
        match &expression.expr {
            Expr::Ident(name) if !name.starts_with('@') && !bound.contains(&name.as_str()) => {
                self.names.insert(name.clone());
            }
            Expr::Select(select) if free_name(&select.operand, bound).is_some() && !select.test => {
                self.read(&select.operand, &select.field, bound);
                self.visit(&select.operand, bound, loops);
            }
            Expr::Call(call) if call.func_name == "_[_]" && call.args.len() == 2 => {
                if let Expr::Literal(LiteralValue::String(field)) = &call.args[1].expr {
                    self.read(&call.args[0], field.inner(), bound);
                }
                call.args.iter().for_each(|part| self.visit(part, bound, loops));
            }
            Expr::Call(call) if call.func_name == SECRET => {
                self.secrets.extend(secret_name(call).map(str::to_owned));
            }
            Expr::Comprehension(comprehension) => {
                self.visit(&comprehension.iter_range, bound, loops);
                self.visit(&comprehension.accu_init, bound, loops);
                let outer = bound.len();
                bound.push(&comprehension.iter_var);
                bound.extend(comprehension.iter_var2.as_deref());
                bound.push(&comprehension.accu_var);
                for part in [&comprehension.loop_cond, &comprehension.loop_step, &comprehension.result] {
                    self.visit(part, bound, loops + 1);
                }
                bound.truncate(outer);
            }
            other => each_part(other, |part| self.visit(part, bound, loops)),
        }
    }

    fn read(&mut self, operand: &IdedExpr, field: &str, bound: &[&str]) {
        if let Some(name) = free_name(operand, bound) {
            self.members.insert((name.to_owned(), field.to_owned()));
        }
    }
}

/// Returns the name that comes from the scope, where the expression is one.
fn free_name<'e>(expression: &'e IdedExpr, bound: &[&str]) -> Option<&'e str> {
    match &expression.expr {
        Expr::Ident(name) if !name.starts_with('@') && !bound.contains(&name.as_str()) => Some(name),
        _ => None,
    }
}
