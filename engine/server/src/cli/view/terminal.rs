//! For a person at a terminal: below, the [`Area`] that moves, with a line for each stage that runs or waits and for
//! each that failed; above it a lasting line for each that has ended. Where there are many, those that succeeded share
//! lines. A stage's log is only shown where the stage failed.
//!
//! What moves goes to standard error and vanishes; the lasting lines go to the view's output and stay. A failure that
//! has scrolled away by the end is told again.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use console::{Style, Term, measure_text_width};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde_json::Value as Json;

use super::area::{Area, TICK};

use super::progress::{
    Progress, answer, error, is_idle, kept_from, lines, outputs, request, resolution, stage, step, until,
};
use crate::cli::resolve::doubt;
use crate::cli::text::{clean, field, millis};

/// Lines of a failed stage's log that are shown: the last ones.
const LOG_LINES: usize = 200;

pub(super) struct Terminal {
    area: Arc<Mutex<Area>>,
    /// The drawing of the area, while there is something in it.
    bar: Option<ProgressBar>,
    running: HashMap<String, Running>,
    /// Rows and columns, where they are not those of standard error.
    size: Option<(usize, usize)>,
    /// Lines written so far, and how many there were when something failed first.
    written: usize,
    failed_at: Option<usize>,
    coloured: bool,
}

#[derive(Default)]
struct Running {
    log: VecDeque<String>,
    left_out: usize,
}

impl Terminal {
    pub(super) fn new(coloured: bool) -> Self {
        let (area, running) = (Arc::new(Mutex::new(Area::new(coloured))), HashMap::new());
        Self { area, bar: None, running, size: None, written: 0, failed_at: None, coloured }
    }

    /// Draws for a terminal of that size, whatever standard error is.
    #[cfg(test)]
    pub(super) fn with_size(mut self, rows: usize, columns: usize) -> Self {
        self.size = Some((rows, columns));
        self
    }

