//! Deliveries as the forges sign and write them.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;

use super::*;

const NOW: Duration = Duration::from_secs(1_800_000_000);

fn headers(pairs: &[(&str, &str)]) -> HeaderMap {
    let header =
        |(name, value): &(&str, &str)| (HeaderName::try_from(*name).unwrap(), HeaderValue::from_str(value).unwrap());
    pairs.iter().map(header).collect()
}

fn mac(key: &[u8], body: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(body);
    mac.finalize().into_bytes().to_vec()
}

fn opened(pairs: &[(&str, &str)], body: &[u8], secret: &str) -> Result<(Forge, String, String), Refused> {
    open(&headers(pairs), body, secret, NOW).map(|envelope| (envelope.forge, envelope.id, envelope.event))
}

#[test]
fn takes_githubs_own_example_and_nothing_near_it() {
    // The example of GitHub's documentation on validating deliveries.
    let (secret, body) = ("It's a Secret to Everybody", b"Hello, World!");
    let good = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let sent = |signature: &str, body: &[u8], secret: &str| {
        let headers = [("x-hub-signature-256", signature), ("x-github-delivery", "1"), ("x-github-event", "push")];
        opened(&headers, body, secret)
    };
    assert_eq!(sent(good, body, secret), Ok((Forge::GitHub, "1".into(), "push".into())));
    assert!(sent(good, b"Hello, World?", secret).is_err());
    assert!(sent(good, body, "another secret").is_err());
    assert!(sent(good, body, "").is_err());
    for bad in ["", "sha256=", "sha1=757107", &good[7..], &good[..good.len() - 2], &good.replace('7', "8"), "sha256=zz"]
    {
        assert!(matches!(sent(bad, body, secret), Err(Refused::NotGenuine(_))), "{bad}");
    }
}

#[test]
fn knows_each_forge_by_its_own_signature_and_takes_no_weaker_one_in_its_place() {
    let (secret, body) = ("a secret for webhooks", b"{}");
    let hex = hex::encode(mac(secret.as_bytes(), body));
    let hub = format!("sha256={hex}");
    let wrong = hex.replace(['0', '1', '2'], "3");
    // Forgejo and Gitea send the headers of those before them as well.
    let gitea = [("x-gitea-signature", &*hex), ("x-gitea-delivery", "2"), ("x-gitea-event", "push")];
    let github = [("x-hub-signature-256", &*hub), ("x-github-delivery", "1"), ("x-github-event", "push")];
    let forgejo = [("x-forgejo-signature", &*hex), ("x-forgejo-delivery", "3"), ("x-forgejo-event", "push")];
    let all = [&forgejo[..], &gitea, &github].concat();
    assert_eq!(opened(&all, body, secret), Ok((Forge::Forgejo, "3".into(), "push".into())));
    assert_eq!(opened(&[&gitea[..], &github].concat(), body, secret).unwrap().0, Forge::Gitea);
    let forged = [&[("x-forgejo-signature", &*wrong)], &all[1..]].concat();
    assert!(matches!(opened(&forged, body, secret), Err(Refused::NotGenuine(_))));
    assert!(matches!(opened(&gitea[..1], body, secret), Err(Refused::Headers(..))));
    assert!(matches!(opened(&[], body, secret), Err(Refused::NotGenuine(_))));
}

#[test]
fn takes_gitlabs_token_and_its_signatures_within_five_minutes() {
    let body = b"{}";
    let event = [("x-gitlab-event", "Push Hook"), ("idempotency-key", "abc")];
    let with_token = |token| [&event[..], &[("x-gitlab-token", token)]].concat();
    let known = Ok((Forge::GitLab, "abc".to_owned(), "Push Hook".to_owned()));
    assert_eq!(opened(&with_token("a token"), body, "a token"), known);
    assert!(opened(&with_token("a tokem"), body, "a token").is_err());
    assert!(opened(&with_token(""), body, "").is_err());

    let key = [7_u8; 32];
    let secret = format!("whsec_{}", STANDARD.encode(key));
    let signed = |at: u64| {
        let text = [b"m1.", at.to_string().as_bytes(), b".{}"].concat();
        (at.to_string(), format!("v1,AAAA v1,{}", STANDARD.encode(mac(&key, &text))))
    };
    let sent = |at: &str, signature: &str, secret: &str| {
        let more = [("webhook-id", "m1"), ("webhook-timestamp", at), ("webhook-signature", signature)];
        opened(&[&event[..], &more, &[("x-gitlab-token", "a token")]].concat(), body, secret)
    };
    let (at, signature) = signed(NOW.as_secs() - 299);
    assert_eq!(sent(&at, &signature, &secret), known);
    assert!(sent(&at, &signature, "whsec_!").is_err());
    assert!(sent(&at, "v1,AAAA", "a token").is_err(), "the token is no way around a wrong signature");
    for late in [NOW.as_secs() - 301, NOW.as_secs() + 301] {
        let (at, signature) = signed(late);
        assert!(sent(&at, &signature, &secret).is_err());
    }
}

