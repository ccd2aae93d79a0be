//! The whole engine as its users meet it: the real binary, real Git repositories, real
//! components, over HTTP. Every test ends in the invariants checker.

mod access;
mod again;
mod authors;
mod backup;
mod binary;
mod build;
mod chaos;
mod checker;
mod clients;
mod compiler;
mod configuration;
mod crash;
mod deploy;
mod disk;
mod doctor;
mod effects;
mod fanout;
mod foreign;
mod forges;
mod forks;
mod guards;
#[expect(dead_code, reason = "the tests of the sandbox, whose file it is, need more of it")]
#[path = "../../engine/host/tests/sandbox/guest.rs"]
mod guest;
mod hooks;
mod hostile;
mod invariants;
mod items;
mod levels;
mod lock;
mod matrix;
mod metrics;
mod migration;
mod packs;
mod planted;
mod plugins;
mod push;
mod reading;
mod refusals;
mod schedules;
mod schemathesis;
mod secrets;
mod settings;
mod ship;
mod sink;
mod statuses;
mod stream;
mod submit;
mod sync;
mod tags;
mod templates;
mod tools;
mod traces;
mod waiting;
mod world;
