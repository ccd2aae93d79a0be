//! Signatures with secrets: the key stays on this side.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use kiket_host::wit::secrets::{Algorithm, Error};
use sha2::{Sha256, Sha512};

use crate::vault::Secret;

/// What a key for Standard Webhooks begins with.
const WHSEC: &str = "whsec_";

/// Says that a secret has no value.
pub(crate) fn missing(name: &str) -> Error {
    Error::Missing(format!("secret `{name}` has no value in this project: `kiket secret set` gives it one"))
}

/// Signs data with a secret, which has to be a key for the algorithm.
pub(crate) fn sign(name: &str, secret: &Secret, algorithm: Algorithm, data: &[u8]) -> Result<Vec<u8>, Error> {
    let key = secret.reveal().as_bytes();
    Ok(match algorithm {
        Algorithm::HmacSha256 => sha256(key, data),
        Algorithm::HmacSha512 => {
            let mut mac = Hmac::<Sha512>::new_from_slice(key).expect("any key will do");
            mac.update(data);
            mac.finalize().into_bytes().to_vec()
        }
        Algorithm::StandardWebhooks => {
            let key = secret.reveal().strip_prefix(WHSEC).and_then(|key| STANDARD.decode(key).ok());
            let wanted = "is not a key for Standard Webhooks: `whsec_` and Base64";
            sha256(&key.ok_or_else(|| Error::Invalid(format!("secret `{name}` {wanted}")))?, data)
        }
    })
}

fn sha256(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_as_the_specification_of_standard_webhooks_does() {
        // The example of the specification and its libraries.
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let data = br#"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#;
        let signature = sign("KEY", &secret, Algorithm::StandardWebhooks, data).expect("a signature");
        assert_eq!(STANDARD.encode(signature), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let refused = sign("KEY", &Secret::new("whsec_?"), Algorithm::StandardWebhooks, data).expect_err("no key");
        assert!(matches!(refused, Error::Invalid(text) if text.contains("KEY") && !text.contains('?')));
    }
}
