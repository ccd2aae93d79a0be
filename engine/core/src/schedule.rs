//! Times that repeat: when a schedule is due next, and what is to be done about times that nobody was there for.
//!
//! Pure: the time comes in. What is handed out are nominal times, those that the schedule means; whole minutes, each
//! later than the one before.
//!
//! Where clocks are set for summer time, a schedule with fixed minutes and hours keeps each of its times once: one that
//! the clocks skip is kept at the first moment after the gap, one that they show twice at the first of the two. One
//! with `*` in minutes or hours means intervals: it goes with the clock, so what is skipped is left out and what comes
//! twice is kept twice.

use std::collections::VecDeque;
use std::fmt;

use chrono::{DateTime, Datelike as _, MappedLocalTime, NaiveDate, NaiveDateTime, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;
use croner::{Cron, Weekday};

use crate::time::Timestamp;

/// How late a time may be kept before it counts as missed, in milliseconds: the smallest interval there is.
const GRACE: i64 = 60_000;
/// How many missed times are caught up with at most.
pub const CATCH_UP: usize = 100;
/// Longest stretch that clocks skip, in minutes: Samoa once left out a day.
const LONGEST_GAP: i64 = 2 * 24 * 60;

/// A time that repeats.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Five fields, with one blank between them.
    text: String,
    cron: Cron,
    /// Where.
    pub timezone: Tz,
    /// What becomes of times that nobody was there for.
    pub missed: Missed,
}

/// What becomes of times that came while nobody was there, or that a clock jumped over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missed {
    /// Nothing.
    Skip,
    /// One run, for the newest of them.
    #[default]
    Once,
    /// A run for each of them, the oldest first; the newest [`CATCH_UP`] where there are more.
    All,
}

/// What is to be done about a schedule whose time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// The nominal time to start a run for.
    pub run: Option<Timestamp>,
    /// The nominal time up to which everything is settled then.
    pub settled: Timestamp,
    /// The nominal time after that; it may have come as well. [`Timestamp::NEVER`] where there is none.
    pub next: Timestamp,
    /// The oldest of the missed times for which no run is started, if there are any.
    pub dropped: Option<Timestamp>,
}

impl Missed {
    /// All of them, as definitions name them.
    pub const WORDS: [&str; 3] = ["skip", "once", "all"];

    /// Reads a word of a definition.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Skip, Self::Once, Self::All].into_iter().find(|missed| missed.word() == word)
    }

    /// Returns the word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Skip => "skip",
            Self::Once => "once",
            Self::All => "all",
        }
    }
}

impl Schedule {
    /// Makes a schedule of what was read from `text`.
    #[must_use]
    pub fn new(text: &str, cron: Cron, timezone: Tz, missed: Missed) -> Self {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        Self { text, cron, timezone, missed }
    }

    /// Returns the five fields of cron.
    #[must_use]
    pub fn cron(&self) -> &str {
        &self.text
    }

    /// Tells whether there is any day that it names: 30 February is none. Takes no more than some thousand steps.
    #[must_use]
    pub fn has_days(&self) -> bool {
        let pattern = &self.cron.pattern;
        let names = |day: &NaiveDate| {
            let (year, month) = (day.year(), day.month());
            let weekday = Weekday::from_days_from_sunday(day.weekday().num_days_from_sunday());
            pattern.month_match(month).unwrap_or(false)
                && pattern.day_match(year, month, day.day(), weekday).unwrap_or(false)
        };
        // Within 28 years every date that there is comes on every day of the week.
        let first = NaiveDate::from_ymd_opt(2000, 1, 1);
        first.is_some_and(|first| first.iter_days().take(28 * 366).any(|day| names(&day)))
    }

    /// Returns the first nominal time after a moment; `None` where there is none.
    #[must_use]
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        // Within a second: nominal times are whole ones.
        let after = DateTime::from_timestamp(after.millis().div_euclid(1000), 0)?;
        let next = if self.is_fixed() { self.next_fixed(after) } else { self.next_interval(after) }?;
        Some(Timestamp::from_millis(next.timestamp_millis()))
    }

    /// Says what is to be done at `now` about a schedule whose next nominal time is `first`; `None` is nothing yet.
    #[must_use]
    pub fn due(&self, first: Timestamp, now: Timestamp) -> Option<Due> {
        if now < first {
            return None;
        }
        let most = if self.missed == Missed::All { CATCH_UP } else { 1 };
        let kept = *self.newest(first, now, most).front()?;
        let late = now.millis().saturating_sub(kept.millis()) > GRACE;
        let run = (self.missed != Missed::Skip || !late).then_some(kept);
        let dropped = if first < kept || run.is_none() { Some(first) } else { None };
        Some(Due { run, settled: kept, next: self.next(kept).unwrap_or(Timestamp::NEVER), dropped })
    }

    /// Returns the newest nominal times from `first` to `now`, in their order; there is one at least.
    fn newest(&self, first: Timestamp, now: Timestamp, most: usize) -> VecDeque<Timestamp> {
        // Backwards in stretches that grow: what lies years back costs nothing.
        let mut stretch = 3_600_000_i64;
        loop {
            let start = first.millis().max(now.millis().saturating_sub(stretch));
            let mut found = VecDeque::new();
            let mut time = Timestamp::from_millis(start - 1);
            while let Some(next) = self.next(time).filter(|next| *next <= now) {
                if found.len() == most {
                    found.pop_front();
                }
                found.push_back(next);
                time = next;
            }
            if start == first.millis() && found.is_empty() {
                // The rules of its time zone have changed since.
                found.push_back(first);
            }
            if found.len() == most || start == first.millis() {
                return found;
            }
            stretch = stretch.saturating_mul(4);
        }
    }

    /// Whether its minutes and hours are named, and not only how often they come.
    fn is_fixed(&self) -> bool {
        !self.text.split(' ').take(2).any(|field| field.contains(['*', '?']))
    }

    /// The first time after a moment of those that clocks on the wall are to show, each once.
    fn next_fixed(&self, after: DateTime<Utc>) -> Option<DateTime<Tz>> {
        let mut wall = after.with_timezone(&self.timezone).naive_local();
        loop {
            wall = self.cron.find_next_occurrence(&wall, false).ok()?;
            // One that the clocks show twice may have been kept already, and one within a gap ends with it.
            let found = self.first_at(wall)?;
            if found > after {
                return Some(found);
            }
        }
    }

    /// The first moment at which the clocks show a time or, where they skip it, a later one.
    fn first_at(&self, wall: NaiveDateTime) -> Option<DateTime<Tz>> {
        (0..=LONGEST_GAP).find_map(|minutes| {
            let wall = wall.checked_add_signed(TimeDelta::minutes(minutes))?;
            match self.timezone.from_local_datetime(&wall) {
                MappedLocalTime::Single(found) | MappedLocalTime::Ambiguous(found, _) => Some(found),
                MappedLocalTime::None => None,
            }
        })
    }

    /// The first moment after another at which the clocks show one of the times.
    fn next_interval(&self, after: DateTime<Utc>) -> Option<DateTime<Tz>> {
        self.cron.find_next_occurrence(&after.with_timezone(&self.timezone), false).ok()
    }
}

/// The fields of cron and the time zone, which together tell the schedules of a pipeline apart:
/// `0 3 * * 1-5 Europe/Prague`.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.text, self.timezone.name())
    }
}
