//! What a person reads about a wrong definition.

use crate::support::{catalog, compile_one, complaints, pipeline, source};
use insta::assert_snapshot;
use kiket_core::revision::{compile, component_paths};

fn stages(text: &str) -> String {
    complaints(&pipeline(&format!("stages:\n{text}")))
}

#[test]
fn a_good_pipeline_has_no_complaint() {
    let text = r#"
model_version: "1.0"
pipeline:
  id: p
  name: Release
  on: { push: { branches: [main, "release/*"], paths: ["src/**"] } }
  inputs: { version: { type: string, pattern: "^v", required: true } }
  timeout: 1h
  priority: high
stages:
  build: { uses: work, with: { count: 2, label: "${{ inputs.version }}" }, env: { V: "${{ git.commit }}" } }
  undo: { uses: work/undo, needs: build, run_on: failure, allow_failure: true, timeout: 5m }
finally: { clean: { uses: work } }
outputs: { n: "${{ stages.build.outputs.n }}" }
"#;
    assert_eq!(complaints(text), "");
    let (revision, _) = compile_one(text);
    let plan = revision.unwrap().plan("p").unwrap().clone();
    let push = plan.on.push.as_ref().unwrap();
    assert!(push.takes_branch("release/2") && !push.takes_branch("dev") && !push.takes_tag("release/2"));
    assert!(push.takes_paths(&["src/a/b.rs".to_owned()]) && !push.takes_paths(&["README.md".to_owned()]));
}

#[test]
fn tags_start_what_names_them_and_branches_what_names_none() {
    let on = |on: &str| {
        let text = format!(
            "model_version: \"1.0\"\npipeline: {{ id: p, on: {on} }}\nstages: {{ a: {{ uses: work, with: {{ count: 1 }} }} }}\n"
        );
        assert_eq!(complaints(&text), "");
        compile_one(&text).0.unwrap().plan("p").unwrap().on.clone()
    };
    let taken = |text: &str| on(text).push.map(|push| (push.takes_branch("main"), push.takes_tag("v1")));
    assert_eq!(taken("push"), Some((true, false)));
    assert_eq!(taken("{ push: {} }"), Some((true, false)));
    assert_eq!(taken("{ push: { tags: 'v*' } }"), Some((false, true)));
    assert_eq!(taken("{ push: { tags: [other], branches: [main] } }"), Some((true, false)));
    assert_eq!(taken("{ push: { branches: [dev] } }"), Some((false, false)));
    assert_eq!(taken("pull_request"), None);
    let both = on("[push, pull_request]");
    assert!(both.push.is_some_and(|push| push.takes_branch("any")));
    assert!(both.pull_request.is_some_and(|pull| pull.takes_target("any")));
}

#[test]
fn names_that_do_not_exist() {
    assert_snapshot!(stages(
        "  build: { uses: work }\n  deploy:\n    uses: wrok\n    needs: [biuld]\n  undo: { uses: work/redo }\n"
    ));
}

#[test]
fn circles_are_printed_as_a_path() {
    assert_snapshot!(stages(
        "  a: { uses: work, needs: [c] }\n  b: { uses: work, needs: [a] }\n  c: { uses: work, needs: [b] }\n  d: { uses: work, needs: [d] }\n"
    ));
}

#[test]
fn unknown_keys_and_wrong_types() {
    assert_snapshot!(stages(
        "  a: { uses: work, timeot: 5m, when: [x], needs: 3, run_on: sucess }\n  b: text\n  C-3: { uses: work }\n"
    ));
}

#[test]
fn missing_keys() {
    assert_snapshot!(complaints("pipeline: { name: Nameless }\nstages: { a: { with: {} } }\n"));
    assert_snapshot!(complaints("model_version: 2\npipeline: { id: q }\n"));
}

#[test]
fn expressions_that_cannot_be() {
    assert_snapshot!(stages(
        "  a: { uses: work, when: \"git.branch = 'main'\" }\n  b:\n    uses: work\n    with: { label: \"v${{ input.x }}\", source: \"f(${{ inputs.x }})\" }\n    env: { V: \"${{ git.commit\" }\n"
    ));
}

#[test]
fn input_that_the_plugin_refuses_is_found_at_its_place() {
    assert_snapshot!(stages("  a:\n    uses: work\n    with:\n      label: x\n      count: none\n"));
}

#[test]
fn what_is_not_supported_yet_says_so() {
    assert_snapshot!(stages(
        "  a: { uses: work, retry: { max_attempts: 2 }, matrix: { x: [1] } }\n  b: { approval: {} }\n"
    ));
}

#[test]
fn durations_inputs_and_finally() {
    assert_snapshot!(complaints(
        "model_version: \"1.0\"\npipeline:\n  id: p\n  timeout: 5 minutes\n  inputs: { n: { type: nummer }, m: { type: integer, default: x } }\n  on: { push: { branches: ['a{b'] }, schedule: [] }\nstages: { a: { uses: work, run_on: failure }, z: { uses: work, needs: [f] } }\nfinally: { f: { uses: work, needs: [a] } }\n"
    ));
}

#[test]
fn a_revision_is_refused_whole_and_other_files_are_kept() {
    let sources = [
        source("pipelines/p.yaml", &pipeline("stages: { a: { uses: work } }")),
        source(
            "pipelines/q.yaml",
            "model_version: \"1.0\"\npipeline: { id: p }\nstages: { a: { uses: ./tools/x.wasm/go } }\n",
        ),
        source("boards/main.yaml", "board: {}"),
        source(
            "plugins.yaml",
            "model_version: \"1.0\"\nplugins: { work: { grants: { http: [{ host: \"https://x\" }, { host: a.example.com, prot: 1 }], kv: {} } } }\n",
        ),
    ];
    let (revision, found) = compile(&sources, &catalog());
    assert!(revision.is_none());
    let lines: Vec<String> = found.iter().map(|found| kiket_core::diagnostic::render(found, None)).collect();
    assert_snapshot!(lines.concat());
    assert_eq!(component_paths(&sources), ["tools/x.wasm"]);
}
