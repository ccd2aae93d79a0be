//! What only tests need of other languages' registries, in the versions that are pinned, in folders of their own:
//! componentize-py and componentize-js, which compile the guests in `tests/guests`, deliveries that GitHub has sent,
//! clients of event streams, and schemathesis, which makes up requests. A browser and a tracer are the system's own.

use std::fs;
use std::path::Path;

use crate::command::{program, read};
use crate::failure::{Failure, Outcome};
use crate::project::Project;
use crate::step::note;
use crate::tools;

const PYTHON: &[&str] = &["requirements.txt"];
const NPM: &[&str] = &["package.json", "package-lock.json"];

/// What is fetched, the folder of what pins it, and that.
const PINS: [(&str, &str, &[&str]); 6] = [
    ("python", "tests/guests/python", PYTHON),
    ("javascript", "tests/guests/javascript", NPM),
    ("webhooks", "tests/e2e/forges", NPM),
    ("eventsource", "tests/e2e/clients", NPM),
    ("httpx-sse", "tests/e2e/clients", PYTHON),
    ("schemathesis", "tests/e2e/schemathesis", PYTHON),
];

/// Fetches what is not there in the version that is pinned.
pub(crate) fn ensure(project: &Project) -> Outcome<()> {
    tools::ensure_browser()?;
    tools::ensure_tracer()?;
    for (name, source, pins) in PINS {
        let source = project.root().join(source);
        let folder = project.state().join("foreign").join(name);
        // The pins are copied last: where they are the same, everything is there.
        let is_current = pins.iter().all(|pin| same(&source.join(pin), &folder.join("pinned").join(pin)));
        if is_current {
            continue;
        }
        tools::ensure_foreign()?;
        note(format_args!("fetching {name} into {}", folder.display()));
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(Failure::at(&folder))?;
        }
        let pinned = folder.join("pinned");
        fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;
        if pins == PYTHON {
            install_python(&source, &folder)?
        } else {
            install_npm(&source, &folder)?
        }
        fs::create_dir_all(&pinned).map_err(Failure::at(&pinned))?;
        for pin in pins {
            fs::copy(source.join(pin), pinned.join(pin)).map_err(Failure::at(&source))?;
        }
    }
    Ok(())
}

/// Into a virtual environment, and nothing whose hash is not written down.
fn install_python(source: &Path, folder: &Path) -> Outcome<()> {
    read(program("python3").args(["-m", "venv"]).arg(folder))?;
    let pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:", "--requirement"];
    read(program(folder.join("bin/python")).args(pip).arg(source.join("requirements.txt"))).map(drop)
}

/// What the lock file says, without running what packages bring along for their installation.
fn install_npm(source: &Path, folder: &Path) -> Outcome<()> {
    for file in NPM {
        fs::copy(source.join(file), folder.join(file)).map_err(Failure::at(source))?;
    }
    let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
    read(program("npm").args(npm).current_dir(folder)).map(drop)
}

fn same(one: &Path, other: &Path) -> bool {
    matches!((fs::read(one), fs::read(other)), (Ok(one), Ok(other)) if one == other)
}
