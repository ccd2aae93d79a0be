//! W10: from the webhook of a push to the active revision, with 1,000 definitions of which one changed.

use std::time::Instant;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Method;
use serde_json::json;
use sha2::Sha256;

use crate::check::{pipeline, workflow};
use crate::machine::times;
use crate::server::{SECRET, Server};

const PUSHES: usize = 20;

pub(crate) async fn measure() {
    let mut files = Vec::new();
    for index in 0..500 {
        files.push((format!("pipelines/p{index}.yaml"), pipeline(&format!("p{index}"))));
        files.push((format!("workflows/w{index}.yaml"), workflow(&format!("w{index}"))));
    }
    let server = Server::start_with(&files).await;
    let path = "/projects/shop/events?kinds=revision.*&from=now";
    let mut events = server.request(Method::GET, path).send().await.expect("the server answers");
    let mut figures = Vec::new();
    for push in 0..PUSHES {
        let changed = pipeline("p0").replace("1 + 0", &format!("1 + {push}00"));
        let commit = server.commit(&[("pipelines/p0.yaml".to_owned(), changed)]);
        let body = json!({"ref": "refs/heads/main", "after": commit, "pusher": {"name": "ada"}}).to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key will do");
        mac.update(body.as_bytes());
        let signature = format!("sha256={}", hex::encode(mac.finalize().into_bytes()));
        let hook = server.bare(Method::POST, "/hooks/shop").header("X-GitHub-Event", "push");
        let hook = hook.header("X-GitHub-Delivery", &commit).header("X-Hub-Signature-256", signature);
        let start = Instant::now();
        assert_eq!(hook.body(body).send().await.expect("the server answers").status(), 202);
        let mut text = String::new();
        while !text.contains("event: revision.published") || !text.ends_with("\n\n") {
            assert!(!text.contains("revision.rejected"), "{text}");
            text +=
                &String::from_utf8_lossy(&events.chunk().await.expect("the stream goes on").expect("it does not end"));
        }
        figures.push(start.elapsed());
    }
    // The first one reads everything for the first time.
    figures.remove(0);
    println!("W10 push to active, 1,000 definitions, 1 changed, {} pushes: {}", figures.len(), times(&figures));
}
