//! The JSON Schemas that the repository ships are what the types say.

use std::collections::BTreeMap;
use std::path::Path;

use kiket_core::definition::Kind;
use kiket_core::{item, run, schemas};
use serde_json::Value as Json;

use crate::support::shipped;

fn files(folder: &Path, below: &str, found: &mut BTreeMap<String, Json>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there").flatten() {
        let name = format!("{below}{}", entry.file_name().to_str().expect("names are text"));
        if entry.path().is_dir() {
            files(&entry.path(), &format!("{name}/"), found);
        } else if name.ends_with(".json") {
            let text = std::fs::read_to_string(entry.path()).expect("schemas are text");
            found.insert(name, serde_json::from_str(&text).expect("schemas are JSON"));
        }
    }
}

#[test]
fn the_files_say_what_the_types_say() {
    let mut found = BTreeMap::new();
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas"), "", &mut found);
    let expected = schemas::all();
    let names = |schemas: &BTreeMap<String, Json>| schemas.keys().cloned().collect::<Vec<_>>();
    let how = "write them anew with `kiket schema --all schemas`";
    assert_eq!(names(&found), names(&expected), "{how}");
    for (name, schema) in &expected {
        assert_eq!(&found[name], schema, "{name}: {how}");
        jsonschema::draft202012::new(schema).unwrap_or_else(|error| panic!("{name} is no JSON Schema: {error}"));
    }
}

#[test]
fn every_shipped_definition_fits_the_schema_of_its_kind() {
    let mut checked = 0;
    for source in shipped() {
        let parsed = kiket_core::definition::read(&source);
        let (Some(kind), Some(root)) = (parsed.kind, parsed.root) else { continue };
        let schema = jsonschema::draft202012::new(&kind.schema()).expect("the schema is valid");
        let problems: Vec<String> =
            schema.iter_errors(&root.to_json()).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(problems.is_empty(), "{}: {problems:#?}", source.path);
        checked += 1;
    }
    assert!(checked > 40, "{checked} files were checked");
}

#[test]
fn every_event_has_a_schema_that_it_fits() {
    let schemas = schemas::events();
    let mut events: Vec<Json> = Vec::new();
    let failure = serde_json::json!({ "code": "transient", "message": "busy" });
    let stage = |kind: &str, more: Json| {
        let mut event = serde_json::json!({ "kind": kind, "stage": "a" });
        event.as_object_mut().expect("it is an object").extend(more.as_object().cloned().expect("so is this"));
        event
    };
    events.push(stage(
        "stage.retrying",
        serde_json::json!({ "attempt": 1, "error": failure, "until": "2026-01-01T00:00:00.000Z" }),
    ));
    events.push(stage("stage.failed", serde_json::json!({ "attempt": 1, "error": failure, "allowed": false })));
    events.push(stage(
        "approval.requested",
        serde_json::json!({ "request": { "message": "Ship?", "approvers": [{ "role": "lead" }], "required": 1 } }),
    ));
    events.push(serde_json::json!({ "kind": "run.waiting" }));
    events.push(serde_json::json!({ "kind": "item.commented", "body": "x", "by": "ada" }));
    for event in events {
        let kind = event["kind"].as_str().expect("events have kinds").to_owned();
        // What is checked is what the types themselves read.
        let read = serde_json::from_value::<run::Event>(event.clone()).is_ok()
            || serde_json::from_value::<item::Event>(event.clone()).is_ok();
        assert!(read, "{event}");
        let mut frame = event;
        for (name, value) in [
            ("position", 1.into()),
            ("at", "2026-01-01T00:00:00Z".into()),
            ("project", "shop".into()),
            ("run", "run_x".into()),
            ("item", "itm_x".into()),
        ] {
            frame[name] = value;
        }
        let schema = jsonschema::draft202012::new(&schemas[&kind]).expect("the schema is valid");
        let problems: Vec<String> = schema.iter_errors(&frame).map(|error| error.to_string()).collect();
        assert!(problems.is_empty(), "{kind}: {problems:?}");
    }
    // Beside those: the manifest's and the test cases'.
    assert_eq!(Kind::ALL.len() + 2 + schemas.len(), schemas::all().len());
}