#[test]
fn reads_pushes_of_branches_and_tags_and_nothing_else_of_them() {
    let push = |forge, event, reference: &str, after: &str| {
        let body = json!({
            "ref": reference, "before": "0000", "after": after, "pusher": { "username": "ada" }, "user_username": "ada",
            "repository": { "url": "ext::sh" },
        });
        Event::read(forge, event, body.to_string().as_bytes()).unwrap()
    };
    let cases = [
        (Forge::GitHub, "push", "push"),
        (Forge::Gitea, "push", "push"),
        (Forge::GitLab, "Push Hook", "Tag Push Hook"),
    ];
    for (forge, event, tags) in cases {
        for (event, reference) in [(event, "refs/heads/a/b"), (tags, "refs/tags/v1")] {
            let reference = reference.to_owned();
            let expected = Push { reference: reference.clone(), before: None, after: "1f".into(), actor: "ada".into() };
            assert_eq!(push(forge, event, &reference, "1f"), Event::Push(expected));
            let deleted = format!("`{reference}` was deleted, which starts nothing");
            assert_eq!(push(forge, event, &reference, "000"), Event::Other(deleted));
        }
        for reference in ["refs/notes/commits", "refs/heads/", "refs/tags/", "main"] {
            let other = format!("`{reference}` is neither a branch nor a tag");
            assert_eq!(push(forge, event, reference, "1f"), Event::Other(other));
        }
    }
    for bad in [&b"{"[..], b"[1]", br#"{"ref":5}"#, b""] {
        assert!(Event::read(Forge::GitHub, "push", bad).is_err());
    }
    assert_eq!(push(Forge::GitHub, "ping", "", ""), Event::Other("a ping event starts nothing".into()));
}

#[test]
fn reads_pull_and_merge_requests_that_bring_commits_and_tells_forks() {
    let pull = |action: &str, head: u64| {
        let side = |branch: &str, id: u64| json!({ "ref": branch, "sha": "1f", "repo": { "id": id } });
        let body = json!({
            "action": action, "number": 7, "sender": { "login": "ada" },
            "pull_request": { "head": side("topic", head), "base": side("main", 1) },
        });
        Event::read(Forge::Forgejo, "pull_request", body.to_string().as_bytes()).unwrap()
    };
    let merge = |action: &str, source: u64, oldrev: Option<&str>| {
        let body = json!({ "user": { "username": "ada" }, "object_attributes": {
            "iid": 7, "action": action, "oldrev": oldrev, "source_branch": "topic", "target_branch": "main",
            "source_project_id": source, "target_project_id": 1, "last_commit": { "id": "1f" },
        } });
        Event::read(Forge::GitLab, "Merge Request Hook", body.to_string().as_bytes()).unwrap()
    };
    let expected = |is_fork, kind: &str| {
        let (commit, source, target) = ("1f".into(), "topic".into(), "main".into());
        let head = format!("refs/{kind}/7/head");
        Event::PullRequest(PullRequest { number: 7, commit, source, head, target, is_fork, actor: "ada".into() })
    };
    let (pulled, merged) = (|is_fork| expected(is_fork, "pull"), |is_fork| expected(is_fork, "merge-requests"));
    for action in ["opened", "reopened", "synchronize", "synchronized"] {
        assert_eq!((pull(action, 1), pull(action, 2)), (pulled(false), pulled(true)));
    }
    assert!(matches!(pull("labeled", 1), Event::Other(_)));
    assert_eq!((merge("open", 1, None), merge("reopen", 2, None)), (merged(false), merged(true)));
    assert_eq!(merge("update", 1, Some("0e")), merged(false));
    assert!(matches!(merge("update", 1, None), Event::Other(_)));
    assert!(matches!(merge("merge", 1, None), Event::Other(_)));
}
