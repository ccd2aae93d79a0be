//! Projects and their timers, what was found when, and cursors of those who follow the log.

use kiket_store::{
    Change, Conflict, HookSecret, MoveCursor, NewProject, NoteSync, Position, ProjectChange, Stuck, SyncOutcome,
    SyncedCommit, Task,
};

use crate::harness::{House, at, new_project};

fn change(project: kiket_core::ProjectId) -> ProjectChange {
    ProjectChange { project, url: None, branch: None, sync_every: None, forge: None, at: at(100) }
}

#[tokio::test]
async fn a_project_that_is_looked_at_has_its_timer_and_no_other_has() {
    let house = House::build().await;
    let shop = NewProject { sync_every: Some(50), ..new_project("often") };
    let (project, task) = (shop.id, Task::Sync { project: shop.id });
    house.commit(vec![Change::Project(shop)]).await.unwrap();
    assert!(house.claim("early", 49).await.is_empty());
    let work = house.claim("w", 50).await;
    assert_eq!(work.iter().map(|work| &work.task).collect::<Vec<_>>(), [&task]);
    assert!(house.store.stuck().await.unwrap().is_empty());

    // Whoever sets it anew takes it from whoever holds it; `off` ends it.
    let every = |every| Change::ChangeProject(ProjectChange { sync_every: Some(every), ..change(project) });
    house.commit(vec![every(Some(1000))]).await.unwrap();
    assert!(house.claim("early", 1099).await.is_empty());
    assert_eq!(house.claim("w", 1100).await.len(), 1);
    house.commit(vec![every(None)]).await.unwrap();
    assert!(house.claim("w", 1_000_000_000).await.is_empty());
    assert_eq!(house.store.project(project).await.unwrap().unwrap().sync_every, None);
    house.check().await;

    house.commit(vec![every(Some(5))]).await.unwrap();
    house.execute_raw("delete from work").await;
    assert_eq!(house.store.stuck().await.unwrap(), [Stuck::Project(project)]);
}

#[tokio::test]
async fn what_was_found_is_kept_until_something_else_is_or_the_address_changes() {
    let house = House::build().await;
    let shop = new_project("found");
    let project = shop.id;
    assert!(matches!(shop.hook_secret, HookSecret::Clear(_)));
    house.commit(vec![Change::Project(shop)]).await.unwrap();
    let note = |at_: i64, outcome| Change::NoteSync(NoteSync { project, at: at(at_), outcome });
    let found = SyncedCommit { reference: "refs/heads/main".to_owned(), commit: "c0ffee".to_owned() };
    let failed = || SyncOutcome::Failed { error: "nobody answers".to_owned() };
    let row = async || house.store.project(project).await.unwrap().unwrap();

    house.commit(vec![note(1, SyncOutcome::Synced(found.clone()))]).await.unwrap();
    house.commit(vec![note(2, failed()), note(3, failed())]).await.unwrap();
    let shown = row().await;
    assert_eq!((shown.synced_at, shown.synced.as_ref(), shown.sync_failures), (Some(at(1)), Some(&found), 2));
    assert_eq!(shown.sync_error.as_deref(), Some("nobody answers"));
    house.commit(vec![note(4, SyncOutcome::Nothing)]).await.unwrap();
    let shown = row().await;
    assert_eq!((shown.synced_at, shown.sync_error, shown.sync_failures), (Some(at(4)), None, 0));

    let branch = ProjectChange { branch: Some(Some("next".to_owned())), ..change(project) };
    house.commit(vec![Change::ChangeProject(branch)]).await.unwrap();
    assert_eq!((row().await.branch.as_deref(), row().await.synced), (Some("next"), Some(found)));
    let url = ProjectChange { url: Some("https://forge.example/other.git".to_owned()), ..change(project) };
    house.commit(vec![Change::ChangeProject(url)]).await.unwrap();
    assert_eq!((row().await.branch.as_deref(), row().await.synced), (Some("next"), None));

    let nobody = change(kiket_core::ProjectId::new(crate::harness::ulid()));
    let conflict = house.refuse(vec![Change::ChangeProject(nobody)]).await;
    assert!(matches!(conflict, Conflict::UnknownSetting { what: "project", .. }), "{conflict:?}");
    house.check().await;
}

#[tokio::test]
async fn a_cursor_goes_on_and_never_back() {
    let house = House::build().await;
    let to = |position| Change::MoveCursor(MoveCursor { name: "somebody", position: Position::new(position) });
    assert_eq!(house.store.cursor("somebody").await.unwrap(), Position::ZERO);
    for _ in 0..3 {
        house.start_run().await;
    }
    for (position, expected) in [(2, 2), (1, 2), (3, 3)] {
        house.commit(vec![to(position)]).await.unwrap();
        assert_eq!(house.store.cursor("somebody").await.unwrap(), Position::new(expected));
    }
    house.check().await;
}
