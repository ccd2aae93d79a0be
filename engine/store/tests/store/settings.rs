//! Secrets and plain values of projects: set, replaced, removed, and one line of history for each.

use kiket_core::ProjectId;
use kiket_store::{
    Change, CommitError, Conflict, ENV_BYTES, EnvChange, HookSecret, NewProject, SETTINGS, SealHook, Sealed,
    SecretChange, StoreError,
};

use crate::harness::{House, at, event, new_project};

fn sealed(byte: u8) -> Sealed {
    Sealed { key: "0123456789abcdef".to_owned(), bytes: vec![byte; 48] }
}

fn set(project: ProjectId, name: &str, byte: u8, time: i64) -> Vec<Change> {
    let event = event("secret.set");
    let change = SecretChange { project, name: name.to_owned(), sealed: Some(sealed(byte)), at: at(time), event };
    vec![Change::Secret(change)]
}

fn remove(project: ProjectId, name: &str) -> Vec<Change> {
    let event = event("secret.removed");
    vec![Change::Secret(SecretChange { project, name: name.to_owned(), sealed: None, at: at(9), event })]
}

fn env(project: ProjectId, name: &str, value: Option<&str>) -> Vec<Change> {
    let event = event(if value.is_some() { "env.set" } else { "env.removed" });
    let value = value.map(|value| format!("\"{value}\""));
    vec![Change::Env(EnvChange { project, name: name.to_owned(), value, at: at(1), event })]
}

async fn kinds(house: &House) -> Vec<String> {
    house.history().await.into_iter().skip(1).map(|entry| entry.kind).collect()
}

#[tokio::test]
async fn a_secret_is_set_replaced_and_removed_with_a_history() {
    let house = House::build().await;
    house.commit(set(house.project, "TOKEN", 1, 1)).await.unwrap();
    house.commit(set(house.project, "KEY", 2, 2)).await.unwrap();
    house.commit(set(house.project, "TOKEN", 3, 3)).await.unwrap();

    let house = house.restart().await;
    let rows = house.store.secrets(house.project).await.unwrap();
    let found: Vec<_> =
        rows.iter().map(|row| (row.name.as_str(), &row.sealed, row.created_at, row.updated_at)).collect();
    assert_eq!(found, [("KEY", &sealed(2), at(2), at(2)), ("TOKEN", &sealed(3), at(1), at(3))]);
    assert_eq!(house.store.secret(house.project, "TOKEN").await.unwrap().as_ref(), rows.last());
    assert_eq!(house.store.sealing_keys().await.unwrap(), ["0123456789abcdef"]);

    house.commit(remove(house.project, "TOKEN")).await.unwrap();
    assert_eq!(house.store.secret(house.project, "TOKEN").await.unwrap(), None);
    assert_eq!(kinds(&house).await, ["secret.set", "secret.set", "secret.set", "secret.removed"]);
    assert!(house.history().await.iter().all(|entry| entry.project == house.project && entry.seq.is_none()));
    house.check().await;
}

#[tokio::test]
async fn what_is_not_there_cannot_be_removed_and_leaves_no_history() {
    let house = House::build().await;
    let unknown = |what, name: &str| Conflict::UnknownSetting { what, name: name.to_owned() };
    assert_eq!(house.refuse(remove(house.project, "TOKEN")).await, unknown("secret", "TOKEN"));
    assert_eq!(house.refuse(env(house.project, "REGION", None)).await, unknown("value", "REGION"));
    assert_eq!(kinds(&house).await, Vec::<String>::new());
}

