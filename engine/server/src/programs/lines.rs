//! What a program writes, as lines of a log, and the end of it.
//!
//! The two streams come in pieces that end anywhere. Every line is bounded, and so is what all programs of an attempt
//! write together: one that writes without end is ended.

use std::collections::VecDeque;
use std::mem;

use kiket_jail::Stream;

/// Most bytes of a line; the rest of it is cut.
const LINE: usize = 16 * 1024;
/// Most bytes that all programs of an attempt write.
const BYTES: usize = 10 * 1024 * 1024;
/// Most lines of all programs of an attempt.
const LINES: usize = 100_000;

/// What the programs of an attempt have written so far.
#[derive(Debug, Default)]
pub(crate) struct Spent {
    bytes: usize,
    lines: usize,
}

/// There is more than a log takes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the programs of a stage may write 10 MiB and 100000 lines: this one was ended when it wrote more")]
pub(crate) struct TooMuch;

/// The lines of one program.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    out: Partial,
    err: Partial,
}

/// A line whose end has not come yet.
#[derive(Debug, Default)]
struct Partial {
    kept: Vec<u8>,
    cut: usize,
}

impl Lines {
    /// Takes a piece of a stream; returns the lines that end in it.
    pub(crate) fn take(&mut self, stream: Stream, mut bytes: &[u8], spent: &mut Spent) -> Result<Vec<String>, TooMuch> {
        spent.bytes += bytes.len();
        if spent.bytes > BYTES {
            return Err(TooMuch);
        }
        let partial = self.partial(stream);
        let mut lines = Vec::new();
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            partial.extend(&bytes[..end]);
            lines.push(partial.end());
            bytes = &bytes[end + 1..];
        }
        partial.extend(bytes);
        spent.lines += lines.len();
        if spent.lines > LINES { Err(TooMuch) } else { Ok(lines) }
    }

    /// Returns what was written to a stream and never ended.
    pub(crate) fn rest(&mut self, stream: Stream) -> Option<String> {
        let partial = self.partial(stream);
        let written = !partial.kept.is_empty() || partial.cut > 0;
        written.then(|| partial.end())
    }

    fn partial(&mut self, stream: Stream) -> &mut Partial {
        match stream {
            Stream::Out => &mut self.out,
            Stream::Err => &mut self.err,
        }
    }
}

impl Partial {
    fn extend(&mut self, bytes: &[u8]) {
        let room = LINE.saturating_sub(self.kept.len()).min(bytes.len());
        self.kept.extend_from_slice(&bytes[..room]);
        self.cut += bytes.len() - room;
    }

    fn end(&mut self) -> String {
        let Self { kept, cut } = mem::take(self);
        let mut text = String::from_utf8_lossy(&kept).into_owned();
        if cut > 0 {
            // The cut may have gone through a character.
            text.truncate(text.trim_end_matches(char::REPLACEMENT_CHARACTER).len());
            text.push_str(&format!(" … {cut} bytes cut"));
        } else if text.ends_with('\r') {
            text.pop();
        }
        text
    }
}

/// The last bytes of something.
#[derive(Debug)]
pub(crate) struct Tail {
    bytes: VecDeque<u8>,
    most: usize,
}

impl Tail {
    /// Of at most this many bytes.
    pub(crate) fn new(most: u32) -> Self {
        Self { bytes: VecDeque::new(), most: most as usize }
    }

    /// Goes on with these.
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        let bytes = &bytes[bytes.len().saturating_sub(self.most)..];
        let over = (self.bytes.len() + bytes.len()).saturating_sub(self.most);
        self.bytes.drain(..over);
        self.bytes.extend(bytes);
    }

    /// Returns them.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_pieces_into_lines_and_keeps_the_streams_apart() {
        let (mut lines, mut spent) = (Lines::default(), Spent::default());
        let mut found = Vec::new();
        for (stream, piece) in [
            (Stream::Out, "he"),
            (Stream::Err, "warn\n\nno"),
            (Stream::Out, "llo\r\nwor"),
            (Stream::Out, "ld"),
            (Stream::Err, ""),
        ] {
            found.extend(lines.take(stream, piece.as_bytes(), &mut spent).unwrap());
        }
        assert_eq!(found, ["warn", "", "hello"]);
        let rest = [Stream::Out, Stream::Err, Stream::Out].map(|stream| lines.rest(stream));
        assert_eq!(rest, [Some("world".to_owned()), Some("no".to_owned()), None]);
    }

    #[test]
    fn cuts_long_lines_between_characters_and_shows_what_is_no_text() {
        let (mut lines, mut spent) = (Lines::default(), Spent::default());
        let long = format!("a{}\n", "ä".repeat(LINE / 2));
        let found = lines.take(Stream::Out, long.as_bytes(), &mut spent).unwrap();
        assert_eq!(found[0], format!("a{} … 1 bytes cut", "ä".repeat(LINE / 2 - 1)));
        assert_eq!(lines.take(Stream::Err, b"a\xffb\n", &mut spent).unwrap(), ["a\u{fffd}b"]);
    }

    #[test]
    fn all_programs_of_an_attempt_write_no_more_than_a_log_takes() {
        let mut spent = Spent::default();
        let piece = vec![b'a'; BYTES / 2];
        Lines::default().take(Stream::Out, &piece, &mut spent).unwrap();
        Lines::default().take(Stream::Err, &piece, &mut spent).unwrap();
        assert_eq!(Lines::default().take(Stream::Out, b"a", &mut spent), Err(TooMuch));
        let mut spent = Spent::default();
        assert_eq!(Lines::default().take(Stream::Out, &[b'\n'; LINES + 1], &mut spent), Err(TooMuch));
    }

    #[test]
    fn a_tail_is_the_end() {
        let mut tail = Tail::new(4);
        for piece in ["", "ab", "c", "de", "fghijk", "l"] {
            tail.take(piece.as_bytes());
        }
        assert_eq!(tail.into_bytes(), b"ijkl");
        let mut none = Tail::new(0);
        none.take(b"abc");
        assert_eq!(none.into_bytes(), b"");
    }
}
