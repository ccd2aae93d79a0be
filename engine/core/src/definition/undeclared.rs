//! What the files of a project name and no file of it declares: roles, extensions, values, workflows, states and
//! types. Each is a warning where it is named, once for a name and a file: the rest of the project works without
//! it, and what a server knows besides is not known here.
//!
//! A pure function of one file and of what all files declare. What is wrong with a file alone is said where it is
//! read: a workflow's transitions between its own states, actions that need an agent or an extension.

mod declared;
mod people;
mod placeholders;
mod uses;
mod walk;

use std::collections::BTreeSet;

use super::{FOLDER, Parsed};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::source::Source;
use uses::{Noun, Use};

pub use declared::Declared;

/// Most warnings of one file: who has more has one cause for them.
const MAX_REPORTED: usize = 100;
/// Most known names that are looked through for one that was meant.
const MAX_KNOWN: usize = 1_000;

/// Returns a warning for everything that a file names and that is not declared.
#[must_use]
pub fn check(source: &Source, parsed: &Parsed, declared: &Declared) -> Vec<Diagnostic> {
    let mut problems = Problems::of(source);
    let path = source.path.strip_prefix(FOLDER).unwrap_or(&source.path);
    let mut uses = walk::collect(path, parsed);
    if parsed.kind.is_none_or(|kind| !kind.is_closed()) {
        uses.extend(parsed.root.iter().flat_map(|root| placeholders::collect(root, &problems)));
    }
    uses.retain(|found| !declared.knows(found));
    uses.sort_by_key(|found| found.span);
    let mut seen = BTreeSet::new();
    uses.retain(|found| seen.insert((found.noun.class(), found.name.clone())));
    uses.truncate(MAX_REPORTED);
    let (people, things): (Vec<Use>, Vec<Use>) = uses.into_iter().partition(|found| found.noun.class() == Noun::Role);
    people::report(&people, declared, &mut problems);
    for thing in &things {
        report(thing, declared, &mut problems);
    }
    problems.into_diagnostics()
}

fn report(found: &Use, declared: &Declared, problems: &mut Problems<'_>) {
    let Use { noun, name, span, workflow, .. } = found;
    let span = *span;
    let shown = format!("{name:.80}");
    match noun {
        Noun::Extension => {
            let message = format!("the project requires extension \"{shown}\", which is not installed");
            if declared.extensions.is_empty() {
                let hint = format!("no file describes it: .kiket/extensions/{shown}/manifest.yaml");
                problems.report_with_hint(Code::NotInstalled, span, message, hint);
            } else {
                unknown(Code::NotInstalled, found, message, declared.extensions.iter(), problems);
            }
        }
        Noun::Env => {
            let message = format!("\"{shown}\" has no value until the project sets it");
            let hint = format!("set it on the server: PUT /api/v1/projects/<project>/env/{shown}");
            problems.report_with_hint(Code::UndeclaredEnv, span, message, hint);
        }
        Noun::Secret => {
            let message = format!("secret \"{shown}\" is not there until the project sets it");
            let hint = format!("set it on the server: PUT /api/v1/projects/<project>/secrets/{shown}");
            problems.report_with_hint(Code::UndeclaredSecret, span, message, hint);
        }
        Noun::Workflow => {
            let message = format!("there is no workflow \"{shown}\"");
            unknown(Code::UnknownTarget, found, message, declared.workflows(), problems);
        }
        Noun::State | Noun::Target => {
            let what = if *noun == Noun::State { "state" } else { "state or transition" };
            let message = match workflow.as_deref() {
                Some(workflow) => format!("workflow \"{workflow:.80}\" has no {what} \"{shown}\""),
                None => format!("no workflow has a {what} \"{shown}\""),
            };
            unknown(Code::UnknownTarget, found, message, declared.states(workflow.as_deref()), problems);
        }
        Noun::Type => {
            let message = format!("there is no item type \"{shown}\"");
            unknown(Code::UnknownTarget, found, message, declared.types(), problems);
        }
        Noun::Role | Noun::Team | Noun::Assignee => {}
    }
}

fn unknown<'n>(
    code: Code,
    found: &Use,
    message: String,
    known: impl Iterator<Item = &'n String>,
    problems: &mut Problems<'_>,
) {
    problems.report_unknown(code, found.span, message, &found.name, known.take(MAX_KNOWN).map(String::as_str));
}
