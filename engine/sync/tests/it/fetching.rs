//! Repositories on disk, through `file://`.

use std::path::Path;
use std::process::Command;

use kiket_core::Source;
use kiket_sync::{Limits, Mirror, SyncError};

use crate::harness::{Copy, Origin, git, paths};

#[test]
fn reads_the_definitions_at_the_tip() {
    let origin = Origin::new();
    let commit = origin.commit(&[
        (".kiket/pipelines/release.yaml", "pipeline: {}\n"),
        (".kiket/plugins.lock", "größe\n"),
        ("src/main.rs", "fn main() {}\n"),
    ]);
    let copy = Copy::of(&origin.url());

    let tip = copy.mirror.fetch("main").unwrap().unwrap();
    assert_eq!(tip.commit, commit);
    assert_eq!(tip.committed_at.to_string(), "2026-01-02T03:04:05.000Z");
    let sources = copy.mirror.sources(&commit).unwrap();
    let source = |path: &str, text: &str| Source::new(path, text);
    assert_eq!(
        sources.files,
        [source(".kiket/pipelines/release.yaml", "pipeline: {}\n"), source(".kiket/plugins.lock", "größe\n")]
    );
    assert_eq!(sources.skipped, []);
}

#[test]
fn a_repository_without_definitions_has_no_sources() {
    let origin = Origin::new();
    let commit = origin.commit(&[("README.md", "shop")]);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    assert_eq!(copy.mirror.sources(&commit).unwrap(), Default::default());
}

#[test]
fn sees_new_commits_and_still_has_the_old_ones() {
    let origin = Origin::new();
    let first = origin.commit(&[(".kiket/a.yaml", "1")]);
    let copy = Copy::of(&origin.url());
    assert_eq!(copy.fetch("main"), first);

    let second = origin.commit(&[(".kiket/a.yaml", "2")]);
    assert_eq!(copy.fetch("main"), second);
    assert_eq!(copy.fetch("main"), second);
    assert_eq!(copy.mirror.sources(&first).unwrap().files[0].text, "1");
    assert_eq!(copy.mirror.sources(&second).unwrap().files[0].text, "2");
}

#[test]
fn an_unborn_a_missing_and_a_deleted_branch_are_nothing() {
    let origin = Origin::new();
    let copy = Copy::of(&origin.url());
    assert_eq!(copy.mirror.fetch("main").unwrap(), None);
    assert_eq!(copy.mirror.default_branch().unwrap(), None);

    origin.commit(&[(".kiket/a.yaml", "1")]);
    assert_eq!(copy.mirror.fetch("other").unwrap(), None);
    copy.fetch("main");
    origin.switch_to("other");
    origin.commit(&[(".kiket/a.yaml", "2")]);
    copy.fetch("other");
    origin.reset_to(None);
    assert_eq!(copy.mirror.fetch("other").unwrap(), None);
}

#[test]
fn knows_the_default_branch() {
    let origin = Origin::new();
    origin.switch_to("trunk");
    origin.commit(&[("a", "1")]);
    origin.run(&["symbolic-ref", "HEAD", "refs/heads/trunk"], b"");
    origin.switch_to("main");
    origin.commit(&[("a", "2")]);
    assert_eq!(Copy::of(&origin.url()).mirror.default_branch().unwrap().as_deref(), Some("trunk"));
}

#[test]
fn says_that_there_is_no_repository() {
    let folder = tempfile::tempdir().unwrap();
    for path in ["missing", ""] {
        let url = format!("file://{}/{path}", folder.path().display()).parse().unwrap();
        let error = Copy::of(&url).mirror.fetch("main").unwrap_err();
        assert!(matches!(error, SyncError::NotARepository { .. }), "{error:?}");
    }
}

#[test]
fn follows_a_branch_that_is_pushed_by_force() {
    let origin = Origin::new();
    let base = origin.commit(&[(".kiket/a.yaml", "base")]);
    let gone = origin.commit(&[(".kiket/a.yaml", "gone")]);
    let copy = Copy::of(&origin.url());
    assert_eq!(copy.fetch("main"), gone);

    origin.reset_to(Some(&base));
    let kept = origin.commit(&[(".kiket/a.yaml", "kept")]);
    assert_eq!(copy.fetch("main"), kept);
    assert_eq!(copy.mirror.sources(&kept).unwrap().files[0].text, "kept");
    copy.mirror.fetch_commit("main", &gone).unwrap();
}

#[test]
fn follows_branches_that_stand_in_each_others_way() {
    let origin = Origin::new();
    let copy = Copy::of(&origin.url());
    origin.switch_to("release");
    let plain = origin.commit(&[("a", "1")]);
    assert_eq!(copy.fetch("release"), plain);

    origin.reset_to(None);
    origin.switch_to("release/1.0");
    let nested = origin.commit(&[("a", "2")]);
    assert_eq!(copy.fetch("release/1.0"), nested);
    assert_eq!(copy.mirror.fetch("release").unwrap(), None);
}

