//! Values that plugins keep: by project, plugin and key, within a quota.

use kiket_core::ProjectId;
use kiket_store::{Change, Conflict, PutValue};

use crate::harness::{House, held, new_project, stage};

fn put(project: ProjectId, key: &str, value: Option<&str>) -> PutValue {
    PutValue {
        project,
        plugin: "notify".to_owned(),
        key: key.to_owned(),
        expected: None,
        value: value.map(|value| value.as_bytes().to_vec()),
        quota: 100,
        held: None,
    }
}

impl House {
    async fn keep(&self, put: PutValue) {
        self.commit(vec![Change::Value(put)]).await.expect("a value");
    }

    async fn value(&self, plugin: &str, key: &str) -> Option<String> {
        let value = self.store.plugin_value(self.project, plugin, key).await.expect("a read");
        value.map(|value| String::from_utf8(value).expect("text"))
    }

    async fn keys(&self, prefix: &str, after: Option<&str>, limit: u32) -> Vec<String> {
        self.store.plugin_keys(self.project, "notify", prefix, after, limit).await.expect("a read")
    }
}

#[tokio::test]
async fn a_value_is_kept_replaced_and_removed() {
    let house = House::build().await;
    house.keep(put(house.project, "a", Some("1"))).await;
    house.keep(put(house.project, "a", Some("22"))).await;
    let house = house.restart().await;
    assert_eq!(house.value("notify", "a").await.as_deref(), Some("22"));

    house.keep(put(house.project, "a", None)).await;
    assert_eq!(house.value("notify", "a").await, None);
    let conflict = house.refuse(vec![Change::Value(put(house.project, "a", None))]).await;
    assert_eq!(conflict, Conflict::ValueDiffers { key: "a".to_owned() });
    house.check().await;
}

#[tokio::test]
async fn projects_and_plugins_do_not_see_each_others_values() {
    let house = House::build().await;
    let other = new_project("other");
    let (id, quota) = (other.id, 3);
    house.commit(vec![Change::Project(other)]).await.unwrap();
    house.keep(PutValue { quota, ..put(house.project, "a", Some("12")) }).await;
    house.keep(PutValue { quota, ..put(id, "a", Some("34")) }).await;
    house.keep(PutValue { quota, plugin: "http".to_owned(), ..put(house.project, "a", Some("56")) }).await;

    assert_eq!(house.value("notify", "a").await.as_deref(), Some("12"));
    assert_eq!(house.value("http", "a").await.as_deref(), Some("56"));
    assert_eq!(house.value("execute", "a").await, None);
    assert_eq!(house.keys("", None, 10).await, ["a"]);
    house.check().await;
}

#[tokio::test]
async fn a_value_is_swapped_only_where_it_is_the_expected_one() {
    let house = House::build().await;
    let swap = |expected: Option<&str>, value: Option<&str>| {
        let expected = Some(expected.map(|value| value.as_bytes().to_vec()));
        vec![Change::Value(PutValue { expected, ..put(house.project, "a", value) })]
    };
    let differs = Conflict::ValueDiffers { key: "a".to_owned() };
    assert_eq!(house.refuse(swap(Some("0"), Some("1"))).await, differs);
    house.commit(swap(None, None)).await.unwrap();
    house.commit(swap(None, Some("1"))).await.unwrap();
    assert_eq!(house.refuse(swap(None, Some("2"))).await, differs);
    house.commit(swap(Some("1"), Some("2"))).await.unwrap();
    assert_eq!(house.refuse(swap(Some("1"), None)).await, differs);
    assert_eq!(house.value("notify", "a").await.as_deref(), Some("2"));
    house.commit(swap(Some("2"), None)).await.unwrap();
    assert_eq!(house.value("notify", "a").await, None);
    house.check().await;
}

#[tokio::test]
async fn of_many_that_swap_at_once_one_succeeds() {
    let house = House::build().await;
    let swap = |who: &str| {
        let swap = PutValue { expected: Some(None), ..put(house.project, "leader", Some(who)) };
        house.commit(vec![Change::Value(swap)])
    };
    let outcomes: [_; 3] = tokio::join!(swap("ada"), swap("bo"), swap("cy")).into();
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    house.check().await;
}

#[tokio::test]
async fn keys_and_values_together_stay_within_the_quota() {
    let house = House::build().await;
    house.keep(put(house.project, "a", Some(&"x".repeat(59)))).await;
    house.keep(put(house.project, "b", Some(&"x".repeat(39)))).await;
    let over = |needed| Conflict::OverQuota { needed, quota: 100 };
    assert_eq!(house.refuse(vec![Change::Value(put(house.project, "c", Some("")))]).await, over(101));
    let longer = put(house.project, "b", Some(&"x".repeat(40)));
    assert_eq!(house.refuse(vec![Change::Value(longer)]).await, over(101));

    // What is refused takes nothing of its group with it.
    let (refused, kept) = tokio::join!(
        house.commit(vec![Change::Value(put(house.project, "d", Some("too much")))]),
        house.commit(vec![Change::Value(put(house.project, "a", Some("short")))]),
    );
    assert!(refused.is_err(), "{refused:?}");
    kept.unwrap();
    house.keep(put(house.project, "c", Some("now it fits"))).await;
    // A quota that has shrunk forbids growing, not cleaning up.
    let quota = 10;
    house.keep(PutValue { quota, ..put(house.project, "b", Some("short")) }).await;
    house.keep(PutValue { quota, ..put(house.project, "c", None) }).await;
    house.check().await;
}

#[tokio::test]
async fn keys_are_listed_by_prefix_in_the_order_of_their_bytes() {
    let house = House::build().await;
    for key in ["b", "a/2", "a/\u{10ffff}", "a/10", "a", "a/ä", "a0", "A", "%"] {
        house.keep(put(house.project, key, Some(""))).await;
    }
    assert_eq!(house.keys("", None, 100).await, ["%", "A", "a", "a/10", "a/2", "a/ä", "a/\u{10ffff}", "a0", "b"]);
    assert_eq!(house.keys("a/", None, 100).await, ["a/10", "a/2", "a/ä", "a/\u{10ffff}"]);
    assert_eq!(house.keys("a/", Some("a/10"), 2).await, ["a/2", "a/ä"]);
    assert_eq!(house.keys("%", None, 100).await, ["%"]);
    assert!(house.keys("c", None, 100).await.is_empty());
}

#[tokio::test]
async fn an_attempt_that_has_lost_its_work_keeps_nothing() {
    let house = House::build().await;
    let run = house.start_run().await;
    let task = stage(run, "build");
    let late = PutValue { held: held(&task, 1), ..put(house.project, "a", Some("1")) };
    let conflict = house.refuse(vec![Change::Value(late)]).await;
    assert_eq!(conflict, Conflict::FenceLost { key: task.key() });
    assert_eq!(house.value("notify", "a").await, None);
}
