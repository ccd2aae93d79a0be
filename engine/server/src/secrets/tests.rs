//! Secrets over a store of their own.

use std::fs;
use std::path::Path;

use kiket_store::NewProject;
use tempfile::TempDir;

use super::*;

struct House {
    folder: TempDir,
    project: ProjectId,
    secrets: Secrets,
}

impl House {
    async fn build() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let secrets = open(folder.path(), "master.key").await.unwrap();
        let project = new_project("shop", HookSecret::Clear("a key that was in clear".to_owned()));
        let id = project.id;
        secrets.store.commit(vec![Change::Project(project)]).await.unwrap();
        Self { folder, project: id, secrets }
    }

    async fn reopen(self, key: &str) -> (TempDir, Result<Secrets, SecretError>) {
        self.secrets.store.close().await;
        let secrets = open(self.folder.path(), key).await;
        (self.folder, secrets)
    }

    async fn set(&self, name: &str, value: &str) {
        self.secrets.set(self.project, name, Secret::new(value), "ada", None).await.unwrap();
    }

    async fn masked(&self, text: &str) -> String {
        self.secrets.masking(self.project).await.unwrap().now().text(text).into_owned()
    }
}

async fn open(folder: &Path, key: &str) -> Result<Secrets, SecretError> {
    let store = Store::open(&folder.join("kiket.db")).await.unwrap();
    let opened = Secrets::open(store.clone(), Origin::Stored(folder.join(key))).await;
    if opened.is_err() {
        store.close().await;
    }
    opened
}

fn new_project(name: &str, hook_secret: HookSecret) -> NewProject {
    NewProject::new(ProjectId::new(clock::ulid()), name, "file:///srv/shop.git", hook_secret, clock::now())
}

#[tokio::test]
async fn a_secret_is_read_back_after_a_restart_and_gone_when_it_is_removed() {
    let house = House::build().await;
    house.set("TOKEN", "hunter2 hunter2").await;
    let project = house.project;
    let (_folder, secrets) = house.reopen("master.key").await;
    let secrets = secrets.unwrap();
    assert_eq!(secrets.get(project, "TOKEN").await.unwrap().unwrap().reveal(), "hunter2 hunter2");
    assert_eq!(secrets.get(project, "OTHER").await.unwrap(), None);
    secrets.remove(project, "TOKEN", "ada", None).await.unwrap();
    assert_eq!(secrets.get(project, "TOKEN").await.unwrap(), None);
    let again = secrets.remove(project, "TOKEN", "ada", None).await.unwrap_err();
    assert_eq!(again.to_string(), "there is no secret `TOKEN`");
}

#[tokio::test]
async fn another_key_or_none_is_refused_where_something_was_encrypted() {
    let house = House::build().await;
    house.set("TOKEN", "hunter2 hunter2").await;
    let other = house.folder.path().join("other.key");
    Vault::open(&other, true).unwrap();
    let (folder, wrong) = house.reopen("other.key").await;
    let wrong = wrong.err().unwrap().to_string();
    assert!(wrong.starts_with("the master key is not the one these secrets were encrypted with"), "{wrong}");

    fs::rename(folder.path().join("master.key"), folder.path().join("safe.key")).unwrap();
    let missing = open(folder.path(), "master.key").await.err().unwrap().to_string();
    assert!(missing.contains("there is no master key") && missing.contains("--master-key-file"), "{missing}");
    assert!(!folder.path().join("master.key").exists());
    assert!(open(folder.path(), "safe.key").await.is_ok());
}

#[tokio::test]
async fn a_mask_knows_what_is_set_later_and_what_was_replaced() {
    let house = House::build().await;
    house.set("TOKEN", "first value").await;
    let begun = house.secrets.masking(house.project).await.unwrap();
    assert_eq!(begun.now().text("first value"), "[secret TOKEN]");
    house.set("TOKEN", "second value").await;
    house.set("OTHER", "a third one").await;
    house.secrets.remove(house.project, "OTHER", "ada", None).await.unwrap();
    let text = "first value, second value, a third one";
    assert_eq!(begun.now().text(text), "[secret TOKEN], [secret TOKEN], [secret OTHER]");
    assert_eq!(house.masked(text).await, begun.now().text(text));
}

#[tokio::test]
async fn a_mask_forgets_what_was_replaced_often_and_nothing_else() {
    let house = House::build().await;
    house.set("KEPT", "a value that stays").await;
    for n in 0..=MASKED + 50 {
        house.set("TOKEN", &format!("value number {n}")).await;
        if n.is_multiple_of(100) {
            assert_eq!(house.masked("value number 0").await, "[secret TOKEN]");
        }
    }
    assert_eq!(house.masked("value number 0").await, "value number 0");
    let last = MASKED + 50;
    assert_eq!(
        house.masked(&format!("a value that stays, value number {last}")).await,
        "[secret KEPT], [secret TOKEN]"
    );
}

#[tokio::test]
async fn keys_of_webhooks_are_encrypted_once() {
    let house = House::build().await;
    let store = house.secrets.store.clone();
    let sealed = house.secrets.seal_hook(house.project, &Secret::new("a key that never was in clear"));
    store.commit(vec![Change::Project(new_project("other", sealed))]).await.unwrap();
    house.secrets.seal_what_is_clear().await.unwrap();
    let after = store.projects().await.unwrap();
    assert!(after.iter().all(|project| matches!(project.hook_secret, HookSecret::Sealed(_))));
    house.secrets.seal_what_is_clear().await.unwrap();
    assert_eq!(store.projects().await.unwrap(), after);
    let shop = after.iter().find(|project| project.id == house.project).unwrap();
    assert_eq!(house.secrets.hook_key(shop).unwrap().reveal(), "a key that was in clear");
}

#[tokio::test]
async fn given_secrets_are_those_of_every_project_and_are_not_stored() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("kiket.db")).await.unwrap();
    let given = BTreeMap::from([("TOKEN".to_owned(), Secret::new("hunter2 hunter2"))]);
    let secrets = Secrets::open(store, Origin::Given(given)).await.unwrap();
    let project = ProjectId::new(clock::ulid());
    assert_eq!(secrets.get(project, "TOKEN").await.unwrap().unwrap().reveal(), "hunter2 hunter2");
    assert_eq!(secrets.masking(project).await.unwrap().now().text("hunter2 hunter2"), "[secret TOKEN]");
    assert!(!folder.path().join("master.key").exists());
}
