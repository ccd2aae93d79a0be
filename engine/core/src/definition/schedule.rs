//! Times at which automations and recipes start by themselves.

use croner::Cron;

use super::lenient::located_at;
use super::trigger::parse_cron;
use crate::decode::Located;
use crate::diagnostic::{Code, Problems};
use crate::yaml::{Node, Value};

/// What Kiket's files call the event of a time.
const TIMES: [&str; 4] = ["schedule", "scheduled", "schedule.cron", "cron"];

/// Reads the time that a trigger names, under `cron` or `schedule`, and takes the events that only say that there is
/// one out of `events`.
pub(super) fn decode(node: &Node, events: &mut Vec<Located<String>>, problems: &mut Problems<'_>) -> Option<Cron> {
    let nested = node.get("schedule").filter(|node| matches!(node.value, Value::Mapping(_)));
    let text = located_at(nested.unwrap_or(node), &["cron", "schedule"]);
    let timed = |event: &Located<String>| TIMES.contains(&event.value.as_str());
    if let (None, Some(event)) = (&text, events.iter().find(|event| timed(event))) {
        let message = format!("\"{:.60}\" waits for a time, and this says none that can be read", event.value);
        problems.report_with_hint(
            Code::NotActedOnYet,
            event.span,
            message,
            "say when as five fields of cron: \"0 9 * * 1-5\"",
        );
    }
    events.retain(|event| !timed(event));
    parse_cron(&text?, problems)
}
