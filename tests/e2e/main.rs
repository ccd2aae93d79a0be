//! The whole engine as its users meet it: the real binary, real Git repositories, real
//! components, over HTTP. Every test ends in the invariants checker.

mod checker;
mod crash;
mod hooks;
mod hostile;
mod items;
mod levels;
mod packs;
mod push;
mod stream;
mod templates;
mod waiting;
mod world;
