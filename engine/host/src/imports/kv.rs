//! `kiket:plugin/kv`.

use crate::bindings::kiket::plugin::kv::{Error, Host};
use crate::grant::Capability;
use crate::imports::{admit, ask};
use crate::state::State;

/// What these calls take.
const CAPABILITY: Capability = Capability::Kv;

/// Longest key, in bytes.
const KEY: usize = 256;
/// Largest value, in bytes.
const VALUE: usize = 1024 * 1024;
/// Most keys of one answer.
const KEYS: u32 = 1000;

impl Host for State {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<Vec<u8>>, Error>> {
        admit!(self, self.gate.kv());
        match check(&key, None) {
            Ok(()) => Ok(ask!(self, kv_get(key))),
            Err(invalid) => Ok(Err(invalid)),
        }
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), Error>> {
        Ok(self.put(key, None, Some(value)).await?.map(drop))
    }

    async fn remove(&mut self, key: String) -> wasmtime::Result<Result<bool, Error>> {
        self.put(key, None, None).await
    }

    async fn swap(
        &mut self,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<bool, Error>> {
        self.put(key, Some(expected), value).await
    }

    async fn keys(
        &mut self,
        prefix: String,
        after: Option<String>,
        limit: u32,
    ) -> wasmtime::Result<Result<Vec<String>, Error>> {
        admit!(self, self.gate.kv());
        Ok(ask!(self, kv_keys(prefix, after, limit.min(KEYS))))
    }
}

impl State {
    async fn put(
        &mut self,
        key: String,
        expected: Option<Option<Vec<u8>>>,
        value: Option<Vec<u8>>,
    ) -> wasmtime::Result<Result<bool, Error>> {
        let grant = admit!(self, self.gate.kv());
        match check(&key, value.as_deref()) {
            Ok(()) => Ok(ask!(self, kv_put(grant, key, expected, value))),
            Err(invalid) => Ok(Err(invalid)),
        }
    }
}

fn check(key: &str, value: Option<&[u8]>) -> Result<(), Error> {
    if key.is_empty() || key.len() > KEY {
        return Err(Error::Invalid(format!("a key has 1 to {KEY} bytes, this one has {}", key.len())));
    }
    match value {
        Some(value) if value.len() > VALUE => {
            Err(Error::Invalid(format!("a value has at most {VALUE} bytes, this one has {}", value.len())))
        }
        _ => Ok(()),
    }
}
