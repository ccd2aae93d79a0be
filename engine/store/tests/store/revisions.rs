//! Revisions, projects and tokens.

use kiket_core::{Level, Origin, Source};
use kiket_store::{Change, HookSecret, NewProject, NewToken, RevisionStatus, RevokeToken};

use crate::harness::{House, at, new_project, new_revision, source};

#[tokio::test]
async fn a_new_active_revision_supersedes_the_one_before() {
    let house = House::build().await;
    let next = new_revision(house.project, RevisionStatus::Active, &[("a.yaml", "kind: pipeline")]);
    let rejected = new_revision(house.project, RevisionStatus::Rejected, &[("a.yaml", "kind: [")]);
    let (active, bad) = (next.id, rejected.id);
    house.commit(vec![Change::Revision(next)]).await.unwrap();
    house.commit(vec![Change::Revision(rejected)]).await.unwrap();

    let project = house.store.project_by_name("shop").await.unwrap().unwrap();
    assert_eq!(project.active_revision, Some(active));
    let revisions = house.store.revisions(house.project, 10).await.unwrap();
    let statuses: Vec<_> = revisions.iter().map(|revision| (revision.id, revision.status)).collect();
    let expected = [
        (bad, RevisionStatus::Rejected),
        (active, RevisionStatus::Active),
        (house.revision, RevisionStatus::Superseded),
    ];
    assert_eq!(statuses, expected);
    house.check().await;
}

#[tokio::test]
async fn a_submitted_revision_is_in_no_list_and_supersedes_nothing() {
    let house = House::build().await;
    let submitted = new_revision(house.project, RevisionStatus::Submitted, &[("a.yaml", "kind: pipeline")]);
    let id = submitted.id;
    house.commit(vec![Change::Revision(submitted)]).await.unwrap();
    assert_eq!(house.store.revision(id).await.unwrap().unwrap().status, RevisionStatus::Submitted);
    let listed = house.store.revisions(house.project, 10).await.unwrap();
    assert_eq!(listed.iter().map(|revision| revision.id).collect::<Vec<_>>(), [house.revision]);
    let before = house.store.revisions_before(house.project, Some(house.revision), 10).await.unwrap();
    assert_eq!(before, []);
    let project = house.store.project_by_name("shop").await.unwrap().unwrap();
    assert_eq!(project.active_revision, Some(house.revision));
    house.check().await;
}

#[tokio::test]
async fn the_event_of_a_revision_belongs_to_the_project() {
    let house = House::build().await;
    let entry = house.history().await.pop().unwrap();
    assert_eq!((entry.kind.as_str(), entry.project), ("revision.published", house.project));
    assert_eq!((entry.run, entry.seq), (None, None));
}

#[tokio::test]
async fn a_file_that_did_not_change_is_stored_once() {
    let house = House::build().await;
    let files: Vec<(String, String)> = (0..40).map(|n| (format!("{n:02}.yaml"), format!("n: {}", n % 30))).collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let mut changed = files.clone();
    changed[7].1 = "n: changed";
    for sources in [&files, &changed] {
        let revision = new_revision(house.project, RevisionStatus::Active, sources);
        let id = revision.id;
        house.commit(vec![Change::Revision(revision)]).await.unwrap();
        let expected: Vec<_> = sources.iter().map(|(path, text)| source(path, text)).collect();
        assert_eq!(house.store.sources(id).await.unwrap(), expected);
    }
    assert_eq!(house.count("blobs").await, 31);
    assert_eq!(house.count("definitions").await, 80);
}

