//! The project's secrets. Needs a grant `secrets` that names the secret and the use.
//!
//! A plugin works with placeholders: where one goes out in a request or a message, the host puts the value, if that
//! use was granted for that host. Only [`reveal`] hands out the value itself.
//!
//! ```no_run
//! # use kiket_plugin::{Failure, http, secrets};
//! # fn call() -> Result<(), Failure> {
//! let token = secrets::placeholder("API_TOKEN")?;
//! http::get("https://api.example.com/me").header("authorization", format!("Bearer {token}")).send()?;
//!
//! let mac = secrets::sign("HOOK_KEY", secrets::Algorithm::HmacSha256, b"the body")?;
//! # Ok(())
//! # }
//! ```

use crate::errors::errors;
use crate::host::secrets as host;

/// How to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// HMAC with SHA-256; the key is the secret's text.
    HmacSha256,
    /// HMAC with SHA-512; the key is the secret's text.
    HmacSha512,
    /// HMAC with SHA-256; the key is what follows `whsec_` in the secret, decoded from Base64, as Standard Webhooks
    /// has it.
    StandardWebhooks,
}

errors! {
    secrets {
        /// The use of this secret was not granted; the text names what is missing.
        Denied => denied,
        /// It was granted, and has no value in this project.
        Missing => permanent,
        /// The value is not of the form that was asked for.
        Invalid => permanent,
    }
}

/// A text that stands for the secret: the host replaces it where it goes out. Needs one of the uses `header`, `url`
/// and `body`.
pub fn placeholder(name: &str) -> Result<String, Error> {
    Ok(host::placeholder(name)?)
}

/// Signs bytes with the secret, which stays outside. Needs the use `sign`.
pub fn sign(name: &str, algorithm: Algorithm, data: impl AsRef<[u8]>) -> Result<Vec<u8>, Error> {
    let algorithm = match algorithm {
        Algorithm::HmacSha256 => host::Algorithm::HmacSha256,
        Algorithm::HmacSha512 => host::Algorithm::HmacSha512,
        Algorithm::StandardWebhooks => host::Algorithm::StandardWebhooks,
    };
    Ok(host::sign(name, algorithm, data.as_ref())?)
}

/// The value itself. Needs the use `reveal`, which is shown loudly wherever grants are looked at.
pub fn reveal(name: &str) -> Result<String, Error> {
    Ok(host::reveal(name)?)
}
