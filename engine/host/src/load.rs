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
use wasmtime::component::{Component, ComponentNamedList, InstancePre, Lift, Linker, Lower};

use crate::bindings::exports::kiket::plugin::{action, guard, recovery, trigger};
use crate::digest::Digest;
use crate::error::LoadError;
use crate::imports;
use crate::state::State;

type Slot = Arc<OnceCell<Arc<Loaded>>>;

/// A component that can be called.
pub(crate) struct Loaded {
    pub(crate) linked: InstancePre<State>,
    pub(crate) exports: Indices,
}

/// Where the functions of a component are found, as far as it has them.
pub(crate) struct Indices {
    pub(crate) action: Option<action::GuestIndices>,
    pub(crate) recovery: Option<recovery::GuestIndices>,
    pub(crate) guard: Option<guard::GuestIndices>,
    pub(crate) trigger: Option<trigger::GuestIndices>,
}

/// Which interfaces a component exports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exports {
    /// It carries out actions.
    pub action: bool,
    /// It can tell what became of an effect.
    pub recovery: bool,
    /// It decides on transitions.
    pub guard: bool,
    /// It reads requests from outside.
    pub trigger: bool,
}

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

    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<Loaded>> {
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

    async fn compile(&self, digest: Digest, component: &[u8]) -> Result<Arc<Loaded>, LoadError> {
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
fn prepare(linker: &Linker<State>, component: &[u8]) -> Result<Arc<Loaded>, LoadError> {
    let engine = linker.engine();
    let component =
        Component::from_binary(engine, component).map_err(|error| LoadError::Invalid(format!("{error:#}")))?;
    let linked = linker.instantiate_pre(&component).map_err(|error| {
        let unknown = unknown_imports(engine, &component);
        if unknown.is_empty() { LoadError::Mismatch(format!("{error:#}")) } else { LoadError::UnknownImports(unknown) }
    })?;
    let exports = Indices::find(&linked, &component)?;
    Ok(Arc::new(Loaded { linked, exports }))
}

impl Loaded {
    pub(crate) fn exports(&self) -> Exports {
        let Indices { action, recovery, guard, trigger } = &self.exports;
        Exports {
            action: action.is_some(),
            recovery: recovery.is_some(),
            guard: guard.is_some(),
            trigger: trigger.is_some(),
        }
    }
}

impl Indices {
    /// The bindings look exports up by name and compare their types only in an instance: too late for whoever adds
    /// the plugin, so it is done here.
    fn find(linked: &InstancePre<State>, component: &Component) -> Result<Self, LoadError> {
        let exports = |interface: &str| component.get_export_index(None, versioned(interface)).is_some();
        let mismatch = |error: wasmtime::Error| LoadError::Mismatch(format!("{error:#}"));
        let mut found = Self { action: None, recovery: None, guard: None, trigger: None };
        if exports("action") {
            type Answer = (Result<String, action::Failure>,);
            check::<(&action::Invocation,), Answer>(component, "action", "run")?;
            found.action = Some(action::GuestIndices::new(linked).map_err(mismatch)?);
        }
        if exports("recovery") {
            check::<(&action::Invocation,), (recovery::EffectState,)>(component, "recovery", "check")?;
            found.recovery = Some(recovery::GuestIndices::new(linked).map_err(mismatch)?);
        }
        if exports("guard") {
            check::<(&guard::Transition,), (guard::Verdict,)>(component, "guard", "decide")?;
            found.guard = Some(guard::GuestIndices::new(linked).map_err(mismatch)?);
        }
        if exports("trigger") {
            type Answer = (Result<Vec<trigger::TriggerEvent>, trigger::Failure>,);
            check::<(&trigger::Request,), Answer>(component, "trigger", "translate")?;
            found.trigger = Some(trigger::GuestIndices::new(linked).map_err(mismatch)?);
        }
        if found.action.is_none() && found.guard.is_none() && found.trigger.is_none() {
            let wanted = ["action", "guard", "trigger"].map(versioned).join("`, `");
            return Err(LoadError::Mismatch(format!("it exports none of `{wanted}`")));
        }
        Ok(found)
    }
}

/// The name of an interface as components export it.
fn versioned(interface: &str) -> String {
    format!("kiket:plugin/{interface}@0.1.0")
}

/// Compares the types of an exported function with those it is called with.
fn check<Params, Return>(component: &Component, interface: &str, function: &str) -> Result<(), LoadError>
where
    Params: ComponentNamedList + Lower,
    Return: ComponentNamedList + Lift,
{
    let interface = versioned(interface);
    let missing = || LoadError::Mismatch(format!("it does not export `{function}` of `{interface}`"));
    let (_, index) = component.get_export(None, &interface).ok_or_else(missing)?;
    let Some((ComponentItem::ComponentFunc(found), _)) = component.get_export(Some(&index), function) else {
        return Err(missing());
    };
    found
        .typecheck::<Params, Return>(&component.component_type().instance_type())
        .map_err(|error| LoadError::Mismatch(format!("`{function}` of `{interface}`: {error:#}")))
}

fn unknown_imports(engine: &Engine, component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.imports(engine).map(|(name, _)| name.to_owned()).filter(|name| !imports::is_served(name)).collect()
}
