//! Encrypted values as the store knows them: opaque bytes and the name of a key. It cannot open any.

use std::fmt;

/// Bytes that only the holder of a key can read.
#[derive(Clone, PartialEq, Eq)]
pub struct Sealed {
    /// The id of the key, 16 characters. It says nothing about the key.
    pub key: String,
    /// The bytes.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealed(by {}, {} bytes)", self.key, self.bytes.len())
    }
}

/// The key that webhook calls of a project are signed with. Never shown by accident.
#[derive(Clone, PartialEq, Eq)]
pub enum HookSecret {
    /// As it is: written before there was encryption, and read once more to be encrypted.
    Clear(String),
    /// Encrypted.
    Sealed(Sealed),
}

impl fmt::Debug for HookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HookSecret(..)")
    }
}
