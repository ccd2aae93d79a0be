//! `kiket serve --print-config`: every setting, and who said it.

use std::fmt::Write as _;

use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{COMMAND, NOT_IN_FILES, Settings};

/// Writes the settings of a server as a `kiket.toml`; behind each stands where it comes from. What nobody has set is a
/// comment.
pub(in crate::cli) fn print(settings: &Settings, command: &Command, matches: &ArgMatches) -> String {
    let mut text = String::new();
    let Some(serve) = command.find_subcommand(COMMAND) else { return text };
    for option in serve.get_arguments().filter(|option| !NOT_IN_FILES.contains(&option.get_id().as_str())) {
        let (Some(name), id) = (option.get_long(), option.get_id()) else { continue };
        let raw = matches.get_raw(id.as_str()).into_iter().flatten();
        let values: Vec<String> = raw.map(|value| value.to_string_lossy().into_owned()).collect();
        let source = match matches.value_source(id.as_str()) {
            Some(ValueSource::CommandLine) => "command line".to_owned(),
            Some(ValueSource::EnvVariable) => {
                option.get_env().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
            }
            _ if settings.has(id) => settings.path.display().to_string(),
            _ => "default".to_owned(),
        };
        let line = match value(option, &values) {
            Some(value) => format!("{name} = {value}"),
            None => format!("# {name} ="),
        };
        let _ = writeln!(text, "{line:<55} # {source}");
    }
    text
}

/// The value in TOML; none where there is none.
fn value(option: &Arg, values: &[String]) -> Option<String> {
    let quote = |text: &String| match text.parse::<i64>() {
        Ok(number) => number.to_string(),
        Err(_) => toml::Value::String(text.clone()).to_string(),
    };
    match values {
        [] => None,
        [truth] if matches!(option.get_action(), ArgAction::SetTrue) => Some(truth.clone()),
        [one] if !matches!(option.get_action(), ArgAction::Append) => Some(quote(one)),
        several => Some(format!("[{}]", several.iter().map(quote).collect::<Vec<_>>().join(", "))),
    }
}
