//! `kiket.toml`: what `kiket serve`, and what looks after a server, is told by a file.
//!
//! Its keys are the names of the options, and what stands there is said where neither the command line nor the
//! environment says anything. So a setting is declared once, as an option, and this file knows none of them.

mod print;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Arg, ArgAction, Command};
use kiket_core::diagnostic::{Code, Diagnostic, Problems, Span, render};
use toml::de::{DeTable, DeValue};

use super::text::clean_lines;

pub(super) use print::print;

/// The command whose options are its keys.
const COMMAND: &str = "serve";
/// The commands that read it: what is said of a server is also said of those that look after it.
const READERS: [&str; 3] = [COMMAND, "backup", "doctor"];
/// The file that is read where none is named and this one is there.
const FILE: &str = "kiket.toml";
/// Options that no file can give.
const NOT_IN_FILES: [&str; 3] = ["help", "config", "print_config"];

/// The settings of a file by the ids of the options.
#[derive(Default)]
pub(super) struct Settings {
    path: PathBuf,
    values: Vec<(clap::Id, Vec<String>)>,
}

/// The file has mistakes; each is shown with its place.
#[derive(Debug)]
pub(super) struct Mistakes(pub(super) String);

impl Settings {
    /// Reads the file that the command line names, or `kiket.toml` in the working folder. Commands that read none, and
    /// command lines that are mistaken, get none.
    pub(super) fn read(command: &Command, line: &[OsString]) -> anyhow::Result<Result<Self, Mistakes>> {
        let none = Ok(Ok(Self::default()));
        let Ok(matches) = command.clone().ignore_errors(true).try_get_matches_from(line) else { return none };
        let Some((_, matches)) = matches.subcommand().filter(|(name, _)| READERS.contains(name)) else { return none };
        let path = match matches.get_one::<PathBuf>("config") {
            Some(named) => named.clone(),
            None if Path::new(FILE).exists() => PathBuf::from(FILE),
            None => return none,
        };
        let text = fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        let Some(serve) = command.find_subcommand(COMMAND) else { return none };
        let name = path.display().to_string();
        Ok(parse(&name, &text, serve)
            .map(|values| Self { path, values })
            .map_err(|found| Mistakes(found.iter().map(|found| clean_lines(&render(found, Some(&text)))).collect())))
    }

    /// Makes the settings what the options say by themselves.
    pub(super) fn apply(&self, command: Command) -> Command {
        READERS.iter().fold(command, |command, reader| {
            command.mut_subcommand(reader, |reader| {
                reader.mut_args(|option| match self.values.iter().find(|(id, _)| id == option.get_id()) {
                    Some((_, values)) => option.default_values(values.clone()),
                    None => option,
                })
            })
        })
    }

    fn has(&self, id: &clap::Id) -> bool {
        self.values.iter().any(|(known, _)| known == id)
    }
}

fn parse(path: &str, text: &str, serve: &Command) -> Result<Vec<(clap::Id, Vec<String>)>, Vec<Diagnostic>> {
    let mut problems = Problems::new(path);
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => {
            let place = error.span().map_or_else(Span::default, |bytes| span(text, bytes.start, bytes.len()));
            problems.report(Code::Syntax, place, format!("this is not TOML: {}", error.message()));
            return Err(problems.into_diagnostics());
        }
    };
    let options = || serve.get_arguments().filter(|option| !NOT_IN_FILES.contains(&option.get_id().as_str()));
    let mut values = Vec::new();
    for (key, value) in &table {
        let name: &str = key.get_ref();
        let Some(option) = options().find(|option| option.get_long() == Some(name)) else {
            let known = options().filter_map(Arg::get_long);
            let place = span(text, key.span().start, name.chars().count());
            problems.report_unknown(
                Code::UnknownKey,
                place,
                format!("there is no setting \"{name:.60}\""),
                name,
                known,
            );
            continue;
        };
        let place = span(text, value.span().start, value.span().len());
        let taken = texts(value.get_ref())
            .ok_or_else(|| "it is neither a text, a number, yes or no, nor a list of them".to_owned())
            .and_then(|found| check(option, &found).map(|()| found));
        match taken {
            Ok(found) => values.push((option.get_id().clone(), found)),
            Err(reason) => problems.report(Code::WrongType, place, format!("setting \"{name}\": {reason}")),
        }
    }
    let found = problems.into_diagnostics();
    if found.is_empty() { Ok(values) } else { Err(found) }
}

/// The value as the command line would have it.
fn texts(value: &DeValue<'_>) -> Option<Vec<String>> {
    match value {
        DeValue::String(text) => Some(vec![text.to_string()]),
        DeValue::Integer(number) => Some(vec![number.to_string()]),
        DeValue::Boolean(truth) => Some(vec![truth.to_string()]),
        DeValue::Array(values) => {
            let each = values.iter().map(|value| texts(value.get_ref()).filter(|texts| texts.len() == 1));
            Some(each.collect::<Option<Vec<_>>>()?.concat())
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Table(_) => None,
    }
}

/// Asks the option itself whether it takes these values.
fn check(option: &Arg, values: &[String]) -> Result<(), String> {
    if matches!(option.get_action(), ArgAction::SetTrue) {
        return match values {
            [truth] if truth == "true" || truth == "false" => Ok(()),
            _ => Err("it is true or false".to_owned()),
        };
    }
    let long = format!("--{}", option.get_long().unwrap_or_default());
    let line = values.iter().flat_map(|value| [long.as_str(), value.as_str()]);
    // What it needs beside it may come from elsewhere.
    let alone = Command::new("settings").no_binary_name(true).disable_help_flag(true).arg(alone(option));
    match alone.try_get_matches_from(line) {
        Ok(_) => Ok(()),
        Err(error) => {
            let said = error.to_string();
            let said = said.lines().next().unwrap_or_default().trim_start_matches("error: ");
            Err(said.to_owned())
        }
    }
}

/// The option without what it says of others.
fn alone(option: &Arg) -> Arg {
    let mut alone = Arg::new(option.get_id().clone())
        .action(option.get_action().clone())
        .value_parser(option.get_value_parser().clone());
    if let Some(long) = option.get_long() {
        alone = alone.long(long.to_owned());
    }
    match option.get_value_delimiter() {
        Some(delimiter) => alone.value_delimiter(delimiter),
        None => alone,
    }
}

/// Where a stretch of bytes stands: on the line where it begins.
fn span(text: &str, start: usize, length: usize) -> Span {
    let before = text.get(..start).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Span { line: number(line), column: number(column), length: number(length.max(1)) }
}

#[cfg(test)]
mod tests;
