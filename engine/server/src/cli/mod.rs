//! The command line. Each command is a file with its arguments, whose doc comments are the help.

mod approval;
mod approve;
mod artifacts;
mod backup;
mod check;
mod client;
mod completions;
mod dead_letters;
mod deployments;
mod doctor;
mod env;
mod explain;
mod follow;
mod graph;
mod help;
mod init;
mod items;
mod machine;
mod plugin;
mod project;
mod report;
mod resolve;
mod run;
mod runs;
mod schema;
mod secret;
mod serve;
mod settings;
mod sse;
mod table;
mod templates;
mod text;
mod token;
mod tree;
mod unknown;
mod view;

use std::io::IsTerminal as _;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::compiler;
use crate::telemetry::Traces;
use settings::{Mistakes, Settings};

/// Runs pipelines and workflows that live in a Git repository's .kiket/ folder.
#[derive(Parser)]
#[command(name = "kiket", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Init(init::Arguments),
    Check(check::Arguments),
    Graph(graph::Arguments),
    Run(run::Arguments),
    Explain(explain::Arguments),
    Schema(schema::Arguments),
    Plugin(plugin::Arguments),
    Serve(Box<serve::Arguments>),
    Backup(backup::Arguments),
    Doctor(doctor::Arguments),
    Project(project::Arguments),
    Runs(runs::Arguments),
    Artifacts(artifacts::Arguments),
    Items(items::Arguments),
    Deployments(deployments::Arguments),
    DeadLetters(dead_letters::Arguments),
    Secret(secret::Arguments),
    Env(env::Arguments),
    Token(token::Arguments),
    Completions(completions::Arguments),
}

/// Runs the command line and returns its exit code: 0 good, 1 could not, 2 found errors.
pub fn main() -> ExitCode {
    if compiler::is_asked_for() {
        return kiket_host::serve_compiler();
    }
    let settings = match Settings::read(&Arguments::command(), &std::env::args_os().collect::<Vec<_>>()) {
        Ok(Ok(settings)) => settings,
        Ok(Err(Mistakes(shown))) => {
            eprint!("{shown}");
            return ExitCode::from(2);
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let arguments = help::grouped(settings.apply(Arguments::command()));
    let matches = arguments.clone().get_matches();
    if let Some(serve) = matches.subcommand_matches("serve").filter(|serve| serve.get_flag("print_config")) {
        return text::emit(&settings::print(&settings, &arguments, serve))
            .map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS);
    }
    let Arguments { command } = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
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
    let endpoint = match &command {
        Command::Serve(serve) => serve.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()),
        _ => None,
    };
    let traces = match endpoint.map(Traces::to).transpose() {
        Ok(traces) => traces,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let written = tracing_subscriber::fmt::layer().with_ansi(colours).with_writer(std::io::stderr).with_filter(filter);
    tracing_subscriber::registry().with(written).with(traces.as_ref().map(Traces::layer)).init();
    let result = runtime.block_on(async {
        match command {
            Command::Init(arguments) => init::run(arguments),
            Command::Check(arguments) => check::run(arguments).await,
            Command::Graph(arguments) => graph::run(arguments).await,
            Command::Run(arguments) => run::run(arguments).await,
            Command::Explain(arguments) => explain::run(arguments),
            Command::Schema(arguments) => schema::run(arguments),
            Command::Plugin(arguments) => plugin::run(arguments).await,
            Command::Serve(arguments) => serve::run(*arguments).await,
            Command::Backup(arguments) => backup::run(arguments).await,
            Command::Doctor(arguments) => doctor::run(arguments).await,
            Command::Project(arguments) => project::run(arguments).await,
            Command::Runs(arguments) => runs::run(arguments).await,
            Command::Artifacts(arguments) => artifacts::run(arguments).await,
            Command::Items(arguments) => items::run(arguments).await,
            Command::Deployments(arguments) => deployments::run(arguments).await,
            Command::DeadLetters(arguments) => dead_letters::run(arguments).await,
            Command::Secret(arguments) => secret::run(arguments).await,
            Command::Env(arguments) => env::run(arguments).await,
            Command::Token(arguments) => token::run(arguments).await,
            Command::Completions(arguments) => completions::run(arguments),
        }
    });
    // A blocking task, such as the compilation of a component, does not hold up the end.
    runtime.shutdown_background();
    if let Some(traces) = traces {
        traces.close();
    }
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}
