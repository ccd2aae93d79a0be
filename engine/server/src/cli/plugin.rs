//! `kiket plugin`: what authors of plugins do, and what a project pins of the plugins that it uses.

mod build;
mod cargo;
mod component;
mod inspect;
mod lock;
mod new;
mod test;

use std::process::ExitCode;

use clap::Subcommand;
use kiket_core::diagnostic::{Code, Diagnostic, Problems, Span, render};

use super::text::clean_lines;

/// Write, build, look at and test plugins; pin those that a project uses
#[derive(clap::Args)]
#[command(
    after_help = "Examples:\n  kiket plugin new greet\n  kiket plugin build greet\n  kiket plugin test greet\n  \
                        kiket plugin inspect greet/greet.wasm\n  kiket plugin lock"
)]
pub(super) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    New(new::Arguments),
    Build(build::Arguments),
    Inspect(inspect::Arguments),
    Test(test::Arguments),
    Lock(lock::Arguments),
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::New(arguments) => new::run(arguments),
        Command::Build(arguments) => build::run(arguments).await,
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Test(arguments) => test::run(arguments).await,
        Command::Lock(arguments) => lock::run(arguments).await,
    }
}

/// What ends a command with exit code 2: problems in a file, each with its place and code.
struct Refused(String);

impl Refused {
    /// Shows the problems of a file.
    fn of(found: &[Diagnostic], text: Option<&str>) -> Self {
        Self(found.iter().map(|found| clean_lines(&render(found, text))).collect())
    }

    /// A component that cannot be used as a plugin.
    fn component(path: &str, reason: impl std::fmt::Display) -> Self {
        let mut problems = Problems::new(path);
        problems.report(Code::UnusableComponent, Span::default(), format!("not a usable plugin: {reason}"));
        Self::of(&problems.into_diagnostics(), None)
    }

    /// Writes the problems and answers with the exit code.
    fn end(&self) -> ExitCode {
        eprint!("{}", self.0);
        ExitCode::from(2)
    }
}
