//! From bytes to something that can be called.
//!
//! A component is compiled and linked once for each digest, however many ask at
//! the same time, and one after another: compiling takes every core it gets.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;
use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker};

use crate::bindings::PluginPre;
use crate::bindings::exports::kiket::plugin::action::{Failure, Invocation};
use crate::digest::Digest;
use crate::error::LoadError;
use crate::imports;
use crate::state::State;

/// The interface every plugin exports.
const ACTION: &str = "kiket:plugin/action@0.1.0";

type Slot = Arc<OnceCell<PluginPre<State>>>;

/// Everything that is loaded, by digest.
pub(crate) struct Shelf {
    linker: Linker<State>,
    component_bytes: usize,
    slots: Mutex<HashMap<Digest, Slot>>,
    compiler: Semaphore,
}

impl Shelf {
    pub(crate) fn new(engine: &Engine, component_bytes: usize) -> wasmtime::Result<Self> {
        let linker = imports::link(engine)?;
        Ok(Self { linker, component_bytes, slots: Mutex::default(), compiler: Semaphore::new(1) })
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<PluginPre<State>> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.get(digest)?.get().cloned()
    }

    pub(crate) async fn load(&self, digest: &Digest, component: &[u8]) -> Result<(), LoadError> {
        if component.len() > self.component_bytes {
            return Err(LoadError::TooLarge { actual: component.len(), allowed: self.component_bytes });
        }
        let slot = self.slot(digest);
        let loaded = slot.get_or_try_init(|| self.compile(*digest, component)).await.map(|_| ());
        if loaded.is_err() {
            self.forget(digest, &slot);
        }
        loaded
    }

    async fn compile(&self, digest: Digest, component: &[u8]) -> Result<PluginPre<State>, LoadError> {
        let _turn = self.compiler.acquire().await.expect("the semaphore is never closed");
        let component = component.to_vec();
        let linker = self.linker.clone();
        spawn_blocking(move || {
            let actual = Digest::of(&component);
            if actual != digest {
                return Err(LoadError::WrongDigest { expected: digest, actual });
            }
            prepare(&linker, &component)
        })
        .await
        .map_err(|error| LoadError::Compiler(error.to_string()))?
    }

    fn slot(&self, digest: &Digest) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(*digest).or_default())
    }

    /// Drops the slot of a component that could not be loaded, unless someone fills it by now.
    fn forget(&self, digest: &Digest, slot: &Slot) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.get(digest).is_some_and(|current| Arc::ptr_eq(current, slot) && !current.initialized()) {
            slots.remove(digest);
        }
    }
}

/// Only the binary format of a component gets through: neither text nor machine
/// code that claims to have been compiled before.
fn prepare(linker: &Linker<State>, component: &[u8]) -> Result<PluginPre<State>, LoadError> {
    let engine = linker.engine();
    let component =
        Component::from_binary(engine, component).map_err(|error| LoadError::Invalid(format!("{error:#}")))?;
    let linked = linker.instantiate_pre(&component).map_err(|error| {
        let unknown = unknown_imports(engine, &component);
        if unknown.is_empty() { LoadError::Mismatch(format!("{error:#}")) } else { LoadError::UnknownImports(unknown) }
    })?;
    let plugin = PluginPre::new(linked).map_err(|error| LoadError::Mismatch(format!("{error:#}")))?;
    check_run(&component)?;
    Ok(plugin)
}

/// The bindings look exports up by name now and compare their types only in an
/// instance: too late for whoever adds the plugin.
fn check_run(component: &Component) -> Result<(), LoadError> {
    let missing = || LoadError::Mismatch(format!("it does not export `run` of `{ACTION}`"));
    let (_, action) = component.get_export(None, ACTION).ok_or_else(missing)?;
    let (ComponentItem::ComponentFunc(run), _) = component.get_export(Some(&action), "run").ok_or_else(missing)? else {
        return Err(missing());
    };
    run.typecheck::<(&Invocation,), (Result<String, Failure>,)>(&component.component_type().instance_type())
        .map_err(|error| LoadError::Mismatch(format!("`run` of `{ACTION}`: {error:#}")))
}

fn unknown_imports(engine: &Engine, component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.imports(engine).map(|(name, _)| name.to_owned()).filter(|name| !imports::is_served(name)).collect()
}
