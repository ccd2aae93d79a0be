//! Requests of guests to where nobody may go. A trap listens on every address of this machine that it can; no vector
//! may reach it, and the ones that a grant admits do, so that it is known to work.

mod client;
mod trap;
mod vectors;

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use kiket_host::{Digest, Grants, Host, HostCalls, HttpGrant, Scheme};

use crate::guest::{following, sending};
use crate::harness::{Answer, Recorder, call, host, load, perform};
use trap::{Liar, Trap};
use vectors::{DISGUISES, EXACT, LITERALS, NAMES, SMUGGLED, Vector};

/// As much as a careless project would grant.
fn grants(port: u16) -> Arc<Grants> {
    let grant = |host: &str| HttpGrant {
        scheme: Scheme::Http,
        host: host.parse().expect("a host"),
        port: Some(port),
        methods: vec![],
    };
    let exact = ["exact.example", "flipping.test"].into_iter().chain(EXACT.iter().map(|(name, _)| *name));
    Arc::new(Grants { http: ["*.example"].into_iter().chain(exact).map(grant).collect(), ..Grants::default() })
}

/// What a guest's request comes to: `ok`, or the code of its failure.
async fn send(host: &Host, guest: Digest, trap: &Trap, liar: &Liar, vector: &Vector) -> String {
    let mut call = call(guest);
    call.action = vector.method.into();
    call.input = trap.fill(vector.url);
    call.env = vector.field.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    call.grants = grants(trap.port);
    call.limits.http_timeout = Duration::from_millis(500);
    let calls = Recorder::answering(Answer::Really(liar.outbound.clone()));
    match perform(host, call, calls as Arc<dyn HostCalls>).await {
        Ok(_) => "ok".to_owned(),
        Err(error) => error.code().to_owned(),
    }
}

/// All of them, those of names included.
fn all() -> Vec<Vector> {
    let urls = NAMES.iter().chain(&EXACT).map(|(name, _)| format!("http://{name}:{{port}}/"));
    let names = urls.map(|url| Vector { method: "GET", url: url.leak(), field: None, ends: "denied" });
    LITERALS.into_iter().chain(DISGUISES).chain(SMUGGLED).chain(names).collect()
}

#[tokio::test]
async fn no_request_of_a_guest_reaches_what_nobody_granted() {
    let (trap, host) = (Trap::set(), host());
    let liar = Liar::new(trap.own);
    let guest = load(&host, &sending()).await;
    let vectors = all();
    assert!(vectors.len() >= 60);
    for vector in &vectors {
        let found = send(&host, guest, &trap, &liar, vector).await;
        assert_eq!(found, vector.ends, "{} {:?} {:?}", vector.method, vector.url, vector.field);
        assert_eq!(trap.connections(), 0, "{:?}", vector.url);
    }
    println!("{} vectors on {} listeners: 0 connections", vectors.len(), trap.listeners.len());
}

#[tokio::test]
async fn the_trap_works_and_so_does_an_exact_grant() {
    let (trap, host) = (Trap::set(), host());
    for listener in &trap.listeners {
        TcpStream::connect(listener.local_addr().expect("an address")).expect("somebody listens");
    }
    assert_eq!(trap.connections(), trap.listeners.len());

    let liar = Liar::new(trap.own);
    let guest = load(&host, &sending()).await;
    // The path looks like another request; it stays a path.
    let url = "http://exact.example:{port}/http://127.0.0.1:1/?a=b";
    let answered = trap.answer();
    let vector = Vector { method: "GET", url, field: Some(("x-a", "b")), ends: "ok" };
    assert_eq!(send(&host, guest, &trap, &liar, &vector).await, "ok");
    let head = answered.await.expect("answered");
    assert!(head.starts_with("GET /http://127.0.0.1:1/?a=b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains(&trap.fill("\r\nhost: exact.example:{port}\r\n")), "{head}");
    assert_eq!(trap.connections(), 0, "there was one");
}

#[tokio::test]
async fn the_address_that_was_checked_is_the_address_that_is_called() {
    let (trap, host) = (Trap::set(), host());
    let liar = Liar::new(trap.own);
    let guest = load(&host, &sending()).await;
    let vector = Vector { method: "GET", url: "http://rebinding.example:{port}/", field: None, ends: "" };
    // A public address first: nobody is there. The resolver is asked once, so it has no second answer to give.
    let first = send(&host, guest, &trap, &liar, &vector).await;
    assert!(matches!(first.as_str(), "permanent" | "transient"), "{first}");
    assert_eq!(liar.times("rebinding.example"), 1);
    // Then another one, which the next request is held to.
    let second = send(&host, guest, &trap, &liar, &vector).await;
    assert_eq!((second.as_str(), liar.times("rebinding.example")), ("denied", 2));
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn a_name_whose_address_turns_bad_is_refused_though_it_was_good_before() {
    let (trap, host) = (Trap::set(), host());
    let liar = Liar::new(trap.own);
    let guest = load(&host, &sending()).await;
    let vector = Vector { method: "GET", url: "http://flipping.test:{port}/", field: None, ends: "" };
    let answered = trap.answer();
    assert_eq!(send(&host, guest, &trap, &liar, &vector).await, "ok");
    answered.await.expect("answered");
    // The trap has closed the connection: the next one is new, and a new look at the address.
    let sent = send(&host, guest, &trap, &liar, &vector).await;
    assert_eq!((sent.as_str(), liar.times("flipping.test")), ("denied", 2));
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_a_guest_that_follows_is_checked_again() {
    let (trap, host) = (Trap::set(), host());
    let (sender, follower) = (load(&host, &sending()).await, load(&host, &following()).await);
    for location in ["http://127.0.0.1:{port}/", "http://169.254.169.254/", "http://loopback.example:{port}/"] {
        let location = trap.fill(location);
        let redirect = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        // An empty body is no output: the first guest ends there, with nothing followed.
        for (guest, ends) in [(sender, "invalid_output"), (follower, "denied")] {
            let server = crate::outbound::Trap::set();
            let mut call = call(guest);
            call.action = "GET".into();
            call.input = format!("http://exact.example:{}/", server.port());
            call.env.clear();
            let mut granted = Grants::clone(&grants(trap.port));
            granted.http.extend(grants(server.port()).http.iter().filter(|grant| grant.host.is_exact()).cloned());
            call.grants = Arc::new(granted);
            let calls = Recorder::answering(Answer::Really(Liar::new(trap.own).outbound));
            let served = tokio::spawn(crate::outbound::answer_once(server, redirect.clone()));
            let result = perform(&host, call, calls as Arc<dyn HostCalls>).await;
            assert_eq!(result.expect_err("no output").code(), ends, "{location}");
            served.await.expect("the redirect was served");
            assert_eq!(trap.connections(), 0, "{location}");
        }
    }
}
