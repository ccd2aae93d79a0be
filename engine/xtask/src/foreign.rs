//! The compilers of guests in other languages: componentize-py and componentize-js, in the versions that the guests in
//! `tests/guests` pin, in folders of their own. Only tests need them.

use std::fs;
use std::path::Path;

use crate::command::{program, read};
use crate::failure::{Failure, Outcome};
use crate::project::Project;
use crate::step::note;
use crate::tools;

/// What pins the compiler of each language, in its guest's folder.
const PINS: [(&str, &[&str]); 2] =
    [("python", &["requirements.txt"]), ("javascript", &["package.json", "package-lock.json"])];

/// Fetches the compilers that are not there in the version that is pinned.
pub(crate) fn ensure(project: &Project) -> Outcome<()> {
    for (language, pins) in PINS {
        let guest = project.root().join("tests/guests").join(language);
        let folder = project.state().join("foreign").join(language);
        // The pins are copied last: where they are the same, everything is there.
        let is_current = pins.iter().all(|pin| same(&guest.join(pin), &folder.join("pinned").join(pin)));
        if is_current {
            continue;
        }
        tools::ensure_foreign()?;
        note(format_args!("fetching the compiler of {language} guests into {}", folder.display()));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Failure::at(&folder))?;
        }
        let pinned = folder.join("pinned");
        fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;
        if language == "python" {
            install_python(&guest, &folder)?
        } else {
            install_javascript(&guest, &folder)?
        }
        fs::create_dir_all(&pinned).map_err(Failure::at(&pinned))?;
        for pin in pins {
            fs::copy(guest.join(pin), pinned.join(pin)).map_err(Failure::at(&guest))?;
        }
    }
    Ok(())
}

/// Into a virtual environment, and nothing whose hash is not written down.
fn install_python(guest: &Path, folder: &Path) -> Outcome<()> {
    read(program("python3").args(["-m", "venv"]).arg(folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--requirement"];
    read(program(folder.join("bin/python")).args(pip).arg(guest.join("requirements.txt"))).map(drop)
}

/// What the lock file says, without running what packages bring along for their installation.
fn install_javascript(guest: &Path, folder: &Path) -> Outcome<()> {
    for file in ["package.json", "package-lock.json"] {
        fs::copy(guest.join(file), folder.join(file)).map_err(Failure::at(guest))?;
    }
    let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    read(program("npm").args(npm).current_dir(folder)).map(drop)
}

fn same(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}
