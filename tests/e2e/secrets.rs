//! Secrets go in and never come out, and nothing opens them without the master key.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use serde_json::{Value as Json, json};

use crate::world::{SECRET, World};

/// Of everything that somebody has to escape, and found nowhere else.
const CANARY: &str = "cn4ry \"7f3a'&<0c1d>/9e+x=?~~ y8b2";

/// Makes the canary out of what does not look like it, spells it out in twelve ways and returns those as a list.
const SPELL: &str = r#"
const c = String.fromCharCode(...@CODES@.map(n => n - 1));
const codes = [...c].map(x => x.charCodeAt(0));
const hex = codes.map(n => n.toString(16).padStart(2, '0')).join('');
const base64 = (text, alphabet) => {
  const bits = [...text].map(x => x.charCodeAt(0).toString(2).padStart(8, '0')).join('');
  const sixes = bits.match(/.{1,6}/g).map(six => alphabet[parseInt(six.padEnd(6, '0'), 2)]).join('');
  return sixes + '='.repeat((4 - sixes.length % 4) % 4);
};
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const percent = encodeURIComponent(c);
const html = c.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/"/g, '&quot;').replace(/'/g, '&#39;');
const spelled = [
  c, base64(c, letters + '+/'), base64(c, letters + '+/').replace(/=/g, ''), base64('x' + c + 'y', letters + '+/'),
  base64('xy' + c + 'z', letters + '+/'), base64(c, letters + '-_'), hex, hex.toUpperCase(), percent,
  percent.replace(/%../g, x => x.toLowerCase()), JSON.stringify(c).slice(1, -1), html,
];
"#;

/// What `execute` is given to do something with the spellings of the canary.
fn script(source: &str) -> Json {
    let codes: Vec<u32> = CANARY.chars().map(|char| u32::from(char) + 1).collect();
    let spell = SPELL.replace("@CODES@", &format!("{codes:?}"));
    json!({ "language": "javascript", "source": format!("{spell}{source}") })
}

/// What a search for the canary has to look for: its spellings, and what of them stands inside of more base64.
fn spellings() -> Vec<Vec<u8>> {
    let percent: String = CANARY
        .bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() || b"'~".contains(&byte) => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect();
    let json = serde_json::to_string(CANARY).expect("text is JSON");
    let inside = |offset: usize| {
        let encoded = STANDARD_NO_PAD.encode(format!("{}{CANARY}", "x".repeat(offset)));
        encoded[4..encoded.len() - 2].to_owned()
    };
    let spelled = [
        CANARY.to_owned(),
        inside(0),
        inside(1),
        inside(2),
        URL_SAFE_NO_PAD.encode(CANARY)[..40].to_owned(),
        hex::encode(CANARY),
        hex::encode_upper(CANARY),
        percent.to_lowercase(),
        percent,
        json[1..json.len() - 1].to_owned(),
        CANARY
            .replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .replace('"', "&quot;")
            .replace('\'', "&#39;"),
        // The middle of it, which no escaping changes much.
        CANARY[4..12].to_owned(),
        CANARY[CANARY.len() - 4..].to_owned(),
    ];
    spelled.into_iter().map(String::into_bytes).collect()
}

fn search(patterns: &[Vec<u8>]) -> AhoCorasick {
    AhoCorasick::new(patterns).expect("a few patterns")
}

pub(crate) fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the folder can be listed").flatten() {
        if entry.path().is_dir() { files(&entry.path(), found) } else { found.push(entry.path()) }
    }
}

/// Fails where one of the patterns is in a file of the data folder.
fn assert_nothing_kept(world: &World, patterns: &[Vec<u8>]) {
    let (search, mut found) = (search(patterns), Vec::new());
    files(&world.data(), &mut found);
    assert!(found.iter().any(|file| file.ends_with("kiket.db")), "{found:?}");
    for file in found {
        let leak = search.find(&fs::read(&file).expect("it can be read")).map(|leak| leak.pattern());
        assert_eq!(leak, None, "in {}", file.display());
    }
}

/// Reads the whole log as a subscriber sees it, up to an event of this kind.
async fn events_until(world: &World, kind: &str) -> String {
    let mut answer = world.get("/events?from=start").send().await.expect("the server answers");
    let mut text = String::new();
    while !text.contains(&format!("event: {kind}\n")) || !text.ends_with("\n\n") {
        let chunk = answer.chunk().await.expect("the stream goes on").expect("the event comes");
        text += &String::from_utf8_lossy(&chunk);
    }
    text
}

