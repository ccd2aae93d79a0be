//! What a mask finds, and what it leaves alone.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use proptest::prelude::*;
use serde_json::json;

use super::*;

/// Values as people have them: short and long, of several lines, with everything that somebody has to escape.
const CANARIES: [&str; 12] = [
    "hunter2!",
    "kkt_admin_0123456789abcdefghijklmnopqrstuvwxyz",
    "pa\"ss'wo\\rd</script>&amp;",
    "https://hooks.example.com/services/T0/B0/x?y=z&a=b c#d",
    "postgres://shop:s3cr3t%2F@db.example.com:5432/shop",
    "naïve pässwörd ✓ 🦀🦀",
    "tab\there and\nthere as well\r\nand more",
    "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6SEqVTm50DFtM\nDoQikTmiCqirVv9mWG9qfSnF\n-----END PRIVATE KEY-----\n",
    "{\"type\":\"service_account\",\"private_key\":\"-----BEGIN\\nabc\\n\"}",
    "+++ /// --- ___",
    "    spaces around it    ",
    "%41%42%43%44",
];

/// The ways in which a value gets into text, by name.
fn spellings(value: &str) -> Vec<(&'static str, String)> {
    let bytes = value.as_bytes();
    let each = |spell: fn(&u8) -> String| bytes.iter().map(spell).collect::<String>();
    let escape = |spell: &dyn Fn(char) -> String| {
        value.chars().map(|char| if char.is_ascii_alphanumeric() { char.to_string() } else { spell(char) }).collect()
    };
    let percent = |lower: bool| {
        escape(&|char| {
            let encoded = char.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
            if lower { encoded.to_lowercase() } else { encoded }
        })
    };
    let units =
        |char: char| char.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect::<String>();
    let quoted = serde_json::to_string(value).unwrap();
    vec![
        ("raw", value.to_owned()),
        ("base64", STANDARD.encode(bytes)),
        ("base64 without padding", STANDARD_NO_PAD.encode(bytes)),
        ("base64 for URLs", URL_SAFE.encode(bytes)),
        ("base64 for URLs without padding", URL_SAFE_NO_PAD.encode(bytes)),
        ("hex", hex::encode(bytes)),
        ("upper hex", hex::encode_upper(bytes)),
        ("percent", percent(false)),
        ("lower percent", percent(true)),
        ("percent for every byte", each(|byte| format!("%{byte:02x}"))),
        ("a form", percent(false).replace("%20", "+")),
        ("JSON", quoted[1..quoted.len() - 1].to_owned()),
        ("JSON in ASCII", escape(&units)),
        ("JSON with slashes", quoted[1..quoted.len() - 1].replace('/', "\\/")),
        (
            "HTML",
            value
                .replace('&', "&amp;")
                .replace('<', "&lt;")
                .replace('>', "&gt;")
                .replace('"', "&quot;")
                .replace('\'', "&#39;"),
        ),
        ("HTML by number", escape(&|char| format!("&#{};", u32::from(char)))),
        ("HTML by hexadecimal number", escape(&|char| format!("&#x{:X};", u32::from(char)))),
    ]
}

fn mask(values: &[(&str, &str)]) -> Mask {
    Mask::new(values.iter().copied())
}

#[test]
fn no_spelling_of_a_value_survives() {
    for canary in CANARIES {
        let mask = mask(&[("TOKEN", canary)]);
        for (how, spelled) in spellings(canary) {
            let masked = mask.text(&format!("before {spelled} after")).into_owned();
            assert_eq!(masked, "before [secret TOKEN] after", "{canary:?} as {how}");
        }
    }
}

#[test]
fn no_value_survives_inside_of_more_base64() {
    for canary in CANARIES {
        let mask = mask(&[("TOKEN", canary)]);
        for before in ["", "u", "us", "use", "user:"] {
            for after in ["", "!", "!!", "!!!"] {
                let all = format!("{before}{canary}{after}");
                for encoded in [STANDARD.encode(&all), URL_SAFE_NO_PAD.encode(&all)] {
                    let masked = mask.text(&encoded).into_owned();
                    assert!(masked.contains("[secret TOKEN]"), "{all:?}: {masked}");
                    // What is left are the characters of what stands around it, and one on each side at most that has bits of both.
                    assert!(
                        masked.len() <= "[secret TOKEN]".len() + before.len() * 2 + after.len() * 2 + 2,
                        "{all:?}: {masked}"
                    );
                }
            }
        }
    }
}

#[test]
fn each_line_of_a_value_is_masked_by_itself() {
    let mask = mask(&[("KEY", CANARIES[7])]);
    for line in CANARIES[7].lines() {
        assert_eq!(mask.text(&format!("| {line} |")), "| [secret KEY] |");
    }
    let json_in_json = json!({ "body": json!({ "key": CANARIES[7] }).to_string() }).to_string();
    let masked = mask.text(&json_in_json).into_owned();
    assert!(!masked.contains("MC4CAQ") && !masked.contains("DoQik"), "{masked}");
}

