//! The same requests, and more, at the client itself: it refuses them without the gate before it.

use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use kiket_host::wit::http::{Error as HttpError, Request};
use kiket_host::wit::mail::{Error as MailError, Message, Security, Server};
use kiket_host::{
    Grants, HostPattern, HttpGrant, HttpPermit, MailGrant, MailPermit, MailSecurity, Outbound, Placeholders, Scheme,
    SecretGrant, SecretUse,
};

use super::trap::{Liar, Trap};
use super::vectors::{EXACT, NAMES};
use super::{all, grants};

/// What reaches the client from a guest with those grants.
fn permit(grants: Arc<Grants>) -> HttpPermit {
    let (placeholders, timeout) = (Placeholders::new("n0nce"), Duration::from_millis(500));
    HttpPermit { grants, placeholders, response_bytes: 1000, timeout }
}

fn get(url: String, headers: Vec<(String, String)>) -> Request {
    Request { method: "GET".into(), url, headers, body: vec![], timeout_ms: None }
}

#[tokio::test]
async fn past_the_gate_the_client_refuses_them_all_the_same() {
    let trap = Trap::set();
    let liar = Liar::new(trap.own);
    for vector in all() {
        let headers = vector.field.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let url = trap.fill(vector.url);
        let request = Request { method: vector.method.into(), ..get(url.clone(), headers) };
        let answer = liar.outbound.send(request, &permit(grants(trap.port)), &|_| None).await;
        assert!(answer.is_err_and(|failed| !failed.sent), "{url}");
        assert_eq!(trap.connections(), 0, "{url}");
    }
}

#[tokio::test]
async fn a_secret_that_is_put_in_leads_nowhere_else() {
    let trap = Trap::set();
    let liar = Liar::new(trap.own);
    let mut granted = Grants::clone(&grants(trap.port));
    granted.secrets = vec![SecretGrant {
        name: "PLACE".into(),
        uses: vec![SecretUse::Url, SecretUse::Header],
        hosts: ["*.example", "exact.example"].map(|host| host.parse().expect("a host")).to_vec(),
    }];
    let permit = permit(Arc::new(granted));
    let place = permit.placeholders.of("PLACE");
    let urls = [format!("http://{place}"), format!("http://{place}.exact.example:{}/", trap.port)];
    for value in [
        "127.0.0.1:{port}/",
        "127.0.0.1:{port}/?",
        "127.0.0.1:{port}#",
        "exact.example:{port}@127.0.0.1:{port}/",
        "127.0.0.1:{port}\\@exact.example",
        "loopback.example:{port}/",
        "metadata.example:{port}/",
    ] {
        for url in &urls {
            let tell = |name: &str| (name == "PLACE").then(|| trap.fill(value));
            let answer = liar.outbound.send(get(url.clone(), vec![]), &permit, &tell).await;
            assert!(answer.is_err_and(|failed| !failed.sent), "{value}");
            assert_eq!(trap.connections(), 0, "{value}");
        }
    }
    // In a field, it ends no line.
    let field = ("x".to_owned(), place);
    let request = get(trap.fill("http://exact.example:{port}/"), vec![field]);
    let answer = liar.outbound.send(request, &permit, &|_| Some("a\r\nhost: 127.0.0.1".to_owned())).await;
    assert!(answer.is_err_and(|failed| matches!(failed.error, HttpError::InvalidRequest(_))));
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn no_mail_goes_where_no_request_may() {
    let trap = Trap::set();
    let liar = Liar::new(trap.own);
    let message = Message {
        sender: "a@example.com".into(),
        recipients: vec!["b@example.com".into()],
        subject: "s".into(),
        text: "t".into(),
        html: None,
        id: "i".into(),
    };
    let below = NAMES.iter().map(|(name, _)| (*name, "*.example"));
    let exactly = EXACT.iter().map(|(name, _)| (*name, *name));
    for (name, pattern) in below.chain(exactly) {
        let host: HostPattern = pattern.parse().expect("a host");
        let grant = MailGrant { host, port: Some(trap.port), security: MailSecurity::None, from: vec![], to: vec![] };
        let HttpPermit { grants, placeholders, timeout, .. } = permit(Arc::default());
        let permit = MailPermit { grant, grants, placeholders, timeout };
        let server = Server { host: name.into(), port: Some(trap.port), security: Security::None, login: None };
        let answer = liar.outbound.mail(server, message.clone(), &permit, &|_| None).await;
        assert!(answer.is_err_and(|failed| matches!(failed.error, MailError::Denied(_))), "{name}");
        assert_eq!(trap.connections(), 0, "{name}");
    }
}

/// Told to the process below, where the trap is.
const PROXY: &str = "KIKET_TEST_PROXY";

#[tokio::test]
async fn proxies_of_the_environment_are_not_asked() {
    let name = "ssrf::client::proxies_of_the_environment_are_not_asked";
    if std::env::var_os(PROXY).is_some() {
        // This is the process that was told of a proxy: it calls where nobody listens.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let grant = HttpGrant {
            scheme: Scheme::Http,
            host: "127.0.0.1".parse().expect("a host"),
            port: Some(port),
            methods: vec![],
        };
        let permit = permit(Arc::new(Grants { http: vec![grant], ..Grants::default() }));
        let request = get(format!("http://127.0.0.1:{port}/"), vec![]);
        let answer = Outbound::new().expect("a client").send(request, &permit, &|_| None).await;
        assert!(matches!(&answer, Err(failed) if matches!(failed.error, HttpError::Unreachable(_))), "{answer:?}");
        return;
    }
    let trap = Trap::set();
    let proxy = trap.fill("http://127.0.0.1:{port}");
    let mut again = Command::new(std::env::current_exe().expect("this test"));
    again.args(["--exact", name]).env(PROXY, "1").env_remove("NO_PROXY").env_remove("no_proxy");
    for variable in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(variable, &proxy);
    }
    let output = again.output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(trap.connections(), 0);
}
