//! Shapes: what a definition file may look like, as data.
//!
//! Each kind of file is one table of records and keys, with the words that describe them. Three things read these
//! tables and nothing else, so they cannot drift apart: [`check`](Record::check) reports what a file has wrong,
//! [`schema`](Record::schema) writes the JSON Schema that editors use, and the hints list what is known.
//!
//! A shape is about form only. What values mean together (names, circles, grants) is for the compiler.

mod advice;
mod check;
mod place;
mod scalar;
mod schema;

pub use schema::json_schema;

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Anything.
    Any,
    /// Nothing: `done:` with nothing behind it.
    Nothing,
    /// Text.
    Text,
    /// Text, or a number or boolean that is read as text: `version: 1.0`.
    Scalar,
    /// `true` or `false`.
    Boolean,
    /// A whole number within bounds.
    Integer {
        /// Smallest.
        min: i64,
        /// Largest.
        max: i64,
    },
    /// Any number within bounds.
    Number {
        /// Smallest.
        min: f64,
        /// Largest.
        max: f64,
    },
    /// A length of time, as [`crate::duration`] reads it.
    Duration,
    /// An amount of bytes, as [`crate::size`] reads it.
    Size {
        /// Largest, in bytes.
        max: u64,
    },
    /// An id.
    Id(IdRule),
    /// One of a fixed set of words.
    Word(&'static [&'static str]),
    /// A condition in CEL: text, or `true` or `false`.
    Condition,
    /// A value with `${{ expressions }}` in it, anywhere.
    Template,
    /// A mapping with `${{ expressions }}` in its values.
    Templates,
    /// A JSON Schema.
    Schema,
    /// `[a, b]`.
    List(&'static Shape),
    /// `[a, b]`, or `a` alone as a list of one.
    OneOrList(&'static Shape),
    /// A mapping whose keys are the writer's own.
    Map(&'static Keys, &'static Shape),
    /// A mapping with known keys.
    Record(&'static Record),
    /// One of several, told apart by what kind of YAML value it is. The last one speaks for the others in errors.
    Either(&'static [Shape]),
    /// One of two, told apart by keys of the mapping.
    Tagged {
        /// The keys of which one is enough.
        keys: &'static [&'static str],
        /// What a mapping with such a key looks like.
        then: &'static Shape,
        /// What everything else looks like.
        otherwise: &'static Shape,
    },
}

/// What the keys of a [`Shape::Map`] may be.
#[derive(Debug)]
pub struct Keys {
    /// What an entry is called in messages: `stage`.
    pub name: &'static str,
    /// The rule that keys follow; `None` takes any text.
    pub rule: Option<IdRule>,
    /// Whether at least one entry has to be there.
    pub required: bool,
}

/// A mapping with known keys.
#[derive(Debug)]
pub struct Record {
    /// What it is called in messages: `the pipeline`, `stage`.
    pub name: &'static str,
    /// What it is, for people.
    pub doc: &'static str,
    /// Whether unknown keys are kept and reported as information, or are errors.
    pub open: bool,
    /// The known keys of its own.
    pub own: &'static [Entry],
    /// A record whose keys may stand on this level too.
    pub beside: Option<&'static Record>,
}

impl Record {
    /// Returns all known keys.
    pub fn keys(&self) -> impl Iterator<Item = &'static Entry> + use<> {
        self.own.iter().chain(self.beside.map_or(&[] as &[_], |beside| beside.own))
    }

    /// Takes the keys of another record on the same level as well: a file that may say what it is below a key of its
    /// own or on its first level.
    pub(crate) const fn with_beside(mut self, beside: &'static Self) -> Self {
        self.beside = Some(beside);
        self
    }
}

/// One key of a [`Record`].
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// Whether it has to be there.
    pub required: bool,
    /// Whether this version acts on it.
    pub support: Support,
    /// What it means, for people.
    pub doc: &'static str,
}

/// Whether this version acts on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Support {
    /// It does.
    Full,
    /// It reads and checks it, and says in a warning that nothing happens yet.
    Checked,
    /// It refuses it: leaving it out of account would change what the rest means.
    Refused,
}

