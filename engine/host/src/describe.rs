//! Asks a component what its types are: the export of our SDKs that tools call while a plugin is built.
//!
//! It is no part of the plugin world: a server never calls it, and a component need not have it.

use std::sync::Arc;

use crate::Host;
use crate::calls::HostCalls;
use crate::error::InvokeError;
use crate::invoke::Terms;

/// The interface whose function `describe` answers.
const INTERFACE: &str = "kiket:sdk/schemas";

impl Host {
    /// Returns what a loaded component says of its own types, one JSON object as text; `None` where it says nothing.
    ///
    /// # Errors
    /// As [`Host::invoke`]: it is guest code, and runs within the same limits.
    pub async fn describe(&self, terms: Terms, calls: Arc<dyn HostCalls>) -> Result<Option<String>, InvokeError> {
        let (text, _) = self
            .enter(terms, calls, async |_, store, instance| {
                let Some(interface) = instance.get_export_index(&mut *store, None, INTERFACE) else {
                    return Ok(None);
                };
                let Some(function) = instance.get_export_index(&mut *store, Some(&interface), "describe") else {
                    return Ok(None);
                };
                let function = instance.get_typed_func::<(), (String,)>(&mut *store, &function)?;
                let (text,) = function.call_async(store, ()).await?;
                Ok(Some(text))
            })
            .await?;
        Ok(text)
    }
}
