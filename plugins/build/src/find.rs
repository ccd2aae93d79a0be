//! Which paths of the workspace a pattern means.
//!
//! A pattern without `*`, `?`, `[` and `{` is a path, and is taken as it is. Any other is held against the files and
//! folders below the folders it begins with; links are not followed, and what is in a folder that fits is kept with it.

use std::collections::VecDeque;

use kiket_plugin::workspace::{self, Entry, Kind};
use kiket_plugin::{Failure, log};

/// Most folders that are looked into for one pattern.
const FOLDERS: usize = 20_000;

/// Where entries come from.
pub(crate) trait Folders {
    /// The entries of a folder; none where there is no such folder.
    fn entries(&self, path: &str) -> Result<Vec<(String, Kind)>, Failure>;
}

/// The attempt's workspace.
pub(crate) struct Workspace;

impl Folders for Workspace {
    fn entries(&self, path: &str) -> Result<Vec<(String, Kind)>, Failure> {
        match workspace::entries(path) {
            Ok(entries) => Ok(entries.into_iter().map(|Entry { name, kind, .. }| (name, kind)).collect()),
            Err(workspace::Error::NotFound(_) | workspace::Error::Invalid(_)) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns the paths that a pattern means, in order.
pub(crate) fn paths(pattern: &str, folders: &impl Folders) -> Result<Vec<String>, Failure> {
    let pattern = clean(pattern);
    if !is_special(&pattern) {
        return Ok(vec![pattern]);
    }
    let plain: Vec<&str> = pattern.split('/').take_while(|part| !is_special(part)).collect();
    let mut open = VecDeque::from([plain.join("/")]);
    let (mut found, mut seen) = (Vec::new(), 0);
    while let Some(folder) = open.pop_front() {
        seen += 1;
        if seen > FOLDERS {
            log::warn!("{pattern}: more than {FOLDERS} folders; the rest is not looked into");
            break;
        }
        for (name, kind) in folders.entries(&folder)? {
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            match kind {
                Kind::Link => {}
                _ if fast_glob::glob_match(&pattern, &path) => found.push(path),
                Kind::Folder => open.push_back(path),
                Kind::File => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A path without `./` in front and `/` behind.
pub(crate) fn clean(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').filter(|part| !matches!(*part, "" | ".")).collect();
    // What leads out is the host's to refuse, and it shows what was written.
    if path.starts_with('/') { path.to_owned() } else { parts.join("/") }
}

fn is_special(text: &str) -> bool {
    text.contains(['*', '?', '[', '{'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Paths of files; one that ends with `@` is a link.
    struct Tree(&'static [&'static str]);

    impl Folders for Tree {
        fn entries(&self, path: &str) -> Result<Vec<(String, Kind)>, Failure> {
            let below = if path.is_empty() { String::new() } else { format!("{path}/") };
            let mut entries: Vec<(String, Kind)> = Vec::new();
            for rest in self.0.iter().filter_map(|file| file.strip_prefix(below.as_str())) {
                let entry = match rest.split_once('/') {
                    Some((folder, _)) => (folder.to_owned(), Kind::Folder),
                    None if rest.ends_with('@') => (rest.trim_end_matches('@').to_owned(), Kind::Link),
                    None => (rest.to_owned(), Kind::File),
                };
                if !entries.contains(&entry) {
                    entries.push(entry);
                }
            }
            Ok(entries)
        }
    }

    const TREE: Tree =
        Tree(&["dist/app.js", "dist/app.css", "dist/img/a.png", "dist/img/b.png", "src/app.js", "x.js", "dist/l.js@"]);

    fn found(pattern: &str) -> Vec<String> {
        paths(pattern, &TREE).unwrap()
    }

    #[test]
    fn a_path_is_taken_as_it_is() {
        for (pattern, path) in [("dist", "dist"), ("./dist/", "dist"), ("none", "none"), (".", ""), ("/etc", "/etc")] {
            assert_eq!(found(pattern), [path]);
        }
    }

    #[test]
    fn a_pattern_finds_files_and_whole_folders() {
        assert_eq!(found("*.js"), ["x.js"]);
        assert_eq!(found("dist/*"), ["dist/app.css", "dist/app.js", "dist/img"]);
        assert_eq!(found("**/*.js"), ["dist/app.js", "src/app.js", "x.js"]);
        assert_eq!(found("dist/**/*.png"), ["dist/img/a.png", "dist/img/b.png"]);
        assert_eq!(found("{dist,src}/app.*"), ["dist/app.css", "dist/app.js", "src/app.js"]);
        assert_eq!(found("d?st/[a-b]pp.js"), ["dist/app.js"]);
        assert_eq!(found("none/*"), Vec::<String>::new());
        assert_eq!(found("**"), ["dist", "src", "x.js"]);
    }
}
