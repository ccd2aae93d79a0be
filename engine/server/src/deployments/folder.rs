//! From the path of an address to a file of a site, and never to anything else.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A file.
    File(PathBuf),
    /// A folder, whose path ends in a slash and this one does not.
    Folder,
    /// Nothing that is served.
    Nothing,
}

/// Looks a path up that begins after the site's own slash and is still encoded.
pub(super) async fn find(site: &Path, path: &str) -> Found {
    let folder = path.is_empty() || path.ends_with('/');
    let inside: Option<PathBuf> = match path {
        "" => Some(PathBuf::new()),
        path => path.strip_suffix('/').unwrap_or(path).split('/').map(decode).collect(),
    };
    let Some(inside) = inside else { return Found::Nothing };
    let mut target = site.join(inside);
    if folder {
        target.push("index.html");
    }
    match tokio::fs::metadata(&target).await {
        Ok(found) if found.is_file() => Found::File(target),
        Ok(found) if found.is_dir() && !folder => Found::Folder,
        _ => Found::Nothing,
    }
}

/// Reads one part of a path. Decoded once and never again, it is the name of a file that is not hidden.
fn decode(part: &str) -> Option<String> {
    let name = percent_decode_str(part).decode_utf8().ok()?;
    let plain = !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\']);
    (plain && !name.chars().any(char::is_control)).then(|| name.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_path_leads_to_a_file_of_the_site_or_nowhere() {
        let folder = tempfile::tempdir().unwrap();
        let site = folder.path().join("site");
        std::fs::create_dir_all(site.join("docs/.git")).unwrap();
        std::fs::create_dir(site.join("empty")).unwrap();
        for file in
            ["../secret", "index.html", "docs/index.html", "größe 1.txt", ".env", "docs/.git/config", "%2e%2e", "~a"]
        {
            std::fs::write(site.join(file), "x").unwrap();
        }
        for (path, file) in [
            ("", "index.html"),
            ("index.html", "index.html"),
            ("docs/", "docs/index.html"),
            ("gr%C3%B6%c3%9fe%201.txt", "größe 1.txt"),
            ("größe%201.txt", "größe 1.txt"),
            ("%69ndex.html", "index.html"),
            ("%252e%252e", "%2e%2e"),
            ("~a", "~a"),
        ] {
            assert_eq!(find(&site, path).await, Found::File(site.join(file)), "{path}");
        }
        assert_eq!(find(&site, "docs").await, Found::Folder);
        for path in [
            "/",
            "//",
            "/index.html",
            "docs//index.html",
            "docs//",
            "index.html/",
            "empty/",
            "none",
            "..",
            "../",
            "../secret",
            "docs/../index.html",
            "./index.html",
            "%2e%2e/secret",
            "%2E%2e%2fsecret",
            "..%2fsecret",
            "..%5csecret",
            "..\\secret",
            "docs%2findex.html",
            "%2fetc%2fpasswd",
            "/etc/passwd",
            ".env",
            "%2eenv",
            "docs/.git/config",
            "index.html%00",
            "index.html%0a",
            "%ff",
            "%c0%ae%c0%ae/secret",
            "%uff0e%uff0e/secret",
        ] {
            assert_eq!(find(&site, path).await, Found::Nothing, "{path}");
        }
        assert_eq!(find(&site, &"x/".repeat(5_000)).await, Found::Nothing);
        assert_eq!(find(&site, &"x".repeat(5_000)).await, Found::Nothing);
    }
}
