//! Workspaces as guests and programs use and abuse them.

use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::Command;

use tempfile::TempDir;

use super::*;

const MIB: u64 = 1 << 20;

/// A folder of workspaces, and a working tree to copy.
struct Yard {
    folder: TempDir,
    workspaces: Workspaces,
}

impl Yard {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let workspaces = Workspaces::open(&folder.path().join("workspaces")).unwrap();
        fs::create_dir(folder.path().join("tree")).unwrap();
        Self { folder, workspaces }
    }

    fn add(&self, path: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join("tree").join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    fn make(&self, quota: u64) -> Result<Workspace, WorkspaceError> {
        self.workspaces.make(&Source::Tree(self.folder.path().join("tree")), quota)
    }

    /// The names below the folder of workspaces.
    fn left(&self) -> usize {
        fs::read_dir(self.folder.path().join("workspaces")).unwrap().count()
    }
}

fn hands(workspace: &Workspace) -> Files<'_> {
    Files { state: workspace.lock() }
}

fn at(text: &str) -> Inside {
    Inside::parse(text).unwrap()
}

fn names(files: &Files<'_>, path: &str) -> Vec<String> {
    files.entries(&at(path)).unwrap().into_iter().map(|entry| entry.name).collect()
}

#[test]
fn a_working_tree_is_copied_as_git_sees_it() {
    let yard = Yard::new();
    for path in [
        "a",
        "src/main.rs",
        "new",
        ".hidden/file",
        ".kiket/pipelines/p.yaml",
        "target/big",
        "x.log",
        "sub/.git/HEAD",
        "sub/a",
    ] {
        yard.add(path, path);
    }
    yard.add(".gitignore", "target/\n*.log\n!keep.log\n");
    yard.add("keep.log", "1");
    yard.add(".git/config", "secret");
    let script = yard.add("run.sh", "#!/bin/sh\n");
    fs::set_permissions(script, Permissions::from_mode(0o775)).unwrap();
    symlink("a", yard.folder.path().join("tree/inside")).unwrap();
    symlink("/etc/passwd", yard.folder.path().join("tree/outside")).unwrap();
    let workspace = yard.make(MIB).unwrap();
    let files = hands(&workspace);
    assert_eq!(
        names(&files, ""),
        [".gitignore", ".hidden", ".kiket", "a", "inside", "keep.log", "new", "run.sh", "src"]
    );
    assert_eq!(files.read(&at("src/main.rs"), 4, 100).unwrap(), b"main.rs");
    let entries = files.entries(&at("")).unwrap();
    assert!(entries.iter().all(|entry| entry.executable == (entry.name == "run.sh")));
    assert_eq!(entries[4], Entry { name: "inside".into(), kind: Kind::Link, size: 0, executable: false });
    assert_eq!(
        workspace.skipped(),
        ["outside: a symbolic link that may lead out", "sub: another repository, which is not copied"]
    );
}

#[test]
fn a_tree_beyond_the_quota_makes_no_workspace() {
    let yard = Yard::new();
    yard.add("a", "12345");
    assert!(matches!(yard.make(4), Err(WorkspaceError::OverQuota(_))));
    assert_eq!(yard.left(), 0);
    yard.make(5).unwrap();
}

#[test]
fn what_is_written_is_read_and_counted() {
    let yard = Yard::new();
    yard.add("a", "12345");
    let workspace = yard.make(20).unwrap();
    let mut files = hands(&workspace);
    files.write(&at("b/c/d"), b"1234567890", 20).unwrap();
    files.append(&at("b/c/d"), b"12345", 20).unwrap();
    for over in
        [files.append(&at("b/c/d"), b"1", 20), files.write(&at("a"), b"123456", 20), files.write(&at("n"), b"1", 20)]
    {
        assert!(matches!(over, Err(WorkspaceError::OverQuota(_))), "{over:?}");
    }
    assert_eq!(files.read(&at("a"), 0, 100).unwrap(), b"12345", "what has no room replaces nothing");
    assert_eq!(files.read(&at("b/c/d"), 12, 2).unwrap(), b"34");
    assert_eq!(files.read(&at("b/c/d"), 15, 2).unwrap(), b"");
    files.write(&at("b/c/d"), b"1", 20).unwrap();
    assert_eq!(files.room(20), 14);
    files.set_executable(&at("a"), true).unwrap();
    assert!(files.entries(&at("")).unwrap()[0].executable);
    files.remove(&at("b")).unwrap();
    files.remove(&at("a")).unwrap();
    assert_eq!((names(&files, "."), files.room(20)), (vec![], 20));
}

