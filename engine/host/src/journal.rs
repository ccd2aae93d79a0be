//! The log of one call, on its way out.
//!
//! Text comes in from two sides, whole from the `log` interface and in arbitrary
//! chunks from stdout and stderr, and leaves as lines through
//! [`HostCalls::log`], in the order it came. Every buffer is bounded: a line by
//! its limit, everything by the stage's, and what waits to leave is sent before
//! the guest may write more.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::calls::{HostCalls, Level, LogLine, Lost};
use crate::clock::Clock;
use crate::error::Stop;
use crate::invoke::Limits;

/// How many of the guest's last stderr lines explain a trap.
const LAST_WORDS: usize = 16;

/// One of the guest's two output streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// The log of one call. Shared by the store and the guest's stream handles.
pub(crate) struct Journal {
    calls: Arc<dyn HostCalls>,
    clock: Arc<Clock>,
    book: Mutex<Book>,
}

impl Journal {
    pub(crate) fn new(calls: Arc<dyn HostCalls>, clock: Arc<Clock>, limits: Limits) -> Self {
        Self { calls, clock, book: Mutex::new(Book::new(limits)) }
    }

    /// Takes a text from the `log` interface: one line or several.
    pub(crate) fn append(&self, level: Level, text: &str) -> Result<(), Stop> {
        self.book().append(level, text)
    }

    /// Takes a chunk of a stream.
    pub(crate) fn write(&self, stream: Stream, chunk: &[u8]) -> Result<(), Stop> {
        self.book().write(stream, chunk)
    }

    /// How many bytes wait to be sent.
    pub(crate) fn pending(&self) -> usize {
        self.book().pending
    }

    /// Sends what waits.
    pub(crate) async fn drain(&self) -> Result<(), Lost> {
        self.clock
            .outside(async {
                // The lock is not held while the line is sent.
                while let Some(line) = { self.book().take() } {
                    self.calls.log(line).await?;
                }
                Ok(())
            })
            .await
    }

    /// Sends what waits and the lines that were never ended.
    pub(crate) async fn finish(&self) -> Result<(), Lost> {
        self.book().end_lines();
        self.drain().await
    }

    /// The last lines of stderr: where a panicking guest says why.
    pub(crate) fn last_words(&self) -> Vec<String> {
        self.book().last_words.iter().cloned().collect()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Book {
    limits: Limits,
    queue: VecDeque<LogLine>,
    /// Bytes in `queue`.
    pending: usize,
    bytes: usize,
    lines: u64,
    stdout: Partial,
    stderr: Partial,
    last_words: VecDeque<String>,
}

/// A line of a stream whose end has not come yet.
#[derive(Default)]
struct Partial {
    kept: Vec<u8>,
    cut: usize,
}

impl Book {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            queue: VecDeque::new(),
            pending: 0,
            bytes: 0,
            lines: 0,
            stdout: Partial::default(),
            stderr: Partial::default(),
            last_words: VecDeque::new(),
        }
    }

    fn append(&mut self, level: Level, text: &str) -> Result<(), Stop> {
        self.charge(text.len())?;
        let text = text.strip_suffix('\n').unwrap_or(text);
        for line in text.split('\n') {
            let kept = line.floor_char_boundary(self.limits.log_line);
            self.push(level, line[..kept].to_owned(), line.len() - kept)?;
        }
        Ok(())
    }

    fn write(&mut self, stream: Stream, mut chunk: &[u8]) -> Result<(), Stop> {
        self.charge(chunk.len())?;
        while let Some(end) = chunk.iter().position(|&byte| byte == b'\n') {
            self.extend(stream, &chunk[..end]);
            chunk = &chunk[end + 1..];
            self.end_line(stream)?;
        }
        self.extend(stream, chunk);
        Ok(())
    }

