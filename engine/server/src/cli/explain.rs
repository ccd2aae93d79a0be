//! `kiket explain`: what the codes of diagnostics mean.

use std::process::ExitCode;

use kiket_core::diagnostic::Code;

use super::text::emit;
use super::unknown::unknown;

/// Say what the code of a problem means and what to do
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket explain E0104\n  kiket explain")]
pub(super) struct Arguments {
    /// The code, such as E0104; without one, all codes are listed
    code: Option<String>,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let text: String = match arguments.code {
        None => Code::ALL.iter().map(|code| headline(*code)).collect(),
        Some(text) => match Code::from_text(text.trim()) {
            Some(code) => format!("{}\n{}\n", headline(code), code.explanation()),
            None => {
                let codes = Code::ALL.iter().map(|code| code.text());
                return Err(unknown("code", &text.trim().to_uppercase(), codes));
            }
        },
    };
    emit(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn headline(code: Code) -> String {
    format!("{code}  {}\n", code.title().trim())
}
