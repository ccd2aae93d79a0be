//! The hook that makes a plain bare repository tell a server of its pushes.
//!
//! It is all that a Git host needs: a signed request for each branch that was pushed. It answers on the pusher's
//! terminal, because a push succeeds whatever its hook says.

/// What the hook does with `$url` and `$secret`.
const BODY: &str = include_str!("post-receive.sh");

/// The script `post-receive`, for the webhook's address and secret.
pub(super) fn script(url: &str, secret: &str) -> String {
    format!("#!/bin/sh\nurl={}\nsecret={}\n{BODY}", quote(url), quote(secret))
}

/// Whether the pusher's terminal shows that the server took the webhook.
pub(super) fn is_taken(shown: &str) -> bool {
    shown.lines().any(|line| line.trim().starts_with("remote: webhook") && line.trim().ends_with("answered 202"))
}

/// Text as one word of a shell.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_and_the_secret_stay_words_of_the_script() {
        let script = script("http://127.0.0.1:1/hooks/demo", "it's");
        assert!(script.starts_with("#!/bin/sh\nurl='http://127.0.0.1:1/hooks/demo'\nsecret='it'\\''s'\n"), "{script}");
    }

    #[test]
    fn only_a_webhook_that_was_accepted_counts() {
        assert!(is_taken("remote: webhook for refs/heads/main answered 202        \n"));
        assert!(!is_taken("remote: webhook for refs/heads/main answered 401\n"));
        assert!(!is_taken("remote: curl: (7) could not connect\nremote: webhook for refs/heads/main answered 000\n"));
        assert!(!is_taken(""));
    }
}
