//! For a pipe or a file: one line for each thing that happens.
//!
//! `12:00:01 build | text` is what a stage wrote, `12:00:01 build > text` is what
//! happened to it. Times are UTC.

use std::io::{self, Write};

use serde_json::Value as Json;

use super::progress::{
    Progress, answer, error, is_idle, kept_from, lines, outputs, request, resolution, stage, step, until,
};
use crate::cli::resolve::doubt;
use crate::cli::text::{clock, field};

pub(super) fn draw(out: &mut impl Write, progress: &Progress, kind: &str, data: &Json) -> io::Result<()> {
    let mut say = |time: &Json, who: &str, sign: char, text: &str| {
        let line = format!("{} {who} {sign} {text}", clock(time));
        writeln!(out, "{}", line.trim_end())
    };
    let at = &data["at"];
    let name = stage(data);
    let spent = progress.spent(data).map(|spent| format!(" in {spent}")).unwrap_or_default();
    match kind {
        _ if is_idle(kind, data) => Ok(()),
        "run.queued" => say(at, "run", '>', &format!("queued {}", progress.introduction(data))),
        "run.started" => say(at, "run", '>', "started"),
        "run.waiting" => say(at, "run", '>', "waiting"),
        "run.needs_attention" => say(at, "run", '>', "needs attention"),
        "run.compensating" => say(at, "run", '>', "undoing what it has done"),
        "run.succeeded" | "run.failed" | "run.cancelled" => {
            outputs(data).try_for_each(|output| say(at, "run", '|', &output))?;
            say(at, "run", '>', &progress.ending(kind, data))
        }
        "stage.started" => match data["attempt"].as_u64() {
            Some(attempt @ 2..) => say(at, &name, '>', &format!("started, attempt {attempt}")),
            _ => say(at, &name, '>', "started"),
        },
        "stage.log" => lines(data).try_for_each(|(_, text)| say(at, &name, '|', &text)),
        "stage.progress" => say(at, &name, '|', &step(data)),
        "stage.succeeded" => match kept_from(data) {
            Some(run) => say(at, &name, '>', &format!("kept from {run}")),
            None => say(at, &name, '>', &format!("succeeded{spent}")),
        },
        "stage.failed" => {
            let allowed = if data["allowed"] == true { ", which is allowed" } else { "" };
            say(at, &name, '>', &format!("failed{spent}{allowed}, {}", error(data)))
        }
        "stage.retrying" => {
            let time = until(data).map(|time| format!(" at {time}")).unwrap_or_default();
            say(at, &name, '>', &format!("will be tried again{time}, {}", error(data)))
        }
        "stage.waiting" => {
            let time = until(data).map(|time| format!(" until {time}")).unwrap_or_default();
            say(at, &name, '>', &format!("waiting{time} {}", field(data, "reason")))
        }
        "stage.denied" => say(at, &name, '!', &format!("denied: {}", field(data, "message"))),
        "stage.needs_attention" => {
            say(at, &name, '>', &format!("needs attention, {}", doubt(data)))?;
            progress.way_on(data).iter().try_for_each(|line| say(at, &name, '|', line))
        }
        "stage.resolved" => say(at, &name, '>', &format!("resolved {}", resolution(data))),
        "stage.compensated" => say(at, &name, '>', "undone"),
        "approval.requested" => {
            say(at, &name, '>', &request(data))?;
            progress.question(data).iter().try_for_each(|line| say(at, &name, '|', line))
        }
        "approval.granted" => say(at, &name, '>', &format!("approved {}", answer(data))),
        "approval.rejected" => say(at, &name, '>', &format!("rejected {}", answer(data))),
        "approval.expired" => say(at, &name, '>', "too few have approved in time"),
        "stage.skipped" => say(at, &name, '>', &format!("skipped, {}", field(data, "reason"))),
        "stage.cancelled" => say(at, &name, '>', "cancelled"),
        _ => Ok(()),
    }
}