#[test]
fn paths_that_are_not_what_they_should_be_are_told_apart() {
    let yard = Yard::new();
    yard.add("a/b", "1");
    let workspace = yard.make(MIB).unwrap();
    let mut files = hands(&workspace);
    let missing = [
        files.read(&at("none"), 0, 1).map(drop),
        files.entries(&at("none")).map(drop),
        files.append(&at("none"), b"1", MIB),
        files.set_executable(&at("none"), true),
        files.remove(&at("a/none")),
    ];
    missing.iter().for_each(|error| assert!(matches!(error, Err(WorkspaceError::NotFound(_))), "{error:?}"));
    let wrong = [
        files.read(&at("a"), 0, 1).map(drop),
        files.entries(&at("a/b")).map(drop),
        files.write(&at("a"), b"1", MIB),
        files.write(&at(""), b"1", MIB),
        files.write(&at("a/b/c"), b"1", MIB),
        files.set_executable(&at("a"), true),
        files.remove(&at("")),
        files.write(&at(&"n".repeat(256)), b"1", MIB),
    ];
    wrong.iter().for_each(|error| assert!(matches!(error, Err(WorkspaceError::Invalid(_))), "{error:?}"));
}

#[test]
fn no_link_that_a_program_leaves_leads_out() {
    let yard = Yard::new();
    yard.add("a/b", "1");
    let workspace = yard.make(MIB).unwrap();
    let root = workspace.files();
    let outside = yard.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    symlink("/etc/passwd", root.join("passwd")).unwrap();
    symlink(&outside, root.join("absolute")).unwrap();
    symlink("../../../outside", root.join("relative")).unwrap();
    symlink("relative/secret", root.join("chained")).unwrap();
    symlink("/proc/self/root/etc/passwd", root.join("magic")).unwrap();
    symlink("loop", root.join("loop")).unwrap();
    symlink("a/../a/b", root.join("fine")).unwrap();
    let mut files = hands(&workspace);
    for path in ["passwd", "absolute/secret", "relative/secret", "chained", "magic", "loop", "absolute/new/file"] {
        let path = at(path);
        for refused in [
            files.read(&path, 0, 9).map(drop),
            files.write(&path, b"evil", MIB),
            files.append(&path, b"evil", MIB),
            files.set_executable(&path, true),
        ] {
            assert!(matches!(refused, Err(WorkspaceError::Invalid(_))), "{path}: {refused:?}");
        }
    }
    for path in ["absolute", "relative"] {
        assert!(matches!(files.entries(&at(path)), Err(WorkspaceError::Invalid(_))));
        assert!(matches!(files.remove(&at(&format!("{path}/secret"))), Err(WorkspaceError::Invalid(_))));
    }
    assert_eq!(files.read(&at("fine"), 0, 9).unwrap(), b"1", "a link that stays inside is followed");
    files.remove(&at("absolute")).unwrap();
    assert_eq!(fs::read_to_string(outside.join("secret")).unwrap(), "secret");
    drop(files);
    drop(workspace);
    assert_eq!((yard.left(), fs::read_to_string(outside.join("secret")).unwrap()), (0, "secret".to_owned()));
}

#[test]
fn a_folder_that_is_exchanged_for_a_link_at_any_moment_leads_nowhere() {
    let yard = Yard::new();
    yard.add("there/secret", "inside");
    let workspace = yard.make(MIB).unwrap();
    let outside = yard.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "secret").unwrap();
    let root = workspace.files();
    symlink(&outside, root.join("link")).unwrap();
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let swapping = {
        let (root, stop) = (root.clone(), Arc::clone(&stop));
        std::thread::spawn(move || {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                // The link takes the folder's place, and gives it back.
                for (from, to) in [("there", "away"), ("link", "there"), ("there", "link"), ("away", "there")] {
                    fs::rename(root.join(from), root.join(to)).unwrap();
                }
            }
        })
    };
    let files = hands(&workspace);
    let (mut read, path) = (0, at("there/secret"));
    for _ in 0..5_000 {
        match files.read(&path, 0, 9) {
            Ok(content) => {
                assert_eq!(content, b"inside");
                read += 1;
            }
            Err(error) => {
                assert!(matches!(error, WorkspaceError::Invalid(_) | WorkspaceError::NotFound(_)), "{error:?}");
            }
        }
        let _ = files.set_executable(&path, true);
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    swapping.join().unwrap();
    assert!(read > 0);
    let mode = fs::metadata(outside.join("secret")).unwrap().permissions().mode();
    assert_eq!(mode & 0o111, 0, "nothing outside was touched");
}

