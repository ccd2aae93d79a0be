//! A text as it reads once what is escaped in it is not: percent-encoding, forms, JSON, HTML.
//!
//! How something is escaped is up to whoever does it: which characters, in which case, by name or number. So it is not
//! guessed; the text is read the other way round, and each byte remembers where it came from.

/// A text without one kind of escapes.
pub(super) struct View {
    pub(super) bytes: Vec<u8>,
    /// Where each byte came from, and where the text ends.
    places: Vec<usize>,
}

/// Reads what an escape at the start of the text means; returns how long it is, 0 where there is none.
type Read = fn(&[u8], &mut Vec<u8>) -> usize;

/// The kinds of escapes, with a byte that each of them needs.
const KINDS: [(u8, Read); 4] = [(b'%', percent), (b'+', form), (b'\\', json), (b'&', html)];

/// Returns the text as it reads without each kind of escapes that may be in it.
pub(super) fn of(text: &str) -> impl Iterator<Item = View> {
    let text = text.as_bytes();
    KINDS.into_iter().filter(|(mark, _)| text.contains(mark)).map(|(_, read)| View::of(text, read))
}

impl View {
    fn of(text: &[u8], read: Read) -> Self {
        let (mut bytes, mut places) = (Vec::with_capacity(text.len()), Vec::with_capacity(text.len() + 1));
        let mut at = 0;
        while at < text.len() {
            let length = match read(&text[at..], &mut bytes) {
                0 => {
                    bytes.push(text[at]);
                    1
                }
                length => length,
            };
            places.resize(bytes.len(), at);
            at += length;
        }
        places.push(text.len());
        Self { bytes, places }
    }

    /// Returns where a byte came from; that behind the last is the text's end.
    pub(super) fn place(&self, at: usize) -> usize {
        self.places[at]
    }
}

/// RFC 3986: `%C3%a4`.
fn percent(text: &[u8], into: &mut Vec<u8>) -> usize {
    match text {
        [b'%', high, low, ..] => match (digit(*high), digit(*low)) {
            (Some(high), Some(low)) => {
                into.push(high << 4 | low);
                3
            }
            _ => 0,
        },
        _ => 0,
    }
}

/// `application/x-www-form-urlencoded`: the same, and `+` for a space.
fn form(text: &[u8], into: &mut Vec<u8>) -> usize {
    if text.first() == Some(&b'+') {
        into.push(b' ');
        return 1;
    }
    percent(text, into)
}

/// RFC 8259, section 7: `\n`, `\"`, `\u00e4`. And `\'`, which other languages have.
fn json(text: &[u8], into: &mut Vec<u8>) -> usize {
    let [b'\\', kind, rest @ ..] = text else { return 0 };
    let byte = match kind {
        b'"' | b'\\' | b'/' | b'\'' => *kind,
        b'b' => 0x08,
        b'f' => 0x0c,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'u' => return unicode(rest, into).map_or(0, |length| length + 2),
        _ => return 0,
    };
    into.push(byte);
    2
}

/// The digits behind `\u`, and a second escape where the two are one character.
fn unicode(text: &[u8], into: &mut Vec<u8>) -> Option<usize> {
    let unit = |text: &[u8]| text.get(..4)?.iter().try_fold(0, |unit, byte| Some(unit << 4 | u32::from(digit(*byte)?)));
    let first = unit(text)?;
    let (char, length) = match first {
        0xd800..0xdc00 => {
            let second =
                text[4..].strip_prefix(b"\\u").and_then(unit).filter(|unit| (0xdc00..0xe000).contains(unit))?;
            (0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00), 10)
        }
        _ => (first, 4),
    };
    push(char::from_u32(char)?, into);
    Some(length)
}

/// `&quot;`, `&#39;`, `&#x27;`.
fn html(text: &[u8], into: &mut Vec<u8>) -> usize {
    let Some([b'&', name @ ..]) = text.iter().take(10).position(|byte| *byte == b';').map(|end| &text[..end]) else {
        return 0;
    };
    let number = |digits: &[u8], radix| {
        let digits = std::str::from_utf8(digits).ok()?;
        u32::from_str_radix(digits, radix).ok().and_then(char::from_u32)
    };
    let char = match name {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16),
        [b'#', digits @ ..] => number(digits, 10),
        _ => None,
    };
    match char {
        Some(char) => {
            push(char, into);
            name.len() + 2
        }
        None => 0,
    }
}

fn push(char: char, into: &mut Vec<u8>) {
    into.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
