//! The whole engine as its users meet it: the real binary, real Git repositories, real
//! components, over HTTP. Every test ends in the invariants checker.

mod access;
mod again;
mod authors;
mod backup;
mod binary;
mod build;
mod checker;
mod clients;
mod compiler;
mod configuration;
mod crash;
mod dead_letters;
mod deploy;
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
mod items;
mod levels;
mod lock;
mod matrix;
mod metrics;
mod packs;
mod plugins;
mod push;
mod reading;
mod retention;
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
