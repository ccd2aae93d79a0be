//! Artifacts as runs keep them, and archives as somebody who means harm would write them.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use kiket_core::RevisionId;
use kiket_store::{HookSecret, NewEvent, NewProject, NewRevision, RevisionStatus, RunChange, RunHead, Write};
use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::*;

const MIB: u64 = 1 << 20;

/// A store with projects that have a run each, and their artifacts.
struct Cellar {
    folder: TempDir,
    artifacts: Artifacts,
}

impl Cellar {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("kiket.db")).await.unwrap();
        let artifacts = Artifacts::open(store, folder.path().join("artifacts")).await.unwrap();
        Self { folder, artifacts }
    }

    async fn reopen(self) -> Self {
        let Self { folder, artifacts } = self;
        artifacts.store.close().await;
        let store = Store::open(&folder.path().join("kiket.db")).await.unwrap();
        let artifacts = Artifacts::open(store, folder.path().join("artifacts")).await.unwrap();
        Self { folder, artifacts }
    }

    /// Adds a project with a run.
    async fn keeper(&self, name: &str) -> Keeper {
        let (project, revision, run) =
            (ProjectId::new(clock::ulid()), RevisionId::new(clock::ulid()), RunId::new(clock::ulid()));
        let event = |kind: &'static str| NewEvent { kind: kind.into(), stage: None, data: "{}".to_owned() };
        let unit = vec![
            Change::Project(NewProject::new(
                project,
                name,
                "https://forge.example/shop.git",
                HookSecret::Clear("hush".to_owned()),
                clock::now(),
            )),
            Change::Revision(NewRevision {
                key: None,
                id: revision,
                project,
                reference: None,
                commit: "c0ffee".to_owned(),
                status: RevisionStatus::Active,
                sources: vec![],
                diagnostics: "[]".to_owned(),
                plugins: "{}".to_owned(),
                at: clock::now(),
                event: event("revision.published"),
            }),
            Change::Run(RunChange {
                run,
                project,
                write: Write::Create(RunHead {
                    pipeline: "p".to_owned(),
                    revision,
                    commit: None,
                    reference: None,
                    trigger: "{}".to_owned(),
                    trigger_key: None,
                    request: None,
                }),
                at: clock::now(),
                events: vec![event("run.queued")],
                status: "succeeded".into(),
                terminal: true,
                started_at: None,
                finished_at: Some(clock::now()),
                state: "{}".to_owned(),
                held: None,
                work: vec![],
            }),
        ];
        self.artifacts.store.commit(unit).await.unwrap();
        Keeper { project, run, stage: "build".into(), held: None }
    }

    async fn put(&self, keeper: &Keeper, name: &str, content: &str, quota: u64) -> Result<ArtifactRow, ArtifactError> {
        let mut incoming = self.artifacts.incoming(quota).unwrap();
        pack_file(content.as_bytes(), &mut incoming)?;
        self.artifacts.keep(keeper, name, ArtifactKind::File, incoming, quota).await
    }

    /// How many files lie in the folder of artifacts.
    fn files(&self) -> usize {
        let shelves = fs::read_dir(self.folder.path().join("artifacts")).unwrap();
        shelves.map(|shelf| fs::read_dir(shelf.unwrap().path()).unwrap().count()).sum()
    }
}

/// A folder with content, and its handle.
fn tree(files: &[(&str, &str)]) -> (TempDir, Dir) {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    (folder, dir)
}

/// Packs a folder; the archive's bytes.
fn packed(dir: &Dir) -> Result<Vec<u8>, ArtifactError> {
    let folder = tempfile::tempdir().unwrap();
    let mut incoming = Incoming::new(folder.path(), MIB)?;
    pack_folder(dir, &mut incoming)?;
    Ok(fs::read(incoming.finish()?.file.path())?)
}

