//! What strace has written down, read back: calls in the order in which they ended.
//!
//! Every text is in hexadecimal (`-xx`), every descriptor has its path (`-y`), every line its time (`-ttt`). A call that
//! another thread's came between stands in two lines; it has begun with the first.

use std::collections::HashMap;
use std::path::PathBuf;

/// One call that has ended.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) name: String,
    pub(super) arguments: Vec<String>,
    /// What it returned: -1 for an error.
    pub(super) result: i64,
    /// The path of the descriptor it returned.
    pub(super) opened: Option<PathBuf>,
    /// When it began, in seconds since 1970.
    pub(super) at: f64,
    /// The lines of its beginning and of its end.
    pub(super) begun: usize,
    pub(super) ended: usize,
}

impl Call {
    /// The path of a descriptor among the arguments.
    pub(super) fn path(&self, index: usize) -> Option<PathBuf> {
        descriptor(self.arguments.get(index)?)
    }

    /// The bytes of all texts among the arguments from `index` on.
    pub(super) fn bytes(&self, index: usize) -> Vec<u8> {
        let text = self.arguments.get(index..).unwrap_or_default().join(", ");
        text.split('"').skip(1).step_by(2).flat_map(unescape).collect()
    }

    /// A path that is an argument, below the folder of the descriptor before it where it is relative.
    pub(super) fn named(&self, index: usize) -> Option<PathBuf> {
        let name = self.arguments.get(index)?.trim_matches('"');
        let name = PathBuf::from(String::from_utf8(unescape(name)).ok()?);
        let folder = index.checked_sub(1).and_then(|before| self.path(before));
        Some(match folder {
            Some(folder) if name.is_relative() => folder.join(name),
            _ => name,
        })
    }

    pub(super) fn number(&self, index: usize) -> Option<usize> {
        self.arguments.get(index)?.parse().ok()
    }
}

/// Reads a trace.
pub(super) fn read(text: &str) -> Vec<Call> {
    let mut open: HashMap<&str, (usize, f64, &str)> = HashMap::new();
    let mut calls = Vec::new();
    for (line, whole) in text.lines().enumerate() {
        let Some((thread, rest)) = whole.split_once(' ') else { continue };
        let Some((at, rest)) = rest.trim_start().split_once(' ') else { continue };
        let Ok(at) = at.parse::<f64>() else { continue };
        if let Some(begin) = rest.strip_suffix(" <unfinished ...>") {
            open.insert(thread, (line, at, begin));
        } else if let Some((_, end)) = rest.strip_prefix("<... ").and_then(|rest| rest.split_once(" resumed>")) {
            if let Some((begun, at, begin)) = open.remove(thread) {
                calls.extend(call(&format!("{begin}{end}"), at, begun, line));
            }
        } else {
            calls.extend(call(rest, at, line, line));
        }
    }
    calls
}

fn call(text: &str, at: f64, begun: usize, ended: usize) -> Option<Call> {
    let (name, rest) = text.split_once('(')?;
    let (arguments, result) = rest.rsplit_once(") = ").or_else(|| rest.rsplit_once(" = "))?;
    let arguments = arguments.trim_end().trim_end_matches(')').split(", ").map(str::to_owned).collect();
    let opened = descriptor(result);
    let number: String = result.chars().take_while(|char| char.is_ascii_digit() || *char == '-').collect();
    Some(Call { name: name.to_owned(), arguments, result: number.parse().ok()?, opened, at, begun, ended })
}

fn descriptor(text: &str) -> Option<PathBuf> {
    let (_, rest) = text.split_once('<')?;
    let (path, _) = rest.rsplit_once('>')?;
    String::from_utf8(unescape(path)).ok().map(PathBuf::from)
}

fn unescape(text: &str) -> Vec<u8> {
    if !text.contains("\\x") {
        return text.as_bytes().to_vec();
    }
    text.split("\\x").skip(1).filter_map(|byte| u8::from_str_radix(byte.get(..2)?, 16).ok()).collect()
}

#[test]
fn calls_are_read_whole_and_in_two_lines() {
    let text = r#"7 1.5 pwrite64(3</a>, "\x68\x69", 2, 8) = 2
8 1.6 fsync(3<\x2f\x61> <unfinished ...>
7 1.7 openat(AT_FDCWD</>, "\x62", O_RDWR|O_CREAT, 0600) = 5</b>
8 1.8 <... fsync resumed>) = -1 EIO (Input/output error)
7 1.9 writev(9<socket:[1]>, [{iov_base="\x61", iov_len=1}, {iov_base="\x62", iov_len=1}], 2) = 2
"#;
    let calls = read(text);
    assert_eq!(
        calls.iter().map(|call| call.name.as_str()).collect::<Vec<_>>(),
        ["pwrite64", "openat", "fsync", "writev"]
    );
    assert_eq!((calls[0].bytes(1), calls[0].number(3), calls[0].path(0)), (b"hi".to_vec(), Some(8), Some("/a".into())));
    assert_eq!((calls[1].opened.clone(), calls[1].named(1)), (Some("/b".into()), Some("/b".into())));
    assert_eq!((calls[2].result, calls[2].begun, calls[2].ended), (-1, 1, 3));
    assert_eq!(calls[3].bytes(1), b"ab");
}
