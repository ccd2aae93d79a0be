//! Which file a program's name stands for.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::{ProgramError, shown};

/// Where the system's programs are.
pub(super) const SYSTEM: [&str; 3] = ["/usr/local/bin", "/usr/bin", "/bin"];

/// Returns the file of a program: an absolute path, or the first of that name in a folder of `path`.
pub(super) fn program(program: &str, path: &[PathBuf]) -> Result<PathBuf, ProgramError> {
    if program.is_empty() || program.contains('\0') {
        return Err(ProgramError::Invalid("a program has a name".to_owned()));
    }
    if program.starts_with('/') {
        let file = PathBuf::from(program);
        let missing = || ProgramError::NotFound(format!("there is no program `{}`", shown(program)));
        return if can_be_run(&file) { Ok(file) } else { Err(missing()) };
    }
    if program.contains('/') {
        let message = format!("`{}` is neither the name of a program nor an absolute path", shown(program));
        return Err(ProgramError::Invalid(message));
    }
    path.iter().map(|folder| folder.join(program)).find(|file| can_be_run(file)).ok_or_else(|| {
        let folders: Vec<String> = path.iter().map(|folder| folder.display().to_string()).collect();
        let message = format!("there is no program `{}` in {}", shown(program), folders.join(":"));
        ProgramError::NotFound(format!("{message}; --process-path adds folders"))
    })
}

fn can_be_run(file: &Path) -> bool {
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn finds_programs_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("text"), "").unwrap();
        fs::create_dir(folder.path().join("sh")).unwrap();
        let path = [folder.path().to_owned(), PathBuf::from("/usr/bin"), PathBuf::from("/bin")];
        let found = program("sh", &path).unwrap();
        assert!(found.ends_with("bin/sh") && program(found.to_str().unwrap(), &path).is_ok());
        for missing in ["text", "none", "..", "/none", "/etc/passwd", "/etc"] {
            assert!(matches!(program(missing, &path), Err(ProgramError::NotFound(_))), "{missing}");
        }
        for wrong in ["", "./sh", "bin/sh", "../bin/sh", "a\0b"] {
            assert!(matches!(program(wrong, &path), Err(ProgramError::Invalid(_))), "{wrong}");
        }
    }
}
