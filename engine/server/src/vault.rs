//! Encryption of what must not be read from the database: secrets of projects, and the keys of webhooks.
//!
//! XChaCha20-Poly1305 under one master key, which lies in a file outside of the database. Each value has a random
//! nonce of 24 bytes, which is stored in front of it, and is bound to its place: a row that is moved to another
//! project or name does not open. The id of the key is stored beside the value, so that a wrong key is told from
//! damage.
//!
//! What is decrypted lives in a [`Secret`], which is wiped when it is dropped and cannot be shown by accident. Copies
//! that others make of it (a request's body, a header on its way out) are theirs.

mod key;

use std::fmt;
use std::path::Path;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac as _};
use kiket_core::ProjectId;
use kiket_store::Sealed;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

pub(crate) use key::{KeyError, MasterKey};

/// Bytes of a nonce.
const NONCE: usize = 24;

/// A value that must not be seen.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub(crate) struct Secret(Zeroizing<String>);

impl Secret {
    pub(crate) fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// Returns the value itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where a value belongs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Place<'p> {
    /// A secret of a project.
    Secret(ProjectId, &'p str),
    /// The key that webhooks of a project are signed with.
    Hook(ProjectId),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Secret(project, name) => write!(f, "kiket/secret/{project}/{name}"),
            Self::Hook(project) => write!(f, "kiket/hook/{project}"),
        }
    }
}

/// Why a stored value cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum VaultError {
    /// It was encrypted with another key.
    #[error(
        "the master key is not the one these secrets were encrypted with: theirs has the id {theirs}, this one {ours}"
    )]
    WrongKey {
        /// The id of the key it was encrypted with.
        theirs: String,
        /// The id of the key at hand.
        ours: String,
    },
    /// It is not what was stored, or not where it was stored.
    #[error("a stored secret was changed or moved behind the server's back")]
    Damaged,
}

/// Seals and opens values under one key.
pub(crate) struct Vault {
    cipher: XChaCha20Poly1305,
    id: String,
    /// What other keys are derived from.
    root: Zeroizing<[u8; 32]>,
}

impl Vault {
    /// Makes a vault of the key in a file; makes the key as well where there is no file and `may_create` says so.
    pub(crate) fn open(file: &Path, may_create: bool) -> Result<Self, KeyError> {
        MasterKey::open(file, may_create).map(|key| Self::new(&key))
    }

    /// Makes a vault whose key ends with it.
    pub(crate) fn in_memory() -> Self {
        Self::new(&MasterKey::random())
    }

    fn new(key: &MasterKey) -> Self {
        let id = hex::encode(&Sha256::digest(key.bytes())[..8]);
        let root = Zeroizing::new(derive(key.bytes(), "kiket/derive"));
        Self { cipher: XChaCha20Poly1305::new(key.bytes().into()), id, root }
    }

    /// Returns bytes that only this vault can name: the same for the same purpose, under the same master key.
    pub(crate) fn derive(&self, purpose: &str) -> [u8; 32] {
        derive(&self.root, purpose)
    }

    /// Fails where one of these ids is not that of the vault's own key.
    pub(crate) fn fits<'i>(&self, ids: impl IntoIterator<Item = &'i String>) -> Result<(), VaultError> {
        match ids.into_iter().find(|id| **id != self.id) {
            Some(theirs) => Err(VaultError::WrongKey { theirs: theirs.clone(), ours: self.id.clone() }),
            None => Ok(()),
        }
    }

    /// Encrypts a value for its place.
    pub(crate) fn seal(&self, place: Place<'_>, secret: &Secret) -> Sealed {
        let nonce: [u8; NONCE] = rand::random();
        let aad = place.to_string();
        let payload = Payload { msg: secret.reveal().as_bytes(), aad: aad.as_bytes() };
        let sealed =
            self.cipher.encrypt(&XNonce::from(nonce), payload).expect("it is shorter than the cipher's 256 GiB");
        Sealed { key: self.id.clone(), bytes: [&nonce[..], &sealed].concat() }
    }

    /// Decrypts what was encrypted for this place.
    pub(crate) fn unseal(&self, place: Place<'_>, sealed: &Sealed) -> Result<Secret, VaultError> {
        self.fits([&sealed.key])?;
        let (nonce, rest) = sealed.bytes.split_first_chunk::<NONCE>().ok_or(VaultError::Damaged)?;
        let aad = place.to_string();
        let payload = Payload { msg: rest, aad: aad.as_bytes() };
        let bytes = self.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| VaultError::Damaged)?;
        // What was sealed was text; what is not must be wiped as well.
        String::from_utf8(bytes).map(Secret::new).map_err(|error| {
            drop(Zeroizing::new(error.into_bytes()));
            VaultError::Damaged
        })
    }
}

/// HMAC-SHA256 as a function that derives keys.
fn derive(key: &[u8; 32], purpose: &str) -> [u8; 32] {
    let mut mac = <Hmac<Sha256> as hmac::KeyInit>::new_from_slice(key).expect("any key will do");
    mac.update(purpose.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(last: char) -> ProjectId {
        format!("prj_01jd3v7k2mfq9x8y5t4r6s0ab{last}").parse().unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place_and_nowhere_else() {
        let vault = Vault::in_memory();
        let secret = Secret::new("hunter2 and more");
        let place = Place::Secret(project('c'), "TOKEN");
        let sealed = vault.seal(place, &secret);
        assert_eq!(vault.unseal(place, &sealed).unwrap().reveal(), "hunter2 and more");
        for elsewhere in
            [Place::Secret(project('d'), "TOKEN"), Place::Secret(project('c'), "OTHER"), Place::Hook(project('c'))]
        {
            assert_eq!(vault.unseal(elsewhere, &sealed), Err(VaultError::Damaged));
        }
    }

    #[test]
    fn nothing_that_was_touched_opens() {
        let vault = Vault::in_memory();
        let place = Place::Hook(project('c'));
        let sealed = vault.seal(place, &Secret::new("a webhook secret"));
        for at in 0..sealed.bytes.len() {
            let mut touched = sealed.clone();
            touched.bytes[at] ^= 1;
            assert_eq!(vault.unseal(place, &touched), Err(VaultError::Damaged), "{at}");
            touched.bytes.truncate(at);
            assert_eq!(vault.unseal(place, &touched), Err(VaultError::Damaged), "{at}");
        }
    }

    #[test]
    fn the_same_value_is_sealed_differently_each_time() {
        let vault = Vault::in_memory();
        let seal = || vault.seal(Place::Hook(project('c')), &Secret::new("a webhook secret"));
        assert_ne!(seal().bytes, seal().bytes);
    }

    #[test]
    fn a_wrong_key_is_named_as_such() {
        let (vault, other) = (Vault::in_memory(), Vault::in_memory());
        let sealed = vault.seal(Place::Hook(project('c')), &Secret::new("a webhook secret"));
        let error = other.unseal(Place::Hook(project('c')), &sealed).unwrap_err();
        assert!(error.to_string().starts_with("the master key is not the one these secrets were encrypted with"));
        assert_eq!(other.fits([&sealed.key]), Err(error));
        assert_eq!(vault.fits([&sealed.key]), Ok(()));
    }

    #[test]
    fn a_secret_is_not_shown_by_accident() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "Secret(..) Some(Secret(..))");
    }
}
