//! `project.yaml`, or `workspace.yaml`: what the project is, who works on it and what its other files may count on.

use serde_json::Value as Json;

use super::field::{FIELDS, FieldDefinition};
use super::lenient::{NAMES, flattened, json_at, located_at, named};
use super::team::{PERMISSIONS, ROLES, TEAM, TeamDefinition};
use crate::decode::{Located, scalar_at};
use crate::diagnostic::Problems;
use crate::shape::{Record, Shape, open, optional};
use crate::yaml::{Node, Value};

/// The file of the project. What its head may say may also stand on the first level.
pub(super) static FILE: Record = open(
    "a project file",
    "What the project is, who works on it and what its other files may count on.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("project", HEAD, "The project."),
        optional("workspace", HEAD, "The project, under its other name."),
    ],
)
.with_beside(&PROJECT);

const HEAD: Shape = Shape::Either(&[Shape::Record(&PROJECT), Shape::Any]);

static PROJECT: Record = open(
    "the project",
    "What the project is.",
    &[
        optional("key", Shape::Scalar, "Short name in capitals, for example RELEASE; items are numbered under it."),
        optional("name", Shape::Scalar, "Name for people; the key where none is given."),
        optional("version", Shape::Scalar, "Version of these definitions."),
        optional("description", Shape::Scalar, "What the project is for."),
        optional("visibility", Shape::Scalar, "Who sees it: private or public."),
        optional("team", TEAM, "Who works on it."),
        ROLES,
        PERMISSIONS,
        optional("extensions", EXTENSIONS_OR_ANY, "What the project counts on."),
        optional("labels", NAMES, "The labels that items can have."),
        optional("custom_fields", FIELDS, "Fields of every item, whatever its type."),
        optional("environments", NAMES, "Where things run: staging, production."),
        optional("env", NAMES, "The names of values that the project's settings hold, read as ${env.NAME}."),
        optional("secrets", NAMES, "The names of secrets that the project's settings hold."),
        optional("seed_data", Shape::Any, "Items of a new project; kept as written."),
    ],
);

const EXTENSIONS_OR_ANY: Shape = Shape::Either(&[Shape::Record(&EXTENSIONS), Shape::Any]);

static EXTENSIONS: Record = open(
    "extensions",
    "Extensions that the project counts on.",
    &[
        optional("required", NAMES, "Those without which it does not work."),
        optional("optional", NAMES, "Those that it uses where they are installed."),
    ],
);

/// A project as it was written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ProjectDefinition {
    /// Short name in capitals; items are numbered under it.
    pub key: Option<Located<String>>,
    /// Name for people.
    pub name: Option<String>,
    /// Version of the definitions.
    pub version: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// Who sees it, as written.
    pub visibility: Option<String>,
    /// Who works on it, and the roles there are.
    pub team: TeamDefinition,
    /// Extensions without which it does not work.
    pub required_extensions: Vec<Located<String>>,
    /// Extensions that it uses where they are installed.
    pub optional_extensions: Vec<Located<String>>,
    /// The labels that items can have.
    pub labels: Vec<String>,
    /// Fields of every item.
    pub fields: Vec<FieldDefinition>,
    /// Where things run.
    pub environments: Vec<String>,
    /// Names of values that the project's settings hold.
    pub env: Vec<String>,
    /// Names of secrets that the project's settings hold.
    pub secrets: Vec<String>,
    /// Items of a new project, as written.
    pub seed_data: Option<Json>,
}

impl ProjectDefinition {
    pub(super) fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        FILE.check(node, problems);
        let node = &flattened(node, &["project", "workspace"]);
        let mut team = node.get("team").map(|node| TeamDefinition::decode(node, problems)).unwrap_or_default();
        team.add_roles(node.get("roles"), problems);
        team.permissions = team.permissions.or_else(|| json_at(node, "permissions"));
        let mut names =
            |node| named(node, "an entry", problems).into_iter().map(|named| named.name).collect::<Vec<_>>();
        // `extensions: [github]` does not say that it can be left out.
        let (required, optional) = match node.get("extensions") {
            Some(extensions @ Node { value: Value::Mapping(_), .. }) => {
                (names(extensions.get("required")), names(extensions.get("optional")))
            }
            extensions => (names(extensions), Vec::new()),
        };
        let mut texts = |key| names(node.get(key)).into_iter().map(|name| name.value).collect();
        Self {
            key: located_at(node, &["key", "id"]),
            name: scalar_at(node, "name"),
            version: scalar_at(node, "version"),
            description: scalar_at(node, "description"),
            visibility: scalar_at(node, "visibility"),
            team,
            required_extensions: required,
            optional_extensions: optional,
            labels: texts("labels"),
            environments: texts("environments"),
            env: texts("env"),
            secrets: texts("secrets"),
            fields: FieldDefinition::decode_all(node.get("custom_fields"), problems),
            seed_data: json_at(node, "seed_data"),
        }
    }
}
