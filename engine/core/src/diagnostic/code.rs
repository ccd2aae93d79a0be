//! The stable codes of diagnostics: `E` refuses, `W` warns, `I` informs.

use std::fmt;

use serde::{Serialize, Serializer};

use super::Severity;

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $text:literal,)+) => {
        /// A stable code. A code never changes its meaning and is never used again for another one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])+ $name,)+
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Code] = &[$(Code::$name,)+];

            /// Returns the code's text, for example `E0104`.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self {
                    $(Code::$name => $text,)+
                }
            }
        }
    };
}

codes! {
    /// The file is not well-formed YAML.
    Syntax = "E0001",
    /// The file is larger or deeper than a definition may be.
    Budget = "E0002",
    /// A key stands twice in one mapping.
    DuplicateKey = "E0003",
    /// The kind of the file cannot be told.
    UnknownKind = "E0004",
    /// `model_version` is missing or not one this version reads.
    ModelVersion = "E0005",
    /// A key that does not exist here.
    UnknownKey = "E0101",
    /// A value of the wrong type.
    WrongType = "E0102",
    /// A key that has to be there is missing.
    MissingKey = "E0103",
    /// A stage needs another one that does not exist.
    UnknownStage = "E0104",
    /// Stages need each other in a circle.
    Cycle = "E0105",
    /// An identifier that breaks the rules for identifiers.
    InvalidId = "E0106",
    /// Two definitions of one kind share an id.
    DuplicateId = "E0107",
    /// A value that is not among the allowed ones, or out of range.
    InvalidValue = "E0108",
    /// A plugin that is not installed.
    UnknownPlugin = "E0109",
    /// An action that the plugin does not have.
    UnknownAction = "E0110",
    /// An expression that cannot be read.
    InvalidExpression = "E0111",
    /// A name that no expression can use here.
    UnknownName = "E0112",
    /// An expression where code stands: data never becomes code.
    ExpressionInCode = "E0113",
    /// Input that the plugin's schema refuses.
    InvalidInput = "E0114",
    /// A component in the repository that cannot be used as a plugin.
    UnusableComponent = "E0115",
    /// A schema that is not valid JSON Schema.
    InvalidSchema = "E0116",
    /// Part of the language that this version does not run yet.
    NotSupported = "E0190",
    /// A stage can never run.
    NeverRuns = "W0201",
    /// A file that kiket keeps but does not act on.
    NotActedOn = "I0301",
}

impl Code {
    /// Returns how much a problem with this code matters.
    #[must_use]
    pub const fn severity(self) -> Severity {
        match self.text().as_bytes()[0] {
            b'E' => Severity::Error,
            b'W' => Severity::Warning,
            _ => Severity::Info,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_code_stands_for_two_things() {
        let texts: BTreeSet<_> = Code::ALL.iter().map(|code| code.text()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
    }
}
