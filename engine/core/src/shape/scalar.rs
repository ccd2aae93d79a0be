//! Texts and numbers that have a form of their own: amounts of bytes and ids.

use super::IdRule;
use super::place::Place;
use crate::diagnostic::{Code, Problems, Span};
use crate::size;

/// Reports an amount of bytes that is none, which is `None`, or too much.
pub(super) fn check_size(
    amount: Option<u64>,
    shown: &str,
    max: u64,
    span: Span,
    place: Place<'_>,
    problems: &mut Problems<'_>,
) {
    match amount {
        Some(bytes) if bytes <= max => {}
        Some(_) => {
            let message = format!("{place} is at most {}, and this is {shown}", size::write(max));
            problems.report(Code::InvalidValue, span, message);
        }
        None => {
            let message = format!("{place}: {shown} is not an amount of bytes");
            let hint = "write 512KiB, 1MiB, 2GiB or a whole number of bytes";
            problems.report_with_hint(Code::InvalidValue, span, message, hint);
        }
    }
}

/// Reports an id that breaks its rule; `what` is what it is the id of.
pub(super) fn check_id(rule: IdRule, id: &str, span: Span, what: &str, problems: &mut Problems<'_>) {
    if !rule.allows(id) {
        let what = what.trim_start_matches("the ");
        let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        let message = format!("\"{id:.80}\" cannot be the id of {article} {what}");
        problems.report_with_hint(Code::InvalidId, span, message, rule.hint());
    }
}
