//! The real SMTP client against a server that behaves, and against those that do not.

use std::sync::Arc;
use std::time::Duration;

use kiket_host::wit::mail::{Credentials, Error, Message, Security, Server};
use kiket_host::{
    Grants, MailFailed, MailGrant, MailPermit, MailSecurity, Outbound, Placeholders, SecretGrant, SecretUse,
    mail_secrets_of,
};

use crate::outbound::Trap;
use crate::smtp::{Manners, Smtp};

fn message() -> Message {
    Message {
        sender: "Kiket <kiket@example.com>".into(),
        recipients: vec!["ada@example.com".into(), "Bo <bo@example.com>".into()],
        subject: "The build is grün".into(),
        text: "It passed.\n.\nReally.".into(),
        html: None,
        id: "run_1/tell".into(),
    }
}

fn server(host: &str, port: u16, security: Security) -> Server {
    Server { host: host.into(), port: Some(port), security, login: None }
}

fn permit(host: &str, security: MailSecurity) -> MailPermit {
    let host: kiket_host::HostPattern = host.parse().expect("a host");
    let password = SecretGrant { name: "PASSWORD".into(), uses: vec![SecretUse::Header], hosts: vec![host.clone()] };
    MailPermit {
        grant: MailGrant { host, port: None, security, from: vec![], to: vec![] },
        grants: Arc::new(Grants { secrets: vec![password], ..Grants::default() }),
        placeholders: Placeholders::new("n0nce"),
        timeout: Duration::from_secs(5),
    }
}

async fn send(trust: &Smtp, server: Server, permit: &MailPermit) -> Result<String, MailFailed> {
    let outbound = Outbound::with_tls(trust.trust.clone()).expect("a client");
    let value = |name: &str| (name == "PASSWORD").then(|| "pässword".to_owned());
    outbound.mail(server, message(), permit, &value).await
}

/// Sends the message in the clear.
async fn exchange(manners: Manners) -> (Result<String, MailFailed>, Vec<String>) {
    let smtp = Smtp::start(manners).await;
    let server = server("localhost", smtp.port, Security::None);
    let answer = send(&smtp, server, &permit("localhost", MailSecurity::None)).await;
    (answer, smtp.heard().await)
}

fn failed(error: Error) -> MailFailed {
    MailFailed { error, sent: false }
}

#[tokio::test]
async fn a_message_arrives_as_it_was_written() {
    let (answer, heard) = exchange(Manners::default()).await;
    assert_eq!(answer.expect("it is sent"), "250 2.0.0 queued as 7");
    let heard = heard.join("\n");
    assert!(heard.starts_with("EHLO [127.0.0.1]\nMAIL FROM:<kiket@example.com>\n"), "{heard}");
    assert!(heard.contains("RCPT TO:<ada@example.com>\nRCPT TO:<bo@example.com>\nDATA\n"), "{heard}");
    assert!(heard.contains("Subject: The build is =?utf-8?"), "{heard}");
    assert!(heard.contains("Message-ID: <run_1/tell@example.com>"), "{heard}");
    // The line of one dot is the text's, and does not end it.
    assert!(heard.ends_with("It passed.\n..\nReally.\n\n.\nQUIT"), "{heard}");
}

#[tokio::test]
async fn what_the_server_refuses_is_told_apart_by_its_code() {
    let refusing = |says| exchange(Manners { says, ..Manners::default() });
    let (answer, heard) = refusing(&[("RCPT TO:<bo", "550 5.1.1 no such user")]).await;
    assert_eq!(answer, Err(failed(Error::Rejected("550 5.1.1 no such user".into()))));
    assert!(!heard.contains(&"DATA".to_owned()), "{heard:?}");
    let (answer, _) = refusing(&[("MAIL", "451 4.7.1 try again later")]).await;
    assert_eq!(answer, Err(failed(Error::Unreachable("451 4.7.1 try again later".into()))));
    let (answer, _) = refusing(&[("EHLO", "nonsense")]).await;
    assert!(matches!(answer, Err(MailFailed { error: Error::Unreachable(_), sent: false })), "{answer:?}");
}

#[tokio::test]
async fn tls_is_checked_against_the_servers_name() {
    let tls = || Smtp::start(Manners { tls: true, ..Manners::default() });
    let smtp = tls().await;
    let server = |smtp: &Smtp, host| server(host, smtp.port, Security::Tls);
    send(&smtp, server(&smtp, "localhost"), &permit("localhost", MailSecurity::Tls)).await.expect("it is sent");
    assert!(smtp.heard().await.contains(&"QUIT".to_owned()));

    // The certificate is for the name, not for the address.
    let smtp = tls().await;
    let answer = send(&smtp, server(&smtp, "127.0.0.1"), &permit("127.0.0.1", MailSecurity::Tls)).await;
    assert!(matches!(answer, Err(MailFailed { error: Error::Unreachable(_), sent: false })), "{answer:?}");
    assert!(smtp.heard().await[0].starts_with("no tls"));

    // A certificate that nobody vouches for.
    let (smtp, other) = (tls().await, tls().await);
    let answer = send(&other, server(&smtp, "localhost"), &permit("localhost", MailSecurity::Tls)).await;
    assert!(matches!(answer, Err(MailFailed { error: Error::Unreachable(_), sent: false })), "{answer:?}");
    assert!(smtp.heard().await[0].starts_with("no tls"));
}

