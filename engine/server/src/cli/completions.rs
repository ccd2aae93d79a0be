//! `kiket completions`: what a shell needs to complete the command line.

use std::process::ExitCode;

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::text::emit;

/// Print what a shell needs to complete commands and options
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  kiket completions bash > ~/.local/share/bash-completion/completions/kiket\n  \
                  kiket completions fish > ~/.config/fish/completions/kiket.fish")]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(super) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut super::Arguments::command(), "kiket", &mut script);
    emit(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
