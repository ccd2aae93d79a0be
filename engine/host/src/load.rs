//! From bytes to something that can be called.
//!
//! A component is compiled and linked once for each digest, however many ask at
//! the same time, and one after another: compiling takes every core it gets.
//! A stranger's is compiled outside, where the host is set up for that, and only
//! linked here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentNamedList, InstancePre, Lift, Linker, Lower};
use wasmtime::{Cache, Engine};

use crate::bindings::exports::kiket::plugin::{action, guard, recovery, trigger};
use crate::digest::Digest;
use crate::error::LoadError;
use crate::imports;
use crate::outwork::Outwork;
use crate::source::{Source, measure};
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
    cache: Option<Cache>,
    outwork: Option<Outwork>,
    slots: Mutex<HashMap<Digest, Slot>>,
    turns: Arc<Semaphore>,
}

impl Shelf {
    pub(crate) fn new(
        engine: &Engine,
        component_bytes: usize,
        cache: Option<Cache>,
        outwork: Option<Outwork>,
    ) -> wasmtime::Result<Self> {
        let linker = imports::link(engine)?;
        Ok(Self {
            linker,
            component_bytes,
            cache,
            outwork,
            slots: Mutex::default(),
            turns: Arc::new(Semaphore::new(1)),
        })
    }

    pub(crate) fn get(&self, digest: &Digest) -> Option<Arc<Loaded>> {
        let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.get(digest)?.get().cloned()
    }

    pub(crate) async fn check(&self, component: &[u8]) -> Result<(), LoadError> {
        measure(component.len(), self.component_bytes)?;
        if let Some(outwork) = &self.outwork {
            return outwork.check(component).await;
        }
        let component = component.to_vec();
        blocking(move || crate::check::check(&component)).await
    }

    pub(crate) async fn load(&self, digest: &Digest, source: Source, trusted: bool) -> Result<(), LoadError> {
        let slot = self.slot(digest);
        let outwork = self.outwork.as_ref().filter(|_| !trusted);
        let loaded = slot.get_or_try_init(|| self.compile(*digest, source, outwork)).await.map(|_| ());
        if loaded.is_err() {
            self.forget(digest, &slot);
        }
        loaded
    }

    pub(crate) async fn provide(&self, digest: &Digest, component: &Path) -> Result<(), LoadError> {
        match &self.outwork {
            Some(outwork) => outwork.provide(*digest, &Source::File(component.into()), self.component_bytes).await,
            None => Ok(()),
        }
    }

    async fn compile(
        &self,
        digest: Digest,
        source: Source,
        outwork: Option<&Outwork>,
    ) -> Result<Arc<Loaded>, LoadError> {
        let allowed = self.component_bytes;
        if let Some(outwork) = outwork {
            // Bytes that are at hand are cheaply found to be the wrong ones; a file's are the child's to read.
            if let Source::Bytes(_) = source {
                source.read(&digest, allowed)?;
            }
            outwork.provide(digest, &source, allowed).await?;
        }
        let turn = Arc::clone(&self.turns).acquire_owned().await.expect("the semaphore is never closed");
        let (linker, cache) = (self.linker.clone(), self.cache.clone());
        let (plugin, from_cache) = blocking(move || {
            let _turn = turn;
            let component = source.read(&digest, allowed)?;
            let hits = || cache.as_ref().map_or(0, Cache::cache_hits);
            let before = hits();
            let plugin = prepare(&linker, &component)?;
            Ok((plugin, hits() > before))
        })
        .await?;
        match outwork {
            Some(outwork) if !from_cache => {
                outwork.forget(&digest);
                Err(LoadError::Compiler("its code was lost between its compilation and its use".to_owned()))
            }
            _ => Ok(plugin),
        }
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

/// Does what would hold up others on a thread where it does not.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
) -> Result<T, LoadError> {
    spawn_blocking(work).await.map_err(|error| LoadError::Compiler(error.to_string()))?
}

/// Only the binary format of a component gets through: neither text nor machine
/// code that claims to have been compiled before.
fn prepare(linker: &Linker<State>, component: &[u8]) -> Result<Arc<Loaded>, LoadError> {
    let component =
        Component::from_binary(linker.engine(), component).map_err(|error| LoadError::Invalid(format!("{error:#}")))?;
    link(linker, &component)
}

/// Links a component, and holds its imports and exports against the world.
pub(crate) fn link(linker: &Linker<State>, component: &Component) -> Result<Arc<Loaded>, LoadError> {
    let linked = linker.instantiate_pre(component).map_err(|error| {
        let unknown = unknown_imports(linker.engine(), component);
        if unknown.is_empty() { LoadError::Mismatch(format!("{error:#}")) } else { LoadError::UnknownImports(unknown) }
    })?;
    let exports = Indices::find(&linked, component)?;
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
            return Err(exports_nothing());
        }
        Ok(found)
    }
}

/// The interfaces of which a plugin exports one at least.
pub(crate) const WANTED: [&str; 3] = ["action", "guard", "trigger"];

/// A component that is of no use to anybody.
pub(crate) fn exports_nothing() -> LoadError {
    LoadError::Mismatch(format!("it exports none of `{}`", WANTED.map(versioned).join("`, `")))
}

/// The name of an interface as components export it.
pub(crate) fn versioned(interface: &str) -> String {
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
