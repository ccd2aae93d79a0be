//! Warnings about people: roles, groups and whoever is given work by name.

use super::MAX_KNOWN;
use super::declared::Declared;
use super::uses::{Noun, Use};
use crate::diagnostic::{Code, Problems};

const HINT: &str = "declare roles in .kiket/project.yaml, below project: team: roles:";

/// Most names that one message lists.
const LISTED: usize = 5;

/// Reports the people that nothing declares, in the order of their places. Where nobody is declared at all that is
/// said once.
pub(super) fn report(people: &[Use], declared: &Declared, problems: &mut Problems<'_>) {
    let Some(first) = people.first() else { return };
    if declared.roles.is_empty() && declared.groups.is_empty() && declared.members.is_empty() {
        let message = format!("the project declares no roles, and this file names {}", listed(people));
        return problems.report_with_hint(Code::UndeclaredRole, first.span, message, HINT);
    }
    for found in people {
        let name = &found.name;
        let (kinds, others) = match found.noun {
            Noun::Team => ("group and no role", Some(&declared.groups)),
            Noun::Assignee => ("role and no member", Some(&declared.members)),
            _ => ("role", None),
        };
        let message = format!("the project declares no {kinds} \"{name:.80}\"");
        let known = declared.roles.iter().chain(others.into_iter().flatten());
        let known: Vec<&str> = known.take(MAX_KNOWN).map(String::as_str).collect();
        if known.is_empty() {
            problems.report_with_hint(Code::UndeclaredRole, found.span, message, HINT);
        } else {
            problems.report_unknown(Code::UndeclaredRole, found.span, message, name, known);
        }
    }
}

/// `"a", "b" and 3 more`
fn listed(people: &[Use]) -> String {
    let mut names: Vec<String> = people.iter().take(LISTED).map(|found| format!("\"{:.80}\"", found.name)).collect();
    match people.len() - names.len() {
        0 => {}
        more => names.push(format!("{more} more")),
    }
    match names.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        _ => names.concat(),
    }
}
