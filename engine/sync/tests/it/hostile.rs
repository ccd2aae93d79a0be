//! Repositories made by somebody who means harm.

use kiket_sync::{Limits, Skip, SyncError};

use crate::harness::{Copy, Origin, paths};

#[test]
fn links_and_submodules_are_reported_and_never_followed() {
    let origin = Origin::new();
    let commit = origin.commit_as(&[
        ("100644", ".kiket/fine.yaml", b"1"),
        ("120000", ".kiket/passwd.yaml", b"/etc/passwd"),
        ("120000", ".kiket/loop", b"."),
        ("160000", ".kiket/module", b""),
    ]);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    let sources = copy.mirror.sources(&commit).unwrap();
    assert_eq!(paths(&sources), [".kiket/fine.yaml"]);
    let skipped: Vec<_> = sources.skipped.iter().map(|skipped| (skipped.path.as_str(), skipped.reason)).collect();
    assert_eq!(
        skipped,
        [
            (".kiket/loop", Skip::SymbolicLink),
            (".kiket/module", Skip::Submodule),
            (".kiket/passwd.yaml", Skip::SymbolicLink)
        ]
    );
}

#[test]
fn the_folder_itself_may_not_be_something_else() {
    for (mode, reason) in [("120000", Skip::SymbolicLink), ("160000", Skip::Submodule), ("100644", Skip::NotAFolder)] {
        let origin = Origin::new();
        let commit = origin.commit_as(&[(mode, ".kiket", b"/etc")]);
        let copy = Copy::of(&origin.url());
        copy.fetch("main");
        let sources = copy.mirror.sources(&commit).unwrap();
        assert_eq!(sources.files, []);
        assert_eq!((sources.skipped[0].path.as_str(), sources.skipped[0].reason), (".kiket", reason));
    }
}

#[test]
fn names_that_are_no_names_are_skipped_and_shown_with_escapes() {
    let origin = Origin::new();
    let blob = origin.write_blob(b"1");
    let names: [&[u8]; 12] = [
        b"..",
        b".",
        b".GIT",
        b"git~1",
        b"a/b",
        b"a\\b",
        b"cr\r",
        b"\xff\xfe",
        b"esc\x1b[2J",
        "\u{202e}".as_bytes(),
        b"ok",
        b"ok",
    ];
    let entries: Vec<_> = names.iter().map(|name| ("100644", *name, blob.as_str())).collect();
    let folder = origin.write_tree(&entries);
    let commit = origin.commit_folder(&folder);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");

    let sources = copy.mirror.sources(&commit).unwrap();
    assert_eq!(paths(&sources), [".kiket/ok"]);
    let skipped: Vec<_> = sources.skipped.iter().map(|skipped| (skipped.path.as_str(), skipped.reason)).collect();
    assert_eq!(
        skipped,
        [
            (".kiket/.", Skip::UnsafeName),
            (".kiket/..", Skip::UnsafeName),
            (".kiket/.GIT", Skip::UnsafeName),
            (".kiket/\\u{202e}", Skip::UnsafeName),
            (".kiket/\\xff\\xfe", Skip::UnsafeName),
            (".kiket/a/b", Skip::UnsafeName),
            (".kiket/a\\\\b", Skip::UnsafeName),
            (".kiket/cr\\r", Skip::UnsafeName),
            (".kiket/esc\\u{1b}[2J", Skip::UnsafeName),
            (".kiket/git~1", Skip::UnsafeName),
            (".kiket/ok", Skip::DuplicateName),
        ]
    );
}

#[test]
fn what_is_not_text_or_too_large_is_skipped() {
    let origin = Origin::new();
    let large = vec![b'a'; 101];
    let commit = origin.commit_as(&[
        ("100644", ".kiket/latin1.yaml", b"gr\xf6\xdfe"),
        ("100644", ".kiket/nul.yaml", b"a\0b"),
        ("100644", ".kiket/large.yaml", &large),
        ("100644", ".kiket/full.yaml", &large[..100]),
        ("100755", ".kiket/executable.yaml", b"1"),
    ]);
    let copy = Copy::within(&origin.url(), Limits { file_bytes: 100, ..Limits::default() });
    copy.fetch("main");
    let sources = copy.mirror.sources(&commit).unwrap();
    assert_eq!(paths(&sources), [".kiket/executable.yaml", ".kiket/full.yaml"]);
    let reasons: Vec<_> = sources.skipped.iter().map(|skipped| skipped.reason).collect();
    assert_eq!(reasons, [Skip::TooLarge { bytes: 101 }, Skip::NotText, Skip::NotText]);
}

#[test]
fn a_folder_beyond_a_budget_is_refused_as_a_whole() {
    let origin = Origin::new();
    let commit = origin.commit(&[(".kiket/a/b/c.yaml", "123"), (".kiket/d.yaml", "456")]);
    let refusal = |limits: Limits| {
        let copy = Copy::within(&origin.url(), limits);
        copy.fetch("main");
        copy.mirror.sources(&commit).unwrap_err().to_string()
    };
    let limits = Limits::default();
    assert_eq!(refusal(Limits { depth: 2, ..limits.clone() }), "levels of folders below .kiket exceed the limit of 2");
    assert_eq!(refusal(Limits { entries: 3, ..limits.clone() }), "entries below .kiket exceed the limit of 3");
    assert_eq!(refusal(Limits { folder_bytes: 5, ..limits }), "bytes below .kiket exceed the limit of 5");
}

#[test]
fn a_git_bomb_costs_no_more_than_the_budget() {
    let origin = Origin::new();
    let blob = origin.write_blob(b"boom");
    let layer = |mode: &str, id: &str| {
        let names: Vec<String> = (0..10).map(|name| name.to_string()).collect();
        let entries: Vec<_> = names.iter().map(|name| (mode, name.as_bytes(), id)).collect();
        origin.write_tree(&entries)
    };
    let mut tree = layer("100644", &blob);
    for _ in 0..9 {
        tree = layer("40000", &tree);
    }
    let before = origin.commit(&[(".kiket/a.yaml", "1")]);
    let commit = origin.commit_folder(&tree);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    for error in [copy.mirror.sources(&commit).unwrap_err(), copy.mirror.changed_paths(&before, &commit).unwrap_err()] {
        assert!(matches!(error, SyncError::TooLarge { .. }), "{error:?}");
    }
}

#[test]
fn a_tree_of_absurd_size_is_not_read() {
    let origin = Origin::new();
    let blob = origin.write_blob(b"1");
    let names: Vec<String> = (0..120_000).map(|name| format!("{name:08}")).collect();
    let entries: Vec<_> = names.iter().map(|name| ("100644", name.as_bytes(), blob.as_str())).collect();
    let tree = origin.write_tree(&entries);
    let commit = origin.commit_folder(&tree);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    let error = copy.mirror.sources(&commit).unwrap_err();
    assert_eq!(error.to_string(), "bytes of one tree exceed the limit of 4194304");
}

#[test]
fn an_attributes_file_runs_nothing_and_changes_nothing() {
    let origin = Origin::new();
    let commit = origin.commit(&[
        (".gitattributes", "* filter=evil ident text eol=crlf\n"),
        (".gitmodules", "[submodule \"x\"]\n path = x\n url = ext::sh -c true\n update = !true\n"),
        (".kiket/a.yaml", "$Id$\n"),
    ]);
    let copy = Copy::of(&origin.url());
    copy.fetch("main");
    assert_eq!(copy.mirror.sources(&commit).unwrap().files[0].text, "$Id$\n");
}
