//! Runs as text: a table of many, or everything about one.

use serde_json::Value as Json;

use crate::cli::approve::{how_to, question};
use crate::cli::resolve;
use crate::cli::table::Table;
use crate::cli::text::{below_headline, between, clean, clock, commit, duration, field, headline, style_of};

/// Lists runs in columns.
pub(super) fn list(runs: &Json) -> String {
    let mut table = Table::new(&["RUN", "PROJECT", "PIPELINE", "STATUS", "COMMIT", "TRIGGER", "CREATED", "TOOK"]);
    for run in runs.as_array().into_iter().flatten() {
        table.row([
            &field(run, "id"),
            &field(run, "project"),
            &field(run, "pipeline"),
            &field(run, "status"),
            &commit(run).into(),
            &trigger(run).into(),
            &second(run, "created_at").into(),
            &took(run).into(),
        ]);
    }
    table.render("no runs")
}

/// Shows a run, its stages, and what people are asked for it to go on.
pub(super) fn describe(run: &Json) -> String {
    let mut text = format!("run {}\n", field(run, "id"));
    let mut line = |title: &str, value: &str| {
        if !value.is_empty() {
            text += &format!("  {title:<10}{value}\n");
        }
    };
    line("project", &field(run, "project"));
    line("pipeline", &field(run, "pipeline"));
    let status = field(run, "status");
    line("status", &style_of(&status).apply_to(&status).to_string());
    line("commit", &field(run, "commit"));
    line("ref", &field(run, "ref"));
    line("trigger", &trigger(run));
    line("goes on", &field(run, "resumed_from"));
    line("created", &second(run, "created_at"));
    line("took", &took(run));
    if run["error"].is_object() {
        line("error", &problem(run));
    }
    for (name, value) in run["outputs"].as_object().into_iter().flatten() {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        line("output", &format!("{}: {}", clean(name), clean(&value)));
    }
    text += "\n";
    text += &stages(run);
    for stage in run["stages"].as_array().into_iter().flatten() {
        let details = below_headline(&stage["error"]);
        if !details.is_empty() {
            text += &format!("\n{}: {}\n", field(stage, "id"), problem(stage));
            details.iter().for_each(|line| text += &format!("  {line}\n"));
        }
        if stage["wait"]["for"] == "approval" {
            text += &asks(&field(run, "id"), stage);
        }
        if stage["status"] == "needs_attention" {
            let (run, id) = (field(run, "id"), field(stage, "id"));
            text += &format!("\n{id} needs attention, {}\n  {}\n", resolve::doubt(stage), resolve::how_to(&run, &id));
        }
    }
    text
}

/// Lists a run's stages in columns.
pub(super) fn stages(run: &Json) -> String {
    let mut table = Table::new(&["STAGE", "STATUS", "ATTEMPT", "TOOK", "CPU", "MEMORY", "ERROR"]);
    for stage in run["stages"].as_array().into_iter().flatten() {
        let usage = |key: &str| stage["usage"][key].as_u64();
        table.row([
            &field(stage, "id"),
            &field(stage, "status"),
            &stage["attempt"].as_u64().filter(|attempt| *attempt > 0).map(|n| n.to_string()).unwrap_or_default().into(),
            &took(stage).into(),
            &usage("cpu_ms").map(|ms| format!("{ms} ms")).unwrap_or_default().into(),
            &usage("memory_bytes").map(mebibytes).unwrap_or_default().into(),
            &problem(stage).into(),
        ]);
    }
    table.render("no stages")
}

/// Says what people are asked before a stage is done.
fn asks(run: &str, stage: &Json) -> String {
    let (id, request) = (field(stage, "id"), &stage["wait"]["request"]);
    let mut text = format!("\n{id} asks for approval: {}\n", field(request, "message"));
    for line in question(request).into_iter().chain([how_to(run, &id)]) {
        text += &format!("  {line}\n");
    }
    text
}

/// Says why a run or a stage did not succeed, or what a stage waits for.
fn problem(of: &Json) -> String {
    match (&of["error"], of["wait"]["for"].as_str()) {
        (Json::Object(_), _) => headline(&of["error"]),
        (_, None) if of["doubt"].is_object() => resolve::doubt(of),
        (_, Some("approval")) => "waits for approval".to_owned(),
        (_, Some("retry")) => format!("tried again at {} UTC", clock(&of["wait"]["until"])),
        _ if of["kept_from"].is_string() => format!("kept from {}", field(of, "kept_from")),
        _ => field(of, "reason").into_owned(),
    }
}

