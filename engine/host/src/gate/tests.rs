//! What the gate says of e-mail.

use std::sync::Arc;

use super::{Gate, Refusal};
use crate::grant::{Capability, Grants, MailGrant, MailSecurity, SecretGrant, SecretUse};
use crate::invoke::Limits;
use crate::placeholder::Placeholders;
use crate::wit::mail::{Credentials, Message, Security, Server};

fn grant(host: &str) -> MailGrant {
    let host = host.parse().expect("a host");
    MailGrant { host, port: None, security: MailSecurity::Starttls, from: vec![], to: vec![] }
}

fn server(host: &str) -> Server {
    Server { host: host.into(), port: None, security: Security::Starttls, login: None }
}

fn message() -> Message {
    Message {
        sender: "kiket@example.com".into(),
        recipients: vec!["Ada <ada@example.com>".into()],
        subject: "s".into(),
        text: "t".into(),
        html: None,
        id: "i".into(),
    }
}

/// What a gate with these grants says: the grant's host, or the refusal.
fn ask(mail: Vec<MailGrant>, server: &Server, message: &Message) -> Result<String, String> {
    let password = SecretGrant { name: "PASSWORD".into(), uses: vec![SecretUse::Header], hosts: vec![] };
    let grants = Grants { mail, secrets: vec![password], ..Grants::default() };
    let mut gate = Gate::new(Arc::new(grants), Placeholders::new("n0nce"), Limits::default());
    match gate.mail(server, message).expect("the limits allow it") {
        Ok(permit) => Ok(permit.grant.host.to_string()),
        Err(Refusal::Invalid(text)) => Err(text),
        Err(Refusal::Denied(denial)) => {
            assert!(matches!(denial.capability, Capability::Mail | Capability::Secrets));
            Err(denial.message)
        }
    }
}

#[test]
fn admits_a_server_by_its_host_port_and_security() {
    let granted = || vec![grant("*.example.com"), grant("mail.example.com")];
    // The grant that lists the server exactly counts: it reaches private addresses.
    assert_eq!(ask(granted(), &server("mail.example.com"), &message()).as_deref(), Ok("mail.example.com"));
    assert_eq!(ask(granted(), &server("a.example.com"), &message()).as_deref(), Ok("*.example.com"));
    let refusal = ask(granted(), &server("mail.example.org"), &message()).expect_err("another server");
    assert_eq!(
        refusal,
        "e-mail through mail.example.org:587 (starttls) is not granted: to allow it, add \
         `mail: { servers: [{ host: \"mail.example.org\", port: 587, tls: starttls }] }` to this plugin's `grants` in \
         `.kiket/plugins.yaml`"
    );
    for other in [
        Server { port: Some(25), ..server("mail.example.com") },
        Server { security: Security::None, ..server("mail.example.com") },
        Server { security: Security::Tls, port: Some(587), ..server("mail.example.com") },
    ] {
        assert!(ask(granted(), &other, &message()).is_err(), "{other:?}");
    }
}

#[test]
fn admits_the_senders_and_recipients_that_are_listed() {
    let granted = |from: &str, to: &str| {
        let list = |text: &str| vec![text.parse().expect("a pattern")];
        vec![MailGrant { from: list(from), to: list(to), ..grant("mail.example.com") }]
    };
    let asked = |from, to| ask(granted(from, to), &server("mail.example.com"), &message());
    assert!(asked("kiket@example.com", "*@example.com").is_ok());
    let refusal = asked("bo@example.com", "*@example.com").expect_err("another sender");
    assert!(refusal.starts_with("`kiket@example.com` may not be the sender"), "{refusal}");
    let refusal = asked("kiket@example.com", "*@example.org").expect_err("another recipient");
    assert!(refusal.starts_with("`ada@example.com` may not get e-mail"), "{refusal}");
    let strange = Message { recipients: vec!["a@example.com, b@example.org".into()], ..message() };
    let refusal = ask(vec![grant("mail.example.com")], &server("mail.example.com"), &strange).expect_err("two");
    assert!(refusal.contains("is not an address"), "{refusal}");
}

#[test]
fn lets_a_secret_stand_in_the_password_only() {
    let secret = Placeholders::new("n0nce").of("PASSWORD");
    let login = |user: &str, password: &str| Server {
        login: Some(Credentials { user: user.into(), password: password.into() }),
        ..server("mail.example.com")
    };
    let asked = |server, message: &Message| ask(vec![grant("mail.example.com")], &server, message);
    assert!(asked(login("kiket", &secret), &message()).is_ok());
    let nowhere_else = Err("a secret may stand in the password of an e-mail and nowhere else".to_owned());
    assert_eq!(asked(login(&secret, "p"), &message()), nowhere_else);
    assert_eq!(asked(server("mail.example.com"), &Message { text: secret.clone(), ..message() }), nowhere_else);
    assert_eq!(asked(server("mail.example.com"), &Message { html: Some(secret), ..message() }), nowhere_else);
    let other = Placeholders::new("n0nce").of("OTHER");
    let refusal = asked(login("kiket", &other), &message()).expect_err("another secret");
    assert!(refusal.starts_with("secret `OTHER` is not granted for `header`"), "{refusal}");
}
