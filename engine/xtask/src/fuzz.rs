//! `cargo xtask fuzz`: lets libFuzzer loose on the parsers of `tests/fuzz`, from what the repository ships on.
//! `cargo xtask fuzz-api`: lets schemathesis loose on the API for longer than its test does.
//!
//! Not a part of `test`: one needs a nightly compiler and cargo-fuzz, and both find more the longer they run.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::command::{cargo, program, run};
use crate::failure::{Failure, Outcome};
use crate::project::Project;
use crate::setup;
use crate::step::{note, step};

/// The targets, and the longest text each is given.
const TARGETS: [(&str, &str); 2] = [("plan", "4096"), ("expression", "512")];
/// A target that needs more than this has found something: MiB, and seconds for one text.
const LIMITS: [&str; 2] = ["-rss_limit_mb=512", "-timeout=5"];

/// Runs every target for so many minutes; the first finding ends it.
pub(crate) fn fuzz(project: &Project, minutes: &str) -> Outcome<()> {
    let minutes: u64 = minutes.parse().map_err(|_| Failure::new(format!("`{minutes}` is not a number of minutes")))?;
    let folder = project.root().join("tests/fuzz");
    let corpus = folder.join("corpus");
    let seeds = seed(project.root(), &corpus.join("plan")).map_err(|error| Failure::new(format!("{error}")))?;
    note(format_args!("{seeds} definition files to begin with"));
    if run(cargo().args(["fuzz", "--version"])).is_err() {
        run(cargo().args(["install", "--locked", "--quiet", "cargo-fuzz"]))?;
    }
    for (target, longest) in TARGETS {
        fs::create_dir_all(corpus.join(target)).map_err(|error| Failure::new(format!("{error}")))?;
        step(&format!("{target}, {minutes} min"), || {
            let mut fuzz = program("cargo");
            fuzz.env("RUSTUP_TOOLCHAIN", "nightly").env("ASAN_OPTIONS", "quarantine_size_mb=16").current_dir(&folder);
            fuzz.args(["fuzz", "run", "--fuzz-dir", ".", target, "--"]).args(LIMITS);
            run(fuzz.arg(format!("-max_len={longest}")).arg(format!("-max_total_time={}", minutes * 60)))
        })?;
    }
    Ok(())
}

/// Lets the test of the API send so many requests.
pub(crate) fn fuzz_api(project: &Project, cases: &str) -> Outcome<()> {
    let cases: u64 = cases.parse().map_err(|_| Failure::new(format!("`{cases}` is not a number of requests")))?;
    setup::set_up_for_tests(project)?;
    let test = ["test", "--package", "kiket", "--test", "e2e", "schemathesis", "--", "--nocapture"];
    run(cargo().args(test).env("KIKET_CASES", cases.to_string()).current_dir(project.root()))
}

/// Copies every shipped definition to where the fuzzer begins; a first byte says which kind of file it is.
fn seed(root: &Path, corpus: &Path) -> io::Result<usize> {
    fs::create_dir_all(corpus)?;
    let kinds = [
        "pipelines/",
        "workflows/",
        "plugins.",
        "_types.",
        "project.",
        "boards/",
        "automations/",
        "automation_recipes/",
    ];
    let mut open: Vec<PathBuf> = vec![root.join("workflows"), root.join("tests/corpus")];
    let mut count = 0;
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            let name = path.display().to_string();
            if path.is_dir() {
                open.push(path);
            } else if let Some(kind) = kinds.iter().rposition(|kind| name.contains(kind)) {
                let mut text = vec![u8::try_from(kind).unwrap_or_default()];
                text.extend(fs::read(&path)?);
                fs::write(corpus.join(format!("shipped-{count}")), text)?;
                count += 1;
            }
        }
    }
    Ok(count)
}
