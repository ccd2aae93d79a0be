//! What authors of plugins do with `kiket plugin`: from an empty folder to a stage on a server, and every mistake on the
//! way.

mod cases;
mod mistakes;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::world::World;

/// A folder of somebody who writes plugins.
struct Desk {
    folder: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().expect("files have folders")).expect("a folder");
        fs::write(path, text).expect("a file");
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).expect("there is such a file")
    }

    /// Writes a plugin as `kiket plugin new` does. Its dependencies are those that are locked in the repository, so that
    /// no test depends on what a registry has today.
    fn plugin(&self, name: &str) {
        let made = self.kiket(&["plugin", "new", name]);
        assert!(made.status.success(), "{}", said(&made));
        let lock = root().join("plugins/Cargo.lock");
        fs::copy(lock, self.path(name).join("Cargo.lock")).expect("the plugins have a lock file");
    }

    fn kiket(&self, arguments: &[&str]) -> Output {
        let temporary = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let mut kiket = Command::new(env!("CARGO_BIN_EXE_kiket"));
        kiket
            .current_dir(self.folder.path())
            .env("XDG_CACHE_HOME", temporary.join("cache"))
            // Dependencies of all plugins of all tests are compiled once.
            .env("CARGO_TARGET_DIR", desk_target())
            .args(arguments)
            .stdin(Stdio::null());
        // Where rustup has no target, `cargo xtask setup` prepares another compiler.
        let prepared = temporary.join("../xtask/cargo-wasm");
        if prepared.is_file() {
            kiket.env("KIKET_CARGO", prepared);
        }
        kiket.output().expect("kiket runs")
    }

    /// Runs a command that has to end with a code; returns what it said.
    fn says(&self, arguments: &[&str], code: i32) -> String {
        let output = self.kiket(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    /// What `inspect --json` says of a component.
    fn inspect(&self, file: &str) -> Json {
        let output = self.kiket(&["plugin", "inspect", file, "--json"]);
        assert!(output.status.success(), "{}", said(&output));
        serde_json::from_slice(&output.stdout).expect("it is JSON")
    }
}

/// Where cargo keeps what it builds for authors.
fn desk_target() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("authors")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[tokio::test]
async fn a_plugin_is_written_built_tested_and_runs_as_a_stage() {
    let desk = Desk::new();
    desk.plugin("greet");
    let built = desk.says(&["plugin", "build", "greet", "--out", "tools/greet.wasm"], 0);
    assert!(built.contains("wrote tools/greet.wasm") && built.contains("capabilities  none"), "{built}");

    let shown = desk.inspect("tools/greet.wasm");
    let input = json!({ "type": "object", "properties": { "name": { "type": "string" } }, "required": ["name"] });
    assert_eq!(shown["actions"]["run"]["input"], input, "{shown:#}");
    assert_eq!(shown["actions"]["run"]["output"]["required"], json!(["greeting"]));
    assert_eq!((&shown["id"], &shown["actions"]["run"]["effect"]), (&json!("greet"), &json!("pure")));
    let exports = shown["exports"].as_array().expect("a list");
    assert!(exports.contains(&json!("kiket:plugin/action@0.1.0")), "{shown:#}");
    assert!(built.contains(shown["digest"].as_str().expect("it has one")), "{built}");
    let text = desk.says(&["plugin", "inspect", "tools/greet.wasm"], 0);
    assert!(text.starts_with("greet 0.1.0\n") && text.contains("action run (pure)"), "{text}");

    let tested = desk.says(&["plugin", "test", "greet"], 0);
    assert!(tested.contains("ok      greets by name") && tested.contains("2 passed, 0 failed\n"), "{tested}");
    let wrong = "- { name: wrong, with: { name: Ada }, expect: { output: { greeting: Bye }, log: nobody } }\n";
    desk.write("greet/tests/wrong.yaml", wrong);
    let tested = desk.says(&["plugin", "test", "greet"], 1);
    assert!(tested.contains("FAILED  wrong  greet/tests/wrong.yaml:1"), "{tested}");
    assert!(tested.contains("output /greeting: expected \"Bye\", found \"Hello Ada\""), "{tested}");
    assert!(tested.contains("contains \"nobody\"") && tested.contains("2 passed, 1 failed"), "{tested}");

    let world = World::start().await;
    fs::copy(desk.path("tools/greet.wasm"), world.work().join("tools/greet.wasm")).expect("a copy");
    world.push(&[("README.md", "first")]);
    world.add_project().await;
    let run = world.run_pipeline("stages: { say: { uses: ./tools/greet.wasm, with: { name: Grace } } }\n").await;
    let finished = world.finish(&run).await;
    assert_eq!(finished["stages"][0]["outputs"], json!({ "greeting": "Hello Grace" }), "{finished:#}");
    // What the type says is held against definitions before anything runs.
    world.push(&[(
        ".kiket/pipelines/p.yaml",
        "model_version: \"1.0\"\npipeline: { id: p }\nstages: { say: { uses: ./tools/greet.wasm, with: { nam: x } } }\n",
    )]);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["status"], "rejected", "{synced:#}");
    world.end().await;
}

#[test]
fn the_tests_of_a_new_plugin_pass_with_cargo_alone() {
    let desk = Desk::new();
    desk.plugin("greet");
    let mut cargo = Command::new("cargo");
    cargo.arg("test").current_dir(desk.path("greet"));
    let tested = cargo.env("CARGO_TARGET_DIR", desk_target()).output().expect("cargo is installed");
    assert!(tested.status.success() && said(&tested).contains("greets_by_name ... ok"), "{}", said(&tested));
}

#[test]
fn a_schema_of_the_manifest_counts_before_the_one_of_the_type() {
    let desk = Desk::new();
    desk.plugin("own");
    let manifest = desk.read("own/manifest.yaml").replace(
        "    effect: pure\n",
        "    effect: pure\n    input: { type: object, properties: { name: { enum: [Ada] } }, required: [name] }\n",
    );
    desk.write("own/manifest.yaml", &manifest);
    let built = desk.says(&["plugin", "build", "own"], 0);
    assert!(built.contains("note: the input of action \"run\" is the one of the manifest"), "{built}");
    let shown = desk.inspect("own/own.wasm");
    assert_eq!(shown["actions"]["run"]["input"]["properties"]["name"], json!({ "enum": ["Ada"] }));
    assert_eq!(shown["actions"]["run"]["output"]["required"], json!(["greeting"]));

    desk.write("own/manifest.yaml", &format!("{manifest}guards: {{ size: {{}} }}\n"));
    let refused = desk.says(&["plugin", "build", "own"], 2);
    assert!(refused.contains("E0115") && refused.contains("`guards` lists \"size\""), "{refused}");
}