#[test]
fn values_that_hold_another_are_masked_whole() {
    let mask =
        mask(&[("SHORT", "abcdefgh"), ("LONG", "abcdefghijklmnop"), ("INNER", "ghijklmn"), ("NEXT", "mnopqrst")]);
    assert_eq!(mask.text("abcdefghijklmnop"), "[secret LONG]");
    assert_eq!(mask.text("abcdefgh ghijklmn"), "[secret SHORT] [secret INNER]");
    assert_eq!(mask.text("abcdefghijklmnopqrst!"), "[secret LONG]!");
    assert_eq!(mask.text("abcdefghabcdefgh"), "[secret SHORT][secret SHORT]");
}

#[test]
fn short_values_are_left_alone() {
    let mask = mask(&[("A", "abc"), ("B", "1234567"), ("C", "größe12"), ("D", "a\nb\nc\nd\ne")]);
    for text in ["abc 1234567 größe12", "YWJj", "a", "616263"] {
        assert_eq!(mask.text(text), text);
    }
    assert_eq!(mask.text("a\nb\nc\nd\ne"), "[secret D]");
}

#[test]
fn what_a_value_begins_with_is_ordinary_unless_the_line_was_cut() {
    let mask = mask(&[("HOOK", CANARIES[3])]);
    for text in
        ["POST https://hooks.example.com/services/T0/B1", "https://hooks.example.com/services/T0", "4 bytes cut"]
    {
        assert_eq!(mask.text(text), text);
    }
    let cut = "sent to https://hooks.example.com/services/T0/B0 … 20 bytes cut";
    assert_eq!(mask.text(cut), "sent to [secret HOOK] … 20 bytes cut");
    let elsewhere = "https://hooks.example.com/services/T0 and so on … 20 bytes cut";
    assert_eq!(mask.text(elsewhere), elsewhere);
}

#[test]
fn values_in_json_are_masked_wherever_they_are() {
    let mask = mask(&[("TOKEN", "s3cr3t-token"), ("PIN", "12345678")]);
    let mut value = json!({
        "plain": "nothing", "number": 12_345_678, "other": 1_234_567, "flag": true, "none": null,
        "list": ["a s3cr3t-token b", { "deep": "czNjcjN0LXRva2Vu" }],
        "s3cr3t-token": 1,
    });
    mask.json(&mut value);
    let expected = json!({
        "plain": "nothing", "number": "[secret PIN]", "other": 1_234_567, "flag": true, "none": null,
        "list": ["a [secret TOKEN] b", { "deep": "[secret TOKEN]" }],
        "[secret TOKEN]": 1,
    });
    assert_eq!(value, expected);
}

#[test]
fn as_many_secrets_as_a_project_can_have_make_one_mask() {
    let value = |n: usize| format!("{n:08}{}", "a long value of one line ".repeat(2_600));
    let values: Vec<(String, String)> = (0..200).map(|n| (format!("S{n}"), value(n))).collect();
    let mask = Mask::new(values.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    assert_eq!(mask.text(&format!("it is {}!", value(117))), "it is [secret S117]!");
    assert_eq!(mask.text(&STANDARD.encode(value(3))), "[secret S3]");
    let line = format!("{} a long value of one line", "00000117".repeat(2_000));
    assert_eq!(mask.text(&line), line);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_spelling_of_any_value_survives(value in "\\PC{8,60}", before in "[a-z =:'\"(]{0,12}", after in "[ ,;)'\"]{0,6}") {
        let mask = mask(&[("TOKEN", &value)]);
        for (how, spelled) in spellings(&value) {
            let masked = mask.text(&format!("{before}{spelled}{after}")).into_owned();
            prop_assert!(masked.contains("[secret TOKEN]"), "{} in {}", how, masked);
            prop_assert!(!masked.contains(&spelled), "{} in {}", how, masked);
        }
        for offset in 0..3 {
            let encoded = STANDARD.encode(format!("{}{value}{after}", "x".repeat(offset)));
            let masked = mask.text(&encoded).into_owned();
            prop_assert!(masked.contains("[secret TOKEN]"), "at {} in {}", offset, masked);
        }
    }

    #[test]
    fn ordinary_text_is_untouched(text in "\\PC{0,200}", value in "[A-Z]{12,40}") {
        prop_assume!(!text.contains(&value));
        let mask = mask(&[("TOKEN", &value)]);
        prop_assert!(matches!(mask.text(&text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn text_of_any_kind_of_escapes_is_read_without_a_panic(
        text in "[%+\\\\&#;x0-9a-fuü🦀]{0,60}( … [0-9]{0,3} bytes cut)?", value in "[%+\\\\&#;x0-9a-fuü]{8,12}"
    ) {
        let masked = mask(&[("TOKEN", &value)]).text(&format!("{text}{value}{text}")).into_owned();
        prop_assert!(masked.contains("[secret TOKEN]"), "{}", masked);
    }
}
