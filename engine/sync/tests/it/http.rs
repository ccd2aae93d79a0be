//! Smart HTTP: against Git's own server, and against servers that misbehave.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use kiket_sync::{Limits, SyncError};

use crate::harness::{Copy, Origin, paths};
use crate::server::{Manners, Server};

const ADVERTISEMENT: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nContent-Length: 1000000000\r\nConnection: close\r\n\r\n";

fn fail(manners: Manners, limits: Limits) -> SyncError {
    let server = Server::start(manners);
    Copy::within(&server.url(), limits).mirror.fetch("main").unwrap_err()
}

#[test]
fn fetches_the_tip_without_its_history() {
    let origin = Origin::new();
    let old = origin.commit(&[(".kiket/a.yaml", "1")]);
    let new = origin.commit(&[(".kiket/a.yaml", "2")]);
    let server = Server::git(origin.root());
    let copy = Copy::of(&server.url());

    assert_eq!(copy.mirror.default_branch().unwrap().as_deref(), Some("main"));
    assert_eq!(copy.fetch("main"), new);
    assert!(copy.is_shallow());
    assert_eq!(copy.mirror.sources(&new).unwrap().files[0].text, "2");
    assert!(matches!(copy.mirror.sources(&old), Err(SyncError::UnknownCommit(_))));
    let host = server.url().to_string().replace("http://", "").replace("/shop.git", "");
    let requests = server.requests();
    assert!(!requests.is_empty() && requests.iter().all(|request| request.ends_with(&host)), "{requests:?}");
}

#[test]
fn follows_new_commits_and_a_forced_push_from_tip_to_tip() {
    let origin = Origin::new();
    let base = origin.commit(&[(".kiket/a.yaml", "base"), ("src/a", "1")]);
    let server = Server::git(origin.root());
    let copy = Copy::of(&server.url());
    assert_eq!(copy.fetch("main"), base);
    assert_eq!(copy.fetch("main"), base);

    origin.commit(&[("src/b", "1")]);
    let second = origin.commit(&[(".kiket/b.yaml", "second")]);
    assert_eq!(copy.fetch("main"), second);
    assert_eq!(copy.mirror.changed_paths(&base, &second).unwrap(), [".kiket/b.yaml", "src/b"]);

    origin.reset_to(Some(&base));
    let third = origin.commit(&[(".kiket/c.yaml", "third")]);
    assert_eq!(copy.fetch("main"), third);
    assert_eq!(paths(&copy.mirror.sources(&third).unwrap()), [".kiket/a.yaml", ".kiket/c.yaml"]);

    origin.switch_to("feature");
    let feature = origin.commit(&[(".kiket/f.yaml", "feature")]);
    assert_eq!(copy.fetch("feature"), feature);
    assert_eq!(copy.mirror.fetch("missing").unwrap(), None);
}

#[test]
fn brings_a_delivered_commit_by_its_id_where_the_server_allows_it() {
    let origin = Origin::new();
    let base = origin.commit(&[(".kiket/a.yaml", "base")]);
    let delivered = origin.commit(&[(".kiket/a.yaml", "delivered")]);
    origin.reset_to(Some(&base));
    let tip = origin.commit(&[(".kiket/a.yaml", "forced")]);
    origin.configure("uploadpack.allowAnySHA1InWant", "true");
    let server = Server::git(origin.root());
    let copy = Copy::of(&server.url());

    copy.mirror.fetch_commit("main", &delivered).unwrap();
    assert_eq!(copy.mirror.sources(&delivered).unwrap().files[0].text, "delivered");
    assert!(copy.is_shallow(), "the history was not needed");
    assert_eq!(copy.mirror.changed_paths(&delivered, &tip).unwrap(), [".kiket/a.yaml"]);
}

#[test]
fn brings_a_delivered_commit_with_the_history_where_it_has_to() {
    let origin = Origin::new();
    let first = origin.commit(&[(".kiket/a.yaml", "first")]);
    let delivered = origin.commit(&[(".kiket/a.yaml", "delivered")]);
    let tip = origin.commit(&[(".kiket/a.yaml", "tip")]);
    let server = Server::git(origin.root());
    let copy = Copy::of(&server.url());

    copy.mirror.fetch_commit("main", &delivered).unwrap();
    assert_eq!(copy.mirror.sources(&delivered).unwrap().files[0].text, "delivered");
    assert_eq!(copy.mirror.sources(&first).unwrap().files[0].text, "first");
    assert_eq!(copy.fetch("main"), tip);
    let unknown = "1234567890123456789012345678901234567890".parse().unwrap();
    assert!(matches!(copy.mirror.fetch_commit("main", &unknown), Err(SyncError::UnknownCommit(_))));
    let newer = origin.commit(&[(".kiket/a.yaml", "newer")]);
    assert_eq!(copy.fetch("main"), newer);
}