#[tokio::test]
async fn projects_have_secrets_of_their_own() {
    let house = House::build().await;
    let other = new_project("other");
    let id = other.id;
    house.commit(vec![Change::Project(other)]).await.unwrap();
    house.commit(set(id, "TOKEN", 1, 1)).await.unwrap();
    house.commit(env(id, "REGION", Some("eu"))).await.unwrap();
    assert_eq!(house.store.secrets(house.project).await.unwrap(), []);
    assert_eq!(house.store.env_values(house.project).await.unwrap(), []);
    let refused = house.refuse(remove(house.project, "TOKEN")).await;
    assert!(matches!(refused, Conflict::UnknownSetting { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_value_is_set_replaced_and_removed_with_a_history() {
    let house = House::build().await;
    for value in [Some("eu"), Some("us")] {
        house.commit(env(house.project, "REGION", value)).await.unwrap();
    }
    let values = house.store.env_values(house.project).await.unwrap();
    assert_eq!(
        values.iter().map(|value| (value.name.as_str(), value.value.as_str())).collect::<Vec<_>>(),
        [("REGION", "\"us\"")]
    );
    house.commit(env(house.project, "REGION", None)).await.unwrap();
    assert_eq!(house.store.env_values(house.project).await.unwrap(), []);
    assert_eq!(kinds(&house).await, ["env.set", "env.set", "env.removed"]);
}

#[tokio::test]
async fn there_is_an_end_to_how_many_and_how_much() {
    let house = House::build().await;
    for n in 0..SETTINGS {
        house.commit(set(house.project, &format!("S{n}"), 1, 1)).await.unwrap();
    }
    house.commit(set(house.project, "S0", 2, 2)).await.unwrap();
    let refused = house.refuse(set(house.project, "MORE", 1, 1)).await;
    assert_eq!(refused, Conflict::TooManySettings { limit: SETTINGS });
    assert_eq!(house.store.secret(house.project, "MORE").await.unwrap(), None);

    let half = "ä".repeat(usize::try_from(ENV_BYTES).unwrap() / 4);
    house.commit(env(house.project, "A", Some(&half))).await.unwrap();
    let refused = house.refuse(env(house.project, "B", Some(&half))).await;
    assert_eq!(refused, Conflict::TooLarge { limit: ENV_BYTES });
    house.commit(env(house.project, "A", Some("less"))).await.unwrap();
    house.commit(env(house.project, "B", Some(&half))).await.unwrap();
}

#[tokio::test]
async fn a_value_too_short_to_be_encrypted_is_refused_by_the_schema() {
    let house = House::build().await;
    let clear = Sealed { bytes: b"in clear".to_vec(), ..sealed(0) };
    let mut change = set(house.project, "TOKEN", 1, 1);
    if let Change::Secret(change) = &mut change[0] {
        change.sealed = Some(clear);
    }
    let refused = house.commit(change).await;
    assert!(matches!(refused, Err(CommitError::Store(StoreError::Constraint(_)))), "{refused:?}");
}

#[tokio::test]
async fn a_webhook_secret_in_clear_is_encrypted_and_leaves_no_trace() {
    let house = House::build().await;
    let clear = "a webhook secret in clear";
    let old = NewProject { hook_secret: HookSecret::Clear(clear.to_owned()), ..new_project("old") };
    let new = NewProject { hook_secret: HookSecret::Sealed(sealed(7)), ..new_project("new") };
    let id = old.id;
    house.commit(vec![Change::Project(old), Change::Project(new)]).await.unwrap();
    let found = async |house: &House, name| house.store.project_by_name(name).await.unwrap().unwrap().hook_secret;
    assert_eq!(found(&house, "old").await, HookSecret::Clear(clear.to_owned()));
    assert_eq!(found(&house, "new").await, HookSecret::Sealed(sealed(7)));

    house.commit(vec![Change::SealHook(SealHook { project: id, sealed: sealed(8) })]).await.unwrap();
    let house = house.restart().await;
    assert_eq!(found(&house, "old").await, HookSecret::Sealed(sealed(8)));
    assert_eq!(house.store.sealing_keys().await.unwrap(), ["0123456789abcdef"]);
    let file = std::fs::read(house.path()).unwrap();
    assert!(!file.windows(clear.len()).any(|part| part == clear.as_bytes()));
}
