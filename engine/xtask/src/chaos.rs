//! `cargo xtask chaos`: the long forms of the tests of reliability, and a table of what came of them.
//!
//! Each form is an ordinary test that an environment variable makes long. It says what came of it in a line of JSON,
//! such as `chaos: {"what":"kill points","many":1000,"lost":0,…}`; the table has what these lines say and nothing else.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::command::{cargo, run};
use crate::failure::{Failure, Outcome};
use crate::project::Project;
use crate::setup;
use crate::step::{Elapsed, note, step};

/// A test that has a long form.
struct Form {
    /// What it is called where it says nothing itself.
    name: &'static str,
    /// Where the test is, and the start of its name.
    target: &'static [&'static str],
    test: &'static str,
    /// The variable that makes it long, and how long.
    amount: (&'static str, &'static str),
}

const E2E: &[&str] = &["--test", "e2e"];
const LIB: &[&str] = &["--lib"];

/// All of them.
const FORMS: [Form; 7] = [
    Form { name: "kill points", target: E2E, test: "chaos::points::", amount: ("KIKET_CHAOS_POINTS", "1000") },
    Form {
        name: "kills during recovery",
        target: E2E,
        test: "chaos::recovery::",
        amount: ("KIKET_CHAOS_RECOVERY", "200"),
    },
    Form { name: "I/O errors", target: E2E, test: "chaos::errors::a_disk", amount: ("KIKET_CHAOS_ERRORS", "300") },
    Form { name: "power cuts", target: E2E, test: "chaos::power::a_power", amount: ("KIKET_CHAOS_STATES", "5000") },
    Form {
        name: "power cuts after a failed sync",
        target: E2E,
        test: "chaos::power::what_could",
        amount: ("KIKET_CHAOS_FAILED", "1000"),
    },
    Form { name: "simulation", target: LIB, test: "simulation::seeds::everything", amount: ("KIKET_SEEDS", "10000") },
    Form { name: "timers", target: LIB, test: "publish::tick::tests::in_a_month", amount: ("KIKET_TIMERS", "10000") },
];

/// What the table shows of a line: the column, and the key.
const COLUMNS: [(&str, &str); 7] = [
    ("what", "what"),
    ("how many", "many"),
    ("lost", "lost"),
    ("doubled", "doubled"),
    ("stuck", "stuck"),
    ("corrupt", "corrupt"),
    ("slowest recovery", "slowest_ms"),
];

/// Runs every form: whole, or all of them together for about so many minutes.
pub(crate) fn run_all(project: &Project, minutes: Option<&str>) -> Outcome<()> {
    let minutes = minutes
        .map(|text| text.parse::<u64>().map_err(|_| Failure::new(format!("`{text}` is not a number of minutes"))));
    let seconds = minutes.transpose()?.map(|minutes| minutes * 60 / FORMS.len() as u64);
    setup::set_up_for_tests(project)?;
    step("tests", || {
        let build = ["test", "--quiet", "--package", "kiket", "--lib", "--test", "e2e", "--no-run"];
        run(cargo().args(build).current_dir(project.root()))
    })?;
    let (mut rows, mut bad) = (Vec::new(), Vec::new());
    for form in &FORMS {
        let ran = step(form.name, || form.run(project, seconds))?;
        if !ran.good {
            bad.push(form.name);
        }
        rows.extend(ran.rows);
    }
    print!("\n{}", table(&rows));
    if bad.is_empty() { Ok(()) } else { Err(Failure::new(format!("not as it should be: {}", bad.join(", ")))) }
}

/// What came of a form.
struct Ran {
    rows: Vec<Vec<String>>,
    good: bool,
}

