//! What a server and the command line write, read by a program without a JSON library.

/// What a server says of itself at its first start.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Greeting {
    /// Where it listens: `http://` and an address; empty until it says so.
    pub(super) url: String,
    /// The admin token; empty until it says so.
    pub(super) token: String,
}

impl Greeting {
    /// Takes in a line of the server's standard output.
    pub(super) fn hear(&mut self, line: &str) {
        if let Some(url) = line.strip_prefix("listening on ") {
            self.url = url.trim().to_owned();
        } else if let Some(token) = line.strip_prefix("admin token: ") {
            self.token = token.trim().to_owned();
        }
    }

    /// Whether both were said.
    pub(super) fn is_complete(&self) -> bool {
        !self.url.is_empty() && !self.token.is_empty()
    }
}

/// The text at a key of a flat JSON object without spaces, as long as the text needs no escapes: ids, addresses, secrets.
pub(super) fn text_at<'a>(json: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = json.split_once(&format!("\"{key}\":\""))?;
    let (text, _) = rest.split_once('"')?;
    (!text.contains('\\')).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_greeting_is_complete_with_an_address_and_a_token() {
        let mut greeting = Greeting::default();
        greeting.hear("listening on http://127.0.0.1:41234");
        assert!(!greeting.is_complete());
        greeting.hear("admin token: kkt_admin_x1");
        greeting.hear("(it is shown this once; clients take it as --token or KIKET_TOKEN)");
        assert!(greeting.is_complete());
        let expected = Greeting { url: "http://127.0.0.1:41234".to_owned(), token: "kkt_admin_x1".to_owned() };
        assert_eq!(greeting, expected);
    }

    #[test]
    fn finds_plain_text_at_a_key() {
        let json = r#"{"kind":"run.queued","run":"run_01","seq":1,"note":"a\"b","none":null}"#;
        assert_eq!(text_at(json, "run"), Some("run_01"));
        assert_eq!(text_at(json, "kind"), Some("run.queued"));
        for absent in ["seq", "note", "none", "other"] {
            assert_eq!(text_at(json, absent), None, "{absent}");
        }
    }
}
