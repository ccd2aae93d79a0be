//! Where a script's output goes: live into the stage's log, and from its beginning into the action's output.

use std::cell::RefCell;
use std::rc::Rc;

use kiket_plugin::log::Level;
use serde::Serialize;

/// How much of each stream is kept, in bytes. The log has all of it.
const KEPT: usize = 64 * 1024;

/// Takes lines from a script. Clones write to the same place.
#[derive(Clone)]
pub(crate) struct Console {
    log: fn(Level, &str),
    written: Rc<RefCell<Written>>,
}

/// What a script wrote.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Written {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Console {
    /// A console that also hands every line to `log` at once.
    pub(crate) fn new(log: fn(Level, &str)) -> Self {
        Self { log, written: Rc::default() }
    }

    /// Writes one line: warnings and errors to standard error, the rest to standard output.
    pub(crate) fn write(&self, level: Level, line: &str) {
        (self.log)(level, line);
        let mut written = self.written.borrow_mut();
        let stream = match level {
            Level::Debug | Level::Info => &mut written.stdout,
            Level::Warn | Level::Error => &mut written.stderr,
        };
        keep(stream, line);
        keep(stream, "\n");
    }

    /// What has been written so far.
    pub(crate) fn written(&self) -> Written {
        self.written.borrow().clone()
    }
}

/// Appends as much of a text as there is room for, whole characters only.
fn keep(stream: &mut String, text: &str) {
    let room = KEPT - stream.len();
    stream.push_str(&text[..text.floor_char_boundary(room)]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_beginning_of_a_stream_in_whole_characters() {
        let console = Console::new(|_, _| ());
        console.write(Level::Info, &"a".repeat(KEPT - 1));
        console.write(Level::Info, "never kept");
        console.write(Level::Error, &"ř".repeat(KEPT));
        let written = console.written();
        assert_eq!((written.stdout.len(), written.stderr.len()), (KEPT, KEPT));
        assert!(written.stdout.ends_with("a\n") && written.stderr.ends_with('ř'));
    }
}
