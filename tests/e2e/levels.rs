//! Definitions of four levels: the strongest counts, whole, and everything says where it comes from.

use std::path::Path;
use std::process::Command;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::world::{World, git};

fn workflow(id: &str, name: &str) -> String {
    format!(
        "model_version: \"1.0\"\nworkflow: {{ id: {id}, name: {name} }}\nstates: {{ a: {{ type: initial }}, b: {{ type: final }} }}\ntransitions: [{{ from: a, to: b, name: Go }}]\n"
    )
}

/// A repository with these files in one commit.
fn repository(files: &[(&str, &str)]) -> (TempDir, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    git(folder.path(), &["init", "--quiet", "--initial-branch=main"]);
    write(folder.path(), files);
    let url = format!("file://{}", folder.path().display());
    (folder, url)
}

fn write(folder: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("files have folders")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    git(folder, &["add", "--all"]);
    let identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"];
    let status = Command::new("git").current_dir(folder).args(identity).args(["commit", "--quiet", "-m", "x"]).status();
    assert!(status.expect("git is installed").success());
}

async fn definition<'d>(definitions: &'d Json, kind: &str, id: &str) -> &'d Json {
    let all = definitions["data"].as_array().expect("a list");
    let found = all.iter().find(|one| one["kind"] == kind && one["id"] == id);
    found.unwrap_or_else(|| panic!("no {kind} {id} in {definitions:#}"))
}

#[tokio::test]
async fn the_strongest_level_counts_and_everything_says_where_it_comes_from() {
    let (organisation, organisation_url) = repository(&[
        (".kiket/workflows/shared.yaml", &workflow("shared", "Organisation")),
        (".kiket/workflows/default.yaml", &workflow("default", "Organisation")),
        (".kiket/workflows/own.yaml", &workflow("own", "Organisation")),
        (
            ".kiket/pipelines/audit.yaml",
            "model_version: \"1.0\"\npipeline: { id: audit, on: push }\nstages: { a: { uses: execute, with: { language: javascript, source: '1' } } }\n",
        ),
    ]);
    let (_overrides, overrides_url) = repository(&[(".kiket/workflows/shared.yaml", &workflow("shared", "Override"))]);
    let world = World::start_with(&[("KIKET_ORGANISATION_URL", &organisation_url)]).await;
    world.add_project_with(json!({ "overrides": { "url": overrides_url } })).await;
    let commit = world.push(&[(".kiket/workflows/own.yaml", &workflow("own", "Repository"))]);
    let synced = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
    // A pipeline that the organisation shares starts nothing by itself.
    assert_eq!(synced["runs"], json!([]));

    let definitions = world.ok(world.get("/projects/shop/definitions")).await;
    let own = definition(&definitions, "workflow", "own").await;
    assert_eq!((&own["level"], &own["commit"], &own["branch"]), (&json!("repository"), &json!(commit), &json!("main")));
    assert_eq!(
        (&own["path"], &own["line"], &own["replaces"]),
        (&json!(".kiket/workflows/own.yaml"), &json!(2), &json!(["organisation"]))
    );
    let shared = definition(&definitions, "workflow", "shared").await;
    assert_eq!((&shared["level"], &shared["repository"]), (&json!("project"), &json!(overrides_url)));
    let default = definition(&definitions, "workflow", "default").await;
    assert_eq!((&default["level"], &default["replaces"]), (&json!("organisation"), &json!(["bundled"])));
    assert_eq!(definition(&definitions, "board", "default").await["level"], "bundled");
    let shown = world.ok(world.get("/projects/shop/definitions/workflow/own")).await;
    assert!(shown["graph"]["mermaid"].as_str().expect("a drawing").contains("Go"), "{shown:#}");

    // The same commit again is the same revision, until another level changes.
    let again = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(again["revision"]["id"], synced["revision"]["id"]);
    write(organisation.path(), &[(".kiket/workflows/default.yaml", &workflow("default", "Changed"))]);
    let changed = world.ok(world.post("/projects/shop/sync")).await;
    assert_ne!(changed["revision"]["id"], synced["revision"]["id"]);
    // One with an error in any level is refused whole, and the last good one stays.
    write(organisation.path(), &[(".kiket/workflows/default.yaml", "workflow: { id: default }\nstates: 3\n")]);
    let broken = world.ok(world.post("/projects/shop/sync")).await;
    assert_eq!(
        (&broken["revision"]["status"], &broken["revision"]["diagnostics"][0]["level"]),
        (&json!("rejected"), &json!("organisation")),
        "{broken:#}"
    );
    let project = world.ok(world.get("/projects/shop")).await;
    assert_eq!(project["active_revision"]["id"], changed["revision"]["id"]);
    world.end().await;
}
