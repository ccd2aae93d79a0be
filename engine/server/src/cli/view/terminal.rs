//! For a person at a terminal: one moving line for each stage that runs or waits, and
//! above them a lasting line for each that has ended. A stage's log is only shown
//! where the stage failed.
//!
//! The moving lines go to standard error and vanish; the lasting ones go to the
//! view's output and stay.

use std::collections::{HashMap, VecDeque};
use std::io::{self, Write};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use console::Style;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::Value as Json;

use super::progress::{Progress, answer, error, is_idle, lines, outputs, request, resolution, stage, step, until};
use crate::cli::resolve::doubt;
use crate::cli::text::{field, millis};

/// Lines of a failed stage's log that are shown: the last ones.
const LOG_LINES: usize = 200;
const TICK: Duration = Duration::from_millis(120);

pub(super) struct Terminal {
    moving: MultiProgress,
    running: HashMap<String, Running>,
    coloured: bool,
}

struct Running {
    bar: ProgressBar,
    log: VecDeque<String>,
    left_out: usize,
}

impl Terminal {
    pub(super) fn new(coloured: bool) -> Self {
        let moving = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10));
        Self { moving, running: HashMap::new(), coloured }
    }

    pub(super) fn draw(
        &mut self,
        out: &mut impl Write,
        progress: &Progress,
        kind: &str,
        data: &Json,
    ) -> io::Result<()> {
        let name = stage(data);
        let spent = progress.spent(data).map(|spent| format!(" {spent}")).unwrap_or_default();
        match kind {
            _ if is_idle(kind, data) => Ok(()),
            "run.queued" => self.say(out, &self.paint(Style::new().bold(), &progress.introduction(data))),
            "run.succeeded" | "run.failed" | "run.cancelled" => {
                let (sign, style) = match kind {
                    "run.succeeded" => ("✓", Style::new().green().bold()),
                    "run.failed" => ("✗", Style::new().red().bold()),
                    _ => ("-", Style::new().bold()),
                };
                self.running.drain().for_each(|(_, running)| running.bar.finish_and_clear());
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
                if let Some(running) = self.running.get(&name) {
                    running.bar.set_message(step(data));
                }
                Ok(())
            }
            "stage.succeeded" => self.end(out, &name, "✓", Style::new().green(), &spent, false),
            "stage.failed" if data["allowed"] == true => {
                let rest = format!("{spent} {} (allowed)", error(data));
                self.end(out, &name, "!", Style::new().yellow(), &rest, true)
            }
            "stage.failed" => self.end(out, &name, "✗", Style::new().red(), &format!("{spent} {}", error(data)), true),
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
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began = millis(&data["at"]).and_then(|at| u64::try_from(at).ok()).map(Duration::from_millis);
        let elapsed = now.saturating_sub(began.unwrap_or(now));
        let style = ProgressStyle::with_template("{spinner} {prefix} {wide_msg} {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner());
        let bar = ProgressBar::no_length().with_style(style).with_prefix(name.to_owned()).with_elapsed(elapsed);
        self.drop_moving(name);
        let bar = self.moving.add(bar);
        bar.enable_steady_tick(TICK);
        self.running.insert(name.to_owned(), Running { bar, log: VecDeque::new(), left_out: 0 });
    }

    /// Starts a moving line of a stage that waits.
    fn wait(&mut self, name: &str, data: &Json, what_for: String) {
        self.start(name, data);
        if let Some(waiting) = self.running.get(name) {
            waiting.bar.set_message(what_for);
        }
    }

    /// Takes a stage's moving line away.
    fn drop_moving(&mut self, name: &str) -> Option<Running> {
        let running = self.running.remove(name)?;
        running.bar.finish_and_clear();
        self.moving.remove(&running.bar);
        Some(running)
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
            running.bar.set_message(last.clone());
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
        let running = self.drop_moving(name);
        self.say(out, &format!("{} {name}{rest}", self.paint(style, sign)))?;
        let Some(running) = running.filter(|_| with_log) else { return Ok(()) };
        if running.left_out > 0 {
            self.say(out, &format!("    … {} lines before these", running.left_out))?;
        }
        running.log.iter().try_for_each(|line| self.say(out, &format!("    {line}")))
    }

    /// Writes a lasting line above the moving ones.
    fn say(&self, out: &mut impl Write, line: &str) -> io::Result<()> {
        self.moving.suspend(|| {
            writeln!(out, "{line}")?;
            out.flush()
        })
    }

    fn paint(&self, style: Style, text: &str) -> String {
        // The colours were decided for the whole view, not for each piece of it.
        style.force_styling(self.coloured).apply_to(text).to_string()
    }
}
