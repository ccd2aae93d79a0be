//! The plugin `execute`: what a script reads, writes and exits with.

use serde_json::{Value as Json, json};

use super::{error, log, run, stage, world};

fn script(source: &str, more: Json) -> Json {
    let mut with = json!({ "language": "javascript", "source": source });
    with.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    json!({ "uses": "execute", "with": with })
}

#[tokio::test]
async fn a_script_reads_what_it_is_given_and_its_files_and_code_come_out() {
    let world = world("", &[]).await;
    let sum = "let sum = 0, line; while ((line = readline()) !== null) sum += Number(line);
console.log(`${process.argv[2]} ${sum}`);
console.warn('careful');
writeFile('out.txt', readFile('in.txt') + sum);
sum";
    let (id, state) = run(
        &world,
        &[
            ("sum", script(sum, json!({ "stdin": "1\n2\n3\n", "args": ["total"], "files": { "in.txt": "is " } }))),
            ("exits", script("console.error('no disk'); process.exit(3); console.log('never')", json!({}))),
            ("allowed", script("process.exit(3)", json!({ "allow_exit_codes": [3] }))),
            ("zero", script("try { process.exit() } catch { throw 1 }", json!({}))),
        ],
    )
    .await;
    let outputs = json!({
        "result": 6, "stdout": "total 6\n", "stderr": "careful\n", "exit_code": 0, "files": { "out.txt": "is 6" },
    });
    assert_eq!(stage(&state, "sum")["outputs"], outputs, "{state:#}");
    assert!(stage(&state, "sum")["usage"]["memory_bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{state:#}");
    assert_eq!(error(&state, "exits"), ("permanent", "the script ended with exit code 3:\nno disk"));
    let log = log(&world, &id, "exits").await;
    assert_eq!(log, "no disk\nthe script ended with exit code 3:\nno disk\n");
    assert_eq!(stage(&state, "allowed")["outputs"]["exit_code"], 3);
    assert_eq!(stage(&state, "zero")["status"], "succeeded");
    world.end().await;
}
