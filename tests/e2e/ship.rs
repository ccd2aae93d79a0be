//! The whole way of a site: from a push over the repository's own build to a page that visitors see, and back.

use serde_json::{Value as Json, json};

use crate::build::{files, with_toolchain};
use crate::world::World;

/// What a visitor of an address sees.
async fn visit(url: &Json) -> String {
    let visitor = reqwest::Client::builder().no_proxy().build().expect("a client");
    let answer = visitor.get(url.as_str().expect("an address")).send().await.expect("sites are served");
    assert_eq!(answer.status(), 200);
    answer.text().await.expect("a page")
}

/// Pushes files and returns the commit and what its stage `publish` put live.
async fn ship(world: &World, files: &[(&str, &str)]) -> (String, Json) {
    let (commit, run) = world.build(files).await;
    assert_eq!(run["status"], "succeeded", "{run:#}");
    let stages = run["stages"].as_array().expect("stages");
    let publish = stages.iter().find(|stage| stage["id"] == "publish").expect("it has a stage publish");
    (commit, publish["outputs"].clone())
}

#[tokio::test]
async fn a_push_is_built_and_put_live_and_the_page_before_it_comes_back() {
    let world = with_toolchain().await;
    world.add_project().await;
    let sample = files("site");
    let sample: Vec<(&str, &str)> = sample.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (first, one) = ship(&world, &sample).await;
    let page = visit(&one["live_url"]).await;
    assert!(page.contains("<h1>Hello</h1>") && page.contains(&format!("commit {first}")), "{page}");

    let (second, two) = ship(&world, &[("pages/index.txt", "Hello again\n\nThis page was changed.\n")]).await;
    assert_eq!((&two["live_url"], &two["previous"]), (&one["live_url"], &one["release"]));
    let page = visit(&two["live_url"]).await;
    assert!(page.contains("<h1>Hello again</h1>") && page.contains(&format!("commit {second}")), "{page}");

    let undone = world.trigger("undo").await;
    let undone = world.finish(&undone).await;
    assert_eq!(undone["outputs"], json!({ "url": one["live_url"] }), "{undone:#}");
    let page = visit(&one["live_url"]).await;
    assert!(page.contains("<h1>Hello</h1>") && page.contains(&format!("commit {first}")), "{page}");
    world.end().await;
}