/// Everything below a folder: path to content, or to what a link leads to.
fn listing(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut open = vec![folder.to_owned()];
    while let Some(next) = open.pop() {
        for path in fs::read_dir(next).unwrap().map(|entry| entry.unwrap().path()) {
            let name = path.strip_prefix(folder).unwrap().display().to_string();
            if path.is_symlink() {
                found.insert(name, format!("-> {}", fs::read_link(&path).unwrap().display()));
            } else if path.is_dir() {
                open.push(path);
                found.insert(name, "/".to_owned());
            } else {
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

#[tokio::test]
async fn bytes_are_kept_once_and_known_to_those_who_kept_them() {
    let cellar = Cellar::new().await;
    let (shop, other) = (cellar.keeper("shop").await, cellar.keeper("other").await);
    let kept = cellar.put(&shop, "report.txt", "all is well", MIB).await.unwrap();
    // printf 'all is well' | sha256sum
    assert_eq!(kept.digest, "sha256:f70579cce37a17bd1c4c4061b0beff0fbf58853a2f0c72a14f93c8f30c6b7cec");
    assert_eq!(cellar.artifacts.read(shop.project, &kept.digest, 4, 5).await.unwrap(), b"is we");
    assert_eq!(cellar.artifacts.read(shop.project, &kept.digest, 99, 5).await.unwrap(), b"");
    let refused = [
        cellar.artifacts.find(other.project, &kept.digest).await.map(drop),
        cellar.artifacts.read(other.project, &kept.digest, 0, 5).await.map(drop),
        cellar.artifacts.open_content(other.project, &kept.digest).await.map(drop),
        cellar.artifacts.newest(other.project, "report.txt").await.map(drop),
        cellar.artifacts.forget(other.project, &kept.digest).await,
    ];
    for refused in refused {
        assert!(matches!(refused, Err(ArtifactError::NotFound(_))), "{refused:?}");
    }
    let own = cellar.put(&other, "mine", "all is well", MIB).await.unwrap();
    assert_eq!((own.digest == kept.digest, cellar.files()), (true, 1));
    cellar.artifacts.forget(shop.project, &kept.digest).await.unwrap();
    assert_eq!(cellar.artifacts.read(other.project, &kept.digest, 0, 3).await.unwrap(), b"all");
    cellar.artifacts.forget(other.project, &kept.digest).await.unwrap();
    assert_eq!(cellar.files(), 0);
}

#[tokio::test]
async fn what_is_over_the_quota_leaves_nothing_behind() {
    let cellar = Cellar::new().await;
    let shop = cellar.keeper("shop").await;
    cellar.put(&shop, "one", "12345", 10).await.unwrap();
    for content in ["123456", "12345678901"] {
        let refused = cellar.put(&shop, "two", content, 10).await;
        assert!(matches!(refused, Err(ArtifactError::OverQuota(_))), "{refused:?}");
    }
    cellar.put(&shop, "again", "12345", 10).await.unwrap();
    cellar.put(&shop, "two", "54321", 10).await.unwrap();
    assert_eq!(cellar.files(), 2);
    for name in ["", "a\nb", &"n".repeat(257)] {
        assert!(matches!(cellar.put(&shop, name, "1", MIB).await, Err(ArtifactError::Invalid(_))), "{name}");
    }
}

#[tokio::test]
async fn a_cache_takes_the_place_of_the_one_before_it() {
    let cellar = Cellar::new().await;
    let shop = cellar.keeper("shop").await;
    for content in ["11111", "22222", "33333"] {
        cellar.put(&shop, "cache/target", content, 9).await.unwrap();
    }
    let newest = cellar.artifacts.newest(shop.project, "cache/target").await.unwrap();
    assert_eq!(cellar.artifacts.read(shop.project, &newest.digest, 0, 9).await.unwrap(), b"33333");
    assert_eq!(cellar.files(), 1);
}

#[tokio::test]
async fn what_a_killed_process_left_is_removed_and_the_rest_stays() {
    let cellar = Cellar::new().await;
    let shop = cellar.keeper("shop").await;
    let kept = cellar.put(&shop, "one", "12345", MIB).await.unwrap();
    let folder = cellar.folder.path().join("artifacts");
    fs::create_dir_all(folder.join("incoming")).unwrap();
    fs::write(folder.join("incoming/.tmp123"), "half").unwrap();
    fs::create_dir_all(folder.join("00")).unwrap();
    fs::write(folder.join("00").join("0".repeat(64)), "nobody's").unwrap();
    let cellar = cellar.reopen().await;
    assert_eq!(cellar.files(), 1);
    assert_eq!(cellar.artifacts.read(shop.project, &kept.digest, 0, 9).await.unwrap(), b"12345");
}

#[test]
fn an_archive_depends_on_its_content_alone() {
    let long = format!("{}/file", "n".repeat(120));
    let files = [("b/c", "1"), ("a", "2"), ("b-/x", "3"), (long.as_str(), "4"), ("run", "5")];
    let (one, dir) = tree(&files);
    let mut backwards = files;
    backwards.reverse();
    let (other, again) = tree(&backwards);
    for (folder, mode) in [(&one, 0o700), (&other, 0o775)] {
        fs::set_permissions(folder.path().join("run"), Permissions::from_mode(mode)).unwrap();
        symlink("b/c", folder.path().join("link")).unwrap();
        fs::create_dir(folder.path().join("empty")).unwrap();
    }
    assert!(Command::new("touch").args(["-d", "2001-01-01"]).arg(other.path().join("a")).status().unwrap().success());
    let archive = packed(&dir).unwrap();
    assert_eq!(archive, packed(&again).unwrap());
    fs::set_permissions(other.path().join("run"), Permissions::from_mode(0o644)).unwrap();
    assert_ne!(archive, packed(&again).unwrap());

    let (target, root) = tree(&[("a", "before"), ("b/stays", "1")]);
    symlink("a", target.path().join("run")).unwrap();
    unpack_folder(archive.as_slice(), &root, MIB).unwrap();
    let mut expected = listing(one.path());
    expected.insert("b/stays".to_owned(), "1".to_owned());
    assert_eq!(listing(target.path()), expected);
    let metadata = |path: &str| fs::metadata(target.path().join(path)).unwrap();
    assert_eq!(metadata("run").permissions().mode() & 0o777, 0o755);
    assert_eq!(metadata("a").permissions().mode() & 0o777, 0o644);
    assert!(metadata("a").modified().unwrap() < metadata("b/stays").modified().unwrap());
}

#[test]
fn what_leads_out_or_is_no_file_is_not_packed() {
    type Spoil = fn(&Path);
    let spoil: [Spoil; 5] = [
        |folder| symlink("/etc/passwd", folder.join("x")).unwrap(),
        |folder| symlink("../x", folder.join("x")).unwrap(),
        |folder| symlink("../../x", folder.join("a/x")).unwrap(),
        |folder| symlink("a/../../x", folder.join("x")).unwrap(),
        |folder| assert!(Command::new("mkfifo").arg(folder.join("x")).status().unwrap().success()),
    ];
    for spoil in spoil {
        let (folder, dir) = tree(&[("a/b", "1")]);
        spoil(folder.path());
        let refused = packed(&dir);
        assert!(matches!(refused, Err(ArtifactError::Invalid(_))), "{refused:?}");
    }
    let (_large, dir) = tree(&[("a", &"1".repeat(2 * 1024 * 1024))]);
    assert!(matches!(packed(&dir), Err(ArtifactError::OverQuota(_))));
}

/// An archive with one entry, whose path nobody checks.
fn hostile(kind: EntryType, path: &[u8], link: &str, content: &[u8]) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.as_mut_bytes()[..path.len()].copy_from_slice(path);
    header.as_mut_bytes()[157..157 + link.len()].copy_from_slice(link.as_bytes());
    header.set_cksum();
    let mut builder = Builder::new(Vec::new());
    builder.append(&header, content).unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn an_archive_that_leads_out_is_refused() {
    let (folder, _) = tree(&[("outside", "1"), ("root/stays", "1")]);
    symlink("..", folder.path().join("root/up")).unwrap();
    symlink(folder.path(), folder.path().join("root/absolute")).unwrap();
    let root = Dir::open_ambient_dir(folder.path().join("root"), ambient_authority()).unwrap();
    let before = listing(folder.path());
    let file = EntryType::Regular;
    for archive in [
        hostile(file, b"../outside", "", b"evil"),
        hostile(file, b"/tmp/outside", "", b"evil"),
        hostile(file, b"a/../../outside", "", b"evil"),
        hostile(file, b"up/outside", "", b"evil"),
        hostile(file, b"absolute/outside", "", b"evil"),
        hostile(file, b".", "", b"evil"),
        hostile(EntryType::Directory, b"../new", "", b""),
        hostile(EntryType::Directory, b"up/new", "", b""),
        hostile(EntryType::Symlink, b"x", "/etc/passwd", b""),
        hostile(EntryType::Symlink, b"x", "../outside", b""),
        hostile(EntryType::Symlink, b"x", "y/../../outside", b""),
        hostile(EntryType::Link, b"x", "stays", b""),
        hostile(EntryType::Link, b"x", "../outside", b""),
        hostile(EntryType::Char, b"x", "", b""),
        hostile(EntryType::Block, b"x", "", b""),
        hostile(EntryType::Fifo, b"x", "", b""),
        hostile(EntryType::GNUSparse, b"x", "", b""),
        hostile(EntryType::new(b'V'), b"x", "", b""),
    ] {
        let refused = unpack_folder(archive.as_slice(), &root, MIB);
        assert!(refused.is_err(), "{}", String::from_utf8_lossy(&archive[..512]));
        assert_eq!(listing(folder.path()), before);
    }
}

#[test]
fn what_is_unpacked_has_to_fit() {
    let (_one, dir) = tree(&[("a", "12345"), ("b", "12345")]);
    let archive = packed(&dir).unwrap();
    let (target, root) = tree(&[("c/d", "1")]);
    assert!(matches!(unpack_folder(archive.as_slice(), &root, 9), Err(ArtifactError::OverQuota(_))));
    unpack_folder(archive.as_slice(), &root, 10).unwrap();
    assert!(matches!(unpack_file(&b"12345"[..], &root, Path::new("e"), 4), Err(ArtifactError::OverQuota(_))));
    assert!(matches!(unpack_file(&b"1"[..], &root, Path::new("c"), 4), Err(ArtifactError::Invalid(_))));
    unpack_file(&b"12345"[..], &root, Path::new("a/../f/g"), 5).unwrap_err();
    unpack_file(&b"12345"[..], &root, Path::new("f/g"), 5).unwrap();
    assert_eq!(fs::read_to_string(target.path().join("f/g")).unwrap(), "12345");
    let mut incoming = Incoming::new(target.path(), 3).unwrap();
    incoming.write_all(b"123").unwrap();
    assert!(incoming.write_all(b"4").is_err() && incoming.is_over());
}