#[tokio::test]
async fn a_secret_goes_in_and_never_comes_out() {
    let mut world = World::start().await;
    world.add_project().await;
    let set = world.put("/projects/shop/secrets/CANARY").json(&json!({ "value": CANARY })).send().await.unwrap();
    assert_eq!((set.status().as_u16(), set.text().await.unwrap().as_str()), (204, ""));

    let (say, fail) = (
        script("spelled.forEach(text => console.log('it is ' + text + ' !')); ({ list: spelled, [c]: 1 })"),
        script("throw new Error('it was ' + spelled.join(' or '))"),
    );
    let stages = format!(
        "stages:\n  say: {{ uses: execute, with: {say} }}\n  fail: {{ uses: execute, with: {fail}, allow_failure: true }}\n"
    );
    let run = world.run_pipeline(&stages).await;
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "succeeded", "{finished:#}");
    let log = world.get(&format!("/runs/{run}/stages/say/log")).send().await.unwrap().text().await.unwrap();
    let lines: Vec<&str> = log.lines().collect();
    let masked = |text: &str| text.starts_with("it is ") && text.contains("[secret CANARY]") && text.len() < 32;
    assert!(lines.len() == 12 && lines.iter().all(|line| masked(line)), "{log}");
    let (said, failed) = (&finished["stages"][0]["outputs"], &finished["stages"][1]["error"]["message"]);
    assert_eq!(said["result"]["[secret CANARY]"], 1, "{said:#}");
    assert_eq!(said["result"]["list"].as_array().unwrap().len(), 12);
    assert_eq!(failed.as_str().unwrap().matches("[secret CANARY]").count(), 12, "{failed}");

    world.put("/projects/shop/secrets/OTHER").json(&json!({ "value": "x" })).send().await.unwrap();
    world.delete("/projects/shop/secrets/OTHER").send().await.unwrap();
    let patterns = spellings();
    let search = search(&patterns);
    let mut answers = vec![events_until(&world, "secret.removed").await];
    for path in [
        "/projects",
        "/projects/shop",
        "/projects/shop/secrets",
        "/projects/shop/env",
        "/projects/shop/definitions",
        "/projects/shop/revisions",
        "/projects/shop/definitions/pipeline/p",
        "/runs",
        &format!("/runs/{run}"),
        &format!("/runs/{run}/stages/say/log"),
        &format!("/runs/{run}/stages/fail/log"),
        "/projects/shop/secrets/CANARY",
        &format!("/runs/{run}/events"),
    ] {
        answers.push(world.get(path).send().await.unwrap().text().await.unwrap());
    }
    for answer in &answers {
        assert!(search.find(answer).is_none(), "{answer}");
    }
    assert!(answers[0].contains("event: secret.set\n") && answers[0].contains("\"name\":\"CANARY\",\"by\":\"first\""));

    let hook = [SECRET.as_bytes().to_vec()];
    assert_nothing_kept(&world, &patterns);
    assert_nothing_kept(&world, &hook);
    // What is in the write-ahead log now is in the database after it.
    world.kill();
    world.boot();
    assert_nothing_kept(&world, &patterns);
    let data = world.data();
    assert_eq!(fs::metadata(data.join("master.key")).unwrap().permissions().mode() & 0o777, 0o600);
    world.end().await;
}

