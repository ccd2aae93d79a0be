//! The command line. Each command is a file with its arguments, whose doc comments are the help.

mod check;
mod client;
mod follow;
mod project;
mod run;
mod runs;
mod serve;
mod sse;
mod table;
mod text;
mod tree;
mod view;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;

/// Runs pipelines and workflows that live in a Git repository's .kiket/ folder.
#[derive(Parser)]
#[command(
    name = "kiket",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  kiket check                    check the .kiket/ folder here
  kiket run hello                run a pipeline from the working tree, without a server
  kiket serve                    start a server on 127.0.0.1:8080
  kiket project add shop file:///srv/git/shop.git
  kiket runs watch run_01jd…     follow a run on a server"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(check::Arguments),
    Run(run::Arguments),
    Serve(serve::Arguments),
    Project(project::Arguments),
    Runs(runs::Arguments),
}

/// Runs the command line and returns its exit code: 0 good, 1 could not, 2 found errors.
pub fn main() -> ExitCode {
    let Arguments { command } = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let default = if matches!(command, Command::Serve(_)) { "info" } else { "off" };
    let filter = EnvFilter::try_from_env("KIKET_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    let colours = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr).init();
    let result = runtime.block_on(async {
        match command {
            Command::Check(arguments) => check::run(arguments).await,
            Command::Run(arguments) => run::run(arguments).await,
            Command::Serve(arguments) => serve::run(arguments).await,
            Command::Project(arguments) => project::run(arguments).await,
            Command::Runs(arguments) => runs::run(arguments).await,
        }
    });
    // A blocking task, such as the compilation of a component, does not hold up the end.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
