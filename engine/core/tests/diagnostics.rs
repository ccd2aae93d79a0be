//! Broken definition files, and what is said to the person who wrote them.

#[path = "diagnostics/bombs.rs"]
mod bombs;
#[path = "diagnostics/files.rs"]
mod files;
#[path = "diagnostics/support.rs"]
mod support;
