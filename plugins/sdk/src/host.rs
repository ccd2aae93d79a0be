//! The host as the rest of this crate calls it: the real one inside of a sandbox, and the one of
//! [`testing`](crate::testing) everywhere else.

#[cfg(target_family = "wasm")]
pub(crate) use crate::bindings::kiket::plugin::{
    artifacts, clock, deployments, http, items, kv, log, mail, process, progress, secrets, workspace,
};

#[cfg(not(target_family = "wasm"))]
pub(crate) use crate::testing::host::{
    artifacts, clock, deployments, http, items, kv, log, mail, process, progress, secrets, workspace,
};
