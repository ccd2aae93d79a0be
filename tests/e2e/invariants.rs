//! The checker can fail: each rule is broken in a copy of a database, and that rule is what it names.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use kiket::invariants::Invariant::{self, *};
use serde_json::{Value as Json, json};
use sqlx::{AssertSqlSafe, Connection as _, SqliteConnection};

use crate::checker::{self, Acknowledged, Evidence, Seen, Transcript};
use crate::sink::{Behaviour, Sink};
use crate::world::World;

const WORKFLOW: &str = "model_version: \"1.0\"
workflow: { id: release, name: Release }
states: { open: { type: initial, category: pending }, done: { type: final, category: completed } }
transitions: [{ from: open, to: done, name: Finish }]
";

/// A life with everything in it, and the names of its parts.
struct Life {
    world: World,
    /// Has succeeded, after a failed attempt.
    ended: String,
    /// Two approvals are waited for.
    waits: String,
    /// An effect is in doubt.
    doubts: String,
    /// Has changed its state.
    item: String,
}

async fn live() -> Life {
    let sink = Sink::open().await;
    let mut world = World::start().await;
    world.heed(&sink);
    let grant = format!("http: [{{ scheme: http, host: 127.0.0.1, port: {} }}]", sink.port);
    let plugins = format!("model_version: \"1.0\"\nplugins: {{ ./tools/probe.wasm: {{ grants: {{ {grant} }} }} }}\n");
    world.push(&[(".kiket/plugins.yaml", &plugins), (".kiket/workflows/release.yaml", WORKFLOW)]);
    world.add_project().await;
    let fails = "{ kind: transient, message: busy, until_attempt: 2 }";
    let ended = format!(
        "stages:\n  a: {{ uses: ./tools/probe.wasm/fail, with: {fails}, retry: {{ max_attempts: 2, backoff: 10ms }} }}\n  \
         b: {{ uses: ./tools/probe.wasm/noop, needs: [a] }}\n"
    );
    let ended = world.run_pipeline(&ended).await;
    assert_eq!(world.finish(&ended).await["status"], "succeeded");
    let waits = world.run_pipeline("stages: { a: { approval: { deadline: 1h } }, b: { approval: {} } }").await;
    rests(&world, &waits, "waiting").await;
    let item = world.ok(world.post("/projects/shop/items").json(&json!({ "title": "one" }))).await;
    let item = item["id"].as_str().expect("an id").to_owned();
    world.ok(world.post(&format!("/items/{item}/transitions")).json(&json!({ "name": "Finish" }))).await;
    sink.behave(Behaviour::Hangs);
    let url = sink.url("once");
    let pays = format!(
        "stages: {{ pay: {{ uses: ./tools/probe.wasm/pay, effect: once, with: {{ url: '{url}', parts: 1 }} }} }}"
    );
    let doubts = world.run_pipeline(&pays).await;
    sink.wait_for(1).await;
    world.kill();
    world.boot();
    rests(&world, &doubts, "needs_attention").await;
    world.kill();
    Life { world, ended, waits, doubts, item }
}

async fn rests(world: &World, run: &str, status: &str) {
    let state = async || world.ok(world.get(&format!("/runs/{run}"))).await;
    world.until(async || (state().await["status"] == status).then_some(())).await;
}

/// Changes a copy of a database by SQL, without its rules, and answers which invariants it breaks.
async fn broken_by(database: &Path, sql: &str) -> Vec<Invariant> {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("kiket.db");
    for suffix in ["", "-wal"] {
        let beside = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        if beside(database).exists() {
            std::fs::copy(beside(database), beside(&copy)).expect("a copy");
        }
    }
    let mut raw = SqliteConnection::connect(&copy.display().to_string()).await.expect("a connection");
    let sql = format!(
        "pragma foreign_keys = off; pragma legacy_alter_table = on; pragma ignore_check_constraints = on; {sql}"
    );
    sqlx::raw_sql(AssertSqlSafe(sql.clone())).execute(&mut raw).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    raw.close().await.expect("closed");
    let found = checker::violations(&copy).await;
    found.iter().for_each(|violation| println!("{violation}"));
    let broken: BTreeSet<Invariant> = found.into_iter().map(|violation| violation.invariant).collect();
    broken.into_iter().collect()
}

