//! Plain values of projects: what `env.NAME` is in expressions. They are shown to whoever asks; secrets are not here.
//!
//! A run takes a copy of them when it starts and keeps it; an item is decided on those of the moment.

use kiket_core::ProjectId;
use kiket_core::record::{SettingEvent, SettingNote};
use kiket_store::{Change, CommitError, EnvChange, EnvValue, Store, StoreError};
use serde_json::{Map, Value as Json};

use crate::clock;
use crate::secrets::note;

/// Longest value, in bytes.
pub(crate) const VALUE_BYTES: usize = 16 * 1024;

/// Returns the values of a project by name.
pub(crate) async fn values(store: &Store, project: ProjectId) -> Result<Map<String, Json>, StoreError> {
    let values = store.env_values(project).await?;
    Ok(by_name(values.into_iter().map(|value| (value.name, value.value))))
}

/// Returns values as they are stored by name, for a run to take over.
pub(crate) fn by_name(stored: impl IntoIterator<Item = (String, String)>) -> Map<String, Json> {
    stored.into_iter().map(|(name, value)| (name, parse(&value).into())).collect()
}

/// Returns a value as it was set.
pub(crate) fn text(value: &EnvValue) -> String {
    parse(&value.value)
}

fn parse(stored: &str) -> String {
    serde_json::from_str(stored).unwrap_or_default()
}

/// Sets a value, or removes it where there is none; `by` is who does, and `beside` is committed with it.
pub(crate) async fn change(
    store: &Store,
    project: ProjectId,
    name: &str,
    value: Option<String>,
    by: &str,
    beside: Option<Change>,
) -> Result<(), CommitError> {
    let about = SettingNote { name: name.to_owned(), by: by.to_owned() };
    let event = if value.is_some() { SettingEvent::EnvSet(about) } else { SettingEvent::EnvRemoved(about) };
    let value = value.map(|value| Json::from(value).to_string());
    let change = EnvChange { project, name: name.to_owned(), value, at: clock::now(), event: note(&event) };
    store.commit(beside.into_iter().chain([Change::Env(change)]).collect()).await.map(drop)
}

/// Tells whether a value may have this name.
pub(crate) fn is_name(name: &str) -> bool {
    let rest = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let first = |first: char| first.is_ascii_alphabetic() || first == '_';
    name.starts_with(first) && name.len() <= 64 && name.bytes().all(rest)
}
