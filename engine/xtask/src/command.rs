//! Calls other programs: loudly, with their output on the terminal, or quietly, with it kept for the error message.

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::failure::{Failure, Outcome};

/// Runs a program with its output on the terminal.
pub(crate) fn run(command: &mut Command) -> Outcome<()> {
    let name = describe(command);
    let status = command.status().map_err(|error| Failure::new(format!("{name}: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure::of_tool(format!("{name} failed"), status.code())) }
}

/// Runs a program and answers with what it printed. Nothing of it is seen, unless it fails: then the last line of its
/// errors is the message.
pub(crate) fn read(command: &mut Command) -> Outcome<String> {
    let name = describe(command);
    let output = command.stdin(Stdio::null()).output().map_err(|error| Failure::new(format!("{name}: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let errors = String::from_utf8_lossy(&output.stderr);
    let reason = errors.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("no reason given");
    Err(Failure::of_tool(format!("{name}: {}", reason.trim()), output.status.code()))
}

/// Runs a program without a sound and says whether it succeeded; one that takes longer than `limit` is ended and did
/// not.
pub(crate) fn succeeds_within(command: &mut Command, limit: Duration) -> bool {
    let start = Instant::now();
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = quiet.spawn() else {
        return false;
    };
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if start.elapsed() < limit => thread::sleep(Duration::from_millis(50)),
            Ok(None) | Err(_) => {
                // It may have ended just now; either way it is gone after this.
                let _ = child.kill();
                let _ = child.wait();
                return false;
            }
        }
    }
}

/// Where a program is, if it is on the path.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A program by its name, without the settings that `cargo run` left in the environment for this one.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(name);
    for name in ["LD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"] {
        command.env_remove(name);
    }
    // Build scripts that watch these would run again after every call of cargo by hand, and the other way round.
    let inherited = env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| is_of_this_package(&name.to_string_lossy())) {
        command.env_remove(name);
    }
    command
}

/// Whether cargo set this variable to tell this program about its own package.
fn is_of_this_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> Command {
    program(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program's name and first arguments: enough to know which call is meant.
fn describe(command: &Command) -> String {
    let name = PathBuf::from(command.get_program());
    let name = name.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(OsStr::to_string_lossy).filter(|argument| !argument.starts_with('-'));
    std::iter::once(name).chain(arguments.take(2).map(String::from)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_failure_tells_the_last_line_of_its_errors_and_keeps_the_status() {
        let failure = read(Command::new("sh").args(["-c", "echo first >&2; echo last >&2; exit 7"])).expect_err("7");
        assert!(failure.to_string().ends_with(": last"), "{failure}");
        assert_eq!(failure.code(), 7);
    }

    #[test]
    fn a_program_that_takes_too_long_is_ended() {
        let start = Instant::now();
        assert!(!succeeds_within(Command::new("sleep").arg("60"), Duration::from_millis(100)));
        assert!(start.elapsed() < Duration::from_secs(30));
    }
}
