//! The jail from outside: what programs in it can reach, how much they may use, and that nothing of them is left.

mod files;
mod limits;
mod network;
mod rights;
mod streams;
mod tree;
mod unjailed;
mod without_root;
mod world;
