//! Progress of one run, as it is told by its events.
//!
//! A view is fed events and draws; it asks nobody anything. `kiket run` feeds it
//! from the local log and `kiket runs watch` from a server, so both look alike.
//! What it knows of a stage is in [`progress`]; [`plain`] and [`terminal`] draw.

mod plain;
mod progress;
mod terminal;

use std::io::{self, IsTerminal as _, Write};

use serde_json::Value as Json;

use super::text;
use progress::Progress;
use terminal::Terminal;

/// How a view draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Lines that move while stages run, and a lasting line for each that ended.
    Terminal,
    /// One line for each thing that happens, without escape codes.
    Plain,
    /// One JSON event a line.
    Json,
}

impl Mode {
    /// Chooses by where standard output goes, unless JSON was asked for.
    pub(super) fn choose(json: bool) -> Self {
        match json {
            true => Self::Json,
            false if io::stdout().is_terminal() => Self::Terminal,
            false => Self::Plain,
        }
    }
}

/// A drawing of one run's progress.
pub(super) struct View<W> {
    out: W,
    progress: Progress,
    drawing: Drawing,
}

enum Drawing {
    Terminal(Terminal),
    Plain,
    Json,
}

impl<W: Write> View<W> {
    /// Starts with nothing drawn.
    pub(super) fn new(mode: Mode, out: W) -> Self {
        let drawing = match mode {
            Mode::Terminal => Drawing::Terminal(Terminal::new(console::colors_enabled())),
            Mode::Plain => Drawing::Plain,
            Mode::Json => Drawing::Json,
        };
        Self { out, progress: Progress::default(), drawing }
    }

    /// Draws what an event changes. Events come in the order of their positions.
    /// Kinds that a view does not know are not drawn.
    ///
    /// # Errors
    ///
    /// Those of the output.
    pub(super) fn event(&mut self, kind: &str, data: &Json) -> io::Result<()> {
        match &mut self.drawing {
            Drawing::Json => writeln!(self.out, "{}", text::json_line(data)),
            Drawing::Plain => {
                self.progress.apply(kind, data);
                plain::draw(&mut self.out, &self.progress, kind, data)
            }
            Drawing::Terminal(terminal) => {
                self.progress.apply(kind, data);
                terminal.draw(&mut self.out, &self.progress, kind, data)
            }
        }
    }
}

#[cfg(test)]
mod tests;
