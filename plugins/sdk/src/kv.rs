//! Values that outlive a call, kept per project and plugin. Needs a grant `kv`.
//!
//! What is set is there once the call returns, and stays where the stage fails later.
//!
//! ```no_run
//! # use kiket_plugin::{Failure, kv};
//! # fn call() -> Result<(), Failure> {
//! kv::set("cursor", "2026-01-01")?;
//! let seen: u64 = kv::get_json("seen")?.unwrap_or_default();
//! kv::set_json("seen", &(seen + 1))?;
//!
//! if !kv::swap("leader", None, Some(b"me"))? {
//!     return Err(Failure::transient("somebody else leads"));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Two stages may run at once: whoever writes what depends on what was read uses [`swap`].

mod error;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::Error;

use crate::host::kv as host;

/// The value of a key.
pub fn get(key: &str) -> Result<Option<Vec<u8>>, Error> {
    Ok(host::get(key)?)
}

/// The value of a key, read as JSON.
pub fn get_json<Value: DeserializeOwned>(key: &str) -> Result<Option<Value>, Error> {
    get(key)?.map(|value| decode(key, &value)).transpose()
}

/// Sets the value of a key: 1 to 256 bytes of key, at most 1 MiB of value.
pub fn set(key: &str, value: impl AsRef<[u8]>) -> Result<(), Error> {
    Ok(host::set(key, value.as_ref())?)
}

/// Sets the value of a key to a value's JSON.
pub fn set_json(key: &str, value: &(impl Serialize + ?Sized)) -> Result<(), Error> {
    set(key, encode(key, value)?)
}

/// Removes a key; tells whether it was there.
pub fn remove(key: &str) -> Result<bool, Error> {
    Ok(host::remove(key)?)
}

/// Sets a key, or removes it for `None`, if its value is the expected one, `None` meaning that it is not there; tells
/// whether that was so.
pub fn swap(key: &str, expected: Option<&[u8]>, value: Option<&[u8]>) -> Result<bool, Error> {
    Ok(host::swap(key, expected, value)?)
}

/// Keys that begin with a prefix and come after one, in the order of their bytes; at most 1,000 at a time.
pub fn keys(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<String>, Error> {
    Ok(host::keys(prefix, after, limit)?)
}

fn decode<Value: DeserializeOwned>(key: &str, value: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(value).map_err(|error| Error::NotJson(format!("the value of `{key}`: {error}")))
}

fn encode(key: &str, value: &(impl Serialize + ?Sized)) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(value).map_err(|error| Error::NotJson(format!("the value for `{key}`: {error}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_is_not_the_expected_json_names_its_key() {
        let error = decode::<u64>("seen", b"\"three\"").expect_err("no number");
        assert!(error.to_string().starts_with("the value of `seen`: invalid type"), "{error}");
    }

    #[test]
    fn what_was_encoded_decodes() {
        let value = encode("seen", &[1, 2]).expect("plain data");
        assert_eq!(decode::<Vec<u64>>("seen", &value), Ok(vec![1, 2]));
    }
}
