//! What is said while a command works: one line before a step, one after it with the time it took.

use std::fmt;
use std::time::{Duration, Instant};

use crate::failure::Outcome;

/// Says what is about to happen, does it, and says how long it took.
pub(crate) fn step<T>(what: &str, work: impl FnOnce() -> Outcome<T>) -> Outcome<T> {
    println!("==> {what}");
    let start = Instant::now();
    let result = work()?;
    println!("    done in {}", Elapsed(start.elapsed()));
    Ok(result)
}

/// Says something about the step under way.
pub(crate) fn note(text: impl fmt::Display) {
    println!("    {text}");
}

/// A duration for people: `0.3 s`, `41 s`, `4 min 7 s`.
pub(crate) struct Elapsed(pub(crate) Duration);

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_secs() {
            0..10 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            seconds @ 10..60 => write!(f, "{seconds} s"),
            seconds => write!(f, "{} min {} s", seconds / 60, seconds % 60),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_a_duration_as_people_do() {
        let told = [340, 41_700, 247_000].map(|millis| Elapsed(Duration::from_millis(millis)).to_string());
        assert_eq!(told, ["0.3 s", "41 s", "4 min 7 s"]);
    }
}
