//! Who may agree, in every form that Kiket's files have for it.

use super::approval::Approver;
use super::words::Words;
use crate::decode::{Located, items};
use crate::diagnostic::{Code, Problems};
use crate::shape::{Record, Shape, open, optional};
use crate::yaml::Node;

/// Somebody who may agree: a role's name, or a mapping that says more.
pub(super) const APPROVER: Shape = Shape::Either(&[Shape::Text, Shape::Record(&ASSIGNMENT)]);

static ASSIGNMENT: Record = open(
    "assignment",
    "Somebody who may agree: everybody in a role, or one user.",
    &[
        optional("role", Shape::Text, "A role of the project."),
        optional("user", Shape::Text, "A user."),
        optional("type", Shape::Scalar, "What the identifier names: role or user."),
        optional("identifier", Shape::Text, "The role or the user."),
    ],
);

/// Reads a list of people who may agree.
pub(super) fn decode_approvers(node: Option<&Node>, problems: &mut Problems<'_>) -> Vec<Located<Approver>> {
    items(node).iter().map(|node| decode_approver(node, problems)).collect()
}

static KINDS: Words<fn(String) -> Approver> =
    Words { what: "a kind of assignment", words: &[("role", Approver::Role), ("user", Approver::User)] };

/// Reads somebody who may agree. One that names nobody is kept as a role that nobody has: leaving it out would let
/// everybody agree.
pub(super) fn decode_approver(node: &Node, problems: &mut Problems<'_>) -> Located<Approver> {
    let kind = KINDS.read(node.get("type"), problems).unwrap_or(Approver::Role);
    let named = [("role", Approver::Role as fn(String) -> Approver), ("user", Approver::User), ("identifier", kind)]
        .into_iter()
        .find_map(|(key, kind)| Some((node.get(key).and_then(Located::text)?, kind)))
        .or_else(|| Some((Located::text(node)?, Approver::Role)));
    match named {
        Some((name, kind)) => Located { value: kind(name.value), span: name.span },
        None => {
            let message = "an approver that names neither a role nor a user: nobody can agree for it";
            problems.report_with_hint(Code::UndeclaredRole, node.span, message, "write role: or user: with a name");
            Located { value: Approver::Role(String::new()), span: node.span }
        }
    }
}
