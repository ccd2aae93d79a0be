//! A repository to fetch from, in verbs, and a mirror of it.
//!
//! Made with the `git` program's plumbing, so that a test can also make what no
//! honest client would.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kiket_sync::{CommitId, Limits, Mirror, RemoteUrl, Sources};
use tempfile::TempDir;

/// Runs `git` with nobody's configuration.
pub(crate) fn git<S: AsRef<OsStr>>(folder: &Path, arguments: &[S], stdin: &[u8]) -> String {
    let mut child = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_INDEX_FILE", folder.join("test-index"))
        .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_AUTHOR_EMAIL", "ada@example.com")])
        .envs([("GIT_COMMITTER_NAME", "Ada"), ("GIT_COMMITTER_EMAIL", "ada@example.com")])
        .env("GIT_COMMITTER_DATE", "2026-01-02T03:04:05Z")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("git is installed");
    child.stdin.take().unwrap().write_all(stdin).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "git failed: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A bare repository on disk, with `main` as its default branch.
pub(crate) struct Origin {
    folder: TempDir,
    branch: RefCell<String>,
}

impl Origin {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        git(folder.path(), &["init", "-q", "--bare", "-b", "main", "shop.git"], b"");
        let origin = Self { folder, branch: RefCell::new("main".to_owned()) };
        origin.configure("uploadpack.allowAnySHA1InWant", "false");
        origin
    }

    /// The folder that holds `shop.git`.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.root().join("shop.git")
    }

    pub(crate) fn url(&self) -> RemoteUrl {
        format!("file://{}", self.path().display()).parse().unwrap()
    }

    pub(crate) fn run(&self, arguments: &[&str], stdin: &[u8]) -> String {
        git(&self.path(), arguments, stdin)
    }

    pub(crate) fn configure(&self, key: &str, value: &str) {
        self.run(&["config", key, value], b"");
    }

    /// Later commits go to this branch.
    pub(crate) fn switch_to(&self, branch: &str) {
        *self.branch.borrow_mut() = branch.to_owned();
    }

    pub(crate) fn tip(&self) -> CommitId {
        self.run(&["rev-parse", &self.reference()], b"").parse().unwrap()
    }

    /// Adds files to what the branch has, and commits.
    pub(crate) fn commit(&self, files: &[(&str, &str)]) -> CommitId {
        let files: Vec<_> = files.iter().map(|(path, text)| ("100644", *path, text.as_bytes())).collect();
        self.commit_as(&files)
    }

    /// Adds entries with the modes that are given, and commits.
    pub(crate) fn commit_as(&self, entries: &[(&str, &str, &[u8])]) -> CommitId {
        match self.parent() {
            Some(parent) => self.run(&["read-tree", &parent], b""),
            None => self.run(&["read-tree", "--empty"], b""),
        };
        for (mode, path, content) in entries {
            let id = match *mode {
                "160000" => "1".repeat(40),
                _ => self.write_blob(content),
            };
            self.run(&["update-index", "--add", "--replace", "--cacheinfo", &format!("{mode},{id},{path}")], b"");
        }
        let tree = self.run(&["write-tree"], b"");
        self.commit_tree(&tree)
    }

    pub(crate) fn remove(&self, path: &str) -> CommitId {
        self.run(&["read-tree", &self.tip().to_string()], b"");
        let removal = format!("0 {}\t{path}\n", "0".repeat(40));
        self.run(&["update-index", "--index-info"], removal.as_bytes());
        let tree = self.run(&["write-tree"], b"");
        self.commit_tree(&tree)
    }

    pub(crate) fn commit_tree(&self, tree: &str) -> CommitId {
        let mut arguments = vec!["commit-tree".to_owned(), tree.to_owned(), "-m".to_owned(), "a change".to_owned()];
        if let Some(parent) = self.parent() {
            arguments.extend(["-p".to_owned(), parent]);
        }
        let commit = git(&self.path(), &arguments, b"");
        self.run(&["update-ref", &self.reference(), &commit], b"");
        commit.parse().unwrap()
    }

    /// Takes the branch back to an earlier commit, or away.
    pub(crate) fn reset_to(&self, commit: Option<&CommitId>) {
        match commit {
            Some(commit) => self.run(&["update-ref", &self.reference(), &commit.to_string()], b""),
            None => self.run(&["update-ref", "-d", &self.reference()], b""),
        };
    }

    pub(crate) fn write_blob(&self, content: &[u8]) -> String {
        self.run(&["hash-object", "-w", "--stdin"], content)
    }

    /// Writes a tree whose names and modes nobody checks.
    pub(crate) fn write_tree(&self, entries: &[(&str, &[u8], &str)]) -> String {
        let mut raw = Vec::new();
        for (mode, name, id) in entries {
            raw.extend_from_slice(format!("{mode} ").as_bytes());
            raw.extend_from_slice(name);
            raw.push(0);
            raw.extend((0..20).map(|at| u8::from_str_radix(&id[at * 2..at * 2 + 2], 16).unwrap()));
        }
        self.run(&["hash-object", "-t", "tree", "-w", "--literally", "--stdin"], &raw)
    }

    /// Commits a root tree in which `.kiket` is `tree`.
    pub(crate) fn commit_folder(&self, tree: &str) -> CommitId {
        let root = self.write_tree(&[("40000", b".kiket", tree)]);
        self.commit_tree(&root)
    }

    fn reference(&self) -> String {
        format!("refs/heads/{}", self.branch.borrow())
    }

    fn parent(&self) -> Option<String> {
        let parent = self.run(&["for-each-ref", "--format=%(objectname)", &self.reference()], b"");
        (!parent.is_empty()).then_some(parent)
    }
}

/// A mirror in a folder of its own.
pub(crate) struct Copy {
    pub(crate) folder: TempDir,
    pub(crate) mirror: Mirror,
}

impl Copy {
    pub(crate) fn of(url: &RemoteUrl) -> Self {
        Self::within(url, Limits::default())
    }

    pub(crate) fn within(url: &RemoteUrl, limits: Limits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mirror = Mirror::open(&folder.path().join("mirror"), url, limits).unwrap();
        Self { folder, mirror }
    }

    /// Fetches a branch that is there.
    pub(crate) fn fetch(&self, branch: &str) -> CommitId {
        self.mirror.fetch(branch).unwrap().expect("the branch has a commit").commit
    }

    pub(crate) fn is_shallow(&self) -> bool {
        self.folder.path().join("mirror/shallow").exists()
    }
}

pub(crate) fn paths(sources: &Sources) -> Vec<&str> {
    sources.files.iter().map(|file| file.path.as_str()).collect()
}
