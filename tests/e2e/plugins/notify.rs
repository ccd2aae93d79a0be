//! The channels of `notify`.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value as Json, json};
use sha2::Sha256;

use super::receiver::{Receiver, Seen, says};
use super::smtp::Smtp;
use super::{error, run, stage, world};

/// What Standard Webhooks says a signature is, by its own words and another library's HMAC.
fn signature(key: &[u8], seen: &Seen) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key will do");
    let (id, timestamp) = (seen.header("webhook-id"), seen.header("webhook-timestamp"));
    mac.update(format!("{id}.{timestamp}.{}", seen.body).as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[tokio::test]
async fn a_webhook_is_signed_with_a_key_that_the_plugin_never_sees() {
    let receiver = Receiver::open(|_| says(202, "")).await;
    let secret = format!("whsec_{}", STANDARD.encode("thirty-two bytes of a signing key"));
    let grants =
        format!("notify: {{ grants: {{ {}, secrets: [{{ name: HOOK_KEY, use: [sign] }}] }} }}", receiver.grant());
    let world = world(&grants, &[("HOOK_KEY", &secret), ("OTHER", &secret)]).await;
    let tell = |more: Json| {
        let mut with = json!({ "channel": "webhook", "url": receiver.url("hook"), "text": "built" });
        with.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        json!({ "uses": "notify", "with": with })
    };
    let fields = json!({ "branch": "main", "tests": 7 });
    let (id, state) = run(
        &world,
        &[
            ("signed", tell(json!({ "signing_secret": "HOOK_KEY", "fields": fields }))),
            ("plain", tell(json!({}))),
            ("denied", tell(json!({ "signing_secret": "OTHER" }))),
        ],
    )
    .await;
    assert_eq!(stage(&state, "signed")["outputs"], json!({ "status": 202 }), "{state:#}");
    assert_eq!(stage(&state, "plain")["outputs"], json!({ "status": 202 }), "{state:#}");
    let (code, message) = error(&state, "denied");
    assert!(code == "denied" && message.contains("secret `OTHER` is not granted for `sign`"), "{message}");

    let seen = receiver.seen();
    assert_eq!(seen.len(), 2, "what is denied is not sent");
    let of =
        |stage: &str| seen.iter().find(|seen| seen.header("webhook-id") == format!("{id}/{stage}")).expect("a hook");
    let signed = of("signed");
    assert_eq!(signed.header("webhook-signature"), signature(b"thirty-two bytes of a signing key", signed));
    assert_eq!(serde_json::from_str::<Json>(&signed.body).expect("json"), json!({ "text": "built", "fields": fields }));
    assert_eq!(signed.header("content-type"), "application/json");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970").as_secs();
    let age = now.abs_diff(signed.header("webhook-timestamp").parse().expect("seconds"));
    assert!(age < 300, "{age}");
    assert_eq!(of("plain").header("webhook-signature"), "");
    world.end().await;
}

#[tokio::test]
async fn slack_has_to_say_yes_and_its_address_may_be_a_secret() {
    let receiver = Receiver::open(|seen| match seen.uri.path() {
        "/services/T0/B0/s3cr3t" => says(200, "ok"),
        "/no" => says(200, "invalid_blocks"),
        _ => says(404, "no_service"),
    })
    .await;
    let hook = receiver.url("services/T0/B0/s3cr3t");
    let grants = format!(
        "notify: {{ grants: {{ {}, secrets: [{{ name: SLACK, use: [url], hosts: [127.0.0.1] }}] }} }}",
        receiver.grant()
    );
    let world = world(&grants, &[("SLACK", &hook)]).await;
    let tell = |url: &str, blocks: Option<Json>| {
        let mut with = json!({ "channel": "slack", "url": url, "text": "*built* <https://a.example|here>" });
        blocks.into_iter().for_each(|blocks| with["blocks"] = blocks);
        json!({ "uses": "notify", "with": with })
    };
    let blocks = json!([{ "type": "section", "text": { "type": "mrkdwn", "text": "built" } }]);
    let (_, state) = run(
        &world,
        &[
            ("secret", tell("${{ secret('SLACK') }}", Some(blocks.clone()))),
            ("no", tell(&receiver.url("no"), None)),
            ("gone", tell(&receiver.url("gone"), None)),
        ],
    )
    .await;
    assert_eq!(stage(&state, "secret")["outputs"], json!({ "status": 200 }), "{state:#}");
    assert_eq!(error(&state, "no"), ("permanent", "the receiver did not take the message: invalid_blocks"));
    assert_eq!(error(&state, "gone"), ("permanent", "the other side answered 404: no_service"));
    let seen = receiver.seen();
    let sent = seen.iter().find(|seen| seen.uri.path().starts_with("/services")).expect("a message");
    let sent: Json = serde_json::from_str(&sent.body).expect("json");
    assert_eq!(sent, json!({ "text": "*built* <https://a.example|here>", "blocks": blocks }));
    assert!(!state.to_string().contains("s3cr3t"), "{state:#}");
    world.end().await;
}

#[tokio::test]
async fn an_email_arrives_with_a_password_that_the_plugin_never_sees() {
    let mut smtp = Smtp::open().await;
    let grants = format!(
        "notify: {{ grants: {{ mail: {{ servers: [{{ host: localhost, port: {}, tls: none }}], to: [\"*@example.com\"] }}, \
         secrets: [{{ name: SMTP, use: [header], hosts: [localhost] }}] }} }}",
        smtp.port
    );
    let world = world(&grants, &[("SMTP", "pa55 word")]).await;
    let port = smtp.port;
    let tell = |to: Json, subject: &str| {
        json!({ "uses": "notify", "with": {
            "channel": "email", "server": "localhost", "port": port, "security": "none",
            "user": "kiket", "password": "${{ secret('SMTP') }}",
            "from": "Kiket <kiket@example.com>", "to": to, "subject": subject,
            "text": "It passed.", "html": "<p>It passed.</p>",
        } })
    };
    let (id, state) = run(
        &world,
        &[
            ("all", tell(json!(["Ada <ada@example.com>", "bo@example.com"]), "The build")),
            ("out", tell(json!("eve@example.org"), "The build")),
            ("inject", tell(json!("ada@example.com"), "The build\r\nBcc: eve@example.org")),
        ],
    )
    .await;
    assert_eq!(stage(&state, "all")["outputs"], json!({ "answer": "250 2.0.0 queued as 7" }), "{state:#}");
    let (code, message) = error(&state, "out");
    assert!(code == "denied" && message.starts_with("`eve@example.org` may not get e-mail"), "{message}");
    let (code, message) = error(&state, "inject");
    assert!(code == "invalid_input" && message.contains("the subject holds a line break"), "{code} {message}");

    let heard = smtp.heard().await;
    assert_eq!(heard[1], format!("AUTH PLAIN {}", STANDARD.encode("\0kiket\0pa55 word")));
    assert_eq!(heard[2..5], ["MAIL FROM:<kiket@example.com>", "RCPT TO:<ada@example.com>", "RCPT TO:<bo@example.com>"]);
    let letter = heard[5..].join("\n");
    for part in [
        "Subject: The build",
        &format!("Message-ID: <{id}/all@example.com>"),
        "To: Ada <ada@example.com>, bo@example.com",
        "Content-Type: text/plain",
        "It passed.",
        "Content-Type: text/html",
        "<p>It passed.</p>",
    ] {
        assert!(letter.contains(part), "{part} is missing in\n{letter}");
    }

    let (_, state) = run(&world, &[("nobody", tell(json!("nobody@example.com"), "The build"))]).await;
    let (code, message) = error(&state, "nobody");
    assert_eq!((code, message), ("permanent", "the mail server refuses: 550 5.1.1 no such user"));
    world.end().await;
}

#[tokio::test]
async fn a_channel_wants_what_it_needs_and_nothing_of_another() {
    let world = world("", &[]).await;
    let text = "model_version: \"1.0\"\npipeline: { id: p }\nstages:
  a: { uses: notify, with: { channel: webhook, text: t } }
  b: { uses: notify, with: { channel: email, text: t, server: s, from: f, to: t, subject: s, url: 'http://a.example' } }
  c: { uses: notify, with: { channel: pigeon, text: t } }
";
    world.push(&[(".kiket/pipelines/p.yaml", text)]);
    let answer = world.ok(world.post("/projects/shop/sync")).await;
    let found = answer["revision"]["diagnostics"].to_string();
    for told in ["\\\"url\\\" is a required property", "url", "pigeon"] {
        assert!(found.contains(told), "{told} is missing in {answer:#}");
    }
    world.end().await;
}
