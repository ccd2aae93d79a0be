//! How components are compiled: with the WASM target of the toolchain in use, or with Debian's packages.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::apt;
use crate::command::{cargo, find, program, read, succeeds_within};
use crate::debian::Pair;
use crate::failure::{Failure, Outcome};
use crate::project::Project;
use crate::step::note;

/// The target of every component.
pub(crate) const TARGET: &str = "wasm32-wasip2";

/// How long rustup may take. Where it cannot download at all, it says so long before.
const RUSTUP_LIMIT: Duration = Duration::from_secs(300);

/// A compiler for [`TARGET`].
pub(crate) enum Compiler {
    /// The toolchain in use has the target.
    Toolchain,
    /// Debian's compiler, with a standard library that is built from source.
    Debian(Pair),
}

impl Compiler {
    /// The first way that works: a target that is installed, Debian's packages where an earlier call prepared them,
    /// rustup, Debian's packages.
    pub(crate) fn find(project: &Project) -> Outcome<Self> {
        if has_target() {
            note(format_args!("the toolchain in use has the target {TARGET}"));
            return Ok(Self::Toolchain);
        }
        if let Some(pair) = Pair::prepared(project)? {
            note("Debian's compiler and wasi-libc are in place");
            return Ok(Self::Debian(pair));
        }
        if find("rustup").is_some() {
            note(format_args!("rustup target add {TARGET}"));
            let mut rustup = program("rustup");
            let rustup = rustup.args(["target", "add", TARGET]).env("RUSTUP_MAX_RETRIES", "0");
            if succeeds_within(rustup, RUSTUP_LIMIT) && has_target() {
                return Ok(Self::Toolchain);
            }
            note("rustup could not get it here");
        }
        if apt::is_debian() {
            return Pair::prepare(project).map(Self::Debian);
        }
        Err(Failure::new(format!(
            "the Rust target {TARGET} is missing: install it with \"rustup target add {TARGET}\""
        )))
    }

    /// The command that compiles a workspace for [`TARGET`] in release mode.
    pub(crate) fn build(&self, target_folder: &Path) -> Outcome<Command> {
        let mut command = match self {
            Self::Toolchain => cargo(),
            Self::Debian(pair) => pair.cargo()?,
        };
        command.args(["build", "--workspace", "--release", "--target", TARGET, "--target-dir"]).arg(target_folder);
        if let Self::Debian(_) = self {
            command.arg("-Zbuild-std=std,panic_abort");
        }
        Ok(command)
    }
}

/// Whether the toolchain in use has a standard library for [`TARGET`].
fn has_target() -> bool {
    let folder = read(program("rustc").args(["--print", "target-libdir", "--target", TARGET]));
    let Ok(entries) =
        folder.and_then(|folder| Path::new(folder.trim()).read_dir().map_err(Failure::at(Path::new(&folder))))
    else {
        return false;
    };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().starts_with("libstd-"))
}
