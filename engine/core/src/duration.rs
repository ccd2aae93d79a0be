//! Lengths of time as people write them: `90s`, `15m`, `4h`, `3d`, `250ms`, or ISO 8601 (`PT15M`, `P1DT2H`).

use std::time::Duration;

/// Longest duration that a definition may name: ten years.
pub const MAX: Duration = Duration::from_secs(10 * 365 * 24 * 3600);

/// Reads a duration; `None` when the text is neither form, zero, or longer than [`MAX`].
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let millis = match text.strip_prefix('P') {
        Some(iso) => parse_iso(iso)?,
        None => parse_short(text)?,
    };
    let duration = Duration::from_millis(millis);
    (millis > 0 && duration <= MAX).then_some(duration)
}

/// Writes a duration in the largest unit of which it is a whole number, as [`parse`] reads it.
#[must_use]
pub fn write(duration: Duration) -> String {
    let millis = duration.as_millis();
    let units = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)];
    match units.into_iter().find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit)) {
        Some((name, unit)) => format!("{}{name}", millis / unit),
        None => format!("{millis}ms"),
    }
}

/// A duration in serialised data: text, as people write it.
pub(crate) mod as_text {
    use std::time::Duration;

    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&super::write(*duration))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::parse(&text).ok_or_else(|| D::Error::custom(format!("`{text:.40}` is not a duration")))
    }
}

fn parse_short(text: &str) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit)
}

fn parse_iso(text: &str) -> Option<u64> {
    let (date, time) = text.split_once('T').map_or((text, None), |(date, time)| (date, Some(time)));
    if time == Some("") {
        return None;
    }
    let date = sum(date, &[('W', 604_800_000), ('D', 86_400_000)])?;
    let time = sum(time.unwrap_or_default(), &[('H', 3_600_000), ('M', 60_000), ('S', 1_000)])?;
    date.checked_add(time)
}

/// Adds up numbers that are each followed by a unit, units in the given order.
fn sum(mut text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut total = 0_u64;
    for (unit, millis) in units {
        if let Some((number, rest)) = text.split_once(*unit) {
            total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(*millis)?)?;
            text = rest;
        }
    }
    text.is_empty().then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (millis, text) in
            [(250, "250ms"), (90_000, "90s"), (600_000, "10m"), (7_200_000, "2h"), (172_800_000, "2d")]
        {
            assert_eq!(write(Duration::from_millis(millis)), text);
            assert_eq!(parse(text), Some(Duration::from_millis(millis)));
        }
    }

    #[test]
    fn reads_both_forms_and_refuses_the_rest() {
        let good = [("250ms", 250), ("90s", 90_000), ("15m", 900_000), ("4h", 14_400_000), ("3d", 259_200_000)];
        let iso = [("PT15M", 900_000), ("P1DT2H", 93_600_000), ("P2W", 1_209_600_000), ("PT1H30M5S", 5_405_000)];
        for (text, millis) in good.into_iter().chain(iso) {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in [
            "",
            "s",
            "15",
            "15 m",
            "-1s",
            "1.5h",
            "0s",
            "P",
            "PT",
            "PT5M3H",
            "P1M",
            "99999999999d",
            "18446744073709551615s",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
