//! `cargo xtask bench`: builds the release binary and measures it.

use crate::command::{cargo, run};
use crate::failure::Outcome;
use crate::project::Project;
use crate::setup;

/// Runs the benchmarks of these names, or all of them.
pub(crate) fn measure(project: &Project, names: &[&str]) -> Outcome<()> {
    setup::set_up(project)?;
    let bench = ["bench", "--quiet", "--package", "kiket", "--bench", "bench", "--"];
    run(cargo().args(bench).args(names).current_dir(project.root()))
}
