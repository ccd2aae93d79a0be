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

            /// Returns the code that a text names, in either case.
            #[must_use]
            pub fn from_text(text: &str) -> Option<Self> {
                Self::ALL.iter().find(|code| code.text().eq_ignore_ascii_case(text)).copied()
            }

            /// Returns in one sentence what it stands for.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self {
                    $(Code::$name => concat!($($doc),+),)+
                }
            }

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
    /// A stage that is not exactly one of `uses`, `approval` and `run`.
    NotOneTask = "E0117",
    /// An effect class weaker than the plugin's own.
    WeakerEffect = "E0118",
    /// A matrix without combinations, or with too many.
    InvalidMatrix = "E0119",
    /// A schedule that is not a cron expression.
    InvalidCron = "E0120",
    /// A time zone that does not exist.
    UnknownTimeZone = "E0121",
    /// A call that nothing in `plugins.yaml` grants.
    MissingGrant = "E0123",
    /// A secret where none can be used.
    MisplacedSecret = "E0124",
    /// A secret that nothing in `plugins.yaml` grants to the plugin, or not for this use.
    UngrantedSecret = "E0125",
    /// A plugin that is not what `plugins.lock` pins, or may not do what it pins.
    LockMismatch = "E0126",
    /// A state that the workflow does not have.
    UnknownState = "E0130",
    /// Part of the language that this version does not run yet, and that cannot be left out of account.
    NotSupported = "E0190",
    /// A stage can never run.
    NeverRuns = "W0201",
    /// A state that no transition leads to.
    UnreachableState = "W0202",
    /// A transition that leaves a final state.
    LeavesFinalState = "W0203",
    /// A workflow without an initial state.
    NoInitialState = "W0204",
    /// A workflow without a final state.
    NoFinalState = "W0205",
    /// A condition with an operator that is not one.
    UnknownOperator = "W0206",
    /// An action that is not one of Kiket's.
    UnknownKiketAction = "W0207",
    /// Two transitions that nothing tells apart.
    OverlappingTransitions = "W0208",
    /// A state that is not final and that nothing leads out of.
    DeadEnd = "W0209",
    /// A role that the project does not declare.
    UndeclaredRole = "W0210",
    /// An agent or an extension that is not installed.
    NotInstalled = "W0211",
    /// A value of the environment that the project has to set.
    UndeclaredEnv = "W0212",
    /// A secret that the project has to set.
    UndeclaredSecret = "W0213",
    /// Something that a board, an automation or a type names and that does not exist.
    UnknownTarget = "W0214",
    /// A checklist that a condition names and that no state has.
    UnknownChecklist = "W0215",
    /// A path in a message that names nothing that is known.
    UnknownPath = "W0216",
    /// An expression that reads a stage which may not have ended.
    ReadsTooEarly = "W0217",
    /// A plugin asks for a capability of which nothing is granted.
    UngrantedCapability = "W0218",
    /// A plugin sees the value of a secret.
    RevealedSecret = "W0219",
    /// Grants or pins of a plugin that nothing uses.
    UnusedPlugin = "W0220",
    /// A schedule of a pipeline that has required inputs.
    ScheduleWithoutInputs = "W0221",
    /// Part of the language that is checked and that this version does not act on yet.
    NotActedOnYet = "W0290",
    /// A file that kiket keeps but does not act on.
    NotActedOn = "I0301",
    /// A key that kiket keeps but does not act on.
    UnknownKeyKept = "I0302",
    /// A file of Kiket's without `model_version`.
    NoModelVersion = "I0303",
}

/// What every code means at length: a heading for each, in the order of the codes.
const EXPLANATIONS: &str = include_str!("explanations.md");

impl Code {
    /// Returns what the code means at length, in Markdown.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        let heading = format!("## {}", self.text());
        let start = EXPLANATIONS.find(&heading).map_or(EXPLANATIONS.len(), |start| start + heading.len());
        let rest = &EXPLANATIONS[start..];
        rest[..rest.find("\n## ").unwrap_or(rest.len())].trim()
    }

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

    #[test]
    fn every_code_is_explained_at_length() {
        for code in Code::ALL {
            assert!(code.explanation().len() > 200, "{code} has no explanation worth the name");
            assert_eq!(Code::from_text(&code.text().to_lowercase()), Some(*code));
        }
        assert_eq!(EXPLANATIONS.matches("\n## ").count(), Code::ALL.len(), "an explanation of no code");
    }
}
