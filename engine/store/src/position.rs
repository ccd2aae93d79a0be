//! The two numberings of history: global positions and per-stream sequence numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A place in the log. Positions increase without gaps from 1 and their order is the order of commits, so a
/// reader that has seen a position has seen everything below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(i64);

/// The number of an event within its stream, a run or an item: gapless from 1; 0 is a stream without history.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(i64);

macro_rules! number {
    ($name:ident) => {
        impl $name {
            /// Before everything.
            pub const ZERO: Self = Self(0);

            /// Wraps the number.
            #[must_use]
            pub const fn new(number: i64) -> Self {
                Self(number)
            }

            /// Returns the number.
            #[must_use]
            pub const fn get(self) -> i64 {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(Position);
number!(Seq);
