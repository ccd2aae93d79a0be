//! The text of an event stream, taken apart.
//!
//! As the HTML standard says under "interpreting an event stream". Knows nothing
//! of connections: bytes go in, in pieces of any size, and whole events come out.

use std::time::Duration;

/// Bytes of one event. A stream with larger ones is not one of ours.
const EVENT_BYTES: usize = 16 << 20;

/// One event, as it was dispatched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    /// The last id that the stream has given, by this event or one before it.
    pub(super) id: Option<String>,
    /// The event's type; `message` where it gave none.
    pub(super) kind: String,
    /// The lines of its data, joined by line feeds.
    pub(super) data: String,
}

/// An event that is too large.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the event stream has an event of more than {EVENT_BYTES} bytes")]
pub(super) struct Oversized;

/// What is left of a stream between two pieces of it.
#[derive(Debug, Default)]
pub(super) struct Parser {
    line: Vec<u8>,
    after_return: bool,
    begun: bool,
    kind: String,
    data: Option<String>,
    id: Option<String>,
    retry: Option<Duration>,
}

impl Parser {
    /// Starts a stream that continues after the event called `id`.
    pub(super) fn resume(id: Option<String>) -> Self {
        Self { id, ..Self::default() }
    }

    /// How long to wait before connecting again, if the stream said so.
    pub(super) fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Takes the next piece, and returns the events that it completes. What has
    /// begun and was not completed when the stream ends is to be dropped.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Oversized> {
        let mut events = Vec::new();
        for &byte in bytes {
            // A line ends with LF, CR, or both.
            let second_half = std::mem::take(&mut self.after_return) && byte == b'\n';
            match byte {
                _ if second_half => {}
                b'\r' | b'\n' => {
                    self.after_return = byte == b'\r';
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.take_line(&line));
                }
                _ => self.line.push(byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > EVENT_BYTES {
                return Err(Oversized);
            }
        }
        Ok(events)
    }

    fn take_line(&mut self, line: &[u8]) -> Option<Event> {
        let line = String::from_utf8_lossy(line);
        let first = !std::mem::replace(&mut self.begun, true);
        let line = if first { line.strip_prefix('\u{feff}').unwrap_or(&line) } else { &line };
        if line.is_empty() {
            return self.dispatch();
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.kind),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            "id" if !value.contains('\0') => self.id = Some(value.to_owned()),
            "retry" if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.retry = value.parse().ok().map(Duration::from_millis);
            }
            // A comment has an empty name; other names mean nothing.
            _ => {}
        }
        None
    }

    fn dispatch(&mut self) -> Option<Event> {
        let kind = std::mem::take(&mut self.kind);
        let data = self.data.take()?;
        let kind = if kind.is_empty() { "message".to_owned() } else { kind };
        // An empty id takes the last one back.
        Some(Event { id: self.id.clone().filter(|id| !id.is_empty()), kind, data })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Vec<(Option<String>, String, String)> {
        let whole = Parser::default().push(text.as_bytes()).unwrap();
        // The same stream, byte by byte, is the same stream.
        let mut parser = Parser::default();
        let pieces: Vec<_> = text.bytes().flat_map(|byte| parser.push(&[byte]).unwrap()).collect();
        assert_eq!(whole, pieces);
        whole.into_iter().map(|event| (event.id, event.kind, event.data)).collect()
    }

    fn event(id: Option<&str>, kind: &str, data: &str) -> (Option<String>, String, String) {
        (id.map(str::to_owned), kind.to_owned(), data.to_owned())
    }

    #[test]
    fn reads_an_event_with_every_kind_of_line_end() {
        for end in ["\n", "\r", "\r\n"] {
            let text = "id: 7\nevent: run.queued\ndata: {}\n\n".replace('\n', end);
            assert_eq!(parse(&text), [event(Some("7"), "run.queued", "{}")], "{end:?}");
        }
    }

    #[test]
    fn joins_lines_of_data_and_takes_one_space_off() {
        assert_eq!(parse("data: a\ndata:  b\ndata\ndata:c\n\n"), [event(None, "message", "a\n b\n\nc")]);
    }

    #[test]
    fn passes_over_comments_unknown_fields_and_events_without_data() {
        assert_eq!(parse(": heartbeat\n\nfoo: bar\nevent: lost\n\n:\ndata: x\n\n"), [event(None, "message", "x")]);
    }

    #[test]
    fn an_id_stays_until_the_next_one() {
        let text = "id: 1\ndata: a\n\ndata: b\n\nid: 2\n\ndata: c\n\nid: bad\0id\ndata: d\n\nid\ndata: e\n\n";
        let ids: Vec<_> = parse(text).into_iter().map(|event| event.0).collect();
        assert_eq!(ids, [Some("1"), Some("1"), Some("2"), Some("2"), None].map(|id| id.map(str::to_owned)));
        let mut resumed = Parser::resume(Some("9".to_owned()));
        assert_eq!(resumed.push(b"data: x\n\n").unwrap()[0].id.as_deref(), Some("9"));
    }

    #[test]
    fn an_event_that_was_cut_off_is_no_event() {
        assert_eq!(parse("data: whole\n\nid: 2\ndata: half\n"), [event(None, "message", "whole")]);
    }

    #[test]
    fn heeds_the_waiting_time() {
        let mut parser = Parser::default();
        parser.push(b"retry: soon\nretry: 1500\n\n").unwrap();
        assert_eq!(parser.retry(), Some(Duration::from_millis(1500)));
    }

    #[test]
    fn drops_a_byte_order_mark_at_the_start_only() {
        assert_eq!(parse("\u{feff}data: a\n\n\u{feff}data: b\n\ndata: \u{feff}c\n\n").len(), 2);
    }

    #[test]
    fn refuses_an_event_without_an_end() {
        let piece = vec![b'x'; 1 << 20];
        let mut parser = Parser::default();
        let outcome = (0..20).try_for_each(|_| parser.push(&piece).map(drop));
        assert_eq!(outcome, Err(Oversized));
    }
}
