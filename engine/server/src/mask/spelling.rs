//! How a value is spelled out, where that takes more than escaping some of its characters.

use base64::Engine as _;
use base64::engine::general_purpose::{GeneralPurpose, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use super::NEEDLE;

/// A way to spell out a value.
#[derive(Debug, Clone, Copy)]
pub(super) enum Spelling {
    /// As it is.
    Plain,
    /// In hexadecimal digits.
    Hex,
    /// In capital ones.
    UpperHex,
    /// Inside of base64, behind a number of bytes that is this much more than a multiple of three. Without the
    /// characters that depend on what is around the value as well.
    Base64(Alphabet, usize),
}

/// The two alphabets of base64.
#[derive(Debug, Clone, Copy)]
pub(super) enum Alphabet {
    /// RFC 4648, section 4.
    Standard,
    /// Section 5, for URLs and names of files.
    Url,
}

impl Spelling {
    pub(super) const ALL: [Self; 9] = [
        Self::Plain,
        Self::Hex,
        Self::UpperHex,
        Self::Base64(Alphabet::Standard, 0),
        Self::Base64(Alphabet::Standard, 1),
        Self::Base64(Alphabet::Standard, 2),
        Self::Base64(Alphabet::Url, 0),
        Self::Base64(Alphabet::Url, 1),
        Self::Base64(Alphabet::Url, 2),
    ];

    /// Spells out a value.
    pub(super) fn of(self, value: &[u8]) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(match self {
            Self::Plain => value.to_vec(),
            Self::Hex => hex::encode(value).into_bytes(),
            Self::UpperHex => hex::encode_upper(value).into_bytes(),
            Self::Base64(alphabet, offset) => {
                let all = Zeroizing::new([&[0; 2][..offset], value].concat());
                let mut encoded = alphabet.engine().encode(&*all).into_bytes();
                encoded.truncate(all.len() * 8 / 6);
                encoded.drain(..skipped(offset));
                encoded
            }
        })
    }

    /// Returns how long the spelling of a value is.
    pub(super) fn length(self, value: usize) -> usize {
        match self {
            Self::Plain => value,
            Self::Hex | Self::UpperHex => value * 2,
            Self::Base64(_, offset) => (offset + value) * 8 / 6 - skipped(offset),
        }
    }

    /// Spells out the beginning of a value, which is the beginning of its spelling.
    pub(super) fn needle(self, value: &str) -> Zeroizing<Vec<u8>> {
        let mut needle = self.of(&value.as_bytes()[..value.len().min(NEEDLE)]);
        needle.truncate(NEEDLE);
        needle
    }

    /// Takes in the characters around a spelling that hold bits of the value, and the padding.
    pub(super) fn widen(self, value: usize, text: &[u8], mut start: usize, mut end: usize) -> (usize, usize) {
        let Self::Base64(_, offset) = self else { return (start, end) };
        let base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/-_".contains(byte);
        if offset > 0 && start > 0 && base64(&text[start - 1]) {
            start -= 1;
        }
        if !(offset + value).is_multiple_of(3) {
            end += usize::from(text.get(end).is_some_and(base64));
            end += text[end..].iter().take(2).take_while(|byte| **byte == b'=').count();
        }
        (start, end)
    }
}

impl Alphabet {
    const fn engine(self) -> GeneralPurpose {
        match self {
            Self::Standard => STANDARD_NO_PAD,
            Self::Url => URL_SAFE_NO_PAD,
        }
    }
}

/// How many characters of base64 hold bits of what is in front of the value.
const fn skipped(offset: usize) -> usize {
    (offset * 8).div_ceil(6)
}
