//! The address of a repository: which ones are allowed, decided once.
//!
//! An allow-list, because a Git address can otherwise name a program to run
//! (`ext::`, an `ssh` option). No error and no `Debug` repeats a refused text: it
//! may hold a password.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// The address of a repository that may be fetched from: `https://`, `http://`,
/// or `file://` with an absolute path. It holds no user name and no password.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RemoteUrl(Url);

/// An address that is not allowed, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this repository address {0}; allowed are https://host/path, http://host/path and file:///absolute/path")]
pub struct InvalidRemoteUrl(&'static str);

impl RemoteUrl {
    /// Returns the address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// Tells whether the repository is on this machine's file system.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.0.scheme() == "file"
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for RemoteUrl {
    type Err = InvalidRemoteUrl;

    fn from_str(text: &str) -> Result<Self, InvalidRemoteUrl> {
        // The parser forgives white space and backslashes; two readers of one
        // address that forgive differently are a hole.
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let (scheme, rest) = text.split_once("://").ok_or(InvalidRemoteUrl("has no scheme"))?;
        if !matches!(scheme, "https" | "http" | "file") {
            return Err(InvalidRemoteUrl("has a scheme that is not fetched from"));
        }
        if !plain {
            return Err(InvalidRemoteUrl("has characters that must be percent-encoded"));
        }
        let url = Url::parse(text).map_err(|_| InvalidRemoteUrl("is not a URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidRemoteUrl("holds a user name or a password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(InvalidRemoteUrl("has a query or a fragment"));
        }
        if scheme != "file" && rest.starts_with('/') {
            return Err(InvalidRemoteUrl("has no host"));
        }
        if scheme == "file" && (!rest.starts_with('/') || url.path() == "/") {
            return Err(InvalidRemoteUrl("does not name a folder by its absolute path"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RemoteUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_the_three_schemes() {
        for text in [
            "https://git.example.com/team/shop.git",
            "http://forge.lan:3000/team/shop",
            "file:///srv/git/my%20shop.git",
            "https://[2001:db8::1]/shop.git",
        ] {
            assert_eq!(text.parse::<RemoteUrl>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn refuses_everything_that_could_run_a_program_or_hide_a_host() {
        for text in [
            "",
            "-oProxyCommand=true",
            "--upload-pack=true",
            "ext::sh -c true",
            "ssh://git@host/shop",
            "ssh://-oProxyCommand=true/shop",
            "git@host:shop.git",
            "git://host/shop",
            "HTTPS://host/shop",
            "/srv/git/shop",
            "../shop",
            "file://server/share",
            "file://localhost/srv/git",
            "file:///",
            "file:relative",
            "https://",
            "https:///shop",
            "https://host/shop?upload=1",
            "https://host/shop#main",
            "https://ho st/shop",
            "https://host\\@evil/shop",
            "https://host/shop\r\nHost: evil",
            "http://ok@evil/shop",
        ] {
            assert!(text.parse::<RemoteUrl>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn never_repeats_a_password() {
        let error = "https://me:hunter2@host/shop".parse::<RemoteUrl>().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        assert!(error.to_string().contains("allowed are https://"));
    }
}
