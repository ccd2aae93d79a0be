//! `cargo xtask`: sets a clone up, shows it at work and checks it.
//!
//! Standard library only, so that it compiles in a second before anything else does. It calls tools and says what
//! they did; what the product does is not its business.

mod apt;
mod bench;
mod chaos;
mod check;
mod command;
mod debian;
mod demo;
mod failure;
mod foreign;
mod fuzz;
mod plugins;
mod project;
mod setup;
mod stamp;
mod step;
mod tools;
mod wasm;

use std::process::ExitCode;

use crate::failure::{Failure, Outcome};
use crate::project::Project;

const USAGE: &str = "\
usage: cargo xtask COMMAND

commands:
  setup          make the WASM target usable, build the plugins into plugins/dist and fetch what tests compile guests
                 in other languages with; safe to repeat
  demo [--exit]  set up, start a server, push a commit and show its run; serve until Ctrl-C, or stop with --exit
  bench [W…]     build the release binary and measure it: all benchmarks of tests/bench, or those that are named
  fuzz [MINUTES] let the fuzzers loose on the parsers, each for so many minutes (10); needs a nightly compiler
  fuzz-api [N]   let schemathesis send N requests (20000) to a server, each made up from its OpenAPI document
  chaos [--minutes N]
                 kill servers, fail their disks and cut their power, thousands of times, simulate the engine and its
                 timers, and say in a table what came of it; all of it, or as much as fits into N minutes
  test           set up, then check format, lints, tests, licences and dependencies";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn run() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let project = Project::here()?;
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["setup"] => setup::set_up_for_tests(&project),
        ["demo"] => demo::show(&project, false),
        ["demo", "--exit"] => demo::show(&project, true),
        ["bench", ref names @ ..] => bench::measure(&project, names),
        ["fuzz"] => fuzz::fuzz(&project, "10"),
        ["fuzz", minutes] => fuzz::fuzz(&project, minutes),
        ["fuzz-api"] => fuzz::fuzz_api(&project, "20000"),
        ["fuzz-api", cases] => fuzz::fuzz_api(&project, cases),
        ["chaos"] => chaos::run_all(&project, None),
        ["chaos", "--minutes", minutes] => chaos::run_all(&project, Some(minutes)),
        ["test"] => check::check_all(&project),
        ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        _ => Err(Failure::usage(USAGE)),
    }
}
