//! Core as its callers see it: definitions in, plans and diagnostics out; commands in, events out.

mod compile;
mod properties;
mod run;
mod support;
