//! `team.yaml`, and `team:` in the project's own file: which roles there are, and who has them.

use serde_json::Value as Json;

use super::lenient::{NAMES, Named, first, flattened, json_at, located, located_at, named, plain, scalars, scalars_at};
use crate::decode::{Located, entries, items, scalar_at};
use crate::diagnostic::Problems;
use crate::shape::{Entry, Keys, Record, Shape, open, optional};
use crate::yaml::{Node, Value};

/// The file of the team: everything below `team:`, or on the first level.
pub(super) static FILE: Record = open(
    "a team file",
    "Which roles there are, and who has them.",
    &[
        optional("model_version", Shape::Any, "Version of the language: \"1.0\"."),
        optional("team", TEAM, "The team."),
        ROLES,
        MEMBERS,
        GROUPS,
        PERMISSIONS,
        DEFAULTS,
        LEAD,
    ],
);

/// A team: a mapping, or the people alone.
pub(super) const TEAM: Shape = Shape::Either(&[Shape::Record(&RECORD), Shape::Any]);

static RECORD: Record = open("the team", "A team.", &[ROLES, MEMBERS, GROUPS, PERMISSIONS, DEFAULTS, LEAD]);

pub(super) const ROLES: Entry = optional("roles", ROLE_LIST, "The roles that people can have.");
const MEMBERS: Entry = optional("members", NAMES, "People by their e-mail addresses; each may name the roles it has.");
const GROUPS: Entry = optional("groups", NAMES, "Groups of people.");
pub(super) const PERMISSIONS: Entry = optional("permissions", Shape::Any, "What roles may do.");
const DEFAULTS: Entry = optional("defaults", Shape::Any, "What people have who are given nothing else.");
const LEAD: Entry = optional("lead", Shape::Scalar, "Who leads the team.");

const ROLE_LIST: Shape = Shape::Either(&[Shape::Map(&ROLE_KEYS, &Shape::Any), Shape::List(&ROLE)]);
const ROLE: Shape = Shape::Either(&[Shape::Scalar, Shape::Record(&ROLE_RECORD)]);

static ROLE_KEYS: Keys = Keys { name: "role", rule: None, required: false };

static ROLE_RECORD: Record = open(
    "role",
    "A role that people can have.",
    &[
        optional("name", Shape::Scalar, "The name by which approvals and notifications call it."),
        optional("key", Shape::Scalar, "The same, where `name` is for people."),
        optional("description", Shape::Scalar, "What it is for."),
        optional("permissions", Shape::Any, "What it may do, for example issues:create."),
        optional("members", NAMES, "The e-mail addresses of who has it."),
    ],
);

/// A team as it was written.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TeamDefinition {
    /// The roles.
    pub roles: Vec<RoleDefinition>,
    /// The people.
    pub members: Vec<MemberDefinition>,
    /// Groups of people.
    pub groups: Vec<GroupDefinition>,
    /// Who leads it.
    pub lead: Option<Located<String>>,
    /// What roles may do, as written.
    pub permissions: Option<Json>,
    /// What people have who are given nothing else, as written.
    pub defaults: Option<Json>,
}

/// A role that people can have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDefinition {
    /// The name by which approvals and notifications call it.
    pub name: Located<String>,
    /// What it is for.
    pub description: Option<String>,
    /// What it may do.
    pub permissions: Vec<String>,
}

/// Somebody, mostly by the e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDefinition {
    /// Who it is.
    pub name: Located<String>,
    /// The roles that are named beside it.
    pub roles: Vec<Located<String>>,
}

/// A group of people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDefinition {
    /// The group's name.
    pub name: Located<String>,
    /// Who is in it.
    pub members: Vec<Located<String>>,
}

impl TeamDefinition {
    pub(super) fn decode_file(node: &Node, problems: &mut Problems<'_>) -> Self {
        FILE.check(node, problems);
        match node.get("team") {
            Some(people @ Node { value: Value::Sequence(_), .. }) => Self::decode(people, problems),
            _ => Self::decode(&flattened(node, &["team"]), problems),
        }
    }

    /// Reads what a mapping says of a team: its roles, its members and so on.
    pub(super) fn decode(node: &Node, problems: &mut Problems<'_>) -> Self {
        // `team: [ada@example.com]`
        let members = if matches!(node.value, Value::Mapping(_)) { node.get("members") } else { Some(node) };
        let mut team = Self {
            members: decode_members(members),
            lead: located_at(node, &["lead"]),
            permissions: json_at(node, "permissions"),
            defaults: json_at(node, "defaults"),
            ..Self::default()
        };
        team.add_roles(node.get("roles"), problems);
        for Named { name, node } in named(node.get("groups"), "a group", problems) {
            let members = node.get("members").or(Some(node)).filter(|node| matches!(node.value, Value::Sequence(_)));
            team.groups.push(GroupDefinition { name, members: scalars(members) });
        }
        team
    }

    /// Adds roles, and the people who are named below them.
    pub(super) fn add_roles(&mut self, node: Option<&Node>, problems: &mut Problems<'_>) {
        for Named { name, node } in named(node, "a role", problems) {
            for member in scalars(node.get("members")) {
                self.members.push(MemberDefinition { name: member, roles: vec![name.clone()] });
            }
            let (description, permissions) = (scalar_at(node, "description"), plain(node.get("permissions")));
            self.roles.push(RoleDefinition { name, description, permissions });
        }
    }
}

/// `[ada@example.com]`, `[{email: …, role: …}]`, or a mapping of people to their roles.
fn decode_members(node: Option<&Node>) -> Vec<MemberDefinition> {
    if let Some(Node { value: Value::Mapping(_), .. }) = node {
        let roles = |node: &Node| scalars(first(node, &["roles", "role"]).or(Some(node)));
        return entries(node)
            .map(|(key, node)| MemberDefinition { name: Located::key(key), roles: roles(node) })
            .collect();
    }
    let member = |node: &Node| {
        let name = located(node).or_else(|| located_at(node, &["email", "user", "key", "id", "name"]))?;
        Some(MemberDefinition { name, roles: scalars_at(node, &["roles", "role"]) })
    };
    items(node).iter().filter_map(member).collect()
}
