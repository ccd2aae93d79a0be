//! The table of what grants cover.

use super::*;

/// `scheme host[:port] [METHOD …]`, the way a person would say it.
fn grant(text: &str) -> HttpGrant {
    let mut words = text.split(' ');
    let scheme = match words.next() {
        Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        other => panic!("scheme {other:?} in {text}"),
    };
    let place = words.next().expect("a host");
    let (host, port) = match place.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => (host, Some(port.parse().expect("a port"))),
        _ => (place, None),
    };
    HttpGrant { scheme, host: host.parse().expect("a pattern"), port, methods: words.map(str::to_owned).collect() }
}

fn cover(grants: &[&str], method: &str, url: &str) -> Option<bool> {
    let grants = Grants { http: grants.iter().map(|text| grant(text)).collect(), ..Grants::default() };
    let target = Target::parse(method, url).expect("a target");
    grants.cover(&target).map(|covered| covered.exactly)
}

#[test]
fn covers_what_is_granted_and_nothing_else() {
    const EXACTLY: Option<bool> = Some(true);
    const BELOW: Option<bool> = Some(false);
    const NO: Option<bool> = None;
    let one = "https hooks.example.com";
    let below = "https *.example.com";
    for (granted, method, url, expected) in [
        (one, "POST", "https://hooks.example.com/x", EXACTLY),
        (one, "POST", "https://HOOKS.example.com:443/x", EXACTLY),
        (one, "POST", "http://hooks.example.com/x", NO),
        (one, "POST", "http://hooks.example.com:443/x", NO),
        (one, "POST", "https://hooks.example.com:8443/x", NO),
        (one, "POST", "https://example.com/x", NO),
        (one, "POST", "https://a.hooks.example.com/x", NO),
        (one, "POST", "https://hooks.example.com.evil.example/x", NO),
        (one, "POST", "https://evil.example/hooks.example.com", NO),
        (one, "POST", "https://evilhooks.example.com/", NO),
        (below, "GET", "https://a.example.com/", BELOW),
        (below, "GET", "https://a.b.example.com/", BELOW),
        (below, "GET", "https://example.com/", NO),
        (below, "GET", "https://evilexample.com/", NO),
        (below, "GET", "https://a.example.com.evil.example/", NO),
        ("https *.0.0.1.example", "GET", "https://127.0.0.1/", NO),
        ("http 127.0.0.1:9000", "GET", "http://127.0.0.1:9000/", EXACTLY),
        ("http 127.0.0.1:9000", "GET", "http://127.1:9000/", EXACTLY),
        ("http 127.0.0.1:9000", "GET", "http://127.0.0.1/", NO),
        ("http 127.0.0.1", "GET", "http://localhost/", NO),
        ("http localhost", "GET", "http://127.0.0.1/", NO),
        ("http [::1]:80", "GET", "http://[::1]/", EXACTLY),
        ("http ::1", "GET", "http://[0:0:0:0:0:0:0:1]/", EXACTLY),
        ("http ::1", "GET", "http://[::ffff:127.0.0.1]/", NO),
        ("https a.example GET HEAD", "HEAD", "https://a.example/", EXACTLY),
        ("https a.example GET HEAD", "POST", "https://a.example/", NO),
        ("https bücher.example", "GET", "https://xn--bcher-kva.example/", EXACTLY),
        ("https example.com", "GET", "https://exаmple.com/", NO), // a Cyrillic letter
    ] {
        assert_eq!(cover(&[granted], method, url), expected, "{granted} | {method} {url}");
    }
}

#[test]
fn covers_nothing_without_a_grant() {
    assert_eq!(cover(&[], "GET", "https://example.com/"), None);
}

#[test]
fn counts_a_host_as_listed_exactly_if_any_covering_grant_does() {
    let grants = ["https *.example.com", "https a.example.com GET"];
    assert_eq!(cover(&grants, "GET", "https://a.example.com/"), Some(true));
    assert_eq!(cover(&grants, "PUT", "https://a.example.com/"), Some(false));
}

#[test]
fn refuses_patterns_that_say_less_than_they_seem_to() {
    for text in [
        "",
        "*",
        "*.",
        "**.example.com",
        "a.*.example.com",
        "*example.com",
        "*..example.com",
        "*.127.0.0.1",
        "*.[::1]",
        "example.com.",
        "*.example.com.",
        "a b",
        "a/b",
        "a:80",
        "u@a",
        "http://a",
    ] {
        assert!(text.parse::<HostPattern>().is_err(), "{text:?}");
    }
}

#[test]
fn reads_grants_as_they_are_written() {
    let text = r#"{"http":[{"scheme":"https","host":"*.example.com","port":8443,"methods":["GET"]}]}"#;
    let grants: Grants = serde_json::from_str(text).expect("grants");
    let written = serde_json::to_string(&grants).expect("text");
    assert_eq!(serde_json::from_str::<Grants>(&written).expect("grants"), grants);
    let misspelt = r#"{"http":[{"scheme":"https","host":"a.example","method":["GET"]}]}"#;
    assert!(serde_json::from_str::<Grants>(misspelt).is_err());
}
