//! Kiket's own actions. Those that touch the item are commands of the engine, those that touch the world are calls of
//! plugins; the rest is known by name and said to be not there.

use super::parameters::Parameters;
use super::person::Person;
use super::read::read;
use crate::decode::{Located, texts};
use crate::definition::message::{Message, Payload};
use crate::diagnostic::{Code, Problems};
use crate::yaml::{Node, Value};

/// One of Kiket's actions as it was written.
#[derive(Debug, Clone, PartialEq)]
pub struct KiketActionDefinition {
    /// The name as it was written, and where it stands.
    pub name: Located<String>,
    /// What is done.
    pub action: KiketAction,
    /// In a mapping of stages: those that have to end first.
    pub needs: Vec<Located<String>>,
    /// All of it as it was written.
    pub node: Node,
}

/// What one of Kiket's actions does.
#[derive(Debug, Clone, PartialEq)]
pub enum KiketAction {
    /// Sets a field of the item.
    SetField {
        /// The field's canonical path, and where it stands. It is never `state`: that is a [`KiketAction::Transition`].
        field: Located<String>,
        /// The value; null clears the field.
        value: Payload,
    },
    /// Sets the item's priority.
    SetPriority {
        /// The priority.
        value: Message,
    },
    /// Gives the item to somebody.
    Assign {
        /// To whom.
        to: Person,
        /// The canonical path of the field that takes the user, and where it stands; the assignee where none is given.
        field: Option<Located<String>>,
        /// To whom where there is no such user.
        fallback: Option<Person>,
    },
    /// Adds labels.
    AddLabel {
        /// The labels, at least one.
        labels: Vec<Message>,
    },
    /// Takes labels away.
    RemoveLabel {
        /// The labels, at least one.
        labels: Vec<Message>,
    },
    /// Lets people watch the item.
    AddWatcher {
        /// Users and fields that name users.
        users: Vec<Person>,
        /// Roles.
        roles: Vec<Located<String>>,
    },
    /// Writes a comment.
    Comment {
        /// The text.
        body: Message,
    },
    /// Asks for a transition.
    Transition {
        /// The state, or the name of the transition.
        to: Message,
    },
    /// Tells people something.
    Notify {
        /// Whom.
        recipients: Vec<Person>,
        /// The text.
        message: Option<Message>,
        /// How much it matters.
        level: NoticeLevel,
        /// Where to: `in_app`, `slack:releases`.
        channels: Vec<Message>,
        /// Name of the template of the message.
        template: Option<String>,
    },
    /// Sends a request.
    Webhook {
        /// The address.
        url: Message,
        /// The method, upper case.
        method: String,
        /// Headers in the order of the file.
        headers: Vec<(String, Message)>,
        /// What is sent, as JSON.
        body: Option<Payload>,
    },
    /// One that a later version does.
    Later {
        /// Its name.
        name: String,
    },
    /// One that needs an agent or an extension that is not installed.
    NotInstalled {
        /// What is not installed, for people.
        what: String,
    },
    /// One that is not Kiket's, or that cannot be done as it stands.
    Unknown {
        /// Its name; empty where it has none.
        name: String,
        /// What is wrong with it, for people.
        reason: String,
    },
}

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum NoticeLevel {
    /// Worth knowing.
    #[default]
    Info,
    /// Something went well.
    Success,
    /// Something needs a look.
    Warning,
    /// Something needs a look now.
    Critical,
}

impl NoticeLevel {
    /// Returns the level as it is written everywhere.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

impl KiketActionDefinition {
    /// Reads an action whose shape was checked. What kiket cannot do is warned of and kept.
    pub(super) fn decode(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let Some(parameters) = Parameters::of(node) else {
            return Self::nameless(node, problems);
        };
        let action = read(&parameters, problems);
        Some(Self { name: parameters.name, action, needs: texts(node.get("needs")), node: node.clone() })
    }

    /// A mapping of several keys of which none is the name; that anything else is wrong, its shape says.
    fn nameless(node: &Node, problems: &mut Problems<'_>) -> Option<Self> {
        let Value::Mapping(entries) = &node.value else { return None };
        let (key, _) = entries.first()?;
        let hint = "write action: notify, or notify: with its parameters below";
        problems.report_with_hint(Code::UnknownKiketAction, key.span, "an action without a name does nothing", hint);
        let action = KiketAction::Unknown { name: String::new(), reason: "an action without a name".to_owned() };
        Some(Self {
            name: Located { value: String::new(), span: key.span },
            action,
            needs: Vec::new(),
            node: node.clone(),
        })
    }
}
