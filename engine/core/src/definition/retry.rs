//! `retry:`: what happens after an attempt that failed.

use std::time::Duration;

use crate::decode::{duration_at, number_at, texts, word_at};
use crate::shape::{Record, Shape, closed, optional};
use crate::yaml::{Node, Value};

/// Most attempts that a definition may ask for.
const MAX_ATTEMPTS: i64 = 100;

pub(super) static RETRY: Record = closed(
    "retry",
    "What happens after an attempt that failed.",
    &[
        optional(
            "max_attempts",
            Shape::Integer { min: 1, max: MAX_ATTEMPTS },
            "Most attempts, the first one included; 3 where none is given.",
        ),
        optional(
            "backoff",
            Shape::Either(&[Shape::Duration, Shape::Record(&BACKOFF)]),
            "How long to wait between attempts; a duration alone never grows.",
        ),
        optional(
            "on",
            Shape::OneOrList(&Shape::Word(&FailureClass::NAMES)),
            "Which failures are tried again; transient ones and time-outs where none is given.",
        ),
    ],
);

static BACKOFF: Record = closed(
    "backoff",
    "How long to wait between attempts.",
    &[
        optional("initial", Shape::Duration, "Before the second attempt; 1s where none is given."),
        optional(
            "factor",
            Shape::Number { min: 1.0, max: 100.0 },
            "By how much each wait is longer than the last; 2 where none is given.",
        ),
        optional("max", Shape::Duration, "Longest wait; 1m where none is given."),
        optional(
            "jitter",
            Shape::Word(&["none", "full"]),
            "`full` waits a random part of the time, so that many stages do not come back at once; `none` is the default.",
        ),
    ],
);

/// What happens after an attempt that failed. Without `retry:` there is one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Retry {
    /// Most attempts, the first one included.
    pub max_attempts: u32,
    /// How long to wait.
    pub backoff: Backoff,
    /// Which failures are tried again.
    pub on: Vec<FailureClass>,
}

/// How long to wait between attempts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// Before the second attempt.
    pub initial: Duration,
    /// By how much each wait is longer than the last.
    pub factor: f64,
    /// Longest wait.
    pub max: Duration,
    /// Whether a random part of the time is waited.
    pub full_jitter: bool,
}

/// Why an attempt failed, as far as it matters for the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureClass {
    /// The plugin says that trying again may help, or the sandbox had no room.
    Transient,
    /// The attempt took too long.
    Timeout,
    /// The plugin trapped, or used more than it may.
    Crash,
    /// The plugin says that trying again will not help.
    Permanent,
}

impl FailureClass {
    const NAMES: [&'static str; 4] = ["transient", "timeout", "crash", "permanent"];
    const ALL: [Self; 4] = [Self::Transient, Self::Timeout, Self::Crash, Self::Permanent];

    /// Sorts an error by its code. Those that are not of a plugin's making have no class and are never tried again.
    #[must_use]
    pub fn of(code: &str) -> Option<Self> {
        match code {
            "transient" | "busy" => Some(Self::Transient),
            "timeout_cpu" | "timeout_wall" => Some(Self::Timeout),
            "trap" | "memory_limit" | "stack_overflow" | "host_call_limit" | "payload_too_large" | "invalid_output" => {
                Some(Self::Crash)
            }
            "permanent" => Some(Self::Permanent),
            _ => None,
        }
    }
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 1, backoff: Backoff::DEFAULT, on: Vec::new() }
    }
}

impl Backoff {
    const DEFAULT: Self =
        Self { initial: Duration::from_secs(1), factor: 2.0, max: Duration::from_secs(60), full_jitter: false };

    /// Returns how long to wait after `failures` failed attempts, at least 1; `share` is a random number from 0 to 1.
    #[must_use]
    pub fn wait(&self, failures: u32, share: f64) -> Duration {
        let exponent = i32::try_from(failures.saturating_sub(1)).unwrap_or(i32::MAX);
        let wait = self.initial.as_secs_f64() * self.factor.powi(exponent);
        let wait = wait.min(self.max.as_secs_f64());
        let wait = if self.full_jitter { wait * share.clamp(0.0, 1.0) } else { wait };
        Duration::try_from_secs_f64(wait).unwrap_or(self.max)
    }
}

impl Retry {
    pub(super) fn decode(node: &Node) -> Self {
        let backoff = match node.get("backoff") {
            None => Backoff::DEFAULT,
            Some(Node { value: Value::String(_), .. }) => {
                let wait = duration_at(node, "backoff").unwrap_or(Backoff::DEFAULT.initial);
                Backoff { initial: wait, factor: 1.0, max: wait, full_jitter: false }
            }
            Some(node) => {
                let initial = duration_at(node, "initial").unwrap_or(Backoff::DEFAULT.initial);
                let factor = node.get("factor").and_then(|node| node.to_json().as_f64());
                Backoff {
                    initial,
                    factor: factor.unwrap_or(Backoff::DEFAULT.factor),
                    max: duration_at(node, "max").unwrap_or(Backoff::DEFAULT.max.max(initial)),
                    full_jitter: word_at(node, "jitter", |word| Some(word == "full")).unwrap_or_default(),
                }
            }
        };
        let named = texts(node.get("on")).into_iter().filter_map(|word| {
            FailureClass::NAMES
                .iter()
                .zip(FailureClass::ALL)
                .find(|(name, _)| **name == word.value)
                .map(|(_, class)| class)
        });
        let mut on: Vec<FailureClass> = named.collect();
        if on.is_empty() {
            on = vec![FailureClass::Transient, FailureClass::Timeout];
        }
        Self { max_attempts: number_at(node, "max_attempts").unwrap_or(3), backoff, on }
    }

    /// Tells whether there is another attempt after `failures` failed ones, the last of them with this code.
    #[must_use]
    pub fn allows(&self, failures: u32, code: &str) -> bool {
        failures < self.max_attempts && FailureClass::of(code).is_some_and(|class| self.on.contains(&class))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_up_to_their_bound_and_jitter_takes_a_part() {
        let backoff = Backoff { max: Duration::from_secs(5), ..Backoff::DEFAULT };
        let waits = |jitter| {
            (1..=5)
                .map(|failures| Backoff { full_jitter: jitter, ..backoff }.wait(failures, 0.5).as_millis())
                .collect::<Vec<_>>()
        };
        assert_eq!(waits(false), [1_000, 2_000, 4_000, 5_000, 5_000]);
        assert_eq!(waits(true), [500, 1_000, 2_000, 2_500, 2_500]);
        assert_eq!(backoff.wait(u32::MAX, 1.0), Duration::from_secs(5));
    }

    #[test]
    fn only_failures_that_are_named_are_tried_again() {
        let retry = Retry { max_attempts: 3, on: vec![FailureClass::Transient], ..Retry::default() };
        assert!(retry.allows(1, "transient") && retry.allows(2, "busy"));
        assert!(!retry.allows(3, "transient") && !retry.allows(1, "permanent") && !retry.allows(1, "denied"));
        assert!(!Retry::default().allows(1, "transient"));
    }
}
