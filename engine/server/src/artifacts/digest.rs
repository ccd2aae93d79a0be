//! The name of an artifact's bytes.

use std::fmt;
use std::str::FromStr;

use super::ArtifactError;

/// The SHA-256 of an artifact's bytes, written `sha256:` and 64 hex digits in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest(String);

impl Digest {
    /// Wraps what was computed.
    pub(super) fn new(hash: &[u8]) -> Self {
        Self(hex::encode(hash))
    }

    /// The 64 hex digits.
    pub(crate) fn hex(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = ArtifactError;

    fn from_str(text: &str) -> Result<Self, ArtifactError> {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        match text.strip_prefix("sha256:") {
            Some(hex) if hex.len() == 64 && hex.bytes().all(digit) => Ok(Self(hex.to_owned())),
            _ => Err(ArtifactError::Invalid("a digest is `sha256:` and 64 hex digits in lower case".to_owned())),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_64_hex_digits_and_nothing_that_could_be_a_path() {
        let good = format!("sha256:{}", "0a".repeat(32));
        assert_eq!(good.parse::<Digest>().unwrap().to_string(), good);
        for bad in ["", "sha256:", "0a", &"0a".repeat(32), &good.to_uppercase(), &good[..70], "sha256:../../etc/passwd"]
        {
            assert!(bad.parse::<Digest>().is_err(), "{bad}");
        }
    }
}
