//! Artifacts: what a project has, under which names, and how much of it.

use kiket_core::{ProjectId, RunId};
use kiket_store::{ArtifactKind, Change, Conflict, ForgetArtifact, KeepArtifact};

use crate::harness::{House, at, new_project, ulid};

fn digest(letter: char) -> String {
    format!("sha256:{}", letter.to_string().repeat(64))
}

fn keep(house: &House, run: RunId, name: &str, letter: char) -> KeepArtifact {
    KeepArtifact {
        id: ulid().to_string(),
        project: house.project,
        digest: digest(letter),
        name: name.to_owned(),
        kind: ArtifactKind::File,
        size: 10,
        run,
        stage: "build".to_owned(),
        quota: 20,
        replaces: false,
        at: at(1),
        held: None,
    }
}

/// A run of the house's project, and of another one.
async fn runs(house: &House) -> (RunId, (ProjectId, RunId)) {
    let run = house.new_run();
    let other = new_project("other");
    let mut others = house.new_run();
    others.project = other.id;
    let found = (run.run, (other.id, others.run));
    house.commit(vec![Change::Project(other), Change::Run(run)]).await.expect("it goes well");
    house.commit(vec![Change::Run(others)]).await.expect("it goes well");
    found
}

#[tokio::test]
async fn an_artifact_is_found_by_its_digest_its_name_and_its_run() {
    let house = House::build().await;
    let (run, _) = runs(&house).await;
    for (name, letter) in [("site", 'a'), ("report", 'b'), ("site", 'b')] {
        house.commit(vec![Change::KeepArtifact(keep(&house, run, name, letter))]).await.unwrap();
    }
    let found = house.store.artifact(house.project, &digest('a')).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.size, found.kind, found.run), ("site", 10, ArtifactKind::File, run));
    assert_eq!(house.store.newest_artifact(house.project, "site").await.unwrap().unwrap().digest, digest('b'));
    let names: Vec<_> = house.store.artifacts_of_run(run).await.unwrap().into_iter().map(|row| row.name).collect();
    assert_eq!(names, ["site", "report", "site"]);
    // What was kept before is kept again: it is the newest, and no second one.
    house.commit(vec![Change::KeepArtifact(keep(&house, run, "site", 'a'))]).await.unwrap();
    assert_eq!(house.store.newest_artifact(house.project, "site").await.unwrap().unwrap().digest, digest('a'));
    assert_eq!(house.store.artifacts_of_run(run).await.unwrap().len(), 3);
    house.check().await;
}

#[tokio::test]
async fn what_another_project_has_is_not_there() {
    let house = House::build().await;
    let (run, (other, others)) = runs(&house).await;
    house.commit(vec![Change::KeepArtifact(keep(&house, run, "site", 'a'))]).await.unwrap();
    assert_eq!(house.store.artifact(other, &digest('a')).await.unwrap(), None);
    assert_eq!(house.store.newest_artifact(other, "site").await.unwrap(), None);
    let own = KeepArtifact { project: other, ..keep(&house, others, "mine", 'a') };
    house.commit(vec![Change::KeepArtifact(own)]).await.unwrap();
    assert_eq!(house.store.artifact(other, &digest('a')).await.unwrap().unwrap().name, "mine");
    let forget = |project| vec![Change::ForgetArtifact(ForgetArtifact { project, digest: digest('a') })];
    house.commit(forget(house.project)).await.unwrap();
    assert_eq!(house.store.artifact(house.project, &digest('a')).await.unwrap(), None);
    assert_eq!(house.store.artifact_digests().await.unwrap().len(), 1);
    house.commit(forget(other)).await.unwrap();
    assert!(house.store.artifact_digests().await.unwrap().is_empty());
    house.check().await;
}

#[tokio::test]
async fn a_digest_counts_once_against_the_quota() {
    let house = House::build().await;
    let (run, (other, others)) = runs(&house).await;
    for (name, letter) in [("one", 'a'), ("two", 'a'), ("three", 'b')] {
        house.commit(vec![Change::KeepArtifact(keep(&house, run, name, letter))]).await.unwrap();
    }
    let conflict = house.refuse(vec![Change::KeepArtifact(keep(&house, run, "four", 'c'))]).await;
    assert_eq!(conflict, Conflict::OverQuota { needed: 30, quota: 20 });
    // What is there already needs no room, even where there is too much.
    let narrower = KeepArtifact { quota: 5, ..keep(&house, run, "four", 'b') };
    house.commit(vec![Change::KeepArtifact(narrower.clone())]).await.unwrap();
    house.commit(vec![Change::KeepArtifact(narrower)]).await.unwrap();
    let own = KeepArtifact { project: other, ..keep(&house, others, "one", 'c') };
    house.commit(vec![Change::KeepArtifact(own)]).await.unwrap();
    house.check().await;
}

#[tokio::test]
async fn an_artifact_may_take_the_place_of_those_of_its_name() {
    let house = House::build().await;
    let (run, _) = runs(&house).await;
    let cache = |letter| KeepArtifact { replaces: true, quota: 10, ..keep(&house, run, "cache/target", letter) };
    for letter in ['a', 'b', 'c', 'c'] {
        house.commit(vec![Change::KeepArtifact(cache(letter))]).await.unwrap();
    }
    let left: Vec<_> = house.store.artifacts_of_run(run).await.unwrap().into_iter().map(|row| row.digest).collect();
    assert_eq!(left, [digest('c')]);
    house.check().await;
}