/// What started a run: a word, or an object whose `type` is the word.
fn trigger(run: &Json) -> String {
    let word = run["trigger"].as_str().or(run["trigger"]["type"].as_str());
    clean(word.unwrap_or_default()).into_owned()
}

fn took(of: &Json) -> String {
    between(&of["started_at"], &of["finished_at"]).map(duration).unwrap_or_default()
}

/// A time without its fraction.
fn second(of: &Json, key: &str) -> String {
    let time = field(of, key);
    match time.split_once('.') {
        Some((second, _)) => format!("{second}Z"),
        None => time.into_owned(),
    }
}

fn mebibytes(bytes: u64) -> String {
    format!("{}.{} MiB", bytes >> 20, ((bytes % (1 << 20)) * 10) >> 20)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn run() -> Json {
        json!({
            "id": "run_01", "project": "shop", "pipeline": "release", "status": "failed",
            "commit": "0123456789abcdef0123456789abcdef01234567", "ref": "refs/heads/main", "trigger": {"type": "push"},
            "created_at": "2026-01-02T12:00:00.000Z", "started_at": "2026-01-02T12:00:00.010Z",
            "finished_at": "2026-01-02T12:00:03.410Z", "outputs": {"url": "https://shop"}, "error": null,
            "stages": [
                {"id": "build", "status": "succeeded", "attempt": 1, "started_at": "2026-01-02T12:00:00.010Z",
                 "finished_at": "2026-01-02T12:00:01.190Z", "usage": {"cpu_ms": 840, "memory_bytes": 12_900_000}},
                {"id": "deploy", "status": "failed", "attempt": 2, "started_at": "2026-01-02T12:00:03.000Z",
                 "finished_at": "2026-01-02T12:00:03.300Z",
                 "error": {"code": "timeout_cpu", "message": "the guest used \u{1b}[31m30 s"}},
                {"id": "tell", "status": "skipped", "attempt": 0, "reason": "deploy failed"},
            ],
        })
    }

    #[test]
    fn shows_a_run_with_its_stages() {
        insta::assert_snapshot!(console::strip_ansi_codes(&describe(&run())), @r"
        run run_01
          project   shop
          pipeline  release
          status    failed
          commit    0123456789abcdef0123456789abcdef01234567
          ref       refs/heads/main
          trigger   push
          created   2026-01-02T12:00:00Z
          took      3.4 s
          output    url: https://shop

        STAGE   STATUS     ATTEMPT  TOOK   CPU     MEMORY    ERROR
        build   succeeded  1        1.2 s  840 ms  12.3 MiB  -
        deploy  failed     2        0.3 s  -       -         timeout_cpu: the guest used 30 s
        tell    skipped    -        -      -       -         deploy failed
        ");
    }

    #[test]
    fn shows_what_a_run_waits_for() {
        let request = json!({"message": "Ship \u{1b}[1mit?", "approvers": [{"role": "lead"}], "required": 1});
        let error = json!({"code": "transient", "message": "busy"});
        let run = json!({"id": "run_01", "status": "waiting", "stages": [
            {"id": "ask", "status": "waiting", "wait": {"for": "approval", "request": request, "granted": []}},
            {"id": "call", "status": "waiting", "attempt": 1,
             "wait": {"for": "retry", "until": 1_767_355_205_000_i64, "error": error}},
        ]});
        insta::assert_snapshot!(console::strip_ansi_codes(&describe(&run)), @r"
        run run_01
          status    waiting

        STAGE  STATUS   ATTEMPT  TOOK  CPU  MEMORY  ERROR
        ask    waiting  -        -     -    -       waits for approval
        call   waiting  1        -     -    -       tried again at 12:00:05 UTC

        ask asks for approval: Ship it?
          asked: role lead
          needed: 1 approval
          to approve: kiket runs approve run_01 ask
        ");
    }

    #[test]
    fn lists_runs_in_columns() {
        insta::assert_snapshot!(console::strip_ansi_codes(&list(&json!([run()]))), @r"
        RUN     PROJECT  PIPELINE  STATUS  COMMIT      TRIGGER  CREATED               TOOK
        run_01  shop     release   failed  0123456789  push     2026-01-02T12:00:00Z  3.4 s
        ");
        assert_eq!(list(&json!([])), "no runs\n");
    }
}