#[tokio::test]
async fn each_invariant_is_found_broken_where_it_is() {
    let Life { world, ended, waits, doubts, item } = live().await;
    let database = world.data().join("kiket.db");
    let append = |run: &str, data: &str| {
        format!(
            "update counter set position = position + 1; update runs set seq = seq + 1 where id = '{run}';
             insert into log (position, project, run, seq, kind, stage, at, data)
             select (select position from counter), project, id, seq, json_extract('{data}', '$.kind'),
                    json_extract('{data}', '$.stage'), 1900000000000, '{data}' from runs where id = '{run}'"
        )
    };
    let outcome = r#"{"kind":"stage.succeeded","stage":"b","attempt":1,"outputs":{},"usage":{"cpu_ms":0,"wall_ms":0,"memory_bytes":0}}"#;
    let effect = |run: &str, attempt: u32, ordinal: u32| {
        let intent = json!({"ordinal": ordinal, "call": "http", "summary": "x", "at": "2026-01-01T00:00:00Z"});
        format!(
            "insert into effects values ('{run}', 'pay', {attempt}, {ordinal}, x'', zeroblob(32), '{intent}', x'00')"
        )
    };
    let cases: Vec<(&str, String, &[Invariant])> = vec![
        ("nothing", "select 1".to_owned(), &[]),
        ("a revision is gone", "delete from revisions where status = 'superseded'".to_owned(), &[FileSound]),
        ("an event is gone", format!("delete from log where run = '{ended}' and seq = 2"), &[SequenceGapless, PositionsInOrder]),
        ("an event has another's number", format!("update log set seq = 3 where run = '{ended}' and seq = 2"), &[SequenceGapless]),
        ("the head is behind", "update counter set position = position - 1".to_owned(), &[PositionsInOrder]),
        ("a cursor is ahead", "update cursors set position = 1000000".to_owned(), &[PositionsInOrder]),
        ("an entry is called otherwise", format!("update log set kind = 'stage.skipped' where run = '{ended}' and kind = 'stage.ready'"), &[EntryFits]),
        ("an entry is of another project", format!("insert into projects (id, name, url, hook_secret, created_at) values ('prj_01jd3v7k2mfq9x8y5t4r6s0abc', 'other', '', '', 0); update log set project = 'prj_01jd3v7k2mfq9x8y5t4r6s0abc' where run = '{ended}' and seq = 2"), &[EntryFits]),
        ("a state is another", format!("update runs set state = json_set(state, '$.stages[0].attempt', 7) where id = '{ended}'"), &[StateIsFold]),
        ("a state cannot be read", format!("update runs set state = '[]' where id = '{ended}'"), &[StateIsFold]),
        ("an item's state is another", format!("update items set data = json_set(data, '$.description', 'x') where id = '{item}'"), &[StateIsFold]),
        ("a column is another", format!("update runs set pipeline = 'x' where id = '{ended}'"), &[RowIsState]),
        ("an item's column is another", format!("update items set state = 'open' where id = '{item}'"), &[RowIsState]),
        ("a stage goes on after its end", append(&waits, r#"{"kind":"stage.started","stage":"a","attempt":1}"#), &[StateIsFold, EventLegal]),
        ("a transition begins elsewhere", format!("update log set data = json_set(data, '$.from', 'x') where item = '{item}' and kind = 'item.transitioned'"), &[EventLegal]),
        ("an attempt has two outcomes", append(&ended, outcome), &[StateIsFold, OneOutcome]),
        ("a wait has no work", format!("delete from work where key = 'stage/{waits}/b/1'"), &[WorkFitsState]),
        ("a run has no work", format!("delete from work where run = '{waits}'"), &[NothingStuck, WorkFitsState]),
        ("an ended run has work", format!("insert into work (key, kind, run, priority, due, fence) values ('deadline/{ended}', 'deadline', '{ended}', 0, 0, 0)"), &[NothingStuck]),
        ("a delivery has no work", "update deliveries set status = 'pending'".to_owned(), &[NothingStuck]),
        ("a timer is another", format!("update work set due = due - 1 where key = 'stage/{waits}/a/1'"), &[WorkFitsState]),
        ("work is about no stage", format!("insert into work (key, kind, run, priority, due, fence) values ('stage/{waits}/c/1', 'stage', '{waits}', 0, 0, 0)"), &[WorkFitsState]),
        ("a lease is of an earlier boot", format!("update work set owner = 'x', lease_until = 1, fence = 1, epoch = 0 where key = 'stage/{waits}/a/1'"), &[LeaseOfThisBoot]),
        ("an attempt begins early", format!("update log set data = json_set(data, '$.until', '2099-01-01T00:00:00Z') where run = '{ended}' and kind = 'stage.retrying'"), &[TimerNeverEarly]),
        ("a receipt of no attempt", effect(&doubts, 7, 0), &[EffectOfItsAttempt]),
        ("a receipt without those before", effect(&doubts, 1, 5), &[EffectOfItsAttempt]),
        ("a receipt of an ended run", effect(&ended, 1, 0), &[EffectOfItsAttempt]),
        ("a release is not the newest", "insert into releases (id, project, app, artifact, created_at) select 'rel_01jd3v7k2mfq9x8y5t4r6s0abc', id, 'web', 'sha256:' || printf('%064d', 1), 0 from projects; insert into activations (position, project, app, release, at) select 1, id, 'web', 'rel_01jd3v7k2mfq9x8y5t4r6s0abc', 0 from projects".to_owned(), &[LiveIsNewest]),
        ("a text is another", "update blobs set text = text || ' ' where digest = (select min(digest) from blobs)".to_owned(), &[ContentMatchesDigest]),
        ("a sum is another", "insert into plugin_usage (project, plugin, bytes) select id, 'x', 7 from projects".to_owned(), &[UsageCounted]),
    ];
    let mut broken: BTreeSet<Invariant> = BTreeSet::new();
    let mut wrong = Vec::new();
    for (what, sql, expected) in &cases {
        println!("-- {what}");
        let found = broken_by(&database, sql).await;
        if found != *expected {
            wrong.push(format!("{what}: {found:?} instead of {expected:?}"));
        }
        broken.extend(found);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let double = "update runs set trigger_key = 'twice'";
    assert_eq!(broken_by(&database, &format!("{}; {double}", without_unique(&database).await)).await, [OneRunPerCause]);
    broken.insert(OneRunPerCause);
    let never: Vec<_> = Invariant::ALL.iter().filter(|invariant| !broken.contains(invariant)).collect();
    assert!(never.is_empty(), "nothing here breaks {never:?}");
    world.end().await;
}

/// Builds the table of runs anew, without the rule that a cause starts one.
async fn without_unique(database: &Path) -> String {
    let mut raw = SqliteConnection::connect(&database.display().to_string()).await.expect("a connection");
    let sql: String = sqlx::query_scalar("select sql from sqlite_master where name = 'runs' and type = 'table'")
        .fetch_one(&mut raw)
        .await
        .expect("the table");
    raw.close().await.expect("closed");
    let free = sql.replace("unique (project, trigger_key),", "").replacen("runs", "twin", 1);
    assert_ne!(free.len(), sql.len());
    format!("{free}; insert into twin select * from runs; drop table runs; alter table twin rename to runs")
}

#[tokio::test]
async fn what_was_seen_outside_is_held_against_the_database() {
    let Life { world, ended, doubts, .. } = live().await;
    let database = world.data().join("kiket.db");
    let honest = world.evidence();
    assert_eq!(checker::contradictions(&database, &honest).await, Vec::<String>::new());
    assert!(honest.acknowledged.len() > 3 && honest.transcripts.len() > 3 && honest.sink.len() == 1);

    let acknowledged = |path: &str, sent: Json, answer: Json| Evidence {
        acknowledged: vec![Acknowledged {
            method: reqwest::Method::POST,
            path: path.to_owned(),
            key: None,
            sent,
            answer,
        }],
        ..Evidence::default()
    };
    let lost = json!({"id": "run_01jd3v7k2mfq9x8y5t4r6s0abc"});
    let heard = honest.transcripts.iter().find(|heard| heard.path.contains(&ended)).expect("it was followed").clone();
    let told = |change: fn(&mut Transcript)| {
        let mut transcript = heard.clone();
        change(&mut transcript);
        Evidence { transcripts: vec![transcript], ..Evidence::default() }
    };
    let seen = |path: &str, keys: &[(&str, &str)]| Evidence {
        sink: keys
            .iter()
            .map(|(key, body)| Seen { path: path.to_owned(), key: (*key).to_owned(), body: (*body).to_owned() })
            .collect(),
        ..Evidence::default()
    };
    let (first, second) = (format!("{doubts}/pay#0"), format!("{doubts}/pay#1"));
    let mut set = acknowledged("/projects/shop/env/COLOUR", json!({"value": "red"}), Json::Null);
    set.acknowledged[0].method = reqwest::Method::PUT;
    let cases = [
        (acknowledged("/runs", Json::Null, lost), "which is not there"),
        (set, "env COLOUR of shop"),
        (acknowledged(&format!("/runs/{ended}/stages/a/approve"), Json::Null, Json::Null), "1 times approval.granted"),
        (told(|heard| drop(heard.frames.remove(3))), "left out"),
        (told(|heard| heard.frames.swap(1, 2)), "do not grow"),
        (told(|heard| heard.frames[1].data["stage"] = json!("x")), "the log says"),
        (seen("/once", &[(&first, "x"), (&first, "x")]), "may happen once"),
        (seen("/idem", &[(&first, "x"), (&first, "y")]), "different bodies"),
        (seen("/once", &[(&first, "x"), (&second, "x")]), "in doubt"),
        (seen("/once", &[("run_01jd3v7k2mfq9x8y5t4r6s0abc/pay#0", "x")]), "which is not there"),
    ];
    for (evidence, says) in cases {
        let found = checker::contradictions(&database, &evidence).await;
        assert!(found.iter().any(|found| found.contains(says)), "{says}: {found:#?}");
    }
    world.end().await;
}
