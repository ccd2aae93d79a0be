//! Who may have sent a delivery: whoever knows the project's secret. Compared in constant time.
//!
//! The first header that is there decides, the strictest first: a wrong signature of one form is never made good by a
//! right one of another, so nobody can choose the weaker.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Forge;

/// How far the time of a signed delivery may be from now (Standard Webhooks).
const SKEW: Duration = Duration::from_secs(5 * 60);

/// Returns the forge that signed the body with the secret.
pub(super) fn check<'h>(
    header: &impl Fn(&str) -> Option<&'h str>,
    body: &[u8],
    secret: &str,
    now: Duration,
) -> Result<Forge, &'static str> {
    if secret.is_empty() {
        return Err("the project has no secret for webhooks");
    }
    let genuine = |good: bool, forge, otherwise| if good { Ok(forge) } else { Err(otherwise) };
    if let Some(signature) = header("x-forgejo-signature") {
        let good = is_signed(secret.as_bytes(), &[body], hex::decode(signature).ok());
        return genuine(good, Forge::Forgejo, "the X-Forgejo-Signature header does not fit the body and the secret");
    }
    if let Some(signature) = header("x-gitea-signature") {
        let good = is_signed(secret.as_bytes(), &[body], hex::decode(signature).ok());
        return genuine(good, Forge::Gitea, "the X-Gitea-Signature header does not fit the body and the secret");
    }
    if let Some(signature) = header("x-hub-signature-256") {
        let given = signature.strip_prefix("sha256=").and_then(|hex| hex::decode(hex).ok());
        let good = is_signed(secret.as_bytes(), &[body], given);
        return genuine(good, Forge::GitHub, "the X-Hub-Signature-256 header does not fit the body and the secret");
    }
    if let Some(signatures) = header("webhook-signature") {
        let good = is_standard(signatures, header("webhook-id"), header("webhook-timestamp"), body, secret, now);
        return genuine(
            good,
            Forge::GitLab,
            "the Webhook-Signature header does not fit the body, the time and the secret",
        );
    }
    if let Some(token) = header("x-gitlab-token") {
        return genuine(is_same(token, secret), Forge::GitLab, "the X-Gitlab-Token header is not the secret");
    }
    Err(
        "the delivery is not signed: X-Hub-Signature-256, X-Forgejo-Signature, X-Gitea-Signature, Webhook-Signature or \
         X-Gitlab-Token is missing",
    )
}

/// Whether this is the HMAC-SHA256 of the parts.
fn is_signed(key: &[u8], parts: &[&[u8]], given: Option<Vec<u8>>) -> bool {
    let (Some(given), Ok(mut mac)) = (given, Hmac::<Sha256>::new_from_slice(key)) else { return false };
    parts.iter().for_each(|part| mac.update(part));
    mac.verify_slice(&given).is_ok()
}

/// Whether one of several signatures, `v1,<base64>` each, is that of Standard Webhooks.
fn is_standard(
    signatures: &str,
    id: Option<&str>,
    timestamp: Option<&str>,
    body: &[u8],
    secret: &str,
    now: Duration,
) -> bool {
    let (Some(id), Some(timestamp)) = (id, timestamp) else { return false };
    let Ok(at) = timestamp.parse().map(Duration::from_secs) else { return false };
    if now.abs_diff(at) > SKEW {
        return false;
    }
    let encoded = secret.strip_prefix("whsec_").map(|encoded| STANDARD.decode(encoded));
    let key = match encoded {
        Some(Ok(key)) => key,
        Some(Err(_)) => return false,
        None => secret.as_bytes().to_vec(),
    };
    let parts: [&[u8]; 5] = [id.as_bytes(), b".", timestamp.as_bytes(), b".", body];
    let given = signatures.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    given.take(10).any(|given| is_signed(&key, &parts, STANDARD.decode(given).ok()))
}

/// Compares the hashes, so that the time taken says nothing about the secret.
fn is_same(given: &str, secret: &str) -> bool {
    let mut given_mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("every length is a key");
    given_mac.update(given.as_bytes());
    let expected = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).map(|mut mac| {
        mac.update(secret.as_bytes());
        mac.finalize().into_bytes()
    });
    expected.is_ok_and(|expected| given_mac.verify_slice(&expected).is_ok())
}
