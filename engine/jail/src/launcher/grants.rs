//! What is granted: the rules' paths, checked, with every link resolved.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::Rules;
use crate::wire::Failure;

use super::Step;

/// The paths of a program, each of them absolute and there.
pub(super) struct Grants {
    pub(super) readable: Vec<PathBuf>,
    pub(super) writable: Vec<PathBuf>,
    /// Granted names that are symbolic links, and what they lead to.
    pub(super) links: Vec<(PathBuf, PathBuf)>,
}

impl Grants {
    /// Checks the rules' paths.
    pub(super) fn of(rules: &Rules) -> Step<Self> {
        let mut grants = Self { readable: vec![], writable: vec![], links: vec![] };
        for path in &rules.writable {
            if resolve(path)? != *path {
                return Err(Failure::Invalid(format!("{} has a symbolic link in it", path.display())));
            }
            grants.writable.push(path.clone());
        }
        for path in &rules.readable {
            let real = resolve(path)?;
            if real != *path {
                grants.links.push((path.clone(), real.clone()));
            }
            grants.readable.push(real);
        }
        Ok(grants)
    }

    /// Whether a path lies in what may be written.
    pub(super) fn may_write(&self, path: &Path) -> bool {
        fs::canonicalize(path).is_ok_and(|real| self.writable.iter().any(|granted| real.starts_with(granted)))
    }
}

fn resolve(path: &Path) -> Step<PathBuf> {
    let invalid = |reason: &str| Failure::Invalid(format!("{} cannot be granted: {reason}", path.display()));
    if !path.is_absolute() {
        return Err(invalid("the path is not absolute"));
    }
    let real = fs::canonicalize(path).map_err(|error| invalid(&error.to_string()))?;
    if real.parent().is_none() { Err(invalid("it is the whole file system")) } else { Ok(real) }
}
