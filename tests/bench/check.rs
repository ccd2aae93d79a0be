//! Checking: 1,000 pipelines and workflows in one pass, and what hostile files cost.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const REPEATS: usize = 7;

pub(crate) async fn run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let empty = fastest(&folder.path().join("empty"), &[("pipelines/one.yaml".to_owned(), pipeline("one"))]);
    println!("check 1 pipeline: {empty:.2?} (the process itself, with the bundled plugins read)");
    let mut files = Vec::new();
    for index in 0..500 {
        files.push((format!("pipelines/p{index}.yaml"), pipeline(&format!("p{index}"))));
        files.push((format!("workflows/w{index}.yaml"), workflow(&format!("w{index}"))));
    }
    let bytes: usize = files.iter().map(|(_, text)| text.len()).sum();
    let all = fastest(&folder.path().join("all"), &files);
    println!("check 1,000 pipelines and workflows ({} KiB): {all:.2?}", bytes / 1024);
    for (name, text) in bombs() {
        let time = fastest(&folder.path().join(name), &[("pipelines/one.yaml".to_owned(), text)]);
        println!("check {name}: {:.2?} more than one pipeline", time.saturating_sub(empty));
    }
}

/// The median of several checks of a folder with these files.
fn fastest(root: &Path, files: &[(String, String)]) -> Duration {
    for (path, text) in files {
        let path = root.join(".kiket").join(path);
        std::fs::create_dir_all(path.parent().expect("files have folders")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let mut times: Vec<Duration> = (0..REPEATS)
        .map(|_| {
            let start = Instant::now();
            let mut check = Command::new(env!("CARGO_BIN_EXE_kiket"));
            check.args(["check", "--format", "json"]).arg(root).stdout(Stdio::null());
            let status = check.status().expect("kiket runs");
            assert_ne!(status.code(), Some(1), "the check came to an end");
            start.elapsed()
        })
        .collect();
    times.sort();
    times[REPEATS / 2]
}

pub(crate) fn pipeline(id: &str) -> String {
    let mut text = format!(
        "model_version: \"1.0\"\npipeline:\n  id: {id}\n  on: {{ push: {{ branches: [main, \"release/*\"] }} }}\n  inputs: {{ version: {{ type: string, pattern: \"^v\" }} }}\nstages:\n"
    );
    for stage in 0..8 {
        let needs = if stage == 0 { String::new() } else { format!(", needs: [s{}]", stage - 1) };
        _ = writeln!(
            text,
            "  s{stage}: {{ uses: execute{needs}, when: \"git.branch == 'main'\", env: {{ V: \"${{{{ inputs.version }}}}\" }}, retry: {{ max_attempts: 3 }}, with: {{ language: javascript, source: \"1 + {stage}\" }} }}"
        );
    }
    text
}

pub(crate) fn workflow(id: &str) -> String {
    let mut text = format!("model_version: \"1.0\"\nworkflow: {{ id: {id}, name: {id} }}\nstates:\n");
    for state in 0..6 {
        let kind = ["initial", "active", "active", "active", "active", "final"][state];
        _ = writeln!(
            text,
            "  s{state}: {{ type: {kind}, category: active, metadata: {{ label: S{state} }}, on_enter: [{{ action: add_label, label: s{state} }}] }}"
        );
    }
    text += "transitions:\n";
    for state in 0..5 {
        _ = writeln!(
            text,
            "  - {{ from: s{state}, to: s{}, name: Go {state}, conditions: [{{ field: priority, operator: in, value: [high, low] }}], when: \"item.title != ''\" }}",
            state + 1
        );
    }
    text
}

/// Files that mean harm; each ends in a diagnostic.
fn bombs() -> [(&'static str, String); 6] {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = level - 1;
        _ = writeln!(aliases, "a{level}: &a{level} [*a{below}, *a{below}, *a{below}, *a{below}, *a{below}]");
    }
    let stage = |when: &str| {
        let body = "model_version: \"1.0\"\npipeline: { id: one }\nstages:\n";
        format!("{body}  a: {{ uses: execute, when: '{when}', with: {{ language: javascript, source: '1' }} }}\n")
    };
    [
        ("alias-bomb", aliases),
        ("depth-100000", "[".repeat(100_000)),
        ("duplicate-keys", "a: 1\n".repeat(20_000)),
        ("scalar-1MiB", format!("a: {}\n", "x".repeat(1 << 20))),
        ("cel-nesting", stage(&"!!(".repeat(1_000))),
        ("cel-loops", stage(&format!("{}true{}", "[1, 2].all(x, ".repeat(60), ")".repeat(60)))),
    ]
}
