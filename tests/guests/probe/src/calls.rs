//! One action that makes any one call of the border, named as `interface.function`, and says what came of it.

use std::fmt::Debug;

use kiket_plugin::bindings::kiket::plugin::{
    artifacts, clock, deployments, http, items, kv, log, mail, process, progress, secrets, workspace,
};
use kiket_plugin::{Call, Failure};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
pub(crate) struct Asked {
    function: String,
    #[serde(default)]
    arguments: Vec<String>,
}

/// What came of a call: the answer under `ok`, or the error under `error`, as Rust shows them.
fn say<T: Debug, E: Debug>(result: Result<T, E>) -> Value {
    match result {
        Ok(answer) => json!({ "ok": format!("{answer:?}") }),
        Err(error) => json!({ "error": format!("{error:?}") }),
    }
}

pub(crate) fn call(asked: Asked, call: &Call) -> Result<Value, Failure> {
    let [a, b, c] = [0, 1, 2].map(|at| asked.arguments.get(at).map_or("", String::as_str));
    Ok(match &*asked.function {
        "log.line" => {
            log::line(log::Level::Info, a);
            json!({ "ok": "" })
        }
        "progress.report" => {
            progress::report(&progress::Status { message: a.into(), done: 1, total: None });
            json!({ "ok": "" })
        }
        "clock.now" => json!({ "ok": clock::now().to_string() }),
        "http.send" => say(http::send(&http::Request {
            method: a.into(),
            url: b.into(),
            headers: if c.is_empty() { vec![] } else { vec![("authorization".into(), c.into())] },
            body: vec![],
            timeout_ms: None,
        })),
        "secrets.placeholder" => say(secrets::placeholder(a)),
        "secrets.sign" => say(secrets::sign(a, secrets::Algorithm::HmacSha256, b.as_bytes())),
        "secrets.reveal" => say(secrets::reveal(a)),
        "kv.get" => say(kv::get(a)),
        "kv.set" => say(kv::set(a, b.as_bytes())),
        "kv.remove" => say(kv::remove(a)),
        "kv.swap" => say(kv::swap(a, None, Some(b.as_bytes()))),
        "kv.keys" => say(kv::keys(a, None, 10)),
        "workspace.entries" => say(workspace::entries(a)),
        "workspace.read" => say(workspace::read(a, 0, 100)),
        "workspace.write" => say(workspace::write(a, b.as_bytes())),
        "workspace.append" => say(workspace::append(a, b.as_bytes())),
        "workspace.set-executable" => say(workspace::set_executable(a, true)),
        "workspace.remove" => say(workspace::remove(a)),
        "artifacts.put" => say(artifacts::put(a, b.as_bytes())),
        "artifacts.keep" => say(artifacts::keep(a, b)),
        "artifacts.find" => say(artifacts::find(a)),
        "artifacts.newest" => say(artifacts::newest(a)),
        "artifacts.read" => say(artifacts::read(a, 0, 100)),
        "artifacts.place" => say(artifacts::place(a, b)),
        "process.run" => say(process::run(&process::Command {
            program: a.into(),
            arguments: asked.arguments.iter().skip(1).cloned().collect(),
            folder: String::new(),
            env: vec![],
            stdin: vec![],
            timeout_ms: None,
            capture: 1000,
        })),
        "items.get" => say(items::get(a)),
        "items.find" => say(items::find(&items::Query {
            state: None,
            type_: None,
            assignee: None,
            label: None,
            text: None,
            after: None,
            limit: 10,
        })),
        "items.create" => say(items::create(a)),
        "items.update" => say(items::update(a, b)),
        "items.comment" => say(items::comment(a, b)),
        "items.transition" => say(items::transition(a, b, None)),
        "mail.send" => say(mail::send(
            &mail::Server {
                host: "localhost".into(),
                port: a.parse().ok(),
                security: mail::Security::None,
                login: None,
            },
            &mail::Message {
                sender: "kiket@example.com".into(),
                recipients: vec![b.into()],
                subject: "The build".into(),
                text: "It passed.".into(),
                html: None,
                id: call.effect_key().into(),
            },
        )),
        "deployments.prepare" => say(deployments::prepare(a, b)),
        "deployments.probe" => say(deployments::probe(a, b)),
        "deployments.activate" => say(deployments::activate(a)),
        "deployments.live" => say(deployments::live(a)),
        "deployments.previous" => say(deployments::previous(a)),
        other => say::<(), _>(Err(format!("there is no `{other}` here"))),
    })
}