/// Which characters an id may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IdRule {
    /// `[a-z][a-z0-9_-]*`
    Definition,
    /// `[a-z][a-z0-9_]*`: stages are names in CEL, which reads a dash as minus.
    Stage,
    /// `[A-Za-z][A-Za-z0-9_-]*`: what Kiket's files use for keys of types, roles and fields.
    Key,
    /// `[A-Z][A-Z0-9]*`: a project's key.
    Project,
    /// `[A-Z][A-Z0-9_]*`: the name of a secret.
    Secret,
}

/// Longest id, in characters.
pub const MAX_ID: usize = 64;

impl IdRule {
    /// Tells whether a text follows the rule and is not too long.
    #[must_use]
    pub fn allows(self, id: &str) -> bool {
        let first = |byte: u8| match self {
            Self::Definition | Self::Stage => byte.is_ascii_lowercase(),
            Self::Key => byte.is_ascii_alphabetic(),
            Self::Project | Self::Secret => byte.is_ascii_uppercase(),
        };
        let rest = |byte: u8| {
            byte.is_ascii_digit()
                || match self {
                    Self::Definition => byte.is_ascii_lowercase() || byte == b'_' || byte == b'-',
                    Self::Stage => byte.is_ascii_lowercase() || byte == b'_',
                    Self::Key => byte.is_ascii_alphabetic() || byte == b'_' || byte == b'-' || byte == b'.',
                    Self::Project => byte.is_ascii_uppercase(),
                    Self::Secret => byte.is_ascii_uppercase() || byte == b'_',
                }
        };
        id.bytes().next().is_some_and(first) && id.bytes().all(rest) && id.len() <= MAX_ID
    }

    /// Returns the rule as a regular expression.
    #[must_use]
    pub fn pattern(self) -> &'static str {
        match self {
            Self::Definition => "^[a-z][a-z0-9_-]{0,63}$",
            Self::Stage => "^[a-z][a-z0-9_]{0,63}$",
            Self::Key => "^[A-Za-z][A-Za-z0-9_.-]{0,63}$",
            Self::Project => "^[A-Z][A-Z0-9]{0,63}$",
            Self::Secret => "^[A-Z][A-Z0-9_]{0,63}$",
        }
    }

    /// Says what to write instead.
    #[must_use]
    pub fn hint(self) -> &'static str {
        match self {
            Self::Definition => "use at most 64 of a-z, 0-9, _ and -, and begin with a letter",
            Self::Stage => {
                "use at most 64 of a-z, 0-9 and _, and begin with a letter (an expression reads a dash as minus)"
            }
            Self::Key => "use at most 64 letters, digits, _, - and dots, and begin with a letter",
            Self::Project => "use at most 64 of A-Z and 0-9, and begin with a letter",
            Self::Secret => "use at most 64 of A-Z, 0-9 and _, and begin with a letter",
        }
    }
}

/// A key that has to be there.
pub(crate) const fn required(key: &'static str, shape: Shape, doc: &'static str) -> Entry {
    Entry { key, shape, required: true, support: Support::Full, doc }
}

/// A key that may be there.
pub(crate) const fn optional(key: &'static str, shape: Shape, doc: &'static str) -> Entry {
    Entry { key, shape, required: false, support: Support::Full, doc }
}

/// A key that is checked and on which this version does not act.
pub(crate) const fn checked(key: &'static str, shape: Shape, doc: &'static str) -> Entry {
    Entry { key, shape, required: false, support: Support::Checked, doc }
}

/// A key that this version refuses.
pub(crate) const fn refused(key: &'static str, shape: Shape, doc: &'static str) -> Entry {
    Entry { key, shape, required: false, support: Support::Refused, doc }
}

/// A record of ours: an unknown key is an error.
pub(crate) const fn closed(name: &'static str, doc: &'static str, own: &'static [Entry]) -> Record {
    Record { name, doc, open: false, own, beside: None }
}

/// A record of Kiket's: an unknown key is kept.
pub(crate) const fn open(name: &'static str, doc: &'static str, own: &'static [Entry]) -> Record {
    Record { name, doc, open: true, own, beside: None }
}