    pub(super) fn draw(
        &mut self,
        out: &mut impl Write,
        progress: &Progress,
        kind: &str,
        data: &Json,
    ) -> io::Result<()> {
        let name = stage(data);
        if matches!(kind, "stage.succeeded" | "stage.failed" | "stage.skipped" | "stage.cancelled") {
            self.area().count_end();
        }
        let spent = progress.spent(data).map(|spent| format!(" {spent}")).unwrap_or_default();
        match kind {
            _ if is_idle(kind, data) => Ok(()),
            "run.queued" => {
                let stages = data["stages"].as_array().into_iter().flatten();
                self.area().plan(stages.filter_map(Json::as_str).map(|name| clean(name).into_owned()));
                self.say(out, &self.paint(Style::new().bold(), &progress.introduction(data)))
            }
            "run.succeeded" | "run.failed" | "run.cancelled" => {
                let (sign, style) = match kind {
                    "run.succeeded" => ("✓", Style::new().green().bold()),
                    "run.failed" => ("✗", Style::new().red().bold()),
                    _ => ("-", Style::new().bold()),
                };
                self.running.clear();
                self.flush(out)?;
                self.recall(out)?;
                *self.area() = Area::new(self.coloured);
                self.show();
                let ending = format!("{sign} {}", progress.ending(kind, data));
                self.say(out, &self.paint(style, &ending))?;
                outputs(data).try_for_each(|output| self.say(out, &format!("  {output}")))
            }
            // What it waits for, its moving lines say.
            "run.waiting" | "run.needs_attention" => Ok(()),
            "run.compensating" => {
                self.say(out, &format!("{} undoing what it has done", self.paint(Style::new().yellow(), "↶")))
            }
            "stage.started" => {
                self.start(&name, data);
                Ok(())
            }
            "stage.log" => {
                self.take_log(&name, data);
                Ok(())
            }
            "stage.progress" => {
                self.area().tell(&name, step(data));
                Ok(())
            }
            "stage.succeeded" => {
                let kept = kept_from(data).map(|run| match self.area().has_many() {
                    true => " kept".to_owned(),
                    false => format!(" kept from {run}"),
                });
                self.succeed(out, &name, &kept.unwrap_or(spent))
            }
            "stage.failed" if data["allowed"] == true => {
                let rest = format!("{spent} {} (allowed)", error(data));
                self.end(out, &name, "!", Style::new().yellow(), &rest, true)
            }
            "stage.failed" => {
                self.flush(out)?;
                self.failed_at.get_or_insert(self.written);
                self.area().pin(&name, format!("{spent} {}", error(data)).trim_start().to_owned());
                self.end(out, &name, "✗", Style::new().red(), &format!("{spent} {}", error(data)), true)
            }
            "stage.retrying" => {
                let time = until(data).map(|time| format!("{time} UTC"));
                let next = time.as_ref().map_or("trying again".to_owned(), |time| format!("tried again at {time}"));
                let rest = format!("{spent} {}, {next}", error(data));
                self.end(out, &name, "↻", Style::new().yellow(), &rest, false)?;
                if let Some(time) = time {
                    self.wait(&name, data, format!("waits until {time}"));
                }
                Ok(())
            }
            "stage.waiting" => {
                let time = until(data).map(|time| format!(" until {time} UTC")).unwrap_or_default();
                self.wait(&name, data, format!("waits{time} {}", field(data, "reason")));
                Ok(())
            }
            "stage.denied" => {
                let sign = self.paint(Style::new().yellow(), "!");
                self.say(out, &format!("{sign} {name} denied: {}", field(data, "message")))
            }
            "stage.needs_attention" => {
                let sign = self.paint(Style::new().yellow(), "?");
                self.say(out, &format!("{sign} {name} needs attention, {}", doubt(data)))?;
                let lines = progress.way_on(data);
                lines.iter().try_for_each(|line| self.say(out, &format!("    {line}")))?;
                self.wait(&name, data, "needs attention".to_owned());
                Ok(())
            }
            "stage.resolved" => self.say(out, &format!("· {name} resolved {}", resolution(data))),
            "stage.compensated" => self.end(out, &name, "↶", Style::new().yellow(), " undone", false),
            "approval.requested" => {
                let question = format!("{} {name} {}", self.paint(Style::new().yellow(), "?"), request(data));
                self.say(out, &question)?;
                let lines = progress.question(data);
                lines.iter().try_for_each(|line| self.say(out, &format!("    {line}")))?;
                self.wait(&name, data, "waits for approval".to_owned());
                Ok(())
            }
            // The moving line stays: whether that was enough is for the next event to say.
            "approval.granted" => self.say(out, &format!("· {name} approved {}", answer(data))),
            "approval.rejected" => self.say(out, &format!("· {name} rejected {}", answer(data))),
            "approval.expired" => self.say(out, &format!("· {name} too few have approved in time")),
            "stage.skipped" => {
                let rest = format!(" skipped: {}", field(data, "reason"));
                self.end(out, &name, "-", Style::new().dim(), &rest, false)
            }
            "stage.cancelled" => self.end(out, &name, "-", Style::new().dim(), " cancelled", false),
            _ => Ok(()),
        }
    }

    fn start(&mut self, name: &str, data: &Json) {
        // A run that is watched late has stages that began long ago.
        let began = millis(&data["at"]).and_then(|at| u64::try_from(at).ok()).map(Duration::from_millis);
        self.area().start(name, began.unwrap_or_else(now));
        self.running.insert(name.to_owned(), Running::default());
        self.show();
    }

    /// Starts a moving line of a stage that waits.
    fn wait(&mut self, name: &str, data: &Json, what_for: String) {
        self.start(name, data);
        self.area().tell(name, what_for);
    }