#[tokio::test]
async fn a_file_is_read_back_with_where_it_comes_from() {
    let house = House::build().await;
    let from = |level, repository: Option<&str>, path: &str| Source {
        origin: Origin {
            level,
            repository: repository.map(str::to_owned),
            branch: repository.map(|_| "main".to_owned()),
            commit: repository.map(|_| "c0ffee".repeat(6) + "c0ff"),
        },
        ..source(path, "kind: pipeline")
    };
    // The same path and text on every level, in the order they are read back: weakest level first, then by path.
    let mut sources: Vec<_> = Level::ALL.map(|level| from(level, Some("https://forge.example"), "b.yaml")).into();
    sources.insert(0, from(Level::Bundled, None, "a.yaml"));

    let mut revision = new_revision(house.project, RevisionStatus::Active, &[]);
    let id = revision.id;
    revision.sources = sources.iter().rev().cloned().collect();
    house.commit(vec![Change::Revision(revision)]).await.unwrap();

    assert_eq!(house.store.sources(id).await.unwrap(), sources);
    assert_eq!(house.count("blobs").await, 1);
}

#[tokio::test]
async fn what_is_laid_over_a_project_is_read_back() {
    let house = House::build().await;
    let overrides = Some("https://forge.example/overrides.git".to_owned());
    let branch = Some("stable".to_owned());
    let project =
        NewProject { overrides_url: overrides.clone(), overrides_branch: branch.clone(), ..new_project("bar") };
    let nowhere = NewProject { overrides_branch: branch.clone(), ..new_project("baz") };
    let id = project.id;
    house.commit(vec![Change::Project(project)]).await.unwrap();
    house.commit(vec![Change::Project(nowhere)]).await.unwrap_err();

    let project = house.store.project(id).await.unwrap().unwrap();
    assert_eq!((project.overrides_url, project.overrides_branch), (overrides, branch));
    assert_eq!(house.store.project(house.project).await.unwrap().unwrap().overrides_url, None);
}

#[tokio::test]
async fn a_rejected_publication_leaves_nothing_behind() {
    let house = House::build().await;
    let mut next = new_revision(house.project, RevisionStatus::Active, &[("a.yaml", "x"), ("a.yaml", "y")]);
    next.commit = "deadbeef".to_owned();
    house.commit(vec![Change::Revision(next)]).await.unwrap_err();

    let project = house.store.project(house.project).await.unwrap().unwrap();
    assert_eq!(project.active_revision, Some(house.revision));
    assert_eq!(house.store.revision(house.revision).await.unwrap().unwrap().status, RevisionStatus::Active);
    assert_eq!(house.count("blobs").await, 0);
}

#[tokio::test]
async fn a_secret_is_read_back_and_never_shown() {
    let house = House::build().await;
    let projects = house.store.projects().await.unwrap();
    assert_eq!(projects[0].hook_secret, HookSecret::Clear("hush".to_owned()));
    assert!(!format!("{projects:?}").contains("hush"));
}

#[tokio::test]
async fn a_token_is_found_by_its_hash() {
    let house = House::build().await;
    assert!(house.store.tokens(None, 9).await.unwrap().is_empty());
    let token = NewToken {
        id: "tok_01jd3v7k2mfq9x8y5t4r6s0abc".parse().unwrap(),
        hash: "5e88".to_owned(),
        name: "first".to_owned(),
        scopes: vec!["read".to_owned(), "runs".to_owned()],
        project: Some(house.project),
        created_by: None,
        created_at: at(0),
        expires_at: Some(at(9)),
    };
    let id = token.id;
    house.commit(vec![Change::Token(token)]).await.unwrap();
    let found = house.store.token("5e88").await.unwrap().unwrap();
    assert_eq!(
        (found.scopes, found.expires_at, found.revoked_at),
        (vec!["read".into(), "runs".into()], Some(at(9)), None)
    );
    assert_eq!(found.project.unwrap().0, house.project);
    for time in [3, 5] {
        house.commit(vec![Change::RevokeToken(RevokeToken { id, at: at(time) })]).await.unwrap();
    }
    assert_eq!(house.store.tokens(None, 9).await.unwrap()[0].revoked_at, Some(at(3)));
    assert_eq!(house.store.token("5e89").await.unwrap(), None);
}
