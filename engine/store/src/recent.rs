//! The newest part of the log as it was committed, for those who follow closely: they need not read it back.
//!
//! It is a cache of bounded size, and nothing rests on it. What was forgotten since may still be in it.
//!
//! Invariants: what is in it is committed, and is what the database would answer, to the letter; everything after
//! `start` is in it.

use std::collections::VecDeque;

use crate::{Entry, Position};

/// How much of what events say is kept: some thousand events, or a few pieces of logs.
const BYTES: usize = 512 * 1024;
/// What an entry takes besides, about.
const ENTRY: usize = 256;

pub(crate) struct Recent {
    start: Position,
    entries: VecDeque<Entry>,
    bytes: usize,
}

impl Recent {
    /// Nothing yet, after what was there before.
    pub(crate) fn after(start: Position) -> Self {
        Self { start, entries: VecDeque::new(), bytes: 0 }
    }

    /// Adds what was committed; lets go of the oldest where there is too much.
    pub(crate) fn add(&mut self, committed: Vec<Entry>) {
        self.bytes += committed.iter().map(size).sum::<usize>();
        self.entries.extend(committed);
        while self.bytes > BYTES
            && let Some(oldest) = self.entries.pop_front()
        {
            self.bytes -= size(&oldest);
            self.start = oldest.position;
        }
    }

    /// The first entries after a position; `None` where some of them are no longer here.
    pub(crate) fn tail(&self, after: Position, limit: usize) -> Option<Vec<Entry>> {
        if after < self.start {
            return None;
        }
        let seen = self.entries.partition_point(|entry| entry.position <= after);
        Some(self.entries.range(seen..).take(limit).cloned().collect())
    }
}

fn size(entry: &Entry) -> usize {
    entry.data.len() + ENTRY
}

#[cfg(test)]
mod tests {
    use kiket_core::{ProjectId, Timestamp};
    use ulid::Ulid;

    use super::*;

    fn entries(positions: std::ops::RangeInclusive<i64>, bytes: usize) -> Vec<Entry> {
        let project = ProjectId::new(Ulid::from(1_u128));
        let entry = |position| Entry {
            position: Position::new(position),
            project,
            run: None,
            item: None,
            seq: None,
            kind: "project.synced".to_owned(),
            stage: None,
            at: Timestamp::from_millis(0),
            data: "x".repeat(bytes),
        };
        positions.map(entry).collect()
    }

    fn positions(found: Option<Vec<Entry>>) -> Option<Vec<i64>> {
        found.map(|entries| entries.iter().map(|entry| entry.position.get()).collect())
    }

    #[test]
    fn what_came_after_a_position_is_there_and_what_came_before_the_start_is_not() {
        let mut recent = Recent::after(Position::new(4));
        let tail = |recent: &Recent, after, limit| positions(recent.tail(Position::new(after), limit));
        assert_eq!((tail(&recent, 4, 9), tail(&recent, 3, 9)), (Some(vec![]), None));
        recent.add(entries(5..=7, 1));
        assert_eq!((tail(&recent, 4, 2), tail(&recent, 6, 9)), (Some(vec![5, 6]), Some(vec![7])));
        assert_eq!((tail(&recent, 7, 9), tail(&recent, 3, 9)), (Some(vec![]), None));
    }

    #[test]
    fn the_oldest_goes_where_there_is_too_much() {
        let mut recent = Recent::after(Position::new(0));
        recent.add(entries(1..=3, BYTES / 3));
        assert_eq!(positions(recent.tail(Position::new(0), 9)), None);
        assert_eq!(positions(recent.tail(Position::new(1), 9)), Some(vec![2, 3]));
        recent.add(entries(4..=4, 2 * BYTES));
        assert_eq!(positions(recent.tail(Position::new(4), 9)), Some(vec![]));
        assert_eq!((recent.entries.len(), recent.bytes), (0, 0));
    }
}
