//! The stage's log: no grant is needed, every line is seen live.
//!
//! ```no_run
//! # use kiket_plugin::log;
//! log::info!("uploaded {} files", 3);
//! log::warn!("the cache is cold");
//! ```
//!
//! A text of several lines becomes several lines. The host cuts a line at 16 KiB, and past 10 MiB a stage it ends
//! the call. What a plugin prints to standard output and standard error becomes log lines, too.

use crate::host::log as host;

#[doc(inline)]
pub use crate::{__log_debug as debug, __log_error as error, __log_info as info, __log_warn as warn};

/// How much a line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Details for whoever debugs the plugin.
    Debug,
    /// Ordinary output.
    Info,
    /// Something a person should look at; the stage goes on.
    Warn,
    /// Something failed.
    Error,
}

/// Appends a line; the macros of this module format one.
pub fn line(level: Level, text: &str) {
    let level = match level {
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warn => host::Level::Warn,
        Level::Error => host::Level::Error,
    };
    host::line(level, text);
}

/// Appends a formatted line with [`Level::Debug`].
#[doc(hidden)]
#[macro_export]
macro_rules! __log_debug {
    ($($text:tt)+) => { $crate::log::line($crate::log::Level::Debug, &::std::format!($($text)+)) };
}

/// Appends a formatted line with [`Level::Info`].
#[doc(hidden)]
#[macro_export]
macro_rules! __log_info {
    ($($text:tt)+) => { $crate::log::line($crate::log::Level::Info, &::std::format!($($text)+)) };
}

/// Appends a formatted line with [`Level::Warn`].
#[doc(hidden)]
#[macro_export]
macro_rules! __log_warn {
    ($($text:tt)+) => { $crate::log::line($crate::log::Level::Warn, &::std::format!($($text)+)) };
}

/// Appends a formatted line with [`Level::Error`].
#[doc(hidden)]
#[macro_export]
macro_rules! __log_error {
    ($($text:tt)+) => { $crate::log::line($crate::log::Level::Error, &::std::format!($($text)+)) };
}
