//! The sandbox against real components, most of them hostile.
//!
//! Guests are written as core modules in WAT and made into components with the
//! plugin world of `wit/`; what they ask for is answered by a recorder.

mod calling;
mod guest;
mod harness;
mod limits;
mod loading;
mod mail;
mod outbound;
mod requests;
mod smtp;
mod speaking;
mod ssrf;
