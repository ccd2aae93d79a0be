//! What definitions are found by: their kind and their id. Of a project, or of any level, there is one of each.

use super::{Definition, Kind, Located};
use crate::diagnostic::Span;

impl Definition {
    /// Returns the kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Self::Pipeline(_) => Kind::Pipeline,
            Self::Plugins(_) => Kind::Plugins,
            Self::Lock(_) => Kind::Lock,
            Self::Workflow(_) => Kind::Workflow,
            Self::Project(_) => Kind::Project,
            Self::Team(_) => Kind::Team,
            Self::ItemTypes(_) => Kind::ItemTypes,
            Self::Boards(_) => Kind::Board,
            Self::Automations(_) => Kind::Automations,
            Self::Recipe(_) => Kind::Recipe,
            Self::Intake(_) => Kind::Intake,
            Self::Extension(_) => Kind::Extension,
            Self::InboundEmail(_) => Kind::InboundEmail,
        }
    }

    /// Returns the id that a file of this definition has, given the file's path: its own, or for a file of several
    /// definitions the file's name. A kind that a project has one of has none.
    #[must_use]
    pub fn id(&self, path: &str) -> String {
        match (self, self.own_id()) {
            (_, Some(id)) => id.value.clone(),
            (Self::Recipe(recipe), _) => {
                format!("{}/{}", recipe.workflow.as_deref().unwrap_or_default(), recipe.key.value)
            }
            (Self::Boards(_) | Self::Automations(_), None) => super::stem(path).to_owned(),
            _ => String::new(),
        }
    }

    /// Returns where it says what it is: its id, or nowhere in particular.
    #[must_use]
    pub fn span(&self) -> Span {
        match self {
            Self::Recipe(recipe) => recipe.key.span,
            _ => self.own_id().map(|id| id.span).unwrap_or_default(),
        }
    }

    fn own_id(&self) -> Option<&Located<String>> {
        match self {
            Self::Pipeline(pipeline) => Some(&pipeline.id),
            Self::Workflow(workflow) => Some(&workflow.id),
            Self::Intake(intake) => Some(&intake.key),
            Self::Extension(extension) => Some(&extension.id),
            Self::Boards(boards) => match boards.as_slice() {
                [only] => Some(&only.id),
                _ => None,
            },
            _ => None,
        }
    }
}