#[tokio::test]
async fn starttls_comes_before_anything_else() {
    let smtp = Smtp::start(Manners { offers: &["STARTTLS", "AUTH PLAIN"], ..Manners::default() }).await;
    let login = Credentials { user: "kiket".into(), password: Placeholders::new("n0nce").of("PASSWORD") };
    let server = Server { login: Some(login), ..server("localhost", smtp.port, Security::Starttls) };
    let permit = permit("localhost", MailSecurity::Starttls);
    assert_eq!(mail_secrets_of(&server, &permit), ["PASSWORD"]);
    send(&smtp, server, &permit).await.expect("it is sent");
    let heard = smtp.heard().await;
    assert_eq!(heard[..3], ["EHLO [127.0.0.1]", "STARTTLS", "EHLO [127.0.0.1]"]);
    // NUL, user, NUL, password, in Base64.
    assert_eq!(heard[3], "AUTH PLAIN AGtpa2V0AHDDpHNzd29yZA==");
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing() {
    let smtp = Smtp::start(Manners::default()).await;
    let server = server("localhost", smtp.port, Security::Starttls);
    let answer = send(&smtp, server, &permit("localhost", MailSecurity::Starttls)).await;
    let message = "the server does not offer STARTTLS: nothing was sent";
    assert_eq!(answer, Err(failed(Error::Rejected(message.into()))));
    assert_eq!(smtp.heard().await, ["EHLO [127.0.0.1]"]);
}

#[tokio::test]
async fn what_is_slipped_in_before_tls_is_not_believed() {
    let smtp = Smtp::start(Manners {
        offers: &["STARTTLS", "AUTH PLAIN"],
        slips_in: "250-evil\r\n250 AUTH LOGIN\r\n",
        ..Manners::default()
    })
    .await;
    let login = Credentials { user: "kiket".into(), password: "plain".into() };
    let server = Server { login: Some(login), ..server("localhost", smtp.port, Security::Starttls) };
    let answer = send(&smtp, server, &permit("localhost", MailSecurity::Starttls)).await;
    // What came with the answer to STARTTLS is forgotten; what came later is no TLS, and ends the connection.
    let heard = smtp.heard().await;
    let logged_in_as_told = heard.iter().any(|line| line == "AUTH LOGIN");
    assert!(!logged_in_as_told, "{answer:?} {heard:?}");
}

#[tokio::test]
async fn a_password_goes_to_the_servers_its_grant_names_and_to_no_other() {
    let smtp = Smtp::start(Manners::default()).await;
    let login = |name| Some(Credentials { user: "u".into(), password: Placeholders::new("n0nce").of(name) });
    let server = |name| Server { login: login(name), ..server("localhost", smtp.port, Security::None) };
    let mut permit = permit("localhost", MailSecurity::None);

    let answer = send(&smtp, server("OTHER"), &permit).await;
    assert!(matches!(&answer, Err(MailFailed { error: Error::Denied(_), .. })), "{answer:?}");
    let mut grants = Grants::clone(&permit.grants);
    grants.secrets[0].name = "NOWHERE".into();
    permit.grants = Arc::new(grants.clone());
    let answer = send(&smtp, server("NOWHERE"), &permit).await;
    let Err(MailFailed { error: Error::Denied(text), .. }) = answer else { panic!("{answer:?}") };
    assert_eq!(text, "secret `NOWHERE` has no value in this project: `kiket secret set` gives it one");
    grants.secrets[0] = SecretGrant {
        name: "PASSWORD".into(),
        uses: vec![SecretUse::Header],
        hosts: vec!["mail.example.com".parse().expect("a host")],
    };
    permit.grants = Arc::new(grants);
    let answer = send(&smtp, server("PASSWORD"), &permit).await;
    let Err(MailFailed { error: Error::Denied(text), .. }) = answer else { panic!("{answer:?}") };
    assert!(text.starts_with("secret `PASSWORD` may not be sent to localhost as `header`"), "{text}");
}

#[tokio::test]
async fn never_connects_to_an_address_that_is_not_public() {
    let trap = Trap::set();
    let trust = Smtp::start(Manners::default()).await;
    let permit = permit("*.example.com", MailSecurity::None);
    for host in ["127.0.0.1", "localhost", "2130706433", "::1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"] {
        let answer = send(&trust, server(host, trap.port(), Security::None), &permit).await;
        assert!(matches!(&answer, Err(MailFailed { error: Error::Denied(_), sent: false })), "{host}: {answer:?}");
    }
    assert_eq!(trap.connections(), 0);
}

#[tokio::test]
async fn a_server_that_says_nothing_costs_the_permitted_time() {
    let trap = Trap::set();
    let trust = Smtp::start(Manners::default()).await;
    let permit = MailPermit { timeout: Duration::from_millis(200), ..permit("localhost", MailSecurity::None) };
    let answer = send(&trust, server("localhost", trap.port(), Security::None), &permit).await;
    assert_eq!(answer, Err(failed(Error::TimedOut)));
}

#[tokio::test]
async fn a_message_without_an_answer_may_have_been_taken() {
    let (answer, heard) = exchange(Manners { leaves: true, ..Manners::default() }).await;
    assert!(matches!(answer, Err(MailFailed { error: Error::Unreachable(_), sent: true })), "{answer:?}");
    assert_eq!(heard.last().map(String::as_str), Some("."));
}