#[test]
fn refuses_a_name_that_cannot_be_a_branch() {
    let origin = Origin::new();
    for name in ["*", "a:b", "+main", "a b", "refs/heads/*"] {
        let result = Copy::of(&origin.url()).mirror.fetch(name);
        assert!(matches!(result, Ok(None) | Err(SyncError::InvalidBranch(_))), "{name}: {result:?}");
    }
}

#[test]
fn brings_a_delivered_commit_that_is_no_longer_the_tip() {
    let origin = Origin::new();
    let delivered = origin.commit(&[(".kiket/a.yaml", "delivered")]);
    origin.commit(&[(".kiket/a.yaml", "newer")]);
    let copy = Copy::of(&origin.url());
    copy.mirror.fetch_commit("main", &delivered).unwrap();
    assert_eq!(copy.mirror.sources(&delivered).unwrap().files[0].text, "delivered");
}

#[test]
fn says_that_a_commit_is_nowhere() {
    let origin = Origin::new();
    origin.commit(&[("a", "1")]);
    let copy = Copy::of(&origin.url());
    let unknown = "1234567890123456789012345678901234567890".parse().unwrap();
    let is_unknown = |error: SyncError| matches!(error, SyncError::UnknownCommit(id) if id == unknown);
    assert!(is_unknown(copy.mirror.fetch_commit("main", &unknown).unwrap_err()));
    assert!(is_unknown(copy.mirror.sources(&unknown).unwrap_err()));
    assert!(is_unknown(copy.mirror.fetch_commit("missing", &unknown).unwrap_err()));
}

#[test]
fn a_blob_is_not_a_commit() {
    let origin = Origin::new();
    origin.commit(&[("a", "1")]);
    let blob = origin.write_blob(b"1").parse().unwrap();
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    assert!(matches!(copy.mirror.sources(&blob).unwrap_err(), SyncError::UnknownCommit(_)));
}

#[test]
fn compares_commits() {
    let origin = Origin::new();
    let first = origin.commit(&[("same/deep/a", "1"), ("changed/b", "1"), ("gone/c", "1"), ("turned", "1")]);
    origin.remove("gone/c");
    origin.remove("turned");
    let second = origin.commit(&[("changed/b", "2"), ("new/d/e", "1"), ("turned/into/folder", "1")]);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    let changed = ["changed/b", "gone/c", "new/d/e", "turned", "turned/into/folder"];
    assert_eq!(copy.mirror.changed_paths(&first, &second).unwrap(), changed);
    assert_eq!(copy.mirror.changed_paths(&second, &first).unwrap(), changed);
    assert_eq!(copy.mirror.changed_paths(&first, &first).unwrap(), [""; 0]);
}

#[test]
fn a_comparison_has_a_budget() {
    let origin = Origin::new();
    let first = origin.commit(&[("a", "1")]);
    let second = origin.commit(&[("b/1", "1"), ("b/2", "1"), ("b/3", "1")]);
    let copy = Copy::within(&origin.url(), Limits { changed_paths: 2, ..Limits::default() });
    copy.fetch("main");
    let error = copy.mirror.changed_paths(&first, &second).unwrap_err();
    assert_eq!(error.to_string(), "changed paths exceed the limit of 2");
}

#[test]
fn reads_one_file_from_anywhere_in_the_commit() {
    let origin = Origin::new();
    let commit = origin.commit_as(&[
        ("100644", "tools/risk.wasm", b"\0asm"),
        ("100755", "run.sh", b"#!"),
        ("120000", "tools/link.wasm", b"risk.wasm"),
        ("120000", "elsewhere", b"tools"),
    ]);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    let blob = |path: &str| copy.mirror.blob(&commit, path, 4).unwrap();
    assert_eq!(blob("./tools/risk.wasm").unwrap(), b"\0asm");
    assert_eq!(blob("run.sh").unwrap(), b"#!");
    for path in [
        "tools",
        "tools/",
        "",
        "./",
        "/tools/risk.wasm",
        "tools/../tools/risk.wasm",
        "tools//risk.wasm",
        "tools/link.wasm",
        "elsewhere/risk.wasm",
        "run.sh/x",
        "missing",
        "tools\0",
        "../shop.git/config",
    ] {
        assert_eq!(blob(path), None, "{path:?}");
    }
    let error = copy.mirror.blob(&commit, "tools/risk.wasm", 3).unwrap_err();
    assert_eq!(error.to_string(), "bytes of one file exceed the limit of 3");
}

