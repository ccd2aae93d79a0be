//! Settings of files, held against the options that there are.

use clap::CommandFactory as _;

use super::*;
use crate::cli::Arguments;

/// Reads a file that a command line names.
fn read(text: &str, line: &[&str]) -> Result<(Settings, Command), String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kiket.toml");
    fs::write(&path, text).unwrap();
    let mut whole: Vec<OsString> = ["kiket", "serve", "--config"].map(OsString::from).to_vec();
    whole.push(path.into());
    whole.extend(line.iter().map(OsString::from));
    let command = Arguments::command();
    let settings = Settings::read(&command, &whole)
        .unwrap()
        .map_err(|mistakes| mistakes.0.replace(&folder.path().display().to_string(), ""))?;
    let command = settings.apply(command);
    Ok((settings, command))
}

/// The settings of a file, with who said them, as they are printed.
fn printed(text: &str, line: &[&str]) -> String {
    let (settings, command) = read(text, line).unwrap();
    let whole = [&["kiket", "serve"], line].concat();
    let matches = command.clone().try_get_matches_from(whole).unwrap();
    let printed = print(&settings, &command, matches.subcommand_matches("serve").unwrap());
    printed
        .lines()
        .map(|line| line.rsplit_once("  # ").map_or(line, |(line, _)| line).trim_end())
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_file_says_what_the_command_line_does_not() {
    let text = "slots = 3\nlisten = \"127.0.0.1:1\"\nprocess-env = [\"A=b\", \"C=d\"]\nunsafe-no-jail = true\n\
                organisation-branch = \"main\"\n";
    let printed = printed(text, &["--listen", "127.0.0.1:2"]);
    for line in [
        "slots = 3",
        "listen = \"127.0.0.1:2\"",
        "process-env = [\"A=b\", \"C=d\"]",
        "unsafe-no-jail = true",
        "organisation-branch = \"main\"",
        "data = \"kiket-data\"",
        "# public-url =",
    ] {
        assert!(printed.lines().any(|known| known == line), "{line} is missing in\n{printed}");
    }
}

#[test]
fn what_is_printed_is_a_file_that_says_the_same() {
    let once = printed("slots = 3\ncompile-cpu = \"5s\"\n", &[]);
    assert_eq!(printed(&once, &[]), once);
}

#[test]
fn mistakes_are_named_with_their_place() {
    let said = read("slots = \"many\"\nlisten = 5\ncolour = 1\nslot = 2\ndata = { a = 1 }\nconfig = \"x\"\n", &[]);
    let said = said.err().unwrap();
    for part in [
        "error[E0102] /kiket.toml:1:9 setting \"slots\": invalid value 'many'",
        "error[E0102] /kiket.toml:2:10 setting \"listen\": invalid value '5'",
        "error[E0101] /kiket.toml:3:1 there is no setting \"colour\"",
        "error[E0101] /kiket.toml:4:1 there is no setting \"slot\"",
        "did you mean \"slots\"?",
        "/kiket.toml:5:8 setting \"data\": it is neither",
        "there is no setting \"config\"",
    ] {
        assert!(said.contains(part), "{part} is missing in\n{said}");
    }
    assert!(read("slots = \n", &[]).err().unwrap().contains("error[E0001] /kiket.toml:1:"));
}
