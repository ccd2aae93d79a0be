//! Debian's compiler, for machines where rustup cannot download a target.
//!
//! Three parts make a compiler for components: Debian's rustc and cargo, newer than the release's own and packaged
//! apart from them; the sources of their standard library, which cargo builds; and a wasi-libc that knows the second
//! preview of WASI, which came with Debian 13. The linkers are those of the toolchain in use.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::Command;

use crate::apt;
use crate::command::{program, read};
use crate::failure::{Failure, Outcome};
use crate::project::Project;
use crate::step::note;
use crate::wasm::TARGET;

/// Compiler, package manager and standard library of one version.
const PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];

/// The release whose wasi-libc is taken: any since this one will do.
const LIBC_RELEASE: &str = "trixie";

/// Debian's rustc and cargo, and the C library to link with.
pub(crate) struct Pair {
    rustc: PathBuf,
    cargo: PathBuf,
    libc: PathBuf,
}

impl Pair {
    /// The pair where everything is already in place.
    pub(crate) fn prepared(project: &Project) -> Outcome<Option<Self>> {
        let libc = libc_folder(project);
        if !apt::is_debian() || !libc.is_dir() || !apt::are_installed(&PACKAGES) {
            return Ok(None);
        }
        let pair = Self::at(libc)?;
        pair.write_cargo(project)?;
        Ok(Some(pair))
    }

    /// Installs and fetches what is missing.
    pub(crate) fn prepare(project: &Project) -> Outcome<Self> {
        if !apt::are_installed(&PACKAGES) {
            let packages = PACKAGES.join(" ");
            if !apt::can_install() {
                return Err(Failure::new(format!("install these Debian packages as root first: {packages}")));
            }
            note(format_args!("installing Debian's {packages}"));
            apt::install(&PACKAGES)?;
        }
        let libc = libc_folder(project);
        if !libc.is_dir() {
            note(format_args!("fetching wasi-libc of Debian {LIBC_RELEASE} into {}", libc_root(project).display()));
            apt::unpack("wasi-libc", LIBC_RELEASE, &libc_root(project))?;
        }
        let pair = Self::at(libc)?;
        pair.write_cargo(project)?;
        Ok(pair)
    }

    /// Writes a program that stands in for cargo where somebody else builds components, as `kiket plugin build` does
    /// with `KIKET_CARGO`.
    fn write_cargo(&self, project: &Project) -> Outcome<()> {
        let path = path_with_linkers()?;
        let script = format!(
            "#!/bin/sh\nunset RUSTUP_TOOLCHAIN CARGO RUSTDOC RUSTFLAGS\nexport RUSTC='{}' RUSTC_BOOTSTRAP=1 \
             CARGO_ENCODED_RUSTFLAGS='-L\u{1f}{}' PATH='{}'\nexec '{}' \"$@\" -Zbuild-std=std,panic_abort\n",
            self.rustc.display(),
            self.libc.display(),
            path.to_string_lossy(),
            self.cargo.display(),
        );
        let file = project.state().join("cargo-wasm");
        fs::write(&file, script).map_err(Failure::at(&file))?;
        fs::set_permissions(&file, Permissions::from_mode(0o755)).map_err(Failure::at(&file))
    }

    fn at(libc: PathBuf) -> Outcome<Self> {
        let rustc = apt::file_of("rustc-web", "/bin/rustc")?;
        let cargo = apt::file_of("cargo-web", "/bin/cargo")?;
        Ok(Self { rustc, cargo, libc })
    }

    /// Debian's cargo, set up to build the standard library and to link components.
    pub(crate) fn cargo(&self) -> Outcome<Command> {
        let mut command = program(&self.cargo);
        for name in ["RUSTUP_TOOLCHAIN", "CARGO", "RUSTDOC", "RUSTFLAGS"] {
            command.env_remove(name);
        }
        command.env("RUSTC", &self.rustc);
        // Building the standard library counts as unstable.
        command.env("RUSTC_BOOTSTRAP", "1");
        command.env("CARGO_ENCODED_RUSTFLAGS", format!("-L\u{1f}{}", self.libc.display()));
        command.env("PATH", path_with_linkers()?);
        Ok(command)
    }
}

/// The path, led by the toolchain's folders with `wasm-component-ld` and `wasm-ld`.
fn path_with_linkers() -> Outcome<std::ffi::OsString> {
    let sysroot = read(program("rustc").args(["--print", "sysroot"]))?;
    let version = read(program("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let linkers = PathBuf::from(sysroot.trim()).join("lib/rustlib").join(host).join("bin");
    if !linkers.join("wasm-component-ld").is_file() {
        return Err(Failure::new("the Rust toolchain in use has no wasm-component-ld: install Rust with rustup"));
    }
    let rest = env::var_os("PATH").unwrap_or_default();
    let folders = [linkers.clone(), linkers.join("gcc-ld")].into_iter().chain(env::split_paths(&rest));
    env::join_paths(folders).map_err(|error| Failure::new(format!("PATH: {error}")))
}

fn libc_root(project: &Project) -> PathBuf {
    project.state().join("wasi-libc")
}

fn libc_folder(project: &Project) -> PathBuf {
    libc_root(project).join("usr/lib").join(TARGET)
}
