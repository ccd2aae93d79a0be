//! Releases, and the switch from one to another.

use kiket_core::{ProjectId, ReleaseId};
use kiket_store::{Activation, Actor, Change, Conflict, Held, NewRelease, Release};

use crate::harness::{House, at, event, held, new_project, put, stage, ulid};

fn artifact(n: u64) -> String {
    format!("sha256:{n:064}")
}

impl House {
    fn new_release(&self, app: &str, n: u64) -> NewRelease {
        NewRelease {
            id: ReleaseId::new(ulid()),
            project: self.project,
            app: app.to_owned(),
            artifact: artifact(n),
            by: None,
            at: at(0),
            event: event("deployment.prepared"),
        }
    }

    async fn release(&self, app: &str, n: u64) -> ReleaseId {
        let release = self.new_release(app, n);
        let id = release.id;
        self.commit(vec![Change::Release(release)]).await.expect("a release");
        id
    }

    fn switch(&self, app: &str, release: ReleaseId, previous: Option<ReleaseId>) -> Change {
        Change::Activate(Activation {
            project: self.project,
            app: app.to_owned(),
            release,
            previous,
            by: None,
            at: at(5),
            event: event("deployment.activated"),
        })
    }

    async fn live(&self, app: &str) -> Option<ReleaseId> {
        let live = self.store.live_release(self.project, app).await.expect("a read");
        live.map(|live| live.release.id)
    }

    async fn previous(&self, app: &str) -> Option<ReleaseId> {
        self.store.previous_release(self.project, app).await.expect("a read").map(|release| release.id)
    }

    /// A stage of a new run, held by a worker.
    async fn actor(&self) -> Actor {
        let mut run = self.new_run();
        let task = stage(run.run, "ship");
        run.work.push(put(task.clone(), at(0)));
        let actor = |held: Option<Held>| Actor { run: run.run, stage: "ship".to_owned(), held: held.expect("held") };
        let actor = actor(held(&task, 1));
        self.commit(vec![Change::Run(run)]).await.expect("a run");
        self.claim("a", 0).await;
        actor
    }
}

#[tokio::test]
async fn a_release_is_read_back_and_not_live() {
    let house = House::build().await;
    let by = house.actor().await;
    let release = NewRelease { by: Some(by.clone()), ..house.new_release("web", 1) };
    let id = release.id;
    house.commit(vec![Change::Release(release)]).await.unwrap();

    let expected = Release {
        id,
        project: house.project,
        project_name: "shop".to_owned(),
        app: "web".to_owned(),
        artifact: artifact(1),
        run: Some(by.run),
        stage: Some("ship".to_owned()),
        created_at: at(0),
    };
    assert_eq!(house.store.release(id).await.unwrap(), Some(expected));
    assert_eq!(house.live("web").await, None);
    let entry = house.history().await.pop().unwrap();
    assert_eq!((entry.kind.as_str(), entry.project, entry.run), ("deployment.prepared", house.project, None));
    house.check().await;
}

#[tokio::test]
async fn a_stage_that_is_repeated_makes_no_second_release_of_an_artifact() {
    let house = House::build().await;
    let by = Some(house.actor().await);
    let first = NewRelease { by: by.clone(), ..house.new_release("web", 1) };
    let id = first.id;
    house.commit(vec![Change::Release(first)]).await.unwrap();
    let again = NewRelease { by: by.clone(), ..house.new_release("web", 1) };
    assert_eq!(house.refuse(vec![Change::Release(again)]).await, Conflict::DuplicateRelease { id });
    for other in [house.new_release("web", 2), house.new_release("docs", 1)] {
        house.commit(vec![Change::Release(NewRelease { by: by.clone(), ..other })]).await.unwrap();
    }
    assert_eq!(house.count("releases").await, 3);
    house.check().await;
}

