//! One command of a build.

use std::collections::BTreeMap;
use std::time::Duration;

use kiket_plugin::process::{Command, Status};
use kiket_plugin::{Failure, log};

/// How much of what a command wrote explains its failure.
const LAST_BYTES: u32 = 4_096;
const LAST_LINES: usize = 20;
/// How many characters of a command are shown.
const SHOWN: usize = 200;

/// Runs a command to its end; returns how long it took.
pub(crate) fn run(
    command: &[String],
    folder: &str,
    env: &BTreeMap<String, String>,
    timeout: Option<Duration>,
) -> Result<Duration, Failure> {
    let (program, arguments) =
        command.split_first().ok_or_else(|| Failure::invalid_input("a command has a program"))?;
    let mut run = Command::new(program).args(arguments).folder(folder).capture(LAST_BYTES);
    for (name, value) in env {
        run = run.env(name, value);
    }
    if let Some(timeout) = timeout {
        run = run.timeout(timeout);
    }
    let finished = run.run()?;
    let took = finished.wall();
    match finished.status() {
        Status::Exited(0) => {
            log::debug!("took {} ms, {} ms of CPU time", took.as_millis(), finished.cpu().as_millis());
            Ok(took)
        }
        status => Err(failed(command, status, &finished.text())),
    }
}

/// A command for people, quoted where that is needed to tell its words apart.
pub(crate) fn shown(command: &[String]) -> String {
    let plain = |char: char| char.is_alphanumeric() || "-_./=:,@+%".contains(char);
    let word =
        |word: &String| if !word.is_empty() && word.chars().all(plain) { word.clone() } else { format!("{word:?}") };
    let text = command.iter().map(word).collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Names the command, how it ended, and the last lines it wrote.
fn failed(command: &[String], status: Status, output: &str) -> Failure {
    let ended = format!("`{}` {status}", shown(command));
    let lines: Vec<&str> = output.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
    if last.is_empty() {
        return Failure::permanent(ended);
    }
    Failure::permanent(format!("{ended}; the last it wrote:\n{}", last.join("\n")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_command_is_shown_word_by_word() {
        assert_eq!(shown(&command(&["cargo", "build", "--release"])), "cargo build --release");
        assert_eq!(shown(&command(&["sh", "-c", "a && b", ""])), r#"sh -c "a && b" """#);
        assert_eq!(shown(&command(&["echo", "a\nb"])), r#"echo "a\nb""#);
        assert_eq!(shown(&command(&["ä".repeat(300).as_str()])).chars().count(), SHOWN + 1);
    }

    #[test]
    fn a_failure_names_the_command_its_end_and_its_last_lines() {
        let output = "first\n".repeat(30) + "\n  error: no\r\n\n";
        let Failure::Permanent(message) = failed(&command(&["make"]), Status::Exited(2), &output) else {
            panic!("a command that fails fails again")
        };
        assert!(message.starts_with("`make` ended with code 2; the last it wrote:\nfirst\n"), "{message}");
        assert!(message.ends_with("first\n  error: no") && message.lines().count() == LAST_LINES + 1, "{message}");
        let silent = failed(&command(&["make"]), Status::TimedOut, "\n");
        assert_eq!(silent, Failure::permanent("`make` ran out of time"));
    }
}
