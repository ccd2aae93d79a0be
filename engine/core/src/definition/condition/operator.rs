//! The operators of conditions, with every spelling that Kiket's files use for them.

use std::fmt;

/// How a condition compares a value of the item with its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `=`, `==`, `eq`, `equals`
    Equals,
    /// `!=`, `not_equals`
    NotEquals,
    /// `>`, `gt`
    Greater,
    /// `>=`, `gte`, `greater_or_equal`
    GreaterOrEqual,
    /// `<`, `lt`
    Less,
    /// `<=`, `lte`, `less_or_equal`
    LessOrEqual,
    /// `in`
    In,
    /// `not_in`
    NotIn,
    /// `contains`
    Contains,
    /// `is_present`, `is_not_empty`
    IsPresent,
    /// `is_empty`
    IsEmpty,
}

/// Every spelling. Those that are words are keys of a condition as well: `equals: bug`.
const SPELLINGS: [(&str, Operator); 22] = [
    ("=", Operator::Equals),
    ("==", Operator::Equals),
    ("eq", Operator::Equals),
    ("equals", Operator::Equals),
    ("!=", Operator::NotEquals),
    ("not_equals", Operator::NotEquals),
    (">", Operator::Greater),
    ("gt", Operator::Greater),
    (">=", Operator::GreaterOrEqual),
    ("gte", Operator::GreaterOrEqual),
    ("greater_or_equal", Operator::GreaterOrEqual),
    ("<", Operator::Less),
    ("lt", Operator::Less),
    ("<=", Operator::LessOrEqual),
    ("lte", Operator::LessOrEqual),
    ("less_or_equal", Operator::LessOrEqual),
    ("in", Operator::In),
    ("not_in", Operator::NotIn),
    ("contains", Operator::Contains),
    ("is_present", Operator::IsPresent),
    ("is_not_empty", Operator::IsPresent),
    ("is_empty", Operator::IsEmpty),
];

impl Operator {
    /// Returns the operator that a word names.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        SPELLINGS.iter().find(|(spelling, _)| *spelling == word.trim()).map(|(_, operator)| *operator)
    }

    /// Returns every spelling there is.
    pub(crate) fn spellings() -> impl Iterator<Item = &'static str> {
        SPELLINGS.iter().map(|(spelling, _)| *spelling)
    }

    /// Returns the operator as messages write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Equals => "equals",
            Self::NotEquals => "not_equals",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::In => "in",
            Self::NotIn => "not_in",
            Self::Contains => "contains",
            Self::IsPresent => "is_present",
            Self::IsEmpty => "is_empty",
        }
    }

    /// Tells whether the operator looks at the item's value alone.
    #[must_use]
    pub fn takes_no_value(self) -> bool {
        matches!(self, Self::IsPresent | Self::IsEmpty)
    }

    /// Returns the other one of the two operators that take no value; `is_present: false` is `is_empty`.
    pub(super) fn opposite(self) -> Self {
        match self {
            Self::IsPresent => Self::IsEmpty,
            Self::IsEmpty => Self::IsPresent,
            other => other,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
