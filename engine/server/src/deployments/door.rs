//! Where sites are served, and a visitor of our own who comes in by the same way as all others.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use kiket_store::Release;
use reqwest::{Client, Url, redirect};

use super::serve::RELEASE;
use super::{Addresses, DeployError};

/// How long an answer may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);
/// Longest path of a probe.
const PATH_BYTES: usize = 2048;

/// The address of the listener, and what visitors call it.
pub(crate) struct Door {
    pub(super) addresses: Addresses,
    /// The listener as this machine reaches it.
    near: Addresses,
    visitor: Client,
}

impl Door {
    /// Makes the door of a listener.
    pub(crate) fn new(listener: SocketAddr, addresses: Addresses) -> Result<Self, reqwest::Error> {
        let near = match listener.ip() {
            IpAddr::V4(address) if address.is_unspecified() => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(address) if address.is_unspecified() => IpAddr::from(Ipv6Addr::LOCALHOST),
            address => address,
        };
        let near = format!("http://{}", SocketAddr::new(near, listener.port()));
        let near = Addresses::parse(&near).expect("a socket's address is an address");
        // Somebody else may have been first, with the same one.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let visitor = Client::builder()
            .user_agent("kiket-probe")
            .no_proxy()
            .redirect(redirect::Policy::none())
            .timeout(PATIENCE)
            // Every probe is a visitor of its own.
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Self { addresses, near, visitor })
    }

    /// Fetches a path of a release, at the live address or at its own; returns the status. The answer has to be that
    /// release's.
    pub(super) async fn probe(&self, release: &Release, live: bool, path: &str) -> Result<u16, DeployError> {
        let base = match live {
            true => self.near.of_app(&release.project_name, &release.app),
            false => self.near.of_release(&release.project_name, &release.app, release.id),
        };
        let url = below(&base, path)?;
        let failed = |error: reqwest::Error| {
            let reason = if error.is_timeout() { "no answer in time" } else { "no answer" };
            DeployError::Failed(format!("{reason} from {base}"))
        };
        let answer = self.visitor.get(url).send().await.map_err(failed)?;
        let from = answer.headers().get(RELEASE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if from == release.id.to_string() {
            return Ok(answer.status().as_u16());
        }
        Err(DeployError::Failed(format!("{base} is not answered by {}, but by `{from}`", release.id)))
    }
}

/// Returns the address of a path of a site. It does not lead out of the site.
fn below(base: &str, path: &str) -> Result<Url, DeployError> {
    let invalid = || DeployError::Invalid("a path begins with a slash, and stays inside of the site".to_owned());
    let inside = path.strip_prefix('/').filter(|_| path.len() <= PATH_BYTES).ok_or_else(invalid)?;
    if path.chars().any(char::is_control) || path.contains(['\\', '#']) {
        return Err(invalid());
    }
    let url: Url = format!("{base}{inside}").parse().map_err(|_| invalid())?;
    if url.as_str().starts_with(base) { Ok(url) } else { Err(invalid()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_stays_inside_of_the_site() {
        let base = "http://127.0.0.1:1/shop/web/~rel_1/";
        for (path, url) in [("/", ""), ("/a/b?c=d", "a/b?c=d"), ("/a/../b", "b"), ("//x", "/x")] {
            assert_eq!(below(base, path).unwrap().as_str(), format!("{base}{url}"));
        }
        for path in
            ["", "a", "/../x", "/../../../bakery/web/", "/%2e%2e/x", "/..", "/a#b", "/\\..\\x", "/\n", "http://x/"]
        {
            assert!(below(base, path).is_err(), "{path:?}");
        }
        assert!(below(base, &format!("/{}", "x".repeat(PATH_BYTES))).is_err());
    }
}
