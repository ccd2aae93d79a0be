//! For a pipe or a file: one line for each thing that happens.
//!
//! `12:00:01 build | text` is what a stage wrote, `12:00:01 build > text` is what
//! happened to it. Times are UTC.

use std::io::{self, Write};

use serde_json::Value as Json;

use super::progress::{Progress, error, lines, outputs, stage, step};
use crate::cli::text::{field, millis};

pub(super) fn draw(out: &mut impl Write, progress: &Progress, kind: &str, data: &Json) -> io::Result<()> {
    let mut say = |time: &Json, who: &str, sign: char, text: &str| {
        let line = format!("{} {who} {sign} {text}", clock(time));
        writeln!(out, "{}", line.trim_end())
    };
    let at = &data["at"];
    let name = stage(data);
    let spent = progress.spent(data).map(|spent| format!(" in {spent}")).unwrap_or_default();
    match kind {
        "run.queued" => say(at, "run", '>', &format!("queued {}", progress.introduction(data))),
        "run.started" => say(at, "run", '>', "started"),
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
        "stage.succeeded" => say(at, &name, '>', &format!("succeeded{spent}")),
        "stage.failed" => {
            let allowed = if data["allowed"] == true { ", which is allowed" } else { "" };
            say(at, &name, '>', &format!("failed{spent}{allowed}, {}", error(data)))
        }
        "stage.retrying" => say(at, &name, '>', &format!("will be tried again, {}", error(data))),
        "stage.skipped" => say(at, &name, '>', &format!("skipped, {}", field(data, "reason"))),
        "stage.cancelled" => say(at, &name, '>', "cancelled"),
        _ => Ok(()),
    }
}

/// The time of day of an RFC 3339 time.
fn clock(time: &Json) -> String {
    let second = millis(time).map(|millis| millis.div_euclid(1000).rem_euclid(86_400));
    second.map_or_else(
        || "--:--:--".to_owned(),
        |second| format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
    )
}
