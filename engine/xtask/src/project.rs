//! Where things are: the repository and the folder for everything that is built.

use std::env;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Outcome};

/// The folders of one clone.
pub(crate) struct Project {
    root: PathBuf,
    target: PathBuf,
}

impl Project {
    /// The clone this program was built from; `CARGO_TARGET_DIR` says where built things go, as it does for cargo.
    pub(crate) fn here() -> Outcome<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
        let root = root.ok_or_else(|| Failure::new("xtask does not lie two folders below the repository's root"))?;
        let target = match env::var_os("CARGO_TARGET_DIR").filter(|folder| !folder.is_empty()) {
            None => root.join("target"),
            Some(folder) => std::path::absolute(&folder).map_err(Failure::at(Path::new(&folder)))?,
        };
        Ok(Self { root: root.to_owned(), target })
    }

    /// The repository's root.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The folder for everything that is built.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// The `kiket` binary of the dev profile.
    pub(crate) fn kiket(&self) -> PathBuf {
        self.target.join("debug/kiket")
    }

    /// The workspace of the plugins.
    pub(crate) fn plugins(&self) -> PathBuf {
        self.root.join("plugins")
    }

    /// Where finished components go: the bundled ones here, those of the tests in `test/`.
    pub(crate) fn dist(&self) -> PathBuf {
        self.root.join("plugins/dist")
    }

    /// The target folder of the plugins' workspace.
    pub(crate) fn plugins_target(&self) -> PathBuf {
        self.target.join("plugins")
    }

    /// What this program keeps for itself.
    pub(crate) fn state(&self) -> PathBuf {
        self.target.join("xtask")
    }
}
