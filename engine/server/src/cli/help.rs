//! The help of `kiket` itself: its commands grouped by what people want to do.

use std::fmt::Write as _;

use clap::Command;

/// What people want to do, and the commands for it. A new command has to find its place here.
const TASKS: [(&str, &[&str]); 4] = [
    ("Definitions in a working tree", &["init", "check", "graph", "run", "explain", "schema"]),
    ("Plugins", &["plugin"]),
    (
        "A server",
        &[
            "serve",
            "backup",
            "doctor",
            "project",
            "runs",
            "artifacts",
            "items",
            "deployments",
            "dead-letters",
            "secret",
            "env",
            "token",
        ],
    ),
    ("A shell", &["completions"]),
];

const EXAMPLES: [(&str, &str); 8] = [
    ("kiket init", "write a first pipeline into .kiket/"),
    ("kiket check", "find every problem in the .kiket/ folder here"),
    ("kiket run hello", "run a pipeline from the working tree, without a server"),
    ("kiket serve", "start a server on 127.0.0.1:8080"),
    ("kiket project add shop file:///srv/git/shop.git", "let it follow a repository"),
    ("kiket secret set shop CHAT_HOOK", "give it a secret that nobody can read back"),
    ("kiket runs start shop release --watch", "start a pipeline on it and follow the run"),
    ("kiket runs watch run_01jd…", "follow a run on a server"),
];

/// Groups the commands in the help.
pub(super) fn grouped(command: Command) -> Command {
    let styles = command.get_styles();
    let (header, literal) = (*styles.get_header(), *styles.get_literal());
    let width = command.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or(0);
    let mut tasks = String::new();
    for (task, names) in TASKS {
        let _ = writeln!(tasks, "{header}{task}:{header:#}");
        for name in names {
            let about = command.find_subcommand(name).and_then(Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(tasks, "  {literal}{name:<width$}{literal:#}  {about}");
        }
        tasks.push('\n');
    }
    let mut examples = format!("{header}Examples:{header:#}");
    for (example, does) in EXAMPLES {
        let _ = write!(examples, "\n  {example:<47}  {does}");
    }
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{{before-help}}{header}Options:{header:#}\n\
         {{options}}{{after-help}}"
    );
    command.help_template(template).before_help(tasks).after_help(examples)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Arguments;

    #[test]
    fn every_command_stands_under_one_task() {
        let command = Arguments::command();
        let mut known: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
        let mut listed: Vec<&str> = TASKS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        known.sort_unstable();
        listed.sort_unstable();
        assert_eq!(known, listed);
    }

    #[test]
    fn the_help_shows_tasks_then_options_then_examples() {
        let help = grouped(Arguments::command()).term_width(100).render_help().to_string();
        let places: Vec<usize> =
            ["Usage: kiket", "Definitions in a working tree:\n  init ", "A server:\n  serve ", "Options:", "Examples:"]
                .into_iter()
                .map(|part| help.find(part).unwrap_or_else(|| panic!("no {part:?} in\n{help}")))
                .collect();
        assert!(places.is_sorted(), "{help}");
        let check = help.lines().find_map(|line| line.strip_prefix("  check ")).expect("a line for `check`");
        assert_eq!(check.trim_start(), "Check the .kiket/ folder: every problem in one pass");
    }

    #[test]
    fn every_command_has_an_example() {
        fn check(command: &Command, path: &str) {
            for command in command.get_subcommands() {
                let path = format!("{path} {}", command.get_name());
                let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Example"), "{path} has no example");
                check(command, &path);
            }
        }
        check(&Arguments::command(), "kiket");
    }
}
