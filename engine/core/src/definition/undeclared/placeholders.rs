//! Values and secrets that texts of a file read: `${env.NAME}`, `{{ secrets.NAME }}`.

use super::uses::{Noun, Use};
use crate::decode::Located;
use crate::diagnostic::Problems;
use crate::yaml::{Node, Value};

/// How many names of one text get a place of their own; finding one takes longer the further behind it stands.
const MAX_PLACED: usize = 64;

/// What names can stand behind.
const ROOTS: [(&str, Noun); 3] = [("env.", Noun::Env), ("secrets.", Noun::Secret), ("secret.", Noun::Secret)];

/// Returns every value and every secret that a text below `root` reads.
pub(super) fn collect(root: &Node, problems: &Problems<'_>) -> Vec<Use> {
    let mut uses = Vec::new();
    let mut open = vec![root];
    while let Some(node) = open.pop() {
        match &node.value {
            Value::Sequence(items) => open.extend(items.iter().rev()),
            Value::Mapping(entries) => open.extend(entries.iter().rev().map(|(_, node)| node)),
            Value::String(text) => {
                for (place, (noun, name)) in read(text).into_iter().enumerate() {
                    let offset = name.as_ptr() as usize - text.as_ptr() as usize;
                    let exact = place < MAX_PLACED;
                    let span = if exact { problems.inside(node.span, text, offset, name.len()) } else { node.span };
                    uses.push(Use::of(noun, Located { value: name.to_owned(), span }));
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    uses
}

/// Returns the names in the brackets of a text. Each character is looked at a few times at most.
fn read(text: &str) -> Vec<(Noun, &str)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let opens = rest[..at].ends_with('$') || rest[at + 1..].starts_with('{');
        let inner = rest[at + 1..].trim_start_matches('{');
        if !opens {
            rest = inner;
            continue;
        }
        let Some(end) = inner.find('}') else { break };
        found.extend(names(&inner[..end]));
        rest = &inner[end..];
    }
    found
}

/// Returns the names that one placeholder reads.
fn names(inner: &str) -> impl Iterator<Item = (Noun, &str)> {
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == '-' || char == '.';
    inner.split(move |char| !is_part(char)).filter_map(|path| {
        let (root, noun) = ROOTS.into_iter().find(|(root, _)| path.starts_with(root))?;
        let name = path[root.len()..].split('.').next().unwrap_or_default();
        (!name.is_empty()).then_some((noun, name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_names_in_brackets_only() {
        let names = |text| read(text).into_iter().map(|(_, name)| name).collect::<Vec<_>>();
        assert_eq!(names("${env.A}/x?t={{ secrets.B | urlencode }}"), ["A", "B"]);
        assert_eq!(names("env.A {env.B} $env.C ${item.env.D} {{ environment.E }}"), [""; 0]);
        assert_eq!(names("${{ env.A }} ${env.B.c} ${ env.A"), ["A", "B"]);
        assert_eq!(names("{{{{env.A}}}} }} {{"), ["A"]);
    }
}