impl Form {
    fn run(&self, project: &Project, seconds: Option<u64>) -> Outcome<Ran> {
        let begun = Instant::now();
        let mut command = cargo();
        command.args(["test", "--quiet", "--package", "kiket"]).args(self.target).args(["--", self.test]);
        command.args(["--nocapture", "--test-threads=1"]).current_dir(project.root()).stdout(Stdio::piped());
        let (name, whole) = self.amount;
        command.env(name, whole);
        if let Some(seconds) = seconds {
            command.env("KIKET_CHAOS_SECONDS", seconds.to_string());
        }
        let failed = |error| Failure::new(format!("cargo test {}: {error}", self.test));
        let mut child = command.spawn().map_err(failed)?;
        let (mut rows, mut tests) = (Vec::new(), 0);
        for line in child.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines()) {
            let line = line.map_err(failed)?;
            tests += tests_in(&line);
            match row(&line, begun.elapsed()) {
                Some(row) => rows.push(row),
                None if line.contains("panicked at") || line.starts_with("error") => note(&line),
                None => {}
            }
        }
        let good = child.wait().map_err(failed)?.success();
        let said = |what: &str| vec![vec![format!("{} ({what})", self.name)]];
        let rows = match (tests, rows.is_empty(), good) {
            (0, ..) => said("there is no such test"),
            (_, true, true) => said("passed, and said nothing"),
            (_, true, false) => said("failed, and said nothing"),
            _ => rows,
        };
        Ok(Ran { rows, good })
    }
}

/// How many tests a line of the test harness announces.
fn tests_in(line: &str) -> u32 {
    line.strip_prefix("running ").and_then(|rest| rest.split(' ').next()?.parse().ok()).unwrap_or(0)
}

/// The row of a line that says what came of a form.
fn row(line: &str, took: Duration) -> Option<Vec<String>> {
    let object = line.find("{\"what\":").map(|start| &line[start..])?;
    let mut row: Vec<String> = COLUMNS.iter().map(|(_, key)| value(object, key).unwrap_or_default()).collect();
    if let Some(millis) = row.last_mut().filter(|millis| !millis.is_empty()) {
        millis.push_str(" ms");
    }
    row.push(Elapsed(took).to_string());
    Some(row)
}

/// The value of a key of a flat JSON object, without quotes; nothing for null.
fn value(object: &str, key: &str) -> Option<String> {
    let (_, rest) = object.split_once(&format!("\"{key}\":"))?;
    let value = match rest.strip_prefix('"') {
        Some(text) => text.split('"').next()?,
        None => rest.split([',', '}']).next()?.trim(),
    };
    (value != "null").then(|| value.to_owned())
}

fn table(rows: &[Vec<String>]) -> String {
    let mut head: Vec<String> = COLUMNS.iter().map(|(column, _)| (*column).to_owned()).collect();
    head.push("took".to_owned());
    let all: Vec<&Vec<String>> = std::iter::once(&head).chain(rows).collect();
    let width = |column: usize| all.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for row in &all {
        for (column, cell) in row.iter().enumerate() {
            let width = width(column);
            _ = if column == 0 { write!(text, "{cell:width$}") } else { write!(text, "  {cell:>width$}") };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_what_the_lines_say() {
        let line = r#"chaos: {"what":"kill points","many":12,"lost":0,"doubled":1,"stuck":0,"corrupt":0,"slowest_ms":41,"seconds":3}"#;
        let kills = row(line, Duration::from_secs(3)).expect("a row");
        let cuts =
            row(r#"{"what":"cuts","many":3,"lost":0,"slowest_ms":null}"#, Duration::from_secs(75)).expect("a row");
        assert_eq!(row("test result: ok", Duration::ZERO), None);
        let table = table(&[kills, cuts]);
        let cells: Vec<Vec<&str>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(cells[1], ["kill", "points", "12", "0", "1", "0", "0", "41", "ms", "3.0", "s"]);
        assert_eq!(cells[2], ["cuts", "3", "0", "1", "min", "15", "s"]);
        assert!(table.lines().all(|line| line.len() == table.lines().next().map_or(0, str::len)), "{table}");
        assert_eq!((tests_in("running 2 tests"), tests_in("x")), (2, 0));
    }
}
