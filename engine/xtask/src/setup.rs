//! `cargo xtask setup`: from a clone to components, and nothing at all where they are current.

use std::time::Instant;

use crate::failure::Outcome;
use crate::foreign;
use crate::plugins;
use crate::project::Project;
use crate::step::{Elapsed, step};
use crate::tools;
use crate::wasm::Compiler;

/// The same, and the compilers of guests in other languages.
pub(crate) fn set_up_for_tests(project: &Project) -> Outcome<()> {
    set_up(project)?;
    step("what tests need of other languages", || foreign::ensure(project))
}

/// Makes sure of the tools, the WASM target and the components.
pub(crate) fn set_up(project: &Project) -> Outcome<()> {
    let start = Instant::now();
    step("tools", tools::ensure)?;
    if plugins::are_current(project)? {
        println!("==> plugins: nothing changed since they were built");
    } else {
        let compiler = step("WASM target", || Compiler::find(project))?;
        step("plugins", || plugins::build(project, &compiler))?;
    }
    println!("ready in {}", Elapsed(start.elapsed()));
    Ok(())
}
