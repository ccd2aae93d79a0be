//! `on.schedule`: the times that start runs.

use std::str::FromStr as _;

use chrono_tz::Tz;
use croner::Cron;

use crate::decode::{Located, items, word_at};
use crate::diagnostic::{Code, Problems};
use crate::schedule::{Missed, Schedule};
use crate::shape::{Record, Shape, closed, optional, required};
use crate::yaml::Node;

/// Most schedules of one pipeline.
const MAX_SCHEDULES: usize = 32;
/// Longest text of a schedule, in bytes.
const MAX_CRON: usize = 128;

pub(super) static SCHEDULE: Record = closed(
    "schedule",
    "A time that repeats.",
    &[
        required("cron", Shape::Text, "Five fields: minute, hour, day of the month, month, day of the week."),
        optional(
            "timezone",
            Shape::Text,
            "Name in the IANA time zone database, for example Europe/Prague; UTC where none is given.",
        ),
        optional(
            "missed",
            Shape::Word(&Missed::WORDS),
            "What becomes of times that came while no server was there: `skip` is nothing, `once` one run for the \
             newest of them, `all` a run for each of them, the newest 100 at most; `once` where none is given.",
        ),
    ],
);

pub(super) fn decode_schedules(node: Option<&Node>, problems: &mut Problems<'_>) -> Vec<Schedule> {
    let nodes = items(node);
    if let Some(node) = nodes.get(MAX_SCHEDULES) {
        let message = format!("{} schedules, and a pipeline has at most {MAX_SCHEDULES}", nodes.len());
        problems.report(Code::Budget, node.span, message);
        return Vec::new();
    }
    let mut schedules: Vec<Schedule> = Vec::new();
    for node in nodes {
        let text = node.get("cron").and_then(Located::text);
        let cron = text.as_ref().and_then(|text| parse_cron(text, problems));
        let timezone =
            node.get("timezone").and_then(Located::text).map_or(Some(Tz::UTC), |text| parse_zone(&text, problems));
        let missed = word_at(node, "missed", Missed::from_word).unwrap_or_default();
        let (Some(text), Some(cron), Some(timezone)) = (text, cron, timezone) else { continue };
        let schedule = Schedule::new(&text.value, cron, timezone, missed);
        if !schedule.has_days() {
            let message = format!("\"{:.60}\" is not a schedule: there is no such day", text.value);
            problems.report_with_hint(Code::InvalidCron, text.span, message, "look at the days that the month has");
        } else if schedules.iter().any(|other| other.to_string() == schedule.to_string()) {
            let message = format!("the schedule \"{schedule}\" stands here twice");
            problems.report_with_hint(Code::InvalidValue, text.span, message, "remove one of them");
        } else {
            schedules.push(schedule);
        }
    }
    schedules
}

/// Reads five fields of cron.
pub(crate) fn parse_cron(text: &Located<String>, problems: &mut Problems<'_>) -> Option<Cron> {
    let parsed = if text.value.len() > MAX_CRON {
        Err(format!("it has at most {MAX_CRON} characters"))
    } else {
        Cron::from_str(&text.value).map_err(|error| reason(&error))
    };
    let fields = text.value.split_whitespace().count();
    let parsed = if fields == 5 { parsed } else { Err(format!("it has to have five fields, and this is {fields}")) };
    parsed
        .map_err(|reason| {
            let message = format!("\"{:.60}\" is not a schedule: {reason}", text.value);
            let hint = "write minute, hour, day of the month, month and day of the week: \"0 3 * * 1-5\"";
            problems.report_with_hint(Code::InvalidCron, text.span, message, hint);
        })
        .ok()
}

/// The library's words, as the end of a sentence.
fn reason(error: &croner::errors::CronError) -> String {
    let text = error.to_string();
    let text = text.rsplit_once(": ").map_or(text.as_str(), |(_, reason)| reason);
    text.trim_end_matches('.').to_lowercase()
}

fn parse_zone(text: &Located<String>, problems: &mut Problems<'_>) -> Option<Tz> {
    text.value
        .parse()
        .map_err(|_| {
            let message = format!("there is no time zone \"{:.60}\"", text.value);
            let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
            problems.report_unknown(Code::UnknownTimeZone, text.span, message, &text.value, known);
        })
        .ok()
}
