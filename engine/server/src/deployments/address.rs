//! Where sites are: from a release to its address, and from a request to the release it asks for.
//!
//! Every site is below a path, `/<project>/<app>/…`. Sites below paths of one host share an origin: the pages of one
//! can read what those of another keep in the browser. An address of the form `https://{app}.{project}.sites.example.com`
//! gives each app a host of its own, where its live release is at the root. A release has the same address with
//! `~<release>/` before the path.

use kiket_core::ReleaseId;

/// How the sites of a server are addressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Addresses {
    /// The scheme, or with paths everything before the project; ends in a slash.
    base: String,
    /// With hosts, what follows the app and the project: `sites.example.com`, and the port where there is one.
    domain: Option<String>,
}

/// An address that sites cannot have.
#[derive(Debug, thiserror::Error)]
#[error(
    "`{0}` is no address for sites: write https://sites.example.com, or https://{{app}}.{{project}}.sites.example.com"
)]
pub(crate) struct InvalidAddress(String);

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Visit<'r> {
    pub(super) project: &'r str,
    pub(super) app: &'r str,
    /// The release, or the live one.
    pub(super) release: Option<&'r str>,
    /// The path inside the site, still encoded; `None` where the slash is missing that it would begin after.
    pub(super) path: Option<&'r str>,
}

impl Addresses {
    /// Reads the address that visitors reach the sites at.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let invalid = || InvalidAddress(text.to_owned());
        let (scheme, rest) = text.split_once("://").ok_or_else(invalid)?;
        let rest = rest.trim_end_matches('/');
        let (domain, plain) = match rest.strip_prefix("{app}.{project}.") {
            Some(domain) => (Some(domain.to_ascii_lowercase()), domain),
            None => (None, rest),
        };
        let is_bare = domain.is_none() || !plain.contains('/');
        let fits = |url: reqwest::Url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
        if !matches!(scheme, "http" | "https")
            || plain.contains(['{', '}'])
            || !is_bare
            || !format!("{scheme}://{plain}").parse().is_ok_and(fits)
        {
            return Err(invalid());
        }
        let base = if domain.is_some() { format!("{scheme}://") } else { format!("{scheme}://{rest}/") };
        Ok(Self { base, domain })
    }

    /// The address of what is live; ends in a slash.
    pub(super) fn of_app(&self, project: &str, app: &str) -> String {
        match &self.domain {
            Some(domain) => format!("{}{app}.{project}.{domain}/", self.base),
            None => format!("{}{project}/{app}/", self.base),
        }
    }

    /// The address of a release; ends in a slash.
    pub(super) fn of_release(&self, project: &str, app: &str, release: ReleaseId) -> String {
        format!("{}~{release}/", self.of_app(project, app))
    }

    /// Reads what a request asks for, by its host and path; `None` where no site can be.
    pub(super) fn visit<'r>(&self, host: Option<&'r str>, path: &'r str) -> Option<Visit<'r>> {
        let path = path.strip_prefix('/')?;
        let (project, app, path) = match host.and_then(|host| self.names(host)) {
            Some((project, app)) => (project, app, Some(path)),
            None => {
                let (project, path) = path.split_once('/')?;
                let (app, path) = split(path);
                (project, app, path)
            }
        };
        if project.is_empty() || app.is_empty() {
            return None;
        }
        let (release, path) = match path.and_then(|path| path.strip_prefix('~')).filter(|path| path.starts_with("rel_"))
        {
            Some(path) => {
                let (release, path) = split(path);
                (Some(release), path)
            }
            None => (None, path),
        };
        Some(Visit { project, app, release, path })
    }

    /// The project and the app that a host name is made of.
    fn names<'r>(&self, host: &'r str) -> Option<(&'r str, &'r str)> {
        let domain = self.domain.as_deref()?;
        let domain = domain.split_once(':').map_or(domain, |(name, _)| name);
        let host = host.split_once(':').map_or(host, |(name, _)| name);
        let (names, found) = host.split_at_checked(host.len().checked_sub(domain.len())?)?;
        let (app, project) = names.strip_suffix('.')?.split_once('.')?;
        (found.eq_ignore_ascii_case(domain) && !project.contains('.')).then_some((project, app))
    }
}

