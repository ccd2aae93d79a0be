//! The definitions that every project falls back to: the bundled level, part of the binary.

use kiket_core::{Level, Origin, Source};

include!(concat!(env!("OUT_DIR"), "/defaults.rs"));

/// Returns the bundled definitions.
pub(crate) fn defaults() -> Vec<Source> {
    let origin = Origin { level: Level::Bundled, ..Origin::default() };
    let source = |(path, text): &(&str, &str)| Source { origin: origin.clone(), ..Source::new(*path, *text) };
    DEFAULTS.iter().filter(|(path, _)| path.starts_with(".kiket/")).map(source).collect()
}
