//! Chaos against the real process: it is killed at chosen system calls, its disk fails, its power is cut. Afterwards
//! everything that was acknowledged is there, nothing was done twice that may happen once, and everything ends.
//!
//! Each test has a short form, which is an ordinary test, and a long one that an environment variable asks for;
//! `cargo xtask chaos` runs the long ones. Each form ends in one line that says what came of it ([`tally`]).
//!
//! A kill leaves what was written to the system, so kills say nothing about the disk: power cuts are a matter of
//! `power`. What is random says its seed, and `KIKET_CHAOS_SEED` brings it back.

mod errors;
mod place;
mod points;
mod power;
mod recovery;
mod script;
mod seed;
mod tally;
mod tracer;
mod verify;
