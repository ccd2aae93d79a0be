//! Text for a terminal or a pipe: what may be shown, in which colour, how long.

use std::borrow::Cow;
use std::io::{self, Write as _, stdout};
use std::time::Duration;

use chrono::DateTime;
use console::Style;
use serde_json::Value as Json;

/// Makes text from elsewhere harmless: escape sequences are taken out, and every
/// character that would move the cursor, ring, or turn the text around is replaced.
/// Of a line that was drawn over itself, the last state stays.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_harmful) {
        return Cow::Borrowed(text);
    }
    let text = text.replace("\r\n", "\n");
    let text = text.trim_end_matches(['\r', '\n']);
    let last = text.rsplit('\r').next().unwrap_or(text);
    let shown = console::strip_ansi_codes(last);
    let replace = |char| match char {
        '\t' | '\n' => ' ',
        char if is_harmful(char) => '\u{fffd}',
        char => char,
    };
    Cow::Owned(shown.chars().map(replace).collect())
}

fn is_harmful(char: char) -> bool {
    char.is_control() || matches!(char, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Makes text of several lines harmless, each line by itself.
pub(super) fn clean_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", clean(line))).collect()
}

/// Writes JSON on one line in which no character can harm a terminal.
pub(super) fn json_line(value: &Json) -> String {
    escape(value.to_string(), is_harmful)
}

/// Writes JSON for people, on as many lines as it takes, in which no character can harm a terminal.
pub(super) fn json_text(value: &Json) -> String {
    // Inside of JSON text no line ends: the line feeds are those between its parts.
    escape(format!("{value:#}\n"), |char| char != '\n' && is_harmful(char))
}

fn escape(json: String, harmful: fn(char) -> bool) -> String {
    if !json.chars().any(harmful) {
        return json;
    }
    let escape = |char: char| {
        if harmful(char) { format!("\\u{:04x}", u32::from(char)) } else { char.to_string() }
    };
    json.chars().map(escape).collect()
}

/// Writes to standard output. A reader that has seen enough is no error.
pub(super) fn emit(text: &str) -> io::Result<()> {
    let mut out = stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome,
    }
}

/// Says a duration in the two units that matter.
pub(super) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// Reads a time, which is milliseconds since 1970 or text as RFC 3339 has it, as milliseconds since 1970.
pub(super) fn millis(time: &Json) -> Option<i64> {
    time.as_i64().or_else(|| Some(DateTime::parse_from_rfc3339(time.as_str()?).ok()?.timestamp_millis()))
}

/// Says the time of day in UTC: `12:00:05`.
pub(super) fn clock(time: &Json) -> String {
    let second = millis(time).map(|millis| millis.div_euclid(1000).rem_euclid(86_400));
    second.map_or_else(
        || "--:--:--".to_owned(),
        |second| format!("{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60),
    )
}

/// Says a day and the time of day: `2026-01-02 12:00:05 UTC`.
pub(super) fn day_and_clock(time: &Json) -> Option<String> {
    let time = DateTime::from_timestamp_millis(millis(time)?)?;
    Some(time.format("%Y-%m-%d %H:%M:%S UTC").to_string())
}

/// Returns the time between two points, if both are there and in order.
pub(super) fn between(start: &Json, end: &Json) -> Option<Duration> {
    u64::try_from(millis(end)?.checked_sub(millis(start)?)?).ok().map(Duration::from_millis)
}

/// Returns text at a key, clean, or nothing.
pub(super) fn field<'a>(value: &'a Json, key: &str) -> Cow<'a, str> {
    clean(value.get(key).and_then(Json::as_str).unwrap_or_default())
}

/// Says an error on one line: its code, then the first line of its message.
pub(super) fn headline(error: &Json) -> String {
    let first = error["message"].as_str().unwrap_or_default().lines().next().unwrap_or_default();
    format!("{}: {}", field(error, "code"), clean(first))
}

/// Returns what the message of an error says below its first line, fit to be shown.
pub(super) fn below_headline(error: &Json) -> Vec<String> {
    let message = error["message"].as_str().unwrap_or_default();
    message.lines().skip(1).map(|line| clean(line).into_owned()).collect()
}

/// Shortens a commit's id.
pub(super) fn commit(value: &Json) -> String {
    field(value, "commit").chars().take(10).collect()
}

/// The colour of a status word.
pub(super) fn style_of(status: &str) -> Style {
    match status {
        "succeeded" | "active" => Style::new().green(),
        "failed" | "rejected" => Style::new().red(),
        "allowed_failure" | "waiting" | "needs_attention" | "compensating" | "compensated" => Style::new().yellow(),
        "running" | "ready" => Style::new().cyan(),
        "queued" | "pending" | "skipped" | "cancelled" | "superseded" => Style::new().dim(),
        _ => Style::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_guest_steers_the_terminal() {
        for (raw, shown) in [
            ("plain größe ✓", "plain größe ✓"),
            ("\u{1b}[31mred\u{1b}[0m", "red"),
            ("\u{1b}]0;title\u{7}text", "text"),
            ("\u{1b}]8;;http://evil\u{1b}\\link\u{1b}]8;;\u{1b}\\", "link"),
            ("10 %\r50 %\r100 %\r\n", "100 %"),
            ("bell\u{7}back\u{8}", "bell\u{fffd}back\u{fffd}"),
            ("a\tb", "a b"),
            ("\u{202e}txt.exe", "\u{fffd}txt.exe"),
            ("two\r\nlines", "two lines"),
        ] {
            assert_eq!(clean(raw), shown, "{raw:?}");
        }
    }

    #[test]
    fn no_sequence_survives_in_pieces() {
        let alphabet = ["\u{1b}", "[", "]", "2", "J", ";", "\u{7}", "\u{9b}", "\\", "\u{90}", "P", "a", "\r", "\u{18}"];
        for n in 0..alphabet.len().pow(4) {
            let mut left = n;
            let pick = |_| {
                let piece = alphabet[left % alphabet.len()];
                left /= alphabet.len();
                piece
            };
            let raw: String = (0..4).map(pick).collect();
            assert!(!clean(&raw).chars().any(is_harmful), "{raw:?}");
            let line = json_line(&Json::from(raw.as_str()));
            assert!(!line.chars().any(is_harmful), "{raw:?}");
            assert_eq!(serde_json::from_str::<Json>(&line).unwrap(), raw);
            let text = json_text(&Json::from(vec![raw.as_str()]));
            assert!(!text.replace('\n', "").chars().any(is_harmful), "{raw:?}");
            assert_eq!(serde_json::from_str::<Json>(&text).unwrap()[0], raw);
        }
    }

    #[test]
    fn says_times_of_both_kinds() {
        let (number, text) = (Json::from(1_767_355_205_999_i64), Json::from("2026-01-02T13:00:05.999+01:00"));
        assert_eq!(clock(&number), "12:00:05");
        assert_eq!(clock(&text), "12:00:05");
        assert_eq!(day_and_clock(&number).as_deref(), Some("2026-01-02 12:00:05 UTC"));
        assert_eq!(day_and_clock(&text), day_and_clock(&number));
        assert_eq!(clock(&Json::Null), "--:--:--");
        assert_eq!(day_and_clock(&Json::from(i64::MAX)), None);
    }

    #[test]
    fn says_durations_as_people_do() {
        let said = [0, 340, 59_949, 61_000, 3_700_000, 90_000_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(said, ["0.0 s", "0.3 s", "59.9 s", "1 min 1 s", "1 h 1 min", "1 d 1 h"]);
    }
}