#[test]
fn an_empty_repository_is_nothing() {
    let origin = Origin::new();
    let server = Server::git(origin.root());
    let copy = Copy::of(&server.url());
    assert_eq!(copy.mirror.default_branch().unwrap(), None);
    assert_eq!(copy.mirror.fetch("main").unwrap(), None);
}

#[test]
fn tells_what_kind_of_no_it_got() {
    let origin = Origin::new();
    let server = Server::git(origin.root());
    let missing = server.url().to_string().replace("shop", "missing").parse().unwrap();
    let error = Copy::of(&missing).mirror.fetch("main").unwrap_err();
    assert!(matches!(error, SyncError::NotARepository { .. }), "{error:?}");

    let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 8\r\nConnection: close\r\n\r\n<p>Hello";
    let error = fail(Manners::Always(page), Limits::default());
    assert!(matches!(error, SyncError::NotARepository { .. }), "{error:?}");

    let locked =
        "HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    let error = fail(Manners::Always(locked), Limits::default());
    assert!(matches!(error, SyncError::AuthenticationRequired { .. }), "{error:?}");

    let busy = "HTTP/1.1 503 Later\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    for nonsense in ["", "HTTP/1.1 200 OK\r\n", "SSH-2.0-OpenSSH\r\n\r\n", busy] {
        let error = fail(Manners::Always(nonsense), Limits::default());
        assert!(matches!(error, SyncError::Unreachable { .. }), "{nonsense:?}: {error:?}");
    }
}

#[test]
fn follows_a_redirect_on_the_same_host() {
    let origin = Origin::new();
    let commit = origin.commit(&[(".kiket/a.yaml", "1")]);
    let server = Server::git(origin.root());
    let old = server.url().to_string().replace("/shop.git", "/moved/shop.git").parse().unwrap();
    let copy = Copy::of(&old);
    assert_eq!(copy.fetch("main"), commit);
    assert!(server.requests()[0].contains("/moved/shop.git/info/refs"));
}

#[test]
fn a_server_that_does_not_speak_tls_is_unreachable() {
    let origin = Origin::new();
    let server = Server::git(origin.root());
    let url = server.url().to_string().replace("http:", "https:").parse().unwrap();
    let error = Copy::within(&url, Limits { wall_time: Duration::from_secs(2), ..Limits::default() });
    let error = error.mirror.fetch("main").unwrap_err();
    assert!(matches!(error, SyncError::Unreachable { .. }), "{error:?}");
}

#[test]
fn nobody_at_home_is_unreachable() {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{address}/shop.git").parse().unwrap();
        let error = Copy::of(&url).mirror.fetch("main").unwrap_err();
        assert!(matches!(error, SyncError::Unreachable { .. }), "{error:?}");
        assert!(error.to_string().contains("refused"), "{error}");
    }
}

#[test]
fn does_not_follow_a_redirect_to_another_host() {
    let trap = TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let answer = format!(
        "HTTP/1.1 302 Found\r\nLocation: http://{}/shop.git/info/refs\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        trap.local_addr().unwrap()
    );
    let error = fail(Manners::Always(answer.leak()), Limits::default());
    assert!(matches!(error, SyncError::Redirected { .. }), "{error:?}");
    assert!(trap.accept().is_err(), "nobody went there");
}

#[test]
fn gives_up_on_a_server_that_stalls() {
    let limits = Limits { wall_time: Duration::from_millis(300), ..Limits::default() };
    for start in ["", ADVERTISEMENT, "HTTP/1.1 200 OK\r\n"] {
        let began = Instant::now();
        let error = fail(Manners::Stalls(start), limits.clone());
        assert!(matches!(error, SyncError::TimedOut { .. }), "{error:?}");
        assert!(began.elapsed() < Duration::from_secs(5));
    }
}

#[test]
fn gives_up_on_a_server_that_never_stops() {
    let limits = Limits { received_bytes: 1 << 20, ..Limits::default() };
    // A header line without an end, and an advertisement of references without one.
    for start in ["HTTP/1.1 200 OK\r\nX-Long: ", ADVERTISEMENT] {
        let error = fail(Manners::Endless(start), limits.clone());
        assert!(matches!(error, SyncError::TooLarge { .. } | SyncError::Unreachable { .. }), "{error:?}");
    }
}

#[test]
fn gives_up_on_a_repository_that_is_too_large() {
    let origin = Origin::new();
    let noise: String = (0..40_000_u64).map(|n| format!("{:x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    origin.commit(&[(".kiket/a.yaml", &noise)]);
    let limits = Limits { received_bytes: 64 << 10, ..Limits::default() };
    let server = Server::git(origin.root());
    for url in [server.url(), origin.url()] {
        let error = Copy::within(&url, limits.clone()).mirror.fetch("main").unwrap_err();
        assert!(matches!(error, SyncError::TooLarge { what: "received bytes", .. }), "{url}: {error:?}");
    }
}
