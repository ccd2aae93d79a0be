//! Every call of the border × granted, not granted, and granted more narrowly than what is asked for.
//!
//! The rows are held against `wit/`: a function without one fails the test.

mod rows;

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::plugins::receiver::{Receiver, says};
use crate::plugins::smtp::Smtp;
use crate::world::World;
use rows::{ROWS, Row};

const WORKFLOW: &str = "model_version: \"1.0\"
workflow: { id: task, name: Task }
states: { open: { type: initial, category: pending }, done: { type: final, category: completed } }
transitions: [{ from: open, to: done, name: Finish }]
";

/// What is granted to the plugin that may do all of it.
const ALL: &str = "
  http: [{ scheme: http, host: 127.0.0.1, port: {port}, methods: [GET] }]
  secrets: [{ name: TOKEN, use: [header, sign, reveal], hosts: [127.0.0.1] }]
  kv: { quota: 1KiB }
  workspace: { access: write }
  artifacts: { access: write }
  process: { programs: [echo] }
  items: { scopes: [items:read, items:write, transitions:write] }
  mail: { servers: [{ host: localhost, port: {smtp}, tls: none }], to: ['*@example.com'] }
  deployments: { apps: [web] }";

/// What became of one call: the guest's answer, and the denials that the log tells of.
#[derive(Debug)]
struct Came {
    answer: Json,
    denials: Vec<Json>,
}

/// A project per name in `projects`, all of one repository, and the words that stand for what was made there.
struct Matrix {
    world: World,
    words: BTreeMap<&'static str, String>,
}

impl Matrix {
    async fn call(&self, project: &str, pipeline: &str, function: &str, arguments: &[&str]) -> Came {
        let arguments: Vec<String> = arguments.iter().map(|argument| self.fill(argument)).collect();
        let inputs = json!({ "inputs": { "function": function, "arguments": arguments } });
        let path = format!("/projects/{project}/pipelines/{pipeline}/runs");
        let started = self.world.ok(self.world.post(&path).json(&inputs)).await;
        let run = started["id"].as_str().expect("a run has an id");
        let frames = self.world.follow(run, None).await;
        let state = self.world.ok(self.world.get(&format!("/runs/{run}"))).await;
        assert_eq!(state["status"], "succeeded", "{function} {arguments:?} as {pipeline}: {state:#}");
        let denials = frames.into_iter().filter(|frame| frame.kind == "stage.denied").map(|frame| frame.data).collect();
        Came { answer: state["stages"][0]["outputs"].clone(), denials }
    }

    /// Puts what was made in the place of the words that stand for it.
    fn fill(&self, text: &str) -> String {
        self.words.iter().fold(text.to_owned(), |text, (word, value)| text.replace(&format!("{{{word}}}"), value))
    }

    /// Remembers what stands in an answer of Rust's between this text and the next quotation mark.
    fn remember(&mut self, word: &'static str, came: &Came, before: &str) {
        let text = came.answer["ok"].as_str().unwrap_or_else(|| panic!("{word}: {came:?}"));
        let (_, found) = text.split_once(before).unwrap_or_else(|| panic!("{word}: {text}"));
        self.words.insert(word, found.split(['"', '\\']).next().expect("the first part").to_owned());
    }
}

/// The functions that a component may import, as `interface.function`.
fn functions() -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit");
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).expect("there is wit/").map(|entry| entry.expect("an entry").path()) {
        let name = path.file_stem().expect("a name").to_str().expect("text").to_owned();
        if ["action", "recovery", "guard", "trigger"].contains(&&*name) {
            continue; // components export these
        }
        let text = std::fs::read_to_string(&path).expect("text");
        let lines = text.lines().filter_map(|line| line.split_once(": func(").map(|(function, _)| function.trim()));
        found.extend(lines.map(|function| format!("{name}.{function}")));
    }
    found.sort();
    found
}

/// The pipelines `all`, `none` and `narrow0`…, each with a copy of the probe and its grants.
fn files(world: &World, fill: impl Fn(&str) -> String) -> Vec<(String, String)> {
    let indented = |grants: &str| grants.replace('\n', "\n    ");
    let mut plugins = vec![("all".to_owned(), Some(indented(ALL))), ("none".to_owned(), None)];
    for (at, row) in ROWS.iter().enumerate() {
        if let Some((grants, ..)) = row.narrowed {
            plugins.push((format!("narrow{at}"), Some(format!("{{ {grants} }}"))));
        }
    }
    let mut granted = "model_version: \"1.0\"\nplugins:\n".to_owned();
    let mut files = vec![
        (".kiket/workflows/task.yaml".to_owned(), WORKFLOW.to_owned()),
        ("notes.txt".to_owned(), "hello".to_owned()),
        ("site/index.html".to_owned(), "<h1>Hello</h1>".to_owned()),
    ];
    for (name, grants) in plugins {
        std::fs::copy(crate::world::probe(), world.work().join(format!("tools/{name}.wasm"))).expect("a copy");
        if let Some(grants) = grants {
            granted += &format!("  ./tools/{name}.wasm:\n    grants: {}\n", fill(&grants));
        }
        let text = format!(
            "model_version: \"1.0\"\npipeline: {{ id: {name}, inputs: {{ function: {{ type: string }}, arguments: {{ type: array }} }} }}\n\
             stages:\n  go:\n    uses: ./tools/{name}.wasm/call\n    with: {{ function: '${{{{ inputs.function }}}}', arguments: '${{{{ inputs.arguments }}}}' }}\n"
        );
        files.push((format!(".kiket/pipelines/{name}.yaml"), text));
    }
    files.push((".kiket/plugins.yaml".to_owned(), granted));
    files
}

