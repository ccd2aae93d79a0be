//! Debian's package tools: installs packages, and fetches one of another release without touching the system.
//!
//! No mirror is named here: the one the system uses is asked for everything.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{find, program, read};
use crate::failure::{Failure, Outcome};

/// The keys of Debian's archive, where Debian's packages put them.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Names under which a system's own release may stand in its sources, beside its codename.
const ALIASES: [&str; 5] = ["stable", "oldstable", "testing", "unstable", "sid"];

/// Whether this is Debian itself; its derivatives have other packages.
pub(crate) fn is_debian() -> bool {
    os_release("ID").as_deref() == Some("debian") && find("apt-get").is_some() && find("dpkg").is_some()
}

/// Whether packages can be installed: there is apt, and a way to be root.
pub(crate) fn can_install() -> bool {
    find("apt-get").is_some() && (is_root() || find("sudo").is_some())
}

/// Installs packages after a look at what is new.
pub(crate) fn install(packages: &[&str]) -> Outcome<()> {
    read(as_root("apt-get").args(["-q", "update"]))?;
    read(as_root("apt-get").args(["-q", "-y", "--no-install-recommends", "install"]).args(packages))?;
    Ok(())
}

/// Whether all of these packages are installed.
pub(crate) fn are_installed(packages: &[&str]) -> bool {
    let status = read(program("dpkg-query").args(["--show", "--showformat", "${db:Status-Status}\n"]).args(packages));
    status.is_ok_and(|status| status.lines().all(|line| line == "installed"))
}

/// The file of an installed package whose path ends like this; the shortest where there are several.
pub(crate) fn file_of(package: &str, ending: &str) -> Outcome<PathBuf> {
    let files = read(program("dpkg").args(["-L", package]))?;
    let file = files.lines().filter(|line| line.ends_with(ending)).min_by_key(|line| line.len());
    file.map(PathBuf::from).ok_or_else(|| Failure::new(format!("the package {package} has no file {ending}")))
}

/// Fetches a package of another Debian release and unpacks it into `folder`, whole or not at all.
///
/// apt works with a source list and state of its own in a folder that is gone afterwards; the system's stay as they are.
pub(crate) fn unpack(package: &str, release: &str, folder: &Path) -> Outcome<()> {
    let work = folder.with_extension("part");
    if work.exists() {
        fs::remove_dir_all(&work).map_err(Failure::at(&work))?;
    }
    let (lists, cache, unpacked) = (work.join("lists"), work.join("cache"), work.join("unpacked"));
    for folder in [lists.join("partial"), cache.join("archives/partial"), unpacked.clone()] {
        fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;
    }
    let trust = if Path::new(KEYRING).exists() { format!("[signed-by={KEYRING}] ") } else { String::new() };
    let sources = work.join("sources.list");
    fs::write(&sources, format!("deb {trust}{} {release} main\n", mirror()?)).map_err(Failure::at(&sources))?;

    let apt = || {
        let mut apt = program("apt-get");
        apt.current_dir(&work).arg("-q");
        for (name, value) in [("Dir::Etc::sourcelist", &sources), ("Dir::State::lists", &lists), ("Dir::Cache", &cache)]
        {
            apt.arg("-o").arg(format!("{name}={}", value.display()));
        }
        apt.args(["-o", "Dir::Etc::sourceparts=-", "-o", "Dir::Etc::preferencesparts=-"]);
        apt.args(["-o", "APT::Sandbox::User=root", "-o", "Acquire::Languages=none"]);
        apt.args(["-o", "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false"]);
        apt
    };
    read(apt().arg("update"))?;
    read(apt().args(["download", package]))?;
    read(program("dpkg").arg("-x").arg(find_archive(&work)?).arg(&unpacked))?;

    if folder.exists() {
        fs::remove_dir_all(folder).map_err(Failure::at(folder))?;
    }
    fs::rename(&unpacked, folder).map_err(Failure::at(folder))?;
    fs::remove_dir_all(&work).map_err(Failure::at(&work))
}

fn find_archive(folder: &Path) -> Outcome<PathBuf> {
    let mut files = fs::read_dir(folder).map_err(Failure::at(folder))?.flatten().map(|entry| entry.path());
    let archive = files.find(|file| file.extension().is_some_and(|extension| extension == "deb"));
    archive.ok_or_else(|| Failure::new("apt-get download left no package behind"))
}

/// The mirror from which the system takes its own release.
fn mirror() -> Outcome<String> {
    let format = "$(CREATED_BY) $(RELEASE) $(COMPONENT) $(REPO_URI)";
    let targets = read(program("apt-get").args(["indextargets", "--format", format]))?;
    let codename = os_release("VERSION_CODENAME").unwrap_or_default();
    let mirror = choose_mirror(&targets, &codename);
    mirror.ok_or_else(|| Failure::new("the system's package sources name no mirror of Debian"))
}

fn choose_mirror(targets: &str, codename: &str) -> Option<String> {
    targets.lines().find_map(|line| match line.split(' ').collect::<Vec<_>>()[..] {
        ["Packages", release, "main", mirror] if release == codename || ALIASES.contains(&release) => {
            (!mirror.starts_with("cdrom:")).then(|| mirror.to_owned())
        }
        _ => None,
    })
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|this| this.uid() == 0)
}

fn as_root(name: &str) -> Command {
    if is_root() {
        let mut command = program(name);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        return command;
    }
    let mut command = program("sudo");
    command.args(["DEBIAN_FRONTEND=noninteractive", name]);
    command
}

/// A value of `/etc/os-release`.
fn os_release(key: &str) -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_mirror_of_the_systems_own_release() {
        let targets = "\
DEP-11 bookworm main http://mirror.example/debian/
Packages nodistro main https://other.example/
Packages bookworm-security main http://security.example/debian-security/
Packages bookworm contrib http://contrib.example/debian/
Packages bookworm main cdrom://disk/
Packages bookworm main http://mirror.example/debian/";
        assert_eq!(choose_mirror(targets, "bookworm").as_deref(), Some("http://mirror.example/debian/"));
        assert_eq!(
            choose_mirror("Packages stable main http://a.example/", "bookworm").as_deref(),
            Some("http://a.example/")
        );
        assert_eq!(choose_mirror(targets, "trixie"), None);
    }
}
