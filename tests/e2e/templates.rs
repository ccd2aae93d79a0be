//! What kiket ships to begin with: every template is written, checks without an error and can be drawn; those that need
//! nobody run to a good end.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// Templates whose pipeline of the same name runs without inputs, people or a network.
const RUNNABLE: [&str; 3] = ["hello", "python-build", "sandboxed-script"];

fn names() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows/templates");
    let entries = std::fs::read_dir(root).expect("there are templates").flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.file_name().into_string().expect("names are text")).collect();
    names.sort();
    names
}

fn kiket(folder: &TempDir, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_kiket"))
        .current_dir(folder.path())
        .env("XDG_STATE_HOME", folder.path().join("state"))
        .env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("kiket runs")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn every_template_is_written_and_checks_without_an_error() {
    let names = names();
    assert!(names.len() >= 8, "{names:?}");
    for name in &names {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let written = kiket(&folder, &["init", "--template", name]);
        assert!(written.status.success(), "{name}: {}", said(&written));
        let checked = kiket(&folder, &["check", "--format", "json"]);
        let report: serde_json::Value = serde_json::from_slice(&checked.stdout).expect("the report is JSON");
        assert_eq!((checked.status.code(), &report["errors"]), (Some(0), &0.into()), "{name}: {report:#}");
        let found = report["diagnostics"].as_array().expect("a list");
        // The one thing to be warned of: parts of workflows that nothing acts on yet.
        let warned: Vec<_> = found.iter().filter(|found| found["severity"] == "warning").collect();
        assert!(warned.iter().all(|found| found["code"] == "W0290"), "{name}: {warned:#?}");
        // Nothing is overwritten.
        assert!(!kiket(&folder, &["init", "--template", name]).status.success());
        let drawn = name.strip_suffix("-workflow").unwrap_or(name);
        for format in ["mermaid", "dot", "svg"] {
            let graph = kiket(&folder, &["graph", drawn, "--format", format]);
            assert!(graph.status.success() && !graph.stdout.is_empty(), "{name} as {format}: {}", said(&graph));
        }
    }
}

#[test]
fn templates_that_need_nobody_run_to_a_good_end() {
    for name in RUNNABLE {
        let folder = tempfile::tempdir().expect("a temporary folder");
        kiket(&folder, &["init", "--template", name]);
        let run = kiket(&folder, &["run", name]);
        assert!(run.status.success(), "{name}: {}", said(&run));
    }
}

#[test]
fn a_run_that_asks_people_is_refused_where_nobody_can_be_asked() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let pipelines = folder.path().join(".kiket/pipelines");
    std::fs::create_dir_all(&pipelines).expect("a folder");
    let text = "model_version: \"1.0\"\npipeline: { id: p }\nstages: { ask: { approval: { message: Ship it? } } }\n";
    std::fs::write(pipelines.join("p.yaml"), text).expect("a file");
    let run = kiket(&folder, &["run", "p"]);
    assert_eq!(run.status.code(), Some(1));
    assert!(said(&run).contains("nobody can be asked"), "{}", said(&run));
}