async fn matrix(receiver: &Receiver, smtp: &Smtp) -> Matrix {
    let words = BTreeMap::from([
        ("url", receiver.url("matrix")),
        ("port", receiver.port.to_string()),
        ("smtp", smtp.port.to_string()),
        ("large", "x".repeat(2000)),
    ]);
    let mut matrix = Matrix { world: World::start().await, words };
    let files = files(&matrix.world, |text| matrix.fill(text));
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    matrix.world.push(&files);
    matrix.world.add_project().await;
    let other = json!({ "name": "other", "url": matrix.world.origin(), "hook_secret": "another secret for webhooks" });
    matrix.world.ok(matrix.world.post("/projects").json(&other)).await;
    for project in ["shop", "other"] {
        let synced = matrix.world.ok(matrix.world.post(&format!("/projects/{project}/sync"))).await;
        assert_eq!(synced["revision"]["status"], "active", "{synced:#}");
    }
    let secret = matrix.world.put("/projects/shop/secrets/TOKEN").json(&json!({ "value": "t0p secret" }));
    matrix.world.ok_empty(secret).await;

    for (word, project) in [("item", "shop"), ("foreign-item", "other")] {
        let created = matrix.call(project, "all", "items.create", &[r#"{"title":"one"}"#]).await;
        matrix.remember(word, &created, r#"\"id\":\""#);
    }
    for (word, project) in [("artifact", "shop"), ("foreign", "other")] {
        let kept = matrix.call(project, "all", "artifacts.put", &[word, &format!("text of {project}")]).await;
        matrix.remember(word, &kept, "digest: \"");
    }
    let site = matrix.call("shop", "all", "artifacts.keep", &["site", "site"]).await;
    matrix.remember("site", &site, "digest: \"");
    let release = matrix.call("shop", "all", "deployments.prepare", &["web", "{site}"]).await;
    matrix.remember("release", &release, "id: \"");
    matrix.call("shop", "all", "kv.set", &["kept", "value"]).await;
    matrix
}

/// Holds what came of a call against what should have; returns what is wrong.
fn compare(row: &Row, how: &str, came: &Came, expected: &str) -> Option<String> {
    let (word, text) = match (&came.answer["ok"], &came.answer["error"]) {
        (Json::String(text), Json::Null) => ("ok", text),
        (Json::Null, Json::String(text)) => ("error", text),
        _ => return Some(format!("{} {how}: {came:?}", row.function)),
    };
    let said = format!("{word}: {text}");
    // Whoever is denied is told, and so is the log: once, in the same words, with the capability.
    let denied = text.starts_with("Error::Denied(");
    let logged = match &*came.denials {
        [] => !denied,
        [denial] => {
            denied
                && Some(denial["capability"].as_str().expect("a capability")) == row.capability
                && text.contains(format!("{:?}", denial["message"].as_str().expect("a message")).trim_matches('"'))
        }
        _ => false,
    };
    (!logged || !said.starts_with(expected)).then(|| format!("{} {how}: not {expected} but {came:?}", row.function))
}

#[tokio::test]
async fn every_call_is_granted_denied_and_narrowed() {
    let mut named: Vec<_> = ROWS.iter().map(|row| row.function.to_owned()).collect();
    named.sort();
    assert_eq!(named, functions(), "one row for each function of wit/");

    let receiver = Receiver::open(|_| says(200, "seen")).await;
    let smtp = Smtp::open().await;
    let matrix = matrix(&receiver, &smtp).await;
    let mut wrong = Vec::new();
    for (at, row) in ROWS.iter().enumerate() {
        // The denied come first: what the granted do would show.
        let came = matrix.call("shop", "none", row.function, row.arguments).await;
        let expected = if row.capability.is_some() { "error: Error::Denied(" } else { "ok: " };
        wrong.extend(compare(row, "without a grant", &came, expected));
        if let Some((_, arguments, expected)) = row.narrowed {
            let came = matrix.call("shop", &format!("narrow{at}"), row.function, arguments).await;
            wrong.extend(compare(row, "with a narrower grant", &came, expected));
        } else {
            assert_eq!(row.capability, None, "{} can be narrowed", row.function);
        }
        let came = matrix.call("shop", "all", row.function, row.arguments).await;
        wrong.extend(compare(row, "with its grant", &came, "ok: "));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(receiver.seen().len(), 1, "only the granted request is sent");
    matrix.world.end().await;
}