    /// Draws the area while there is something in it, and only then.
    fn show(&mut self) {
        let empty = self.area().is_empty();
        match &self.bar {
            Some(bar) if empty => {
                bar.finish_and_clear();
                self.bar = None;
            }
            None if !empty => {
                let (area, fixed) = (Arc::clone(&self.area), self.size);
                let draw = move |_: &ProgressState, to: &mut dyn std::fmt::Write| {
                    let area = area.lock().unwrap_or_else(PoisonError::into_inner);
                    let _ = to.write_str(&area.render(now(), fixed.unwrap_or_else(size)));
                };
                let style = ProgressStyle::with_template("{area}").unwrap_or_else(|_| ProgressStyle::default_spinner());
                let target = ProgressDrawTarget::stderr_with_hz(10);
                let bar = ProgressBar::with_draw_target(None, target).with_style(style.with_key("area", draw));
                bar.enable_steady_tick(TICK);
                self.bar = Some(bar);
            }
            _ => {}
        }
    }

    fn area(&self) -> MutexGuard<'_, Area> {
        self.area.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_log(&mut self, name: &str, data: &Json) {
        let Some(running) = self.running.get_mut(name) else { return };
        for (_, line) in lines(data) {
            if running.log.len() == LOG_LINES {
                running.log.pop_front();
                running.left_out += 1;
            }
            running.log.push_back(line);
        }
        if let Some(last) = running.log.iter().rev().find(|line| !line.trim().is_empty()) {
            let last = last.clone();
            self.area().tell(name, last);
        }
    }

    /// Turns a stage's moving line into a lasting one, with its log where asked for.
    fn end(
        &mut self,
        out: &mut impl Write,
        name: &str,
        sign: &str,
        style: Style,
        rest: &str,
        with_log: bool,
    ) -> io::Result<()> {
        let running = self.running.remove(name);
        self.area().stop(name);
        self.flush(out)?;
        self.say(out, &format!("{} {name}{rest}", self.paint(style, sign)))?;
        self.show();
        let Some(running) = running.filter(|_| with_log) else { return Ok(()) };
        if running.left_out > 0 {
            self.say(out, &format!("    … {} lines before these", running.left_out))?;
        }
        running.log.iter().try_for_each(|line| self.say(out, &format!("    {line}")))
    }

    /// Gives a stage that succeeded its lasting line, or a share of one where there are many.
    fn succeed(&mut self, out: &mut impl Write, name: &str, rest: &str) -> io::Result<()> {
        if !self.area().has_many() {
            return self.end(out, name, "✓", Style::new().green(), rest, false);
        }
        self.running.remove(name);
        self.area().stop(name);
        let (_, columns) = self.size.unwrap_or_else(size);
        let full = self.area().share(format!("{name}{rest}"), columns);
        self.show();
        full.map_or(Ok(()), |line| self.say(out, &line))
    }

    /// Lets the line that is shared last.
    fn flush(&mut self, out: &mut impl Write) -> io::Result<()> {
        let done = self.area().take_done();
        self.show();
        done.map_or(Ok(()), |line| self.say(out, &line))
    }

    /// Tells once more what failed, where that has scrolled away.
    fn recall(&mut self, out: &mut impl Write) -> io::Result<()> {
        let (rows, _) = self.size.unwrap_or_else(size);
        let scrolled = self.failed_at.is_some_and(|failed| self.written - failed + 2 > rows);
        let failures = if scrolled { self.area().failures() } else { Vec::new() };
        failures.iter().try_for_each(|line| self.say(out, line))
    }

    /// Writes a lasting line above the moving ones.
    fn say(&mut self, out: &mut impl Write, line: &str) -> io::Result<()> {
        let (_, columns) = self.size.unwrap_or_else(size);
        self.written += 1 + measure_text_width(line).saturating_sub(1) / columns.max(1);
        let mut write = || {
            writeln!(out, "{line}")?;
            out.flush()
        };
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        // The colours were decided for the whole view, not for each piece of it.
        style.force_styling(self.coloured).apply_to(text).to_string()
    }
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// Rows and columns of the terminal that the area is drawn on.
fn size() -> (usize, usize) {
    let (rows, columns) = Term::stderr().size();
    (usize::from(rows), usize::from(columns))
}