/// Parts a path at its first slash.
fn split(path: &str) -> (&str, Option<&str>) {
    path.split_once('/').map_or((path, None), |(first, rest)| (first, Some(rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit<'r>(release: Option<&'r str>, path: Option<&'r str>) -> Option<Visit<'r>> {
        Some(Visit { project: "shop", app: "web", release, path })
    }

    fn release() -> ReleaseId {
        "rel_01jd3v7k2mfq9x8y5t4r6s0abc".parse().expect("an id")
    }

    #[test]
    fn sites_are_below_paths() {
        let addresses = Addresses::parse("http://127.0.0.1:8081").unwrap();
        assert_eq!(addresses.of_app("shop", "web"), "http://127.0.0.1:8081/shop/web/");
        let own = "http://127.0.0.1:8081/shop/web/~rel_01jd3v7k2mfq9x8y5t4r6s0abc/";
        assert_eq!(addresses.of_release("shop", "web", release()), own);
        for (path, expected) in [
            ("/shop/web/", visit(None, Some(""))),
            ("/shop/web", visit(None, None)),
            ("/shop/web/a/b%20c", visit(None, Some("a/b%20c"))),
            ("/shop/web/~rel_1/a", visit(Some("rel_1"), Some("a"))),
            ("/shop/web/~rel_1", visit(Some("rel_1"), None)),
            ("/shop/web/~ada", visit(None, Some("~ada"))),
            ("/shop/web//", visit(None, Some("/"))),
            ("/shop", None),
            ("/shop/", None),
            ("//web/", None),
            ("/", None),
            ("*", None),
        ] {
            assert_eq!(addresses.visit(Some("web.shop.sites.example.com"), path), expected, "{path}");
        }
    }

    #[test]
    fn a_site_may_have_a_host_of_its_own() {
        let addresses = Addresses::parse("https://{app}.{project}.sites.example.com:8443/").unwrap();
        assert_eq!(addresses.of_app("shop", "web"), "https://web.shop.sites.example.com:8443/");
        for host in ["web.shop.sites.example.com", "web.shop.Sites.example.com:8443"] {
            assert_eq!(addresses.visit(Some(host), "/a"), visit(None, Some("a")));
            assert_eq!(addresses.visit(Some(host), "/~rel_1/"), visit(Some("rel_1"), Some("")));
            assert_eq!(addresses.visit(Some(host), "//evil.example/"), visit(None, Some("/evil.example/")));
        }
        for host in ["127.0.0.1:1", "sites.example.com", ".sites.example.com", "a.web.shop.sites.example.com", "größe"]
        {
            assert_eq!(addresses.visit(Some(host), "/shop/web/a"), visit(None, Some("a")), "{host}");
            assert_eq!(addresses.visit(Some(host), "/a"), None, "{host}");
        }
    }

    #[test]
    fn an_address_has_a_scheme_and_a_host() {
        assert_eq!(Addresses::parse("http://[::1]:8081").unwrap().of_app("a", "b"), "http://[::1]:8081/a/b/");
        assert_eq!(
            Addresses::parse("https://x.example/sites/").unwrap().of_app("a", "b"),
            "https://x.example/sites/a/b/"
        );
        for text in [
            "sites.example.com",
            "ftp://x",
            "http://",
            "http://{app}.example.com",
            "https://{app}.{project}.",
            "https://{app}.{project}.example.com/x",
            "http://x/?a",
            "http://u@x",
        ] {
            assert!(Addresses::parse(text).is_err(), "{text}");
        }
    }
}