#[test]
fn a_pipe_in_the_place_of_a_file_keeps_nobody_waiting() {
    let yard = Yard::new();
    let workspace = yard.make(MIB).unwrap();
    assert!(Command::new("mkfifo").arg(workspace.files().join("pipe")).status().unwrap().success());
    let mut files = hands(&workspace);
    for refused in [
        files.read(&at("pipe"), 0, 9).map(drop),
        files.write(&at("pipe"), b"1", MIB),
        files.append(&at("pipe"), b"1", MIB),
    ] {
        assert!(matches!(refused, Err(WorkspaceError::Invalid(_))), "{refused:?}");
    }
    assert_eq!(names(&files, ""), Vec::<String>::new());
    files.remove(&at("pipe")).unwrap();
}

#[test]
fn what_programs_write_counts_when_it_is_measured() {
    let yard = Yard::new();
    let workspace = yard.make(100).unwrap();
    let root = workspace.files();
    fs::write(root.join("a"), [0; 40]).unwrap();
    fs::hard_link(root.join("a"), root.join("again")).unwrap();
    fs::write(workspace.beside()[0].join("b"), [0; 40]).unwrap();
    symlink("/etc", root.join("etc")).unwrap();
    let mut files = hands(&workspace);
    assert_eq!(files.settle(100), Ok(80));
    assert!(matches!(files.write(&at("c"), &[0; 21], 100), Err(WorkspaceError::OverQuota(_))));
    fs::File::create(root.join("holes")).unwrap().set_len(1 << 40).unwrap();
    assert!(matches!(files.settle(100), Err(WorkspaceError::OverQuota(_))));
    assert_eq!(files.room(100), 0);
}

#[tokio::test]
async fn a_workspace_that_outgrows_its_quota_is_noticed_while_it_grows() {
    let yard = Yard::new();
    let workspace = yard.make(100).unwrap();
    let (root, grown) = (workspace.files(), workspace.outgrow(100));
    fs::write(root.join("a"), [0; 101]).unwrap();
    assert!(matches!(grown.await, WorkspaceError::OverQuota(_)));
}

/// Makes folders deeper than any path can say, and than there are open files or stack for.
fn dig(workspace: &Workspace) {
    let mut folder = hands(workspace).root().try_clone().unwrap();
    for _ in 0..5_000 {
        folder.create_dir("deep").unwrap();
        folder = folder.open_dir("deep").unwrap();
        folder.write("file", "").unwrap();
    }
    folder.set_permissions(".", cap_std::fs::PermissionsExt::from_mode(0)).unwrap();
}

#[test]
fn folders_of_absurd_depth_are_noticed_and_removed() {
    let yard = Yard::new();
    let workspace = yard.make(MIB).unwrap();
    dig(&workspace);
    let mut files = hands(&workspace);
    assert!(matches!(files.settle(MIB), Err(WorkspaceError::OverQuota(_))));
    files.remove(&at("deep")).unwrap();
    assert_eq!(files.settle(MIB), Ok(0));
    drop(files);
    dig(&workspace);
    drop(workspace);
    assert_eq!(yard.left(), 0);
}

#[test]
fn what_a_killed_process_left_is_removed_at_the_next_start() {
    let yard = Yard::new();
    yard.add("a", "1");
    let workspace = yard.make(MIB).unwrap();
    fs::set_permissions(workspace.files(), Permissions::from_mode(0o000)).unwrap();
    std::mem::forget(workspace);
    fs::write(yard.folder.path().join("workspaces/stray"), "1").unwrap();
    assert_eq!(yard.left(), 2);
    let _next = Workspaces::open(&yard.folder.path().join("workspaces")).unwrap();
    let begun = Instant::now();
    while yard.left() > 0 {
        assert!(begun.elapsed() < Duration::from_secs(30), "what is left is removed");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_run_without_a_commit_in_its_mirror_has_no_workspace() {
    let yard = Yard::new();
    let source = Source::Commit {
        mirror: yard.folder.path().join("git/p.git"),
        url: format!("file://{}", yard.folder.path().join("gone.git").display()).parse().unwrap(),
        commit: "0123456789abcdef0123456789abcdef01234567".parse().unwrap(),
        reference: None,
    };
    let refused = yard.workspaces.make(&source, MIB).err();
    assert!(matches!(refused, Some(WorkspaceError::Failed(_))), "{refused:?}");
    assert_eq!(yard.left(), 0);
}
