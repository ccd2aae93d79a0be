//! The listener of sites as HTTP clients meet it: what they may keep, what they may ask for in parts, and what they
//! never get.

use reqwest::{Method, Response, StatusCode};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::site::{Site, page};
use crate::world::World;

const FILES: [(&str, &str); 7] = [
    ("index.html", "home"),
    ("docs/index.html", "docs"),
    ("app.js", "let answer = 42;"),
    ("größe.txt", "0123456789"),
    (".env", "PASSWORD=1"),
    (".git/config", "[core]"),
    ("404.html", "lost"),
];

fn head<'r>(answer: &'r Response, name: &str) -> &'r str {
    answer.headers().get(name).map_or("", |value| value.to_str().expect("plain"))
}

#[tokio::test]
async fn answers_say_what_they_are_and_how_long_they_may_be_kept() {
    let world = World::start().await;
    let site = Site::begin(&world).await;
    let outputs = site.deploy(&FILES).await["outputs"].clone();
    let live = outputs["live_url"].as_str().unwrap().to_owned();
    let own = outputs["url"].as_str().unwrap().to_owned();
    let ask = async |method: Method, url: &str, headers: &[(&str, &str)]| {
        let mut request = site.visitor().request(method, url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    };

    let home = ask(Method::GET, &live, &[]).await;
    assert_eq!(head(&home, "content-type"), "text/html; charset=utf-8");
    assert_eq!((head(&home, "cache-control"), head(&home, "content-length")), ("no-cache", "4"));
    assert_eq!((head(&home, "x-content-type-options"), head(&home, "last-modified")), ("nosniff", ""));
    let tag = head(&home, "etag").to_owned();
    assert_eq!(head(&home, "kiket-release"), outputs["release"].as_str().unwrap());
    let kept = ask(Method::GET, &format!("{own}app.js"), &[]).await;
    assert_eq!(head(&kept, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(head(&kept, "content-type"), "text/javascript; charset=utf-8");

    // What the client has already (RFC 9110, section 13).
    for (list, status) in
        [(tag.clone(), 304), (format!("\"x\", W/{tag}"), 304), ("*".to_owned(), 304), ("\"x\"".to_owned(), 200)]
    {
        let answer = ask(Method::GET, &live, &[("if-none-match", &list)]).await;
        assert_eq!((answer.status().as_u16(), head(&answer, "etag")), (status, tag.as_str()), "{list}");
    }
    let later = [("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")];
    assert_eq!(ask(Method::GET, &live, &later).await.status(), 200);
    assert_eq!(ask(Method::GET, &live, &[("if-match", "\"x\"")]).await.status(), 412);

    // Parts.
    let text = format!("{live}gr%C3%B6%C3%9Fe.txt");
    for (headers, status, body) in [
        (vec![("range", "bytes=2-4")], 206, "234"),
        (vec![("range", "bytes=-3")], 206, "789"),
        (vec![("range", "bytes=20-")], 416, ""),
        (vec![("range", "bytes=0-1,4-5")], 200, "0123456789"),
        (vec![("range", "bytes=2-4"), ("if-range", tag.as_str())], 206, "234"),
        (vec![("range", "bytes=2-4"), ("if-range", "\"another release\"")], 200, "0123456789"),
    ] {
        let answer = ask(Method::GET, &text, &headers).await;
        assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().as_str()), (status, body), "{headers:?}");
    }
    let only = ask(Method::HEAD, &text, &[]).await;
    assert_eq!((only.status(), head(&only, "content-length")), (StatusCode::OK, "10"));
    assert_eq!(only.text().await.unwrap(), "");

    for method in [Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        let answer = ask(method, &live, &[]).await;
        assert_eq!((answer.status(), head(&answer, "allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
    }
    for (path, to) in [("docs", "/shop/web/docs/"), ("docs?a=b", "/shop/web/docs/?a=b")] {
        let answer = ask(Method::GET, &format!("{live}{path}"), &[]).await;
        assert_eq!((answer.status().as_u16(), head(&answer, "location")), (307, to));
    }
    let answer = ask(Method::GET, live.trim_end_matches('/'), &[]).await;
    assert_eq!((answer.status().as_u16(), head(&answer, "location")), (307, "/shop/web/"));
    let lost = ask(Method::GET, &format!("{live}none"), &[("if-none-match", &tag), ("range", "bytes=0-1")]).await;
    assert_eq!((lost.status(), head(&lost, "etag"), head(&lost, "cache-control")), (StatusCode::NOT_FOUND, "", ""));
    assert_eq!(lost.text().await.unwrap(), "lost");
    world.end().await;
}

#[tokio::test]
async fn hostile_addresses_lead_nowhere() {
    let world = World::start().await;
    let site = Site::begin(&world).await;
    let live = site.deploy(&FILES).await["outputs"]["live_url"].as_str().unwrap().to_owned();
    let docs = site.run("docs", json!({ "artifact": site.keep(&page("docs")).await })).await["outputs"].clone();
    let docs = docs["release"].as_str().unwrap();
    let host = live.trim_start_matches("http://").split('/').next().unwrap().to_owned();

    for path in ["/shop/web/", "/shop/web/index.html", "/shop/web/%69ndex.html", "http://x/shop/web/index.html"] {
        assert_eq!(raw(&host, path).await, (200, "home".to_owned()), "{path}");
    }
    let foreign = format!("/shop/web/~{docs}/");
    for (path, body) in [
        ("/shop/web/.env", "lost"),
        ("/shop/web/%2eenv", "lost"),
        ("/shop/web/.git/config", "lost"),
        ("/shop/web/..", "lost"),
        ("/shop/web/../docs/", "lost"),
        ("/shop/web/%2e%2e/docs/", "lost"),
        ("/shop/web/..%2f..%2f..%2fkiket.db", "lost"),
        ("/shop/web/%2e%2e%2f%2e%2e%2fkiket.db", "lost"),
        ("/shop/web/%252e%252e/%252e%252e/kiket.db", "lost"),
        ("/shop/web/....//....//kiket.db", "lost"),
        ("/shop/web/..%5c..%5ckiket.db", "lost"),
        ("/shop/web//etc/passwd", "lost"),
        ("/shop/web/%2fetc%2fpasswd", "lost"),
        ("/shop/web/index.html%00.txt", "lost"),
        ("/shop/web/index.html/", "lost"),
        ("/shop/web/%ff", "lost"),
        ("/shop/web//evil.example/..", "lost"),
        // A release is found at the app that it is one of, and nowhere else.
        (foreign.as_str(), "there is nothing at this address\n"),
        ("/shop/web/~rel_01jd3v7k2mfq9x8y5t4r6s0abc/", "there is nothing at this address\n"),
        ("/shop/web/~rel_/", "there is nothing at this address\n"),
        ("/shop/..", "there is nothing at this address\n"),
        ("/../shop/web/", "there is nothing at this address\n"),
        ("/shop%2fweb/", "there is nothing at this address\n"),
        ("/bakery/web/", "there is nothing at this address\n"),
        ("//shop/web/", "there is nothing at this address\n"),
        ("/", "there is nothing at this address\n"),
        // The API is somewhere else.
        ("/api/v1/projects", "there is nothing at this address\n"),
        ("/up", "there is nothing at this address\n"),
    ] {
        assert_eq!(raw(&host, path).await, (404, body.to_owned()), "{path}");
    }
    // A folder is never listed.
    let bare = site.deploy(&[("index.html", "home"), ("files/a.txt", "a")]).await["outputs"].clone();
    let files = format!("{}files/", bare["live_url"].as_str().unwrap());
    assert_eq!(site.text(&json!(files)).await, (404, "there is nothing at this address\n".to_owned()));
    assert!(!world.data().join("sites").read_dir().unwrap().any(|site| site.unwrap().path().join(".env").exists()));
    world.end().await;
}

#[tokio::test]
async fn where_no_sites_are_served_nothing_is_deployed() {
    let mut world = World::start().await;
    let v1 = Site::begin(&world).await.deploy(&page("v1")).await["outputs"].clone();
    world.kill();
    world.set_environment("KIKET_SITES_LISTEN", "off");
    world.boot();
    let site = Site::of(&world, "shop");
    let refused = site.deploy(&page("v2")).await;
    let message = refused["stages"][0]["error"]["message"].as_str().unwrap();
    assert!(message.contains("no sites are served here"), "{refused:#}");
    assert!(site.visitor().get(v1["live_url"].as_str().unwrap()).send().await.is_err());
    let listed = world.ok(world.get("/projects/shop/deployments")).await["data"][0].clone();
    assert_eq!((&listed["live"]["release"], &listed["url"]), (&v1["release"], &json!(null)));
    world.end().await;
}

/// Sends a path as it is, which no client would.
async fn raw(host: &str, path: &str) -> (u16, String) {
    let mut connection = TcpStream::connect(host).await.expect("the sites are served");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).await.expect("a request");
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.expect("an answer");
    let answer = String::from_utf8(answer).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, body.to_owned())
}

#[tokio::test]
async fn an_app_may_have_a_host_of_its_own() {
    let environment = [("KIKET_SITES_URL", "https://{app}.{project}.sites.example.com")];
    let world = World::start_with(&environment).await;
    let site = Site::begin(&world).await;
    let outputs = site.deploy(&FILES).await["outputs"].clone();
    assert_eq!(outputs["live_url"], "https://web.shop.sites.example.com/");
    assert_eq!(
        outputs["url"].as_str().unwrap(),
        format!("https://web.shop.sites.example.com/~{}/", outputs["release"].as_str().unwrap())
    );
    world.end().await;
}