#[tokio::test]
async fn a_switch_rests_on_the_release_that_it_found() {
    let house = House::build().await;
    let [one, two] = [house.release("web", 1).await, house.release("web", 2).await];
    house.commit(vec![house.switch("web", one, None)]).await.unwrap();
    let late = house.refuse(vec![house.switch("web", two, None)]).await;
    assert_eq!(late, Conflict::Switched { app: "web".to_owned() });
    house.refuse(vec![house.switch("web", one, Some(two))]).await;
    assert_eq!(house.live("web").await, Some(one));

    house.commit(vec![house.switch("web", two, Some(one))]).await.unwrap();
    assert_eq!(house.live("web").await, Some(two));
    let switches = house.store.switches(house.project, "web", 10).await.unwrap();
    let story: Vec<_> = switches.iter().map(|switch| (switch.release, switch.previous)).collect();
    assert_eq!(story, [(two, Some(one)), (one, None)]);
    assert_eq!(switches[0].position, house.history().await.last().unwrap().position);
    house.check().await;
    let house = house.restart().await;
    assert_eq!(house.live("web").await, Some(two));
}

#[tokio::test]
async fn going_back_goes_further_back_and_never_to_what_was_gone_back_from() {
    let house = House::build().await;
    let mut releases = vec![];
    for n in 1..=3 {
        releases.push(house.release("web", n).await);
    }
    let [one, two, three] = releases[..] else { panic!("three releases") };
    assert_eq!(house.previous("web").await, None);
    let mut live = None;
    for (release, expected) in
        [(one, None), (two, Some(one)), (three, Some(two)), (two, Some(one)), (one, None), (three, Some(two))]
    {
        house.commit(vec![house.switch("web", release, live)]).await.unwrap();
        live = Some(release);
        assert_eq!(house.previous("web").await, expected);
    }
    house.check().await;
}

#[tokio::test]
async fn apps_and_projects_are_apart() {
    let house = House::build().await;
    let other = new_project("bakery");
    let bakery: ProjectId = other.id;
    house.commit(vec![Change::Project(other)]).await.unwrap();
    let web = house.release("web", 1).await;
    house.commit(vec![house.switch("web", web, None)]).await.unwrap();
    let foreign = NewRelease { project: bakery, ..house.new_release("web", 2) };
    let id = foreign.id;
    house.commit(vec![Change::Release(foreign)]).await.unwrap();

    // A release of another project or app breaks a rule of the schema, whatever else is said.
    for (app, release) in [("web", id), ("docs", web)] {
        assert!(house.commit(vec![house.switch(app, release, None)]).await.is_err());
        assert!(house.commit(vec![house.switch(app, release, Some(web))]).await.is_err());
    }
    assert_eq!(house.store.live_release(bakery, "web").await.unwrap(), None);
    assert_eq!(house.store.live_releases(Some(bakery)).await.unwrap(), []);
    assert_eq!(house.store.live_releases(None).await.unwrap().len(), 1);
    house.check().await;
}

#[tokio::test]
async fn a_stage_that_belongs_to_somebody_else_does_nothing() {
    let house = House::build().await;
    let mut by = house.actor().await;
    let release = house.release("web", 1).await;
    by.held.fence += 1;
    let lost = Conflict::FenceLost { key: by.held.key.clone() };
    let prepare = NewRelease { by: Some(by.clone()), ..house.new_release("web", 2) };
    assert_eq!(house.refuse(vec![Change::Release(prepare)]).await, lost);
    let Change::Activate(switch) = house.switch("web", release, None) else { panic!("a switch") };
    assert_eq!(house.refuse(vec![Change::Activate(Activation { by: Some(by), ..switch })]).await, lost);
    assert_eq!(house.live("web").await, None);
    house.check().await;
}

#[tokio::test]
async fn an_app_that_is_not_at_its_last_switch_is_found() {
    let house = House::build().await;
    let [one, two] = [house.release("web", 1).await, house.release("web", 2).await];
    house.commit(vec![house.switch("web", one, None)]).await.unwrap();
    house.commit(vec![house.switch("web", two, Some(one))]).await.unwrap();
    house.execute_raw("update live_releases set release = (select min(release) from activations)").await;
    assert_eq!(house.store.integrity().await.unwrap(), ["app web is not at the release that was put live last"]);
    house.execute_raw("delete from live_releases").await;
    assert_eq!(house.store.integrity().await.unwrap(), ["app web is not at the release that was put live last"]);
}
