//! What an outbound request aims at: read once and strictly, so that the host
//! that is checked is the host that is dialled.
//!
//! Anything two parsers could read differently (a backslash, a tab, user
//! information, a trailing dot) is refused instead of understood.

use reqwest::Method;
use url::{Host, Url};

use crate::grant::Scheme;

/// Longest URL, in bytes.
const URL_BYTES: usize = 8 * 1024;

/// A request's method, scheme, host and port, with the URL they were read from.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) method: Method,
    pub(crate) scheme: Scheme,
    /// A name in ASCII lower case, or an address: every spelling of an IPv4
    /// address (`127.1`, `0x7f000001`) has become the address it means.
    pub(crate) host: Host,
    pub(crate) port: u16,
    pub(crate) url: Url,
}

impl Target {
    /// Reads a target; the error says what is wrong, for the guest's author.
    pub(crate) fn parse(method: &str, url: &str) -> Result<Self, String> {
        let method = match Method::from_bytes(method.as_bytes()) {
            Ok(Method::CONNECT | Method::TRACE) | Err(_) => {
                return Err(format!("`{}` is not a method that can be sent", brief(method)));
            }
            Ok(method) => method,
        };
        if method.as_str().bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(format!("the method `{}` is not upper case", brief(method.as_str())));
        }
        if url.len() > URL_BYTES {
            return Err(format!("the URL is longer than {URL_BYTES} bytes"));
        }
        if url.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err("the URL holds white space, a control character or a backslash".into());
        }
        let mut url = Url::parse(url).map_err(|error| format!("the URL is invalid: {error}"))?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            other => return Err(format!("the scheme `{}` is neither http nor https", brief(other))),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("the URL carries user information".into());
        }
        let host = url.host().ok_or("the URL names no host")?.to_owned();
        if matches!(&host, Host::Domain(name) if name.ends_with('.')) {
            return Err("the host ends in a dot".into());
        }
        let port = url.port_or_known_default().ok_or("the URL names no port")?;
        url.set_fragment(None);
        Ok(Self { method, scheme, host, port, url })
    }

    /// Says that nothing grants this target, and what would.
    pub(crate) fn not_granted(&self) -> String {
        let Self { method, scheme, host, port, .. } = self;
        format!(
            "{method} {scheme}://{host}:{port} is not granted: to allow it, add \
             `{{ scheme: {scheme}, host: \"{host}\", port: {port}, methods: [{method}] }}` \
             to this plugin's `grants.http` in `.kiket/plugins.yaml`"
        )
    }
}

fn brief(text: &str) -> String {
    text.chars().take(40).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_spelling_of_an_address_as_that_address() {
        for spelling in ["127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"] {
            let target = Target::parse("GET", &format!("http://{spelling}/")).expect("a URL");
            assert_eq!(target.host.to_string(), "127.0.0.1", "{spelling}");
        }
    }

    #[test]
    fn reads_a_name_in_its_ascii_form_and_the_port_of_its_scheme() {
        let target = Target::parse("GET", "https://Bücher.Example/a?b#c").expect("a URL");
        assert_eq!(target.host.to_string(), "xn--bcher-kva.example");
        assert_eq!(target.port, 443);
        assert_eq!(target.url.as_str(), "https://xn--bcher-kva.example/a?b");
    }

    #[test]
    fn refuses_what_could_be_read_in_two_ways() {
        for url in [
            "",
            "/path",
            "//host/path",
            "http://",
            "ftp://a.example/",
            "file:///etc/passwd",
            "http://user@a.example/",
            "http://a.example@127.0.0.1/",
            "http://a.example\\@127.0.0.1/",
            "http://a.exa\tmple/",
            "http://a.example/\r\nHost: b",
            "http://a.example./",
            "http://a.example:65536/",
            "http://[::1/",
            "http://256.0.0.1/",
            " http://a.example/",
        ] {
            assert!(Target::parse("GET", url).is_err(), "{url:?}");
        }
        for method in ["", "get", "GET ", "CONNECT", "TRACE", "GET\r\n"] {
            assert!(Target::parse(method, "http://a.example/").is_err(), "{method:?}");
        }
        let long = format!("http://a.example/{}", "a".repeat(URL_BYTES));
        assert!(Target::parse("GET", &long).is_err());
    }
}
