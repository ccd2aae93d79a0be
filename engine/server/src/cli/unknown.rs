//! Names on the command line that are not known, and what was probably meant.

use kiket_core::diagnostic::{Code, Problems, Span};

use super::text::clean;

/// Says that there is no such thing, and guesses as the diagnostics of definitions do.
pub(super) fn unknown<'n>(what: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> anyhow::Error {
    let mut problems = Problems::new("");
    problems.report_unknown(Code::UnknownName, Span::default(), "", name, known);
    let hint = problems.into_diagnostics().pop().and_then(|found| found.hint);
    let hint = hint.map(|hint| format!("\nhelp: {}", clean(&hint))).unwrap_or_default();
    anyhow::anyhow!("there is no {what} `{}`{hint}", clean(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_what_was_meant_or_lists_what_there_is() {
        let known = ["release", "hello"];
        let said = |name, known: &[&'static str]| unknown("pipeline", name, known.iter().copied()).to_string();
        assert_eq!(said("relaese", &known), "there is no pipeline `relaese`\nhelp: did you mean \"release\"?");
        assert_eq!(said("x\u{7}", &known), "there is no pipeline `x\u{fffd}`\nhelp: known here: hello, release");
        assert_eq!(said("x", &[]), "there is no pipeline `x`");
    }
}
