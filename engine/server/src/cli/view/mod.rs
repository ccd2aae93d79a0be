//! Progress of one run, as it is told by its events.
//!
//! A view is fed events and draws; it asks nobody anything. `kiket run` feeds it
//! from the local log and `kiket runs watch` from a server, so both look alike.
//! What it knows of a stage is in [`progress`] and [`area`]; [`plain`] and [`terminal`] draw.

mod area;
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
    read: bool,
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
        Self { out, progress: Progress::default(), drawing, read: true }
    }

    /// Lets it name the commands by which people answer what they are asked; there has to be a server that takes them.
    pub(super) fn with_commands(mut self) -> Self {
        self.progress.name_commands();
        self
    }

    /// Draws what an event changes. Events come in the order of their positions.
    /// Kinds that a view does not know are not drawn.
    ///
    /// # Errors
    ///
    /// Those of the output, but for one: a reader that has seen enough is no error, and nothing more is drawn for it.
    pub(super) fn event(&mut self, kind: &str, data: &Json) -> io::Result<()> {
        if !self.read {
            return Ok(());
        }
        match self.draw(kind, data) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.read = false;
                Ok(())
            }
            outcome => outcome,
        }
    }

    /// Tells whether somebody still reads what is drawn, as far as that is known.
    pub(super) fn is_read(&self) -> bool {
        self.read
    }

    fn draw(&mut self, kind: &str, data: &Json) -> io::Result<()> {
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
