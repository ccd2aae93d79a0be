//! Where a part of a scalar stands in the source. A scalar's value is not its text: quotes, escapes, indentation
//! and folded lines come between, so the two are walked side by side.

use std::iter::Peekable;
use std::str::Chars;

use super::Span;

/// Returns the place of `length` bytes at `offset` of `value`, the value of the scalar at `span` in `text`, which
/// has these `lines`. Where the source does not read like the value, that is the scalar's own place.
pub(super) fn inside(text: &str, lines: &[&str], span: Span, value: &str, offset: usize, length: usize) -> Span {
    let part = value.get(offset..offset + length).unwrap_or_default();
    let shown = u32::try_from(part.lines().next().unwrap_or_default().chars().count()).unwrap_or(u32::MAX).max(1);
    let Some(mut cursor) = Cursor::at(text, lines, span) else { return span };
    cursor.skip_header();
    for wanted in value.chars().scan(0, |at, char| {
        (*at < offset).then(|| {
            *at += char.len_utf8();
            char
        })
    }) {
        if !cursor.skip(wanted) {
            return span;
        }
    }
    // What is asked for may begin behind indentation that the value does not have.
    if let Some(first) = value[offset.min(value.len())..].chars().next() {
        cursor.skip_until(first);
    }
    Span { line: cursor.line, column: cursor.column, length: shown }
}

/// A place in the source.
struct Cursor<'t> {
    rest: Peekable<Chars<'t>>,
    line: u32,
    column: u32,
    quote: Option<char>,
}

impl<'t> Cursor<'t> {
    fn at(text: &'t str, lines: &[&'t str], span: Span) -> Option<Self> {
        let line = lines.get((span.line as usize).checked_sub(1)?)?;
        let column = (span.column as usize).checked_sub(1)?;
        let start = line.as_ptr() as usize - text.as_ptr() as usize + line.char_indices().nth(column)?.0;
        Some(Self { rest: text[start..].chars().peekable(), line: span.line, column: span.column, quote: None })
    }

    /// Steps over the quote, or over the line that opens a block scalar.
    fn skip_header(&mut self) {
        match self.rest.peek() {
            Some(quote @ ('"' | '\'')) => {
                self.quote = Some(*quote);
                self.step();
            }
            Some('|' | '>') => while self.step().is_some_and(|char| char != '\n') {},
            _ => {}
        }
    }

    fn step(&mut self) -> Option<char> {
        let char = self.rest.next()?;
        if char == '\n' {
            self.line += 1;
            self.column = 1;
        } else {
            self.column += 1;
        }
        Some(char)
    }

    /// Steps over what stands for one character of the value.
    fn skip(&mut self, wanted: char) -> bool {
        loop {
            match self.rest.peek().copied() {
                Some('\\') if self.quote == Some('"') => {
                    self.step();
                    let digits = match self.step() {
                        Some('x') => 2,
                        Some('u') => 4,
                        Some('U') => 8,
                        _ => 0,
                    };
                    (0..digits).for_each(|_| _ = self.step());
                    return true;
                }
                Some('\'') if self.quote == Some('\'') => {
                    self.step();
                    self.step();
                    return true;
                }
                Some(char) if char == wanted => {
                    self.step();
                    return true;
                }
                // A folded line: the break stands for a space.
                Some('\n') if wanted == ' ' => {
                    self.step();
                    return true;
                }
                Some(' ' | '\t' | '\r' | '\n') => _ = self.step(),
                _ => return false,
            }
        }
    }

    fn skip_until(&mut self, wanted: char) {
        while self.rest.peek().is_some_and(|char| *char != wanted && char.is_whitespace()) {
            self.step();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, span: (u32, u32), value: &str, part: &str) -> (u32, u32, u32) {
        let span = Span { line: span.0, column: span.1, length: 9 };
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let found = inside(text, &lines, span, value, value.find(part).unwrap(), part.len());
        (found.line, found.column, found.length)
    }

    #[test]
    fn finds_parts_of_scalars_of_every_style() {
        assert_eq!(place("a: b ${{ x }}", (1, 4), "b ${{ x }}", "x"), (1, 10, 1));
        assert_eq!(place("a: 'it''s ${{ xy }}'", (1, 4), "it's ${{ xy }}", "xy"), (1, 15, 2));
        assert_eq!(place("a: \"\\u0041\\n${{ x }}\"", (1, 4), "A\n${{ x }}", "x"), (1, 17, 1));
        assert_eq!(place("a: |\n  one\n    two ${{ x }}\n", (1, 4), "one\n  two ${{ x }}\n", "x"), (3, 13, 1));
        assert_eq!(place("a: >-\n  one\n  two ${{ x }}\n", (1, 4), "one two ${{ x }}", "x"), (3, 11, 1));
        assert_eq!(place("a: |\n  ${{\n    x }}\n", (1, 4), "${{\n  x }}\n", "x"), (3, 5, 1));
        assert_eq!(place("größe: ü ${{ x }}", (1, 8), "ü ${{ x }}", "x"), (1, 14, 1));
    }

    #[test]
    fn a_source_that_reads_otherwise_gives_the_place_of_the_scalar() {
        assert_eq!(place("a: *alias", (1, 4), "b ${{ x }}", "x"), (1, 4, 9));
        assert_eq!(place("", (1, 4), "b ${{ x }}", "x"), (1, 4, 9));
        assert_eq!(place("a: b", (7, 4), "b ${{ x }}", "x"), (7, 4, 9));
    }
}
