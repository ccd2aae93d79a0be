//! Tokens: `kkt_<kind>_<43 characters of base 62><6 of checksum>`.
//!
//! Only the SHA-256 of a token is stored. A token has 256 bits of randomness, so a
//! slow hash would add nothing; the checksum lets junk be refused without a look-up.

use sha2::{Digest as _, Sha256};

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM: usize = 43;
const CHECKSUM: usize = 6;

/// Makes a new token of a kind: `admin`.
pub(crate) fn make(kind: &str) -> String {
    let mut token = format!("kkt_{kind}_{}", random_text(RANDOM));
    token += &checksum(&token);
    token
}

/// Makes `length` characters of base 62, each with almost 6 bits of randomness.
pub(crate) fn random_text(length: usize) -> String {
    let mut text = String::with_capacity(length);
    while text.len() < length {
        // Values above the largest multiple of 62 would favour some characters.
        let fair = rand::random::<[u8; 32]>().into_iter().filter(|byte| *byte < 248);
        text.extend(fair.take(length - text.len()).map(|byte| char::from(ALPHABET[usize::from(byte % 62)])));
    }
    text
}

/// Returns the hash that a token is stored and looked up by; `None` for what cannot be a token.
pub(crate) fn hash(token: &str) -> Option<String> {
    let body = token.len().checked_sub(CHECKSUM).filter(|at| token.is_char_boundary(*at))?;
    let (body, sum) = token.split_at(body);
    let well_formed = body.starts_with("kkt_") && token.len() < 128 && sum == checksum(body);
    well_formed.then(|| hex::encode(Sha256::digest(token.as_bytes())))
}

fn checksum(body: &str) -> String {
    let mut rest = crc32fast::hash(body.as_bytes());
    let mut text = [b'0'; CHECKSUM];
    for place in text.iter_mut().rev() {
        *place = ALPHABET[(rest % 62) as usize];
        rest /= 62;
    }
    text.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_unique_and_a_typo_is_noticed() {
        let token = make("admin");
        assert_ne!(token, make("admin"));
        assert_eq!(token.len(), "kkt_admin_".len() + RANDOM + CHECKSUM);
        assert!(hash(&token).is_some());
        assert_eq!(hash(&token.replace("kkt_admin_", "kkt_other_")), None);
        assert_eq!(hash(&token[1..]), None);
        for junk in ["", "kkt_", "é", "ééééééééé", &"x".repeat(1000)] {
            assert_eq!(hash(junk), None, "{junk}");
        }
    }
}
