//! Downloads that are there whole or not at all, also after a power cut.
//!
//! Git's library does not wait for the disk: a pack whose index has outlived it looks as if it were there, is never
//! fetched again, and makes the mirror useless for good. So what there was before a download is noted first, and where
//! the note is still there when the next one begins, what came in between is taken away.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

/// Where Git keeps packs.
const PACKS: &str = "objects/pack";
/// Where it notes at which commits history was cut off.
const SHALLOW: &str = "shallow";
/// The note: the names of packs, an empty line, what history was cut off at.
const NOTE: &str = "kiket-download";

/// A download that is under way. Whoever has it is alone with the mirror.
pub(crate) struct Download {
    mirror: PathBuf,
    before: BTreeSet<OsString>,
}

impl Download {
    /// Notes what there is, after what was left by a download that was cut off is taken away.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn begin(mirror: &Path) -> io::Result<Self> {
        if let Some(note) = read(&mirror.join(NOTE))? {
            undo(mirror, &note)?;
        }
        let before = names(&mirror.join(PACKS))?;
        let mut note = before.iter().flat_map(|name| [name.as_bytes(), b"\n"].concat()).collect::<Vec<u8>>();
        note.push(b'\n');
        note.extend(read(&mirror.join(SHALLOW))?.unwrap_or_default());
        write_whole(mirror, NOTE, &note)?;
        Ok(Self { mirror: mirror.to_owned(), before })
    }

    /// Waits until what came is on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn finish(self) -> io::Result<()> {
        let folder = self.mirror.join(PACKS);
        for name in names(&folder)?.difference(&self.before) {
            settle(&folder.join(name))?;
        }
        settle(&folder)?;
        if self.mirror.join(SHALLOW).exists() {
            settle(&self.mirror.join(SHALLOW))?;
        }
        settle(&self.mirror)?;
        fs::remove_file(self.mirror.join(NOTE))?;
        // A note that came back with a power cut would take away what references lead to by then.
        settle(&self.mirror)
    }
}

/// Takes away what came after the note was written.
fn undo(mirror: &Path, note: &[u8]) -> io::Result<()> {
    let folder = mirror.join(PACKS);
    let mut lines = note.split_inclusive(|byte| *byte == b'\n');
    let packs = lines.by_ref().take_while(|line| *line != b"\n");
    let before: BTreeSet<OsString> = packs.map(|line| OsString::from_vec(line.trim_ascii_end().to_vec())).collect();
    let shallow: Vec<u8> = lines.flatten().copied().collect();
    for name in names(&folder)?.difference(&before) {
        fs::remove_file(folder.join(name))?;
    }
    match shallow.as_slice() {
        [] if mirror.join(SHALLOW).exists() => fs::remove_file(mirror.join(SHALLOW)),
        [] => Ok(()),
        lines => write_whole(mirror, SHALLOW, lines),
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        read => read.map(Some),
    }
}

fn names(folder: &Path) -> io::Result<BTreeSet<OsString>> {
    fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect()
}

fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let part = folder.join(format!("{name}.part"));
    let mut file = File::create(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&part, folder.join(name))?;
    settle(folder)
}

/// Waits for a file, or for the entries of a folder.
///
/// # Errors
/// What the system says.
pub(crate) fn settle(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Waits for a folder with everything in it.
///
/// # Errors
/// What the system says.
pub(crate) fn settle_all(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            settle_all(&entry.path())?;
        } else {
            settle(&entry.path())?;
        }
    }
    settle(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_download_that_was_cut_off_has_left_is_taken_away() {
        let mirror = tempfile::tempdir().unwrap();
        let (mirror, packs) = (mirror.path(), mirror.path().join(PACKS));
        fs::create_dir_all(&packs).unwrap();
        for shallow in [None, Some("1234\n5678\n")] {
            for name in ["old.pack", "old.idx"] {
                fs::write(packs.join(name), "old").unwrap();
            }
            if let Some(shallow) = shallow {
                fs::write(mirror.join(SHALLOW), shallow).unwrap();
            }
            Download::begin(mirror).unwrap();
            fs::write(packs.join("new.idx"), "half").unwrap();
            fs::write(mirror.join(SHALLOW), "12").unwrap();

            let next = Download::begin(mirror).unwrap();
            assert_eq!(names(&packs).unwrap(), BTreeSet::from(["old.idx", "old.pack"].map(OsString::from)));
            assert_eq!(fs::read_to_string(mirror.join(SHALLOW)).ok().as_deref(), shallow);
            fs::write(packs.join("new.pack"), "whole").unwrap();
            next.finish().unwrap();

            Download::begin(mirror).unwrap().finish().unwrap();
            assert!(packs.join("new.pack").exists());
            assert!(!mirror.join(NOTE).exists());
            fs::remove_file(packs.join("new.pack")).unwrap();
        }
    }

    #[test]
    fn a_mirror_without_packs_is_none_that_is_emptied() {
        let mirror = tempfile::tempdir().unwrap();
        let packs = mirror.path().join(PACKS);
        fs::create_dir_all(&packs).unwrap();
        Download::begin(mirror.path()).unwrap();
        fs::write(packs.join("new.idx"), "half").unwrap();
        Download::begin(mirror.path()).unwrap();
        assert!(names(&packs).unwrap().is_empty());
    }
}
