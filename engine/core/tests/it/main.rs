//! Core as its callers see it: definitions in, plans and diagnostics out; commands in, events out.

mod cases;
mod compile;
mod doubt;
mod grants;
mod manifests;
mod mutations;
mod properties;
mod reference;
mod resume;
mod run;
mod schedules;
mod schemas;
mod support;
