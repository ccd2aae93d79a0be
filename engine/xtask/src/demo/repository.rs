//! A bare Git repository and a clone of it, as a team has them. Nothing of the user's own Git settings counts here.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::hook;
use crate::command::{program, read};
use crate::failure::{Failure, Outcome};

/// The branch that is pushed.
const BRANCH: &str = "main";

/// A repository to push to, and the clone to push from.
pub(super) struct Repository {
    bare: PathBuf,
    clone: PathBuf,
}

impl Repository {
    /// Makes both, empty, in a folder that has neither.
    pub(super) fn create(folder: &Path) -> Outcome<Self> {
        let (bare, clone) = (folder.join("demo.git"), folder.join("clone"));
        read(git(folder).args(["init", "--quiet", "--bare", "--initial-branch", BRANCH]).arg(&bare))?;
        // Hooks are the repository's own, whatever a user's settings say when they push by hand.
        read(git(&bare).args(["config", "core.hooksPath", "hooks"]))?;
        let author = ["--config", "user.name=Kiket demo", "--config", "user.email=demo@example.com"];
        read(git(folder).args(["clone", "--quiet"]).args(author).arg(&bare).arg(&clone))?;
        Ok(Self { bare, clone })
    }

    /// The address a server fetches from.
    pub(super) fn url(&self) -> String {
        file_url(&self.bare)
    }

    /// The working tree.
    pub(super) fn clone_folder(&self) -> &Path {
        &self.clone
    }

    /// Connects the repository with a server's webhook.
    pub(super) fn connect(&self, url: &str, secret: &str) -> Outcome<()> {
        let file = self.bare.join("hooks/post-receive");
        fs::create_dir_all(self.bare.join("hooks")).map_err(Failure::at(&file))?;
        fs::write(&file, hook::script(url, secret)).map_err(Failure::at(&file))?;
        // It holds a secret.
        fs::set_permissions(&file, fs::Permissions::from_mode(0o700)).map_err(Failure::at(&file))
    }

    /// Copies a folder into the clone and commits everything.
    pub(super) fn commit(&self, folder: &Path, message: &str) -> Outcome<()> {
        copy(folder, &self.clone)?;
        read(git(&self.clone).args(["add", "--all", "--force"]))?;
        read(git(&self.clone).args(["commit", "--quiet", "--message", message]))?;
        Ok(())
    }

    /// Pushes, and answers with what a person would have seen.
    pub(super) fn push(&self) -> Outcome<String> {
        let mut push = git(&self.clone);
        let push = push.args(["push", "--quiet", "--set-upstream", "origin", BRANCH]).stdin(Stdio::null());
        let output = push.output().map_err(|error| Failure::new(format!("git push: {error}")))?;
        let shown = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() {
            return Ok(shown);
        }
        let reason = shown.lines().last().unwrap_or("no reason given").trim();
        Err(Failure::of_tool(format!("git push: {reason}"), output.status.code()))
    }
}

/// Git in a folder, in English, without settings or repositories from elsewhere.
fn git(folder: &Path) -> Command {
    let mut git = program("git");
    let inherited = env::vars_os().map(|(name, _)| name);
    for name in inherited.filter(|name| name.to_string_lossy().starts_with("GIT_")) {
        git.env_remove(name);
    }
    git.current_dir(folder).env("LC_ALL", "C");
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
    git
}

/// Copies what is in a folder into another one.
fn copy(from: &Path, to: &Path) -> Outcome<()> {
    fs::create_dir_all(to).map_err(Failure::at(to))?;
    for entry in fs::read_dir(from).map_err(Failure::at(from))? {
        let source = entry.map_err(Failure::at(from))?.path();
        let target = to.join(source.file_name().unwrap_or(OsStr::new("")));
        if source.is_dir() {
            copy(&source, &target)?;
        } else {
            fs::copy(&source, &target).map_err(Failure::at(&source))?;
        }
    }
    Ok(())
}

/// The `file://` address of an absolute path.
fn file_url(path: &Path) -> String {
    let mut url = "file://".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => url.push(char::from(*byte)),
            other => url += &format!("%{other:02X}"),
        }
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_an_address_whatever_it_holds() {
        assert_eq!(file_url(Path::new("/srv/git/shop-1.git")), "file:///srv/git/shop-1.git");
        assert_eq!(file_url(Path::new("/my code/größe%")), "file:///my%20code/gr%C3%B6%C3%9Fe%25");
    }
}
