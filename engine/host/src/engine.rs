//! How wasmtime is set up.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use wasmtime::{
    Cache, CacheConfig, Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig, Strategy,
    WasmFeatures,
};

use crate::compiler::Compiler;
use crate::error::HostError;
use crate::limiter::{INSTANCES, MEMORIES, TABLES};

/// The guest's stack, in bytes.
const WASM_STACK: usize = 512 * 1024;

/// The stack a guest and the host functions it calls run on, in bytes: the rest
/// is the host functions' own.
const ASYNC_STACK: usize = 2 * 1024 * 1024;

/// Most elements of one table: language runtimes have tens of thousands of functions.
const TABLE_ELEMENTS: usize = 50_000;

/// Memories beyond one for each instance, for components that have several.
const SPARE_MEMORIES: u32 = 64;

/// What wasmtime keeps about one instance besides its memory, at most, in bytes.
const INSTANCE_BYTES: usize = 4 * 1024 * 1024;

/// How much of a used memory, table or stack is zeroed in place for the next
/// call, in bytes; beyond that it goes back to the system, which interrupts every
/// core that runs one of our threads. Where Linux tells which pages were written
/// (since 6.7), only these count.
const KEPT: usize = 128 * 1024;

/// What a host is made of. Reserves address space for every call it may run at
/// once, and commits none of it.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Where compiled code is kept between restarts; `None` compiles anew. The
    /// folder is created for its owner alone, and what is in it is executed:
    /// a folder that anybody else may write to is refused.
    pub cache_dir: Option<PathBuf>,
    /// Compiles strangers' components in a process of its own, which can be ended;
    /// `None` compiles them here, as [`Host::load_trusted`](crate::Host::load_trusted)
    /// always does. Needs `cache_dir`.
    pub compiler: Option<Compiler>,
    /// How many calls run at once; further ones wait, on their own wall time.
    pub instances: u32,
    /// Most memory of one call, in bytes: no [`Limits`](crate::Limits) go beyond.
    pub memory: usize,
    /// Largest component, in bytes: language runtimes have tens of megabytes.
    pub component_bytes: usize,
}

impl Default for HostConfig {
    /// 1,000 calls at once, 256 MiB a call, components of up to 64 MiB, no cache, no compiler.
    fn default() -> Self {
        const MIB: usize = 1024 * 1024;
        Self { cache_dir: None, compiler: None, instances: 1000, memory: 256 * MIB, component_bytes: 64 * MIB }
    }
}

/// An engine that calls: its pool is reserved.
pub(crate) fn pooling(host: &HostConfig, cache: Option<Cache>) -> Result<Engine, HostError> {
    build(host.memory, InstanceAllocationStrategy::Pooling(pool(host)), cache)
}

/// An engine that only compiles, and what it compiles is the other's code to the byte:
/// how memory is allocated does not go into code, how much is reserved for it does.
pub(crate) fn compiling(memory: usize, cache: Cache) -> Result<Engine, HostError> {
    build(memory, InstanceAllocationStrategy::OnDemand, Some(cache))
}

fn build(memory: usize, allocation: InstanceAllocationStrategy, cache: Option<Cache>) -> Result<Engine, HostError> {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .wasm_features(refused_features(), false)
        .concurrency_support(false)
        .shared_memory(false)
        // The same code gives the same results everywhere, floating point included.
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .epoch_interruption(true)
        .max_wasm_stack(WASM_STACK)
        .async_stack_size(ASYNC_STACK)
        .async_stack_zeroing(true)
        .memory_reservation(memory as u64)
        .memory_reservation_for_growth(0)
        .allocation_strategy(allocation)
        .cache(cache);
    Engine::new(&config).map_err(|error| HostError::Engine(format!("{error:#}")))
}

/// What plugins have no use for and attackers might.
pub(crate) fn refused_features() -> WasmFeatures {
    WasmFeatures::THREADS
        | WasmFeatures::SHARED_EVERYTHING_THREADS
        | WasmFeatures::MEMORY64
        | WasmFeatures::MULTI_MEMORY
        | WasmFeatures::CUSTOM_PAGE_SIZES
        | WasmFeatures::GC
        | WasmFeatures::EXCEPTIONS
        | WasmFeatures::STACK_SWITCHING
        | WasmFeatures::WIDE_ARITHMETIC
        | WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_ERROR_CONTEXT
        | WasmFeatures::CM_GC
        | WasmFeatures::CM64
}

fn pool(host: &HostConfig) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    let instances = host.instances;
    // A component as toolchains make it has one memory and two or three tables in up to four core instances.
    pool.total_component_instances(instances)
        .total_stacks(instances)
        .total_core_instances(instances.saturating_mul(4).saturating_add(INSTANCES))
        .total_memories(instances.saturating_add(SPARE_MEMORIES))
        .total_tables(instances.saturating_mul(3).saturating_add(TABLES))
        .max_core_instances_per_component(INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .max_memory_size(host.memory)
        .table_elements(TABLE_ELEMENTS)
        .pagemap_scan(Enabled::Auto)
        .linear_memory_keep_resident(KEPT)
        .table_keep_resident(KEPT)
        .async_stack_keep_resident(KEPT)
        .max_core_instance_size(INSTANCE_BYTES)
        .max_component_instance_size(INSTANCE_BYTES);
    pool
}

/// Compiled code in a folder, named by what it was compiled from and with which settings.
pub(crate) fn cache(dir: &Path) -> Result<Cache, HostError> {
    let mut config = CacheConfig::new();
    // An entry stays as it was written: whoever keeps its digest can tell that it did.
    config.with_directory(dir).with_optimized_compression_usage_counter_threshold(u64::MAX);
    Cache::new(config).map_err(|error| HostError::Cache(format!("{}: {error:#}", dir.display())))
}

/// Names everything about an engine that goes into compiled code.
pub(crate) fn settings(engine: &Engine) -> String {
    struct Sha(Sha256);
    impl Hasher for Sha {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            0
        }
    }
    let mut hasher = Sha(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hex::encode(hasher.0.finalize())
}
