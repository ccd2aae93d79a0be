//! Visitors while releases are switched: every answer is wholly of one release.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use reqwest::Client;
use serde_json::json;

use super::site::Site;
use crate::world::World;

const SWITCHES: usize = 50;
const CONNECTIONS: usize = 4;
const REQUESTS: usize = 2_000;

#[tokio::test]
async fn no_answer_mixes_two_releases_while_they_are_switched() {
    let world = World::start().await;
    let site = Site::begin(&world).await;
    let mut bodies = BTreeMap::new();
    let (mut releases, mut live) = (Vec::new(), String::new());
    for letter in ["a", "b"] {
        // Large enough that an answer takes several reads of its file.
        let body = letter.repeat(300_000);
        let outputs = site.deploy(&[("index.html", &body)]).await["outputs"].clone();
        let release = outputs["release"].as_str().unwrap().to_owned();
        live = outputs["live_url"].as_str().unwrap().to_owned();
        bodies.insert(release.clone(), body);
        releases.push(release);
    }
    let (bodies, left) = (Arc::new(bodies), Arc::new(AtomicUsize::new(REQUESTS)));
    let visitors: Vec<_> =
        (0..CONNECTIONS).map(|_| tokio::spawn(visit(live.clone(), Arc::clone(&bodies), Arc::clone(&left)))).collect();
    for n in 0..SWITCHES {
        let call = site.call(json!({ "do": "activate", "release": releases[n % 2] })).await;
        assert_eq!(call["answer"], releases[(n + 1) % 2], "{call}");
        // The switch is there for whoever comes after it.
        let answer = site.visitor().get(&live).send().await.unwrap();
        assert_eq!(answer.headers()["kiket-release"], releases[n % 2].as_str());
    }
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for visitor in visitors {
        for (release, count) in visitor.await.unwrap() {
            *seen.entry(release).or_default() += count;
        }
    }
    assert!(seen.values().sum::<usize>() >= REQUESTS, "{seen:?}");
    assert_eq!(seen.len(), 2, "both were visited: {seen:?}");
    world.end().await;
}

/// Visits until everything is asked that has to be, on one connection; returns how often each release answered.
async fn visit(url: String, bodies: Arc<BTreeMap<String, String>>, left: Arc<AtomicUsize>) -> BTreeMap<String, usize> {
    let client = Client::builder().no_proxy().pool_max_idle_per_host(1).build().expect("a client");
    let (mut seen, mut tags) = (BTreeMap::new(), BTreeMap::new());
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
        let answer = client.get(&url).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let release = answer.headers()["kiket-release"].to_str().expect("an id").to_owned();
        let tag = answer.headers()["etag"].clone();
        assert_eq!(*tags.entry(release.clone()).or_insert_with(|| tag.clone()), tag);
        assert!(answer.text().await.expect("a page") == bodies[&release], "the page is not that of {release}");
        *seen.entry(release).or_default() += 1;
    }
    seen
}
