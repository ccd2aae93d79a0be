//! What one store carries: everything the host knows about one running call.

use std::sync::Arc;

use rand::SeedableRng as _;
use rand::rngs::ChaCha20Rng;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::calls::HostCalls;
use crate::clock::Clock;
use crate::gate::Gate;
use crate::imports::{clock::Clocks, stdio, wasi_http::Exchanges};
use crate::invoke::{Limits, Terms};
use crate::journal::Journal;
use crate::limiter::Limiter;

/// Most resources a guest may hold at one time.
const RESOURCES: usize = 4096;

/// Most random bytes of one host call.
const RANDOM_BYTES: u64 = 64 * 1024;

pub(crate) struct State {
    pub(crate) calls: Arc<dyn HostCalls>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) journal: Arc<Journal>,
    pub(crate) gate: Gate,
    pub(crate) limiter: Limiter,
    pub(crate) limits: Limits,
    /// What `wasi:http` has under way.
    pub(crate) exchanges: Exchanges,
    pub(crate) table: ResourceTable,
    wasi: WasiCtx,
}

impl State {
    pub(crate) fn new(calls: Arc<dyn HostCalls>, clock: Arc<Clock>, journal: Arc<Journal>, terms: Terms) -> Self {
        let Terms { grants, limits, placeholders, seed, .. } = terms;
        // Two streams that do not meet, and a number from neither.
        let mut second = seed;
        second[0] ^= 1;
        // The builder starts empty: no files, sockets, environment or arguments.
        let wasi = WasiCtx::builder()
            .secure_random(ChaCha20Rng::from_seed(seed))
            .insecure_random(ChaCha20Rng::from_seed(second))
            .insecure_random_seed(u128::from_le_bytes(std::array::from_fn(|at| seed[at])).rotate_left(7))
            .wall_clock(Clocks(Arc::clone(&calls)))
            .monotonic_clock(Clocks(Arc::clone(&calls)))
            .stdout(stdio::Stdio::stdout(&journal))
            .stderr(stdio::Stdio::stderr(&journal))
            .allow_tcp(false)
            .allow_udp(false)
            .allow_ip_name_lookup(false)
            .max_random_size(RANDOM_BYTES)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(RESOURCES);
        let gate = Gate::new(grants, placeholders, limits);
        let (limiter, exchanges) = (Limiter::new(limits.memory), Exchanges::new(limits.memory));
        Self { calls, clock, journal, gate, limiter, limits, exchanges, table, wasi }
    }
}

impl WasiView for State {
    /// Every WASI import passes here, which makes it the place to count them.
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.gate.count();
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    /// As [`WasiView::ctx`], for `wasi:http`.
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.gate.count();
        let Exchanges { context, hooks, .. } = &mut self.exchanges;
        WasiHttpCtxView { ctx: context, hooks, table: &mut self.table }
    }
}