    /// Ends both streams' last lines. The limits on lines no longer matter here.
    fn end_lines(&mut self) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            let partial = self.partial(stream);
            if !partial.kept.is_empty() || partial.cut > 0 {
                let _ = self.end_line(stream);
            }
        }
    }

    fn extend(&mut self, stream: Stream, bytes: &[u8]) {
        let limit = self.limits.log_line;
        let partial = self.partial(stream);
        let room = limit.saturating_sub(partial.kept.len()).min(bytes.len());
        partial.kept.extend_from_slice(&bytes[..room]);
        partial.cut += bytes.len() - room;
    }

    fn end_line(&mut self, stream: Stream) -> Result<(), Stop> {
        let Partial { kept, cut } = mem::take(self.partial(stream));
        let text = String::from_utf8(kept).unwrap_or_else(|error| {
            let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
            // The cut may have gone through a character.
            if cut > 0 { text.trim_end_matches(char::REPLACEMENT_CHARACTER).to_owned() } else { text }
        });
        match stream {
            Stream::Stdout => self.push(Level::Info, text, cut),
            Stream::Stderr => {
                if self.last_words.len() == LAST_WORDS {
                    self.last_words.pop_front();
                }
                self.last_words.push_back(text.clone());
                self.push(Level::Warn, text, cut)
            }
        }
    }

    fn push(&mut self, level: Level, mut text: String, cut: usize) -> Result<(), Stop> {
        self.lines += 1;
        if self.lines > self.limits.host_calls {
            return Err(Stop::LogLines(self.limits.host_calls));
        }
        if text.ends_with('\r') {
            text.pop();
        }
        if cut > 0 {
            text.push_str(&format!(" … {cut} bytes cut"));
        }
        self.pending += text.len();
        self.queue.push_back(LogLine { level, text });
        Ok(())
    }

    fn take(&mut self) -> Option<LogLine> {
        let line = self.queue.pop_front()?;
        self.pending -= line.text.len();
        Some(line)
    }

    fn charge(&mut self, bytes: usize) -> Result<(), Stop> {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.log_total { Err(Stop::LogBytes(self.limits.log_total)) } else { Ok(()) }
    }

    fn partial(&mut self, stream: Stream) -> &mut Partial {
        match stream {
            Stream::Stdout => &mut self.stdout,
            Stream::Stderr => &mut self.stderr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn book(log_line: usize) -> Book {
        Book::new(Limits { log_line, log_total: 1000, host_calls: 100, ..Limits::default() })
    }

    fn lines(book: &mut Book) -> Vec<String> {
        std::iter::from_fn(|| book.take()).map(|line| line.text).collect()
    }

    #[test]
    fn joins_the_chunks_of_a_stream_into_lines() {
        let mut book = book(100);
        for chunk in ["he", "llo\nwor", "", "ld\r\n\n", "rest"] {
            book.write(Stream::Stdout, chunk.as_bytes()).expect("within limits");
        }
        assert_eq!(lines(&mut book), ["hello", "world", ""]);
        book.end_lines();
        assert_eq!(lines(&mut book), ["rest"]);
        assert_eq!(book.pending, 0);
    }

    #[test]
    fn keeps_the_two_streams_apart() {
        let mut book = book(100);
        for (stream, chunk) in [(Stream::Stdout, "a"), (Stream::Stderr, "b\n"), (Stream::Stdout, "c\n")] {
            book.write(stream, chunk.as_bytes()).expect("within limits");
        }
        assert_eq!(lines(&mut book), ["b", "ac"]);
        assert_eq!(book.last_words, ["b"]);
    }

    #[test]
    fn cuts_long_lines_between_characters() {
        let mut book = book(5);
        book.append(Level::Info, "ääää\nok").expect("within limits");
        book.write(Stream::Stdout, "ääää\nok\n".as_bytes()).expect("within limits");
        let expected = ["ää … 4 bytes cut", "ok"];
        let found = lines(&mut book);
        assert_eq!(found[..2], expected);
        assert_eq!(found[2..], ["ää … 3 bytes cut", "ok"]);
    }

    #[test]
    fn stops_at_the_limits_of_bytes_and_lines() {
        let mut bytes = book(100);
        assert!(matches!(bytes.append(Level::Info, &"a".repeat(1001)), Err(Stop::LogBytes(1000))));
        let mut empty = book(100);
        assert!(matches!(empty.append(Level::Info, &"\n".repeat(101)), Ok(()) | Err(Stop::LogLines(100))));
        assert!(matches!(empty.write(Stream::Stderr, &[b'\n'; 101]), Err(Stop::LogLines(100))));
    }
}
