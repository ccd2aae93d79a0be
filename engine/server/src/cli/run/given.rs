//! What a local run is given instead of a project's settings: values from options, secrets from the environment.

use std::collections::BTreeMap;
use std::ffi::OsString;

use anyhow::{bail, ensure};
use serde_json::{Map, Value as Json};

use super::super::env::split;
use crate::vault::Secret;
use crate::{env, secrets};

/// What the names of variables that hold secrets begin with.
const PREFIX: &str = "KIKET_SECRET_";

/// Reads `--env NAME=VALUE`.
pub(super) fn env(texts: &[String]) -> anyhow::Result<Map<String, Json>> {
    let mut values = Map::new();
    for text in texts {
        let (name, value) = split(text)?;
        ensure!(env::is_name(name), "`{name}` is no name of a value");
        values.insert(name.to_owned(), value.into());
    }
    Ok(values)
}

/// Takes the secrets out of the process's variables.
pub(super) fn secrets(
    variables: impl IntoIterator<Item = (OsString, OsString)>,
) -> anyhow::Result<BTreeMap<String, Secret>> {
    let mut found = BTreeMap::new();
    for (variable, value) in variables {
        let Some(name) = variable.to_str().and_then(|variable| variable.strip_prefix(PREFIX)) else { continue };
        ensure!(secrets::is_name(name), "the variable {PREFIX}{name} holds no secret: `{name}` is no name of one");
        let Ok(value) = value.into_string() else { bail!("the variable {PREFIX}{name} is not UTF-8") };
        found.insert(name.to_owned(), Secret::new(value));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_text_and_may_hold_anything() {
        let texts = ["A=1", "b_2=x=y", "_=", "A=2"].map(str::to_owned);
        assert_eq!(Json::Object(env(&texts).unwrap()), json!({ "A": "2", "b_2": "x=y", "_": "" }));
        for wrong in ["A", "=x", "1A=x", "A-B=x"] {
            assert!(env(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn secrets_are_variables_of_one_prefix() {
        let variables = |names: &[&str]| {
            let variable = |name: &&str| (OsString::from(name), OsString::from("hunter2"));
            names.iter().map(variable).collect::<Vec<_>>()
        };
        let found = secrets(variables(&["PATH", "KIKET_SECRET_TOKEN", "KIKET_TOKEN"])).unwrap();
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["TOKEN"]);
        for wrong in ["KIKET_SECRET_", "KIKET_SECRET_token", "KIKET_SECRET_1"] {
            let error = secrets(variables(&[wrong])).unwrap_err().to_string();
            assert!(error.contains(wrong) && !error.contains("hunter2"), "{error}");
        }
    }
}
