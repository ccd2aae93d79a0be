//! What a value is called in messages: whose it is, and under which key it stands.

use std::fmt;

/// Who a value belongs to, for messages: `stage "build"`, `the pipeline`.
#[derive(Clone, Copy)]
pub(super) struct Owner<'a> {
    pub(super) name: &'static str,
    pub(super) label: Option<&'a str>,
}

/// Which value is looked at.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) owner: Owner<'a>,
    pub(super) key: &'a str,
    pub(super) entry: bool,
}

impl fmt::Display for Owner<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.label {
            Some(label) => write!(f, "{} \"{label:.60}\"", self.name),
            None => f.write_str(self.name),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return write!(f, "{}", self.owner);
        }
        let entry = if self.entry { "an entry of " } else { "" };
        write!(f, "{}: {entry}\"{:.60}\"", self.owner, self.key)
    }
}
