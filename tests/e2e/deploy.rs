//! Sites: from an artifact to a page, to the next one, and back.

mod http;
mod site;
mod switching;

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::world::{Frame, World, parse};
use site::{Site, page};

#[tokio::test]
async fn an_artifact_goes_live_is_replaced_and_is_gone_back_to() {
    let mut world = World::start().await;
    let site = Site::begin(&world).await;
    let v1 = site.deploy(&page("v1")).await;
    assert_eq!(v1["status"], "succeeded", "{v1:#}");
    let v1 = v1["outputs"].clone();
    assert_eq!(v1["previous"], json!(null));
    assert_eq!(site.text(&v1["live_url"]).await, (200, "v1".to_owned()));
    assert_eq!(site.text(&v1["url"]).await, (200, "v1".to_owned()));

    let v2 = site.deploy(&page("v2")).await["outputs"].clone();
    assert_eq!((&v2["previous"], &v2["live_url"]), (&v1["release"], &v1["live_url"]));
    assert_eq!(site.text(&v2["live_url"]).await, (200, "v2".to_owned()));
    assert_eq!(site.text(&v1["url"]).await, (200, "v1".to_owned()));

    let back = site.run("back", json!({})).await["outputs"].clone();
    assert_eq!((&back["release"], &back["previous"]), (&v1["release"], &v2["release"]));
    assert_eq!(site.text(&v1["live_url"]).await, (200, "v1".to_owned()));
    let further = site.run("back", json!({})).await;
    let error = &further["stages"][0]["error"];
    assert_eq!(error["code"], "permanent", "{further:#}");
    assert!(error["message"].as_str().unwrap().contains("nothing to go back to"), "{error:#}");
    assert_eq!(site.text(&v1["live_url"]).await, (200, "v1".to_owned()));

    let listed = world.ok(world.get("/projects/shop/deployments")).await["data"][0].clone();
    assert_eq!((&listed["app"], &listed["url"]), (&json!("web"), &v1["live_url"]));
    assert_eq!((&listed["live"]["release"], &listed["live"]["url"]), (&v1["release"], &v1["url"]));
    let story: Vec<_> =
        listed["history"].as_array().unwrap().iter().map(|switch| (&switch["release"], &switch["previous"])).collect();
    let (one, two) = (&v1["release"], &v2["release"]);
    assert_eq!(story, [(one, two), (two, one), (one, &json!(null))]);
    assert_eq!(events(&world).await, ["prepared", "activated", "prepared", "activated", "activated"]);

    // What is served comes of the artifacts: it is no part of a backup.
    world.kill();
    std::fs::remove_dir_all(world.data().join("sites")).unwrap();
    world.boot();
    let site = Site::of(&world, "shop");
    let listed = world.ok(world.get("/projects/shop/deployments")).await["data"][0].clone();
    assert_eq!(&listed["live"]["release"], one);
    assert_eq!(site.text(&listed["url"]).await, (200, "v1".to_owned()));
    let shown = world.kiket(&["deployments", "ls", "shop"]).output().unwrap();
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.contains("web") && shown.contains(listed["url"].as_str().unwrap()), "{shown}");
    assert_eq!(site.call(json!({ "do": "activate", "release": two })).await, json!({ "answer": one }));
    assert_eq!(site.text(&listed["url"]).await, (200, "v2".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn an_unhealthy_release_is_never_live() {
    let world = World::start().await;
    let site = Site::begin(&world).await;
    let broken = site.deploy(&[("about.html", "about"), ("404.html", "lost")]).await;
    let error = &broken["stages"][0]["error"];
    assert_eq!(error["code"], "permanent", "{broken:#}");
    assert!(error["message"].as_str().unwrap().contains("`/` answered 404 instead of 200"), "{error:#}");
    assert_eq!(world.ok(world.get("/projects/shop/deployments")).await["data"], json!([]));

    let v1 = site.deploy(&page("v1")).await["outputs"].clone();
    let broken = site.deploy(&[("about.html", "about")]).await;
    assert_eq!(broken["stages"][0]["error"]["code"], "permanent", "{broken:#}");
    assert_eq!(site.text(&v1["live_url"]).await, (200, "v1".to_owned()));

    // What is healthy is for the pipeline to say.
    let health = json!({ "path": "/about.html", "status": 200, "attempts": 1 });
    let files = [("about.html", "about v2")];
    let v2 = site.ship(&files, health).await["outputs"].clone();
    assert_eq!(v2["previous"], v1["release"]);
    let about = format!("{}about.html", v2["live_url"].as_str().unwrap());
    assert_eq!(site.text(&json!(about)).await, (200, "about v2".to_owned()));
    // A release that is refused is there to be looked at, and nobody finds it who does not know its name.
    assert_eq!(events(&world).await, ["prepared", "prepared", "activated", "prepared", "prepared", "activated"]);
    world.end().await;
}

#[tokio::test]
async fn a_release_that_fails_at_the_live_address_is_taken_back() {
    let world = World::start().await;
    let site = Site::begin(&world).await;
    // The one path that is answered otherwise at the live address: there it is that of another release.
    let health = |release: &str| json!({ "path": format!("/~{release}/"), "status": 404, "attempts": 2 });
    let first = site.ship(&page("v0"), health("rel_01jd3v7k2mfq9x8y5t4r6s0abc")).await;
    let message = first["stages"][0]["error"]["message"].as_str().unwrap();
    assert!(message.contains("it stays live, because nothing was before it"), "{message}");

    let v1 = site.deploy(&page("v1")).await["outputs"].clone();
    let v2 = site.ship(&page("v2"), health(v1["release"].as_str().unwrap())).await;
    let error = &v2["stages"][0]["error"];
    assert_eq!(error["code"], "permanent", "{v2:#}");
    let again = format!("{} is live again", v1["release"].as_str().unwrap());
    assert!(error["message"].as_str().unwrap().ends_with(&again), "{error:#}");
    assert_eq!(site.text(&v1["live_url"]).await, (200, "v1".to_owned()));

    // Going back from v1 leads past what failed.
    let back = site.run("back", json!({})).await["outputs"].clone();
    assert_eq!(site.text(&back["live_url"]).await, (200, "v0".to_owned()));
    world.end().await;
}

#[tokio::test]
async fn a_stage_reaches_only_its_own_project_and_the_apps_it_was_granted() {
    let world = World::start().await;
    let site = Site::begin(&world).await;
    let mut bakery = world.add_project_with(json!({ "name": "bakery" })).await;
    assert_eq!(bakery["sync_error"].take(), json!(null), "{bakery:#}");
    let web = site.deploy(&page("web")).await["outputs"]["release"].clone();
    let docs =
        site.run("docs", json!({ "artifact": site.keep(&page("docs")).await })).await["outputs"]["release"].clone();
    assert!(web.is_string() && docs.is_string());

    // The probe is granted `web` only.
    let artifact = site.keep(&page("next")).await;
    assert_eq!(site.call(json!({ "do": "live", "app": "web" })).await, json!({ "answer": web }));
    assert_eq!(site.call(json!({ "do": "probe", "release": web, "path": "/" })).await, json!({ "answer": 200 }));
    for call in [
        json!({ "do": "prepare", "app": "docs", "artifact": artifact }),
        json!({ "do": "live", "app": "docs" }),
        json!({ "do": "previous", "app": "docs" }),
        json!({ "do": "probe", "release": docs, "path": "/" }),
        json!({ "do": "activate", "release": docs }),
    ] {
        assert_eq!(site.call(call.clone()).await["error"], "denied", "{call}");
    }
    let none = format!("sha256:{:064}", 0);
    for (call, kind) in [
        (json!({ "do": "activate", "release": "rel_01jd3v7k2mfq9x8y5t4r6s0abc" }), "not-found"),
        (json!({ "do": "activate", "release": "web" }), "not-found"),
        (json!({ "do": "prepare", "app": "web", "artifact": none }), "not-found"),
        (json!({ "do": "prepare", "app": "web", "artifact": "../../kiket.db" }), "invalid"),
        (json!({ "do": "probe", "release": web, "path": "/../../../bakery/web/" }), "invalid"),
        (json!({ "do": "probe", "release": web, "path": "http://example.com/" }), "invalid"),
    ] {
        assert_eq!(site.call(call.clone()).await["error"], kind, "{call}");
    }
    // An action that says that it changes nothing changes nothing.
    let pure = site.run("look", json!({ "call": { "do": "activate", "release": web } })).await;
    assert_eq!(pure["outputs"]["error"], "denied", "{pure:#}");

    // The same pipelines in another project.
    let other = Site::of(&world, "bakery");
    for call in [json!({ "do": "activate", "release": web }), json!({ "do": "probe", "release": web, "path": "/" })] {
        assert_eq!(other.call(call.clone()).await["error"], "not-found", "{call}");
    }
    assert_eq!(other.call(json!({ "do": "live", "app": "web" })).await, json!({ "answer": null }));
    assert_eq!(world.ok(world.get("/projects/bakery/deployments")).await["data"], json!([]));
    world.end().await;
}

#[tokio::test]
async fn an_archive_that_means_harm_is_refused_whole() {
    let world = World::start().await;
    let site = Site::begin(&world).await;
    for (archive, reason) in [
        (site::link(), "a link is in it"),
        (site::climber(), "leads out of it"),
        (b"<!doctype html>".repeat(100), "not a tar archive"),
    ] {
        let run = site.run("ship", json!({ "artifact": site.keep_archive(&archive).await })).await;
        let error = &run["stages"][0]["error"];
        assert_eq!(error["code"], "permanent", "{run:#}");
        assert!(error["message"].as_str().unwrap().contains(reason), "{error:#}");
    }
    let sites = std::fs::read_dir(world.data().join("sites")).unwrap().count();
    assert_eq!(sites, 0, "nothing of an archive stays that was refused");
    assert!(!world.data().join("sites-escaped.html").exists());
    assert_eq!(events(&world).await, [""; 0]);
    world.end().await;
}

#[tokio::test]
async fn a_deployment_that_a_crash_cuts_off_goes_on_and_makes_one_release() {
    let mut world = World::start().await;
    let site = Site::begin(&world).await;
    let v1 = site.deploy(&page("v1")).await["outputs"].clone();
    let run = site.start("ship", json!({ "artifact": site.keep(&page("v2")).await })).await;
    world.until(async || (events(&world).await.len() > 2).then_some(())).await;
    world.kill();
    world.boot();
    let site = Site::of(&world, "shop");
    let finished = site.finish(&run).await;
    assert_eq!(finished["status"], "succeeded", "{finished:#}");
    assert_eq!(finished["outputs"]["previous"], v1["release"]);
    assert_eq!(events(&world).await, ["prepared", "activated", "prepared", "activated"]);
    let listed = world.ok(world.get("/projects/shop/deployments")).await["data"][0].clone();
    assert_eq!(site.text(&listed["url"]).await, (200, "v2".to_owned()));
    world.end().await;
}

/// What has happened so far to the apps of all projects, in order.
async fn events(world: &World) -> Vec<String> {
    // A stream has no end, so it is given one.
    static ENDS: AtomicU64 = AtomicU64::new(0);
    let end = format!("END_{}", ENDS.fetch_add(1, Ordering::Relaxed));
    world.ok_empty(world.put(&format!("/projects/shop/env/{end}")).json(&json!({ "value": "" }))).await;
    let all = "/events?from=start&kinds=deployment.prepared,deployment.activated,env.set";
    let mut stream = world.get(all).send().await.expect("the server answers");
    let mut frames = Vec::new();
    let mut text = String::new();
    while !frames.iter().any(|frame: &Frame| frame.data["name"] == end.as_str()) {
        text += &String::from_utf8_lossy(&stream.chunk().await.expect("a stream").expect("it goes on"));
        frames = parse(&text);
    }
    frames.iter().filter_map(|frame| Some(frame.kind.strip_prefix("deployment.")?.to_owned())).collect()
}