#[test]
fn a_mirror_that_is_opened_again_still_has_what_it_fetched() {
    let origin = Origin::new();
    let commit = origin.commit(&[(".kiket/a.yaml", "1")]);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    let again = Mirror::open(&copy.folder.path().join("mirror"), &origin.url(), Limits::default()).unwrap();
    assert_eq!(paths(&again.sources(&commit).unwrap()), [".kiket/a.yaml"]);
}

#[test]
fn locks_that_a_killed_process_has_left_are_in_nobodys_way() {
    fn lock(folder: &Path) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                lock(&path);
            } else if path.extension().is_none() {
                std::fs::write(path.with_extension("lock"), "").unwrap();
            }
        }
    }
    let origin = Origin::new();
    origin.commit(&[(".kiket/a.yaml", "1")]);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    let mirror = copy.folder.path().join("mirror");
    lock(&mirror.join("refs"));
    for name in ["FETCH_HEAD", "HEAD", "packed-refs", "shallow"] {
        std::fs::write(mirror.join(name).with_extension("lock"), "").unwrap();
    }
    let next = origin.commit(&[(".kiket/a.yaml", "2")]);
    assert_eq!(copy.fetch("main"), next);
}

#[test]
fn a_mirror_that_was_never_finished_is_made_anew() {
    let origin = Origin::new();
    let commit = origin.commit(&[(".kiket/a.yaml", "1")]);
    let parent = tempfile::tempdir().unwrap();
    let part = parent.path().join("mirror.part");
    std::fs::create_dir_all(part.join("objects")).unwrap();
    std::fs::write(part.join("config"), "[core").unwrap();
    let mirror = Mirror::open(&parent.path().join("mirror"), &origin.url(), Limits::default()).unwrap();
    assert_eq!(mirror.fetch("main").unwrap().unwrap().commit, commit);
    assert!(!part.exists());
}

#[test]
fn a_mirror_of_another_repository_starts_empty() {
    let (old, new) = (Origin::new(), Origin::new());
    let before = old.commit(&[(".kiket/old.yaml", "1")]);
    let after = new.commit(&[(".kiket/new.yaml", "1")]);
    let copy = Copy::of(&old.url());
    copy.fetch("main");
    let moved = Mirror::open(&copy.folder.path().join("mirror"), &new.url(), Limits::default()).unwrap();
    assert!(matches!(moved.sources(&before), Err(SyncError::UnknownCommit(_))));
    assert_eq!(moved.fetch("main").unwrap().unwrap().commit, after);
}

#[test]
fn never_throws_away_a_folder_that_is_not_a_mirror() {
    let origin = Origin::new();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.txt"), "years of work").unwrap();
    drop(Mirror::open(folder.path(), &origin.url(), Limits::default()));
    assert!(folder.path().join("thesis.txt").exists());
}

#[test]
fn writers_of_one_folder_take_turns() {
    let origin = Origin::new();
    let (url, tip) = (origin.url(), origin.commit(&[(".kiket/a.yaml", "1")]));
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("mirrors/shop");
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mirror = Mirror::open(&folder, &url, Limits::default()).unwrap();
                for _ in 0..5 {
                    assert_eq!(mirror.fetch("main").unwrap().unwrap().commit, tip);
                }
            });
        }
    });
}

/// The user's configuration is found through `HOME`, so this test runs itself again
/// in a process with a `HOME` that sends every address elsewhere.
#[test]
fn the_users_configuration_has_no_say() {
    const URL: &str = "KIKET_TEST_URL";
    if let Ok(url) = std::env::var(URL) {
        let copy = Copy::of(&url.parse().unwrap());
        let sources = copy.mirror.sources(&copy.fetch("main")).unwrap();
        assert_eq!(paths(&sources), [".kiket/right.yaml"]);
        return;
    }
    let (right, wrong) = (Origin::new(), Origin::new());
    right.commit(&[(".kiket/right.yaml", "1")]);
    wrong.commit(&[(".kiket/wrong.yaml", "1")]);
    let home = tempfile::tempdir().unwrap();
    let rule = format!("[url \"{}\"]\n  insteadOf = {}\n", wrong.url(), right.url());
    std::fs::write(home.path().join(".gitconfig"), rule).unwrap();

    let elsewhere = Command::new("git")
        .args(["ls-remote", right.url().as_str(), "main"])
        .env("HOME", home.path())
        .output()
        .unwrap();
    let seen = String::from_utf8(elsewhere.stdout).unwrap();
    assert!(seen.starts_with(&git(&wrong.path(), &["rev-parse", "main"], b"")), "the rule works: {seen}");

    let test = "fetching::the_users_configuration_has_no_say";
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env("HOME", home.path())
        .env(URL, right.url().as_str())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
