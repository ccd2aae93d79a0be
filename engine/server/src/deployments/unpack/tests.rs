//! What comes out of archives, and what does not.

use std::collections::BTreeMap;
use std::path::Path;

use tar::{Builder, EntryType, Header};
use tempfile::TempDir;

use super::*;

/// One entry: kind, name as it is written, content or what a link leads to.
type Part<'p> = (EntryType, &'p [u8], &'p [u8]);

/// Writes an archive without asking whether it is a good one.
fn archive(parts: &[Part<'_>]) -> Vec<u8> {
    let mut tar = Builder::new(Vec::new());
    for (kind, name, content) in parts {
        let mut header = Header::new_gnu();
        header.set_entry_type(*kind);
        header.set_mode(0o644);
        let is_link = matches!(kind, EntryType::Symlink | EntryType::Link);
        header.set_size(if is_link { 0 } else { content.len() as u64 });
        header.as_old_mut().name[..name.len()].copy_from_slice(name);
        if is_link {
            header.as_old_mut().linkname[..content.len()].copy_from_slice(content);
        }
        header.set_cksum();
        tar.append(&header, if is_link { &[] } else { *content }).unwrap();
    }
    tar.into_inner().unwrap()
}

fn file<'p>(name: &'p str, content: &'p str) -> Part<'p> {
    (EntryType::Regular, name.as_bytes(), content.as_bytes())
}

/// Unpacks it; returns every file that came out.
fn try_out(archive: &[u8], limits: &Limits) -> Result<BTreeMap<String, String>, UnpackError> {
    let folder = TempDir::new().unwrap();
    let (path, into) = (folder.path().join("a.tar"), folder.path().join("outer/site"));
    fs::write(&path, archive).unwrap();
    fs::create_dir_all(&into).unwrap();
    let result = unpack(File::open(&path).unwrap(), &into, limits);
    let outside = files(&folder.path().join("outer")).into_keys().filter(|name| !name.starts_with("site/")).count();
    assert_eq!(outside, 0, "something came out beside the folder");
    result.map(|()| files(&into))
}

fn files(folder: &Path) -> BTreeMap<String, String> {
    fn walk(top: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                walk(top, &path, found);
            } else {
                let name = path.strip_prefix(top).unwrap().to_str().unwrap().to_owned();
                found.insert(name, fs::read_to_string(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(folder, folder, &mut found);
    found
}

#[track_caller]
fn refused(archive: &[u8], limits: &Limits) -> String {
    match try_out(archive, limits) {
        Err(UnpackError::Refused(why)) => why,
        other => panic!("it was not refused: {other:?}"),
    }
}

#[test]
fn files_and_folders_come_out_and_hidden_ones_stay_behind() {
    let long = format!("{}/page.html", "folder-with-a-long-name/".repeat(8).trim_end_matches('/'));
    let mut tar = Builder::new(archive(&[
        (EntryType::Directory, b"./", b""),
        file("./index.html", "home"),
        (EntryType::Directory, b"docs/", b""),
        file("docs/a.txt", "a"),
        file("deep/er/b.txt", "b"),
        file(".env", "secret"),
        file(".git/config", "secret"),
        file("docs/.hidden/x", "secret"),
    ]));
    // The builder ends an archive with two empty blocks, and what follows is not read.
    let blocks = tar.get_ref().len();
    tar.get_mut().truncate(blocks - 1024);
    let mut header = Header::new_gnu();
    header.set_size(4);
    tar.append_data(&mut header, &long, "long".as_bytes()).unwrap();
    let found = try_out(&tar.into_inner().unwrap(), &Limits::default()).unwrap();
    let expected = [("deep/er/b.txt", "b"), ("docs/a.txt", "a"), (long.as_str(), "long"), ("index.html", "home")];
    assert_eq!(found, expected.map(|(name, text)| (name.to_owned(), text.to_owned())).into());
}

#[test]
fn links_and_devices_refuse_the_whole_archive() {
    for (kind, word) in [
        (EntryType::Symlink, "a link"),
        (EntryType::Link, "a link"),
        (EntryType::Char, "a device"),
        (EntryType::Block, "a device"),
        (EntryType::Fifo, "a pipe"),
        (EntryType::GNUSparse, "neither a file nor a folder"),
    ] {
        let parts = [file("index.html", "home"), (kind, b"x", b"/etc/passwd".as_slice())];
        assert!(refused(&archive(&parts), &Limits::default()).contains(word), "{kind:?}");
    }
    // Writing through a link that came before.
    let parts = [(EntryType::Symlink, b"d".as_slice(), b"..".as_slice()), file("d/x", "out")];
    assert!(refused(&archive(&parts), &Limits::default()).contains("a link"));
}

#[test]
fn names_that_lead_elsewhere_or_nowhere_are_refused() {
    for name in ["../x", "a/../../x", "/etc/x", "a/..", "a\\..\\x", "a\nb", "//x"] {
        refused(&archive(&[file(name, "x")]), &Limits::default());
    }
    refused(&archive(&[(EntryType::Regular, b"\xff.html", b"x")]), &Limits::default());
    refused(&archive(&[file(&"a/".repeat(40), "x")]), &Limits::default());
}

#[test]
fn a_name_stands_for_one_thing() {
    for parts in [
        [file("a", "1"), file("a", "2")],
        [file("a", "1"), file("./a", "2")],
        [file("a", "1"), file("a/b", "2")],
        [file("a/b", "1"), file("a", "2")],
        [file("a", "1"), (EntryType::Directory, b"a", b"")],
    ] {
        assert!(refused(&archive(&parts), &Limits::default()).contains("beside the rest"));
    }
}

#[test]
fn no_more_comes_out_than_the_limits_say() {
    let parts: Vec<String> = (0..11).map(|n| format!("{n}.txt")).collect();
    let parts: Vec<Part<'_>> = parts.iter().map(|name| file(name, "0123456789")).collect();
    let limits = Limits { entries: 11, bytes: 110 };
    assert_eq!(try_out(&archive(&parts), &limits).unwrap().len(), 11);
    refused(&archive(&parts), &Limits { entries: 10, ..limits.clone() });
    refused(&archive(&parts), &Limits { bytes: 109, ..limits });

    // A header that promises more than there is, and more than fits.
    let mut lie = archive(&[file("a", "x")]);
    let mut header = Header::from_byte_slice(&lie[..512]).clone();
    header.set_size(u64::MAX / 2);
    header.set_cksum();
    lie[..512].copy_from_slice(header.as_bytes());
    refused(&lie, &Limits::default());

    // An extended header that says another size than the header it belongs to.
    let mut tar = Builder::new(Vec::new());
    tar.append_pax_extensions([("size", b"4000000000".as_slice())]).unwrap();
    let extended = [tar.into_inner().unwrap(), archive(&[file("a", "x")])];
    let extended = [&extended[0][..extended[0].len() - 1024], &extended[1]].concat();
    refused(&extended, &Limits::default());
}

#[test]
fn what_is_no_archive_is_refused() {
    let whole = archive(&[file("a", &"x".repeat(2_000)), file("b", "y")]);
    refused(b"<!doctype html><title>not a tar</title>", &Limits::default());
    refused(&[b'x'; 4_096], &Limits::default());
    refused(&whole[..1_024], &Limits::default());
    let mut broken = whole;
    broken[0] ^= 0xff;
    refused(&broken, &Limits::default());
    // A long name that would fill the memory.
    let name = [b'a'; 20_000];
    refused(&archive(&[(EntryType::GNULongName, b"././@LongLink", &name), file("a", "x")]), &Limits::default());
}
