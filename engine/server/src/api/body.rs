//! Bodies of requests: objects of JSON where there is one, defaults where there is none.
//!
//! A struct that serde derives may also be read from a list of its fields' values. Nothing here says so, so a list is
//! refused.

use std::fmt;
use std::marker::PhantomData;

use axum::http::StatusCode;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Problem;

/// What is read from an object, and from nothing else.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData)).map(Self)
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Reads a member that is an object or null; for `#[serde(deserialize_with = …)]`.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(found)| found))
}

/// Reads a JSON body; an empty one is the default.
pub(super) fn read<T: DeserializeOwned + Default>(body: &[u8]) -> Result<T, Problem> {
    if body.is_empty() {
        return Ok(T::default());
    }
    serde_json::from_slice(body)
        .map(|Object(found)| found)
        .map_err(|error| Problem::new(StatusCode::BAD_REQUEST, "invalid_body", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Pair {
        one: Option<u8>,
        #[serde(default, deserialize_with = "object")]
        other: Option<Box<Pair>>,
    }

    #[test]
    fn a_list_is_no_object() {
        let inner = Pair { one: Some(2), other: None };
        let whole = Pair { one: Some(1), other: Some(Box::new(inner)) };
        assert_eq!(read::<Pair>(br#"{"one": 1, "other": {"one": 2, "other": null}}"#).ok(), Some(whole));
        assert_eq!(read::<Pair>(b"").ok(), Some(Pair::default()));
        for list in ["[]", "[1]", "[1, null]", r#"{"one": 1, "other": [2]}"#, "null", "1"] {
            assert!(read::<Pair>(list.as_bytes()).is_err(), "{list}");
        }
    }
}