#[tokio::test]
async fn secrets_and_values_are_set_listed_and_removed_by_name() {
    let world = World::start().await;
    world.add_project().await;
    let status = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    let value = |value: &str| json!({ "value": value });
    for (name, text) in [("TOKEN", "first"), ("KEY_2", "second"), ("TOKEN", "third")] {
        assert_eq!(status(world.put(&format!("/projects/shop/secrets/{name}")).json(&value(text))).await, 204);
        assert_eq!(status(world.put(&format!("/projects/shop/env/{name}")).json(&value(text))).await, 204);
    }
    let names = |list: &Json| -> Vec<String> {
        list["data"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let secrets = world.ok(world.get("/projects/shop/secrets")).await;
    assert_eq!(
        (names(&secrets), &secrets["next_cursor"]),
        (vec!["KEY_2".to_owned(), "TOKEN".to_owned()], &json!(null))
    );
    let keys: Vec<&String> = secrets["data"][1].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "created_at", "updated_at"]);
    let values = world.ok(world.get("/projects/shop/env")).await;
    assert_eq!((names(&values).len(), &values["data"][1]["value"]), (2, &json!("third")));
    assert_eq!(world.ok(world.get("/projects/shop/env/KEY_2")).await["value"], "second");
    for path in ["/projects/shop/secrets/TOKEN", "/projects/shop/env/TOKEN"] {
        assert_eq!(status(world.delete(path)).await, 204);
        assert_eq!(status(world.delete(path)).await, 404);
    }
    assert_eq!(names(&world.ok(world.get("/projects/shop/secrets")).await), ["KEY_2"]);

    let (long, longer) = ("x".repeat(64 * 1024), "x".repeat(64 * 1024 + 1));
    let secret = "/projects/shop/secrets/TOKEN";
    assert_eq!(status(world.put(secret).json(&value(&long))).await, 204);
    assert_eq!(status(world.put("/projects/shop/env/EMPTY").json(&value(""))).await, 204);
    let raw = |path: &str, body: &'static str| world.put(path).header("content-type", "application/json").body(body);
    let cases = [
        (world.put(secret).json(&value("")), 422),
        (world.put(secret).json(&value(&longer)), 422),
        (world.put("/projects/shop/env/A").json(&value(&long[..16 * 1024 + 1])), 422),
        (world.put("/projects/nobody/secrets/A").json(&value("x")), 404),
        (world.put("/projects/nobody/env/A").json(&value("x")), 404),
        (world.get("/projects/nobody/secrets"), 404),
        (world.get("/projects/shop/env/NOTHING"), 404),
        (world.delete("/projects/shop/secrets/%00"), 404),
        (world.get(secret), 405),
        (world.post(secret).json(&value("x")), 405),
        (raw(secret, ""), 400),
        (raw(secret, "{"), 400),
        (raw(secret, "12345678901234"), 400),
        (raw(secret, "{\"value\":12345678901234}"), 400),
        (raw(secret, "{\"value\":\"x\",\"12345678901234\":1}"), 400),
        (raw(secret, "{\"value\":\"\\ud800\"}"), 400),
        (world.put(secret).body(vec![b' '; 2 << 20]), 413),
        (raw("/projects/shop/env/A", "{\"value\":1}"), 422),
    ];
    let names = ["a", "1A", "A-B", "A%20B", "%C3%84", &"A".repeat(65), "_A"];
    let bad_names = names.map(|name| (world.put(&format!("/projects/shop/secrets/{name}")).json(&value("x")), 422));
    let bad_values =
        names[1..6].iter().map(|name| (world.put(&format!("/projects/shop/env/{name}")).json(&value("x")), 422));
    for (request, expected) in cases.into_iter().chain(bad_names).chain(bad_values) {
        let answer = request.send().await.unwrap();
        let (status, url) = (answer.status(), answer.url().clone());
        let problem = answer.text().await.unwrap();
        assert_eq!(status.as_u16(), expected, "{url}: {problem}");
        let body: Json = serde_json::from_str(&problem).unwrap_or_else(|_| panic!("{url}: {problem}"));
        assert!(body["code"].is_string() && !problem.contains("12345678901234"), "{url}: {problem}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_master_key_that_is_wrong_missing_or_exposed_stops_the_server_with_a_reason() {
    let mut world = World::start().await;
    world.add_project().await;
    world.ok_empty(world.put("/projects/shop/secrets/TOKEN").json(&json!({ "value": "hunter2 hunter2" }))).await;
    world.kill();
    let (key, safe) = (world.data().join("master.key"), world.data().join("safe.key"));
    let refused = |world: &World| {
        let output = world.serve().output().expect("it can be started");
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };

    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let exposed = refused(&world);
    assert!(exposed.contains("others can read the master key") && exposed.contains("(mode 640)"), "{exposed}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();

    fs::rename(&key, &safe).unwrap();
    let missing = refused(&world);
    assert!(missing.contains("there is no master key at") && !key.exists(), "{missing}");

    fs::write(&key, "0".repeat(64)).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let wrong = refused(&world);
    assert!(wrong.contains("the master key is not the one these secrets were encrypted with"), "{wrong}");

    // It may lie anywhere.
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("key");
    fs::copy(&safe, &moved).unwrap();
    world.set_environment("KIKET_MASTER_KEY_FILE", moved.to_str().unwrap());
    world.boot();
    let secrets = world.ok(world.get("/projects/shop/secrets")).await;
    assert_eq!(secrets["data"][0]["name"], "TOKEN");
    let run = world.run_pipeline("stages: { a: { uses: ./tools/probe.wasm/noop } }").await;
    assert_eq!(world.finish(&run).await["status"], "succeeded");
    world.end().await;
}
