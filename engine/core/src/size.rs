//! Amounts of bytes as people write them: `512KiB`, `1MiB`, `2GiB`, or plain bytes.

/// The units and what they stand for, the largest first.
const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// Reads an amount; `None` when the text is none, is zero or does not fit.
#[must_use]
pub fn parse(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "" => 1,
        unit => UNITS.iter().find(|(name, _)| *name == unit)?.1,
    };
    number.parse::<u64>().ok()?.checked_mul(unit).filter(|bytes| *bytes > 0)
}

/// Writes an amount in the largest unit of which it is a whole number.
#[must_use]
pub fn write(bytes: u64) -> String {
    match UNITS.iter().find(|(_, unit)| bytes > 0 && bytes.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", bytes / unit),
        None => bytes.to_string(),
    }
}

/// An amount in serialised data: text, as people write it.
pub(crate) mod as_text {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::write(*bytes))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text:.40}` is not an amount of bytes")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes_and_refuses_the_rest() {
        for (text, bytes) in [("512KiB", 512 << 10), ("1MiB", 1 << 20), ("3GiB", 3 << 30), ("2TiB", 2 << 40), ("7", 7)]
        {
            assert_eq!(parse(text), Some(bytes), "{text}");
            assert_eq!(write(bytes), text);
        }
        assert_eq!(write(1536 << 10), "1536KiB");
        for text in ["", "0", "0MiB", "MiB", "1MB", "1 MiB", "1mib", "-1", "1.5GiB", "99999999999TiB"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
