//! What a build is told.

use std::collections::BTreeMap;
use std::time::Duration;

use kiket_plugin::{Call, Failure};
use serde::Deserialize;

/// The input, as the manifest describes it.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(crate) struct Input {
    command: Vec<String>,
    commands: Vec<Vec<String>>,
    env: BTreeMap<String, String>,
    pub(crate) folder: String,
    pub(crate) artifacts: Vec<String>,
    pub(crate) cache: Vec<String>,
    pub(crate) cache_key: Option<String>,
    timeout: Option<String>,
}

impl Input {
    /// The commands; there is one at least, and each has a program.
    pub(crate) fn commands(&self) -> Result<Vec<Vec<String>>, Failure> {
        let commands = match (self.command.is_empty(), self.commands.is_empty()) {
            (false, true) => vec![self.command.clone()],
            (true, false) => self.commands.clone(),
            _ => return Err(Failure::invalid_input("either `command` or `commands` says what to run")),
        };
        if commands.iter().any(Vec::is_empty) {
            return Err(Failure::invalid_input("a command has a program"));
        }
        Ok(commands)
    }

    /// How long all commands may take together.
    pub(crate) fn timeout(&self) -> Result<Option<Duration>, Failure> {
        self.timeout.as_deref().map(duration).transpose()
    }

    /// The commands' variables: `CI`, the stage's, the input's; the later ones are stronger.
    pub(crate) fn env(&self, call: &Call) -> BTreeMap<String, String> {
        let own = [("CI", "true")].into_iter().chain(call.vars());
        let mut env: BTreeMap<String, String> = own.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        env.extend(self.env.clone());
        env
    }
}

fn duration(text: &str) -> Result<Duration, Failure> {
    let invalid = || Failure::invalid_input(format!("`{text}` is not a time such as 90s, 10m or 1h"));
    let unit = text.chars().last().ok_or_else(invalid)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err(invalid()),
    };
    let count: u32 = text[..text.len() - 1].parse().map_err(|_| invalid())?;
    Ok(Duration::from_secs(u64::from(count) * seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_told_one_command_or_several() {
        let command = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let one = Input { command: command(&["make", "all"]), ..Input::default() };
        assert_eq!(one.commands(), Ok(vec![command(&["make", "all"])]));
        let several = Input { commands: vec![command(&["a"]), command(&["b"])], ..Input::default() };
        assert_eq!(several.commands().map(|commands| commands.len()), Ok(2));
        let both = Input { command: command(&["a"]), commands: vec![command(&["b"])], ..Input::default() };
        let empty = Input { commands: vec![command(&[])], ..Input::default() };
        for wrong in [both, empty, Input::default()] {
            assert!(matches!(wrong.commands(), Err(Failure::InvalidInput(_))));
        }
    }

    #[test]
    fn times_are_read_and_nothing_else() {
        for (text, seconds) in [("90s", 90), ("10m", 600), ("1h", 3_600)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for text in ["", "s", "10", "-1s", "1d", "1.5h", "1 m", "9ä"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
