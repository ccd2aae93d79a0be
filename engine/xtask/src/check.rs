//! `cargo xtask test`: every check, in the order in which they fail fastest. The first failure ends it.

use std::process::Command;

use crate::command::{cargo, read, run};
use crate::failure::Outcome;
use crate::project::Project;
use crate::setup;
use crate::step::{note, step};

/// The version of cargo's extension for licences and dependencies is whatever its lock file says.
const DENY: &str = "cargo-deny";

/// Sets up, then runs every check.
pub(crate) fn check_all(project: &Project) -> Outcome<()> {
    setup::set_up_for_tests(project)?;
    step("format", || {
        run(in_engine(project).args(["fmt", "--all", "--check"]))?;
        run(in_plugins(project).args(["fmt", "--all", "--check"]))
    })?;
    step("lints", || {
        let arguments = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        run(in_engine(project).args(arguments))?;
        run(in_plugins(project).args(arguments))
    })?;
    step("tests of the plugins", || run(in_plugins(project).args(["test", "--workspace", "--quiet"])))?;
    step("tests", || test_engine(project))?;
    step("licences and dependencies", || check_dependencies(project))
}

/// Tests in processes of their own where cargo-nextest is installed; it leaves out the examples in the documentation.
fn test_engine(project: &Project) -> Outcome<()> {
    if !is_installed("nextest") {
        note("cargo-nextest is not installed: cargo test does its work");
        return run(in_engine(project).args(["test", "--workspace"]));
    }
    run(in_engine(project).args(["nextest", "run", "--workspace"]))?;
    run(in_engine(project).args(["test", "--workspace", "--doc", "--quiet"]))
}

fn check_dependencies(project: &Project) -> Outcome<()> {
    if !is_installed("deny") {
        note(format_args!("installing {DENY}: this takes minutes, once"));
        run(cargo().args(["install", "--locked", "--quiet", DENY]))?;
    }
    let config = project.root().join(".config/deny.toml");
    for mut command in [in_engine(project), in_plugins(project)] {
        run(command.args(["deny", "--config"]).arg(&config).args(["check", "licenses", "bans", "sources"]))?;
    }
    Ok(())
}

fn is_installed(extension: &str) -> bool {
    read(cargo().args([extension, "--version"])).is_ok()
}

/// Cargo in the workspace of the engine.
fn in_engine(project: &Project) -> Command {
    let mut command = cargo();
    command.current_dir(project.root());
    command
}

/// Cargo in the workspace of the plugins, for this machine: lints and unit tests need no sandbox.
fn in_plugins(project: &Project) -> Command {
    let mut command = cargo();
    command.current_dir(project.plugins()).env("CARGO_TARGET_DIR", project.plugins_target());
    command
}
