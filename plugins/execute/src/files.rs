//! The files of a script: those it was given, and over them those it writes. They are texts in memory, nothing else.

use std::collections::BTreeMap;

/// Most files that a script may write.
const WRITTEN: usize = 100;

/// Most bytes of paths and texts of those.
const BYTES: usize = 512 * 1024;

/// Longest path, in bytes.
const PATH: usize = 256;

/// What a script reads and writes by path.
#[derive(Debug, Default)]
pub(crate) struct Files {
    given: BTreeMap<String, String>,
    written: BTreeMap<String, String>,
}

impl Files {
    /// Files that a script may read.
    pub(crate) fn new(given: BTreeMap<String, String>) -> Self {
        Self { given, written: BTreeMap::new() }
    }

    /// The text of a file, as it was written last.
    pub(crate) fn read(&self, path: &str) -> Option<&str> {
        self.written.get(path).or_else(|| self.given.get(path)).map(String::as_str)
    }

    /// Writes a file; the error says which limit it would break.
    pub(crate) fn write(&mut self, path: String, text: String) -> Result<(), String> {
        if path.is_empty() || path.len() > PATH {
            return Err(format!("a path has 1 to {PATH} bytes, this one has {}", path.len()));
        }
        let replaced = self.written.get(&path).map_or(0, |text| path.len() + text.len());
        let bytes: usize = self.written.iter().map(|(path, text)| path.len() + text.len()).sum();
        if bytes - replaced + path.len() + text.len() > BYTES {
            return Err(format!("a script may write {BYTES} bytes of files"));
        }
        if replaced == 0 && self.written.len() == WRITTEN {
            return Err(format!("a script may write {WRITTEN} files"));
        }
        self.written.insert(path, text);
        Ok(())
    }

    /// What was written.
    pub(crate) fn into_written(self) -> BTreeMap<String, String> {
        self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_stands_over_what_was_given() {
        let mut files = Files::new(BTreeMap::from([("a".into(), "given".into()), ("b".into(), "kept".into())]));
        files.write("a".into(), "written".into()).expect("a file");
        assert_eq!((files.read("a"), files.read("b"), files.read("c")), (Some("written"), Some("kept"), None));
        assert_eq!(files.into_written(), BTreeMap::from([("a".into(), "written".into())]));
    }

    #[test]
    fn writes_only_as_much_as_the_output_can_hold() {
        let mut files = Files::default();
        files.write("a".into(), "x".repeat(BYTES - 1)).expect("all there is room for");
        files.write("b".into(), String::new()).expect_err("no room");
        files.write("a".into(), "short".into()).expect("less than before");
        for number in 1..WRITTEN {
            files.write(number.to_string(), String::new()).expect("a small file");
        }
        files.write("one more".into(), String::new()).expect_err("too many");
        files.write("a".into(), String::new()).expect("no new file");
        files.write("x".repeat(PATH + 1), String::new()).expect_err("a long path");
        files.write(String::new(), String::new()).expect_err("no path");
    }
}
