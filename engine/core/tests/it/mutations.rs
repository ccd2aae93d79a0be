//! Ten thousand documents that are almost right: each compiles or ends in diagnostics, none in a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kiket_core::Source;
use kiket_core::diagnostic::render;
use kiket_core::revision::compile;

use crate::support::{catalog, shipped};

/// How many documents.
const DOCUMENTS: u64 = 10_000;
/// What is put where it does not belong.
const INTRUDERS: [&str; 28] = [
    "${{",
    "}}",
    "$${{",
    "{{",
    "${",
    "|",
    ">-",
    "&a ",
    "*a",
    "<<: *a",
    "? ",
    ": ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    "'",
    "\"",
    "#",
    "\t",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "~",
    "!!str ",
    "1e999",
    "99999999999999999999",
];

/// A small generator of numbers: the same documents on every machine.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> usize {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).expect("31 bits fit")
    }

    fn below(&mut self, limit: usize) -> usize {
        self.next() % limit.max(1)
    }
}

fn place(text: &str, numbers: &mut Numbers) -> usize {
    let mut at = numbers.below(text.len() + 1);
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn mutate(text: &str, other: &str, numbers: &mut Numbers) -> String {
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    match numbers.below(8) {
        0 => {
            let at = place(text, numbers);
            format!("{}{}{}", &text[..at], INTRUDERS[numbers.below(INTRUDERS.len())], &text[at..])
        }
        1 => text[..place(text, numbers)].to_owned(),
        2 => {
            lines.remove(numbers.below(lines.len()));
            lines.concat()
        }
        3 => {
            let line = lines[numbers.below(lines.len())];
            lines.insert(numbers.below(lines.len()), line);
            lines.concat()
        }
        4 => {
            let (one, two) = (numbers.below(lines.len()), numbers.below(lines.len()));
            lines.swap(one, two);
            lines.concat()
        }
        5 => {
            let (start, end) = (place(text, numbers), place(text, numbers));
            let (start, end) = (start.min(end), start.max(end));
            format!("{}{}", &text[..start], &text[end..])
        }
        6 => {
            // A part of another kind of file.
            let from = place(other, numbers);
            let at = place(text, numbers);
            format!("{}{}{}", &text[..at], &other[from..], &text[at..])
        }
        _ => {
            let at = numbers.below(lines.len());
            let indent = " ".repeat(numbers.below(9));
            let moved = format!("{indent}{}", lines[at].trim_start());
            lines[at] = &moved;
            lines.concat()
        }
    }
}

#[test]
fn documents_that_are_almost_right_never_end_in_a_panic() {
    let originals = shipped();
    let catalog = catalog();
    let mut numbers = Numbers(0x5eed);
    for round in 0..DOCUMENTS {
        let original = &originals[numbers.below(originals.len())];
        let other = &originals[numbers.below(originals.len())].text;
        let mut text = original.text.clone();
        for _ in 0..=numbers.below(3) {
            if !text.is_empty() {
                text = mutate(&text, other, &mut numbers);
            }
        }
        let source = Source::new(original.path.as_str(), text.as_str());
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let (_, found) = compile(std::slice::from_ref(&source), &catalog);
            found.iter().for_each(|found| drop(render(found, Some(&source.text))));
        }));
        assert!(outcome.is_ok(), "document {round}, from {}:\n{text}", original.path);
    }
}
