//! The part of a terminal that moves: what failed, what runs, and how far the run is. It draws nothing by itself.
//!
//! Stages stand in the order of the plan, whenever they began. However many there are and however low the terminal is,
//! the area is no higher than it: what failed has a place, then what runs, and what finds none is counted.

use std::time::Duration;

use console::{Style, measure_text_width, pad_str, truncate_str};

use crate::cli::text::duration;

/// With more stages than this, those that succeeded share lines.
const FEW: usize = 6;
/// Widest column of names.
const NAME: usize = 24;
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// How long each picture of the spinner stands.
pub(super) const TICK: Duration = Duration::from_millis(120);

/// What is known of the stages, as far as it moves.
#[derive(Default)]
pub(super) struct Area {
    /// All stages, in the order of the plan.
    order: Vec<String>,
    moving: Vec<Moving>,
    failed: Vec<(String, String)>,
    done: Vec<String>,
    ended: usize,
    coloured: bool,
}

/// A stage that runs or waits.
struct Moving {
    name: String,
    message: String,
    /// When it began, since 1970.
    began: Duration,
}

impl Area {
    /// Makes one of no stages.
    pub(super) fn new(coloured: bool) -> Self {
        Self { coloured, ..Self::default() }
    }

    /// Takes note of the stages there are.
    pub(super) fn plan(&mut self, stages: impl Iterator<Item = String>) {
        self.order = stages.collect();
    }

    pub(super) fn start(&mut self, name: &str, began: Duration) {
        self.stop(name);
        self.moving.push(Moving { name: name.to_owned(), message: String::new(), began });
        let place = |name: &str| self.order.iter().position(|other| other == name).unwrap_or(usize::MAX);
        let mut moving = std::mem::take(&mut self.moving);
        moving.sort_by_key(|moving| place(&moving.name));
        self.moving = moving;
    }

    pub(super) fn tell(&mut self, name: &str, message: String) {
        if let Some(moving) = self.moving.iter_mut().find(|moving| moving.name == name) {
            moving.message = message;
        }
    }

    pub(super) fn stop(&mut self, name: &str) {
        self.moving.retain(|moving| moving.name != name);
    }

    /// Counts a stage whose outcome stands.
    pub(super) fn count_end(&mut self) {
        self.ended += 1;
    }

    /// Keeps a failure in sight.
    pub(super) fn pin(&mut self, name: &str, why: String) {
        self.failed.push((name.to_owned(), why));
    }

    /// Returns the failures, each on a line.
    pub(super) fn failures(&self) -> Vec<String> {
        self.failed.iter().map(|(name, why)| self.failure(name, why)).collect()
    }

    /// Tells whether there are so many stages that those that succeeded share lines.
    pub(super) fn has_many(&self) -> bool {
        self.order.len() > FEW
    }

    /// Takes in one that succeeded. Returns the line that is full, and from now on lasts.
    pub(super) fn share(&mut self, done: String, columns: usize) -> Option<String> {
        let width: usize = self.done.iter().map(|done| measure_text_width(done) + 2).sum();
        let full = !self.done.is_empty() && width + measure_text_width(&done) + 3 > columns;
        let line = if full { self.take_done() } else { None };
        self.done.push(done);
        line
    }

    /// Returns what succeeded since the last lasting line, on one.
    pub(super) fn take_done(&mut self) -> Option<String> {
        let line = self.done_line();
        self.done.clear();
        line
    }

    /// Tells whether there is nothing to be drawn.
    pub(super) fn is_empty(&self) -> bool {
        self.moving.is_empty() && self.done.is_empty()
    }

    /// Draws: at most two lines less than the terminal has, none as long as to be broken.
    pub(super) fn render(&self, now: Duration, (rows, columns): (usize, usize)) -> String {
        let room = rows.saturating_sub(2).max(3);
        let mut lines: Vec<String> = self.done_line().into_iter().collect();
        // The counts have their line, and so has at least one stage that runs.
        let pinned = self.pinned(room.saturating_sub(lines.len() + 2).min(room / 3).max(1));
        lines.extend(pinned);
        lines.extend(self.running(now, room.saturating_sub(lines.len() + 1).max(1)));
        if self.has_many() {
            lines.push(self.counts());
        }
        let fit = |line: &String| truncate_str(line, columns.saturating_sub(1).max(1), "…").into_owned();
        lines.iter().map(fit).collect::<Vec<_>>().join("\n")
    }

    fn pinned(&self, room: usize) -> Vec<String> {
        if self.failed.len() <= room {
            return self.failures();
        }
        let hidden = self.failed.len() + 1 - room;
        let names: Vec<&str> = self.failed[..hidden].iter().map(|(name, _)| name.as_str()).collect();
        let mut lines = vec![self.failure(&names.join(", "), "failed")];
        lines.extend(self.failed[hidden..].iter().map(|(name, why)| self.failure(name, why)));
        lines
    }

    fn running(&self, now: Duration, room: usize) -> Vec<String> {
        let shown = if self.moving.len() <= room { room } else { room - 1 };
        let (shown, hidden) = self.moving.split_at(shown.min(self.moving.len()));
        let widest = shown.iter().map(|moving| measure_text_width(&moving.name)).max().unwrap_or_default().min(NAME);
        let spin = usize::try_from(now.as_millis() / TICK.as_millis()).unwrap_or_default() % SPINNER.len();
        let line = |moving: &Moving| {
            let name = pad_str(&moving.name, widest, console::Alignment::Left, Some("…"));
            let spent = duration(now.saturating_sub(moving.began));
            format!("{} {name} {spent:>9} {}", SPINNER[spin], moving.message)
        };
        let mut lines: Vec<String> = shown.iter().map(line).collect();
        if !hidden.is_empty() {
            let names: Vec<&str> = hidden.iter().map(|moving| moving.name.as_str()).collect();
            lines.push(format!("  … and {} more: {}", hidden.len(), names.join(", ")));
        }
        lines
    }

    fn counts(&self) -> String {
        let (all, moving, failed) = (self.order.len(), self.moving.len(), self.failed.len());
        let to_come = all.saturating_sub(self.ended + moving);
        let mut text = format!("  {} of {all} done", self.ended);
        for (count, what) in [(failed, "failed"), (moving, "under way"), (to_come, "to come")] {
            if count > 0 {
                text += &format!(", {count} {what}");
            }
        }
        self.paint(Style::new().dim(), &text)
    }

    fn done_line(&self) -> Option<String> {
        let sign = self.paint(Style::new().green(), "✓");
        (!self.done.is_empty()).then(|| format!("{sign} {}", self.done.join(", ")))
    }

    fn failure(&self, name: &str, why: &str) -> String {
        format!("{} {name} {why}", self.paint(Style::new().red(), "✗"))
    }

    fn paint(&self, style: Style, text: &str) -> String {
        // The colours were decided for the whole view, not for each piece of it.
        style.force_styling(self.coloured).apply_to(text).to_string()
    }
}
