//! Typed identifiers: a prefix that says what it names, then a ULID.
//!
//! Ids are not made here: core has no clock and no randomness, so a ULID always
//! comes in as an argument. The text form is lower case and is the only form
//! that leaves the process (API, database, logs).

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ulid::Ulid;

/// A text that is not an id of the kind that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {kind} id, which looks like `{prefix}01jd3v7k2mfq9x8y5t4r6s0abc`")]
pub struct InvalidId {
    text: String,
    kind: &'static str,
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Ulid);

        impl $name {
            /// Wraps a ULID.
            #[must_use]
            pub fn new(ulid: Ulid) -> Self {
                Self(ulid)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = [0; ulid::ULID_LEN];
                let text = self.0.array_to_str(&mut buffer);
                text.make_ascii_lowercase();
                f.write_str($prefix)?;
                f.write_str(text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.strip_prefix($prefix)
                    .filter(|rest| !rest.bytes().any(|byte| byte.is_ascii_uppercase()))
                    .and_then(|rest| Ulid::from_string(rest).ok())
                    .map(Self)
                    .ok_or_else(|| InvalidId {
                        text: text.chars().take(64).collect(),
                        kind: $kind,
                        prefix: $prefix,
                    })
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": concat!("^", $prefix, "[0-7][0-9a-hjkmnp-tv-z]{25}$") })
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// Names one execution of a pipeline.
    RunId, "run", "run_"
);
impl RunId {
    /// Returns the id that comes `count` after this one: several runs that one command starts.
    #[must_use]
    pub fn nth(self, count: usize) -> Self {
        let random = self.0.random().wrapping_add(count as u128);
        Self(Ulid::from_parts(self.0.timestamp_ms(), random))
    }
}

id!(
    /// Names a project: one Git repository that kiket follows.
    ProjectId, "project", "prj_"
);
id!(
    /// Names one compiled state of a project's definitions.
    RevisionId, "revision", "rev_"
);
id!(
    /// Names one item: an issue, a case, a release that lives in a workflow.
    ItemId, "item", "itm_"
);
id!(
    /// Names one inbound webhook call.
    DeliveryId, "delivery", "dlv_"
);
id!(
    /// Names one release of an app: an artifact that is served at an address of its own.
    ReleaseId, "release", "rel_"
);
id!(
    /// Names one API token; it is no secret.
    TokenId, "token", "tok_"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_the_round_trip_through_text() {
        let id = RunId::new(Ulid::from_parts(1_700_000_000_000, 42));
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!(id.to_string().starts_with("run_01"));
    }

    #[test]
    fn refuses_the_id_of_another_kind_and_upper_case() {
        let project = ProjectId::new(Ulid::from_parts(1, 1)).to_string();
        assert!(project.parse::<RunId>().is_err());
        let run = RunId::new(Ulid::from_parts(1_700_000_000_000, 42)).to_string();
        assert!(run.to_uppercase().parse::<RunId>().is_err());
        assert!(run.to_uppercase().replace("RUN_", "run_").parse::<RunId>().is_err());
    }
}
