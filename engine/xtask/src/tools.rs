//! The tools that the build and the demo call and no package registry brings.

use std::process::{Command, Stdio};

use crate::failure::{Failure, Outcome};
use crate::step::note;
use crate::{apt, command};

/// A tool, how to see that it is there, and the Debian packages that bring it.
struct Tool {
    name: &'static str,
    probe: &'static [&'static str],
    packages: &'static [&'static str],
}

/// `perl` alone is not enough: OpenSSL's build wants two modules that a minimal Debian leaves out.
const TOOLS: [Tool; 6] = [
    Tool { name: "git", probe: &["git", "--version"], packages: &["git"] },
    Tool { name: "a C compiler", probe: &["cc", "--version"], packages: &["gcc", "libc6-dev"] },
    Tool { name: "perl", probe: &["perl", "-MFindBin", "-MIPC::Cmd", "-e", "1"], packages: &["perl"] },
    Tool { name: "make", probe: &["make", "--version"], packages: &["make"] },
    Tool { name: "curl", probe: &["curl", "--version"], packages: &["curl"] },
    Tool { name: "openssl", probe: &["openssl", "version"], packages: &["openssl"] },
];

/// What fetches and runs the compilers of guests in other languages.
const FOREIGN: [Tool; 3] = [
    Tool {
        name: "python3",
        probe: &["python3", "-c", "import ensurepip, venv"],
        packages: &["python3", "python3-venv"],
    },
    Tool { name: "strace", probe: &["strace", "--version"], packages: &["strace"] },
    Tool { name: "npm", probe: &["npm", "--version"], packages: &["nodejs", "npm"] },
];

/// What kills and fails servers at chosen system calls.
const TRACER: [Tool; 1] = [Tool { name: "strace", probe: &["strace", "--version"], packages: &["strace"] }];

/// The browser that follows event streams.
const BROWSER: [Tool; 1] = [Tool { name: "chromium", probe: &["chromium", "--version"], packages: &["chromium"] }];

/// Makes sure that every tool of the build is there: installs what is missing where that is possible, and else names it.
pub(crate) fn ensure() -> Outcome<()> {
    ensure_all(&TOOLS)
}

/// The same for what guests in other languages need.
pub(crate) fn ensure_foreign() -> Outcome<()> {
    ensure_all(&FOREIGN)
}

/// The same for the tests of reliability.
pub(crate) fn ensure_tracer() -> Outcome<()> {
    ensure_all(&TRACER)
}

/// The same for the browser of the tests.
pub(crate) fn ensure_browser() -> Outcome<()> {
    ensure_all(&BROWSER)
}

fn ensure_all(tools: &[Tool]) -> Outcome<()> {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| !tool.is_there()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names = missing.iter().map(|tool| tool.name).collect::<Vec<_>>().join(", ");
    let packages: Vec<&str> = missing.iter().flat_map(|tool| tool.packages).copied().collect();
    if !apt::can_install() {
        let packages = packages.join(" ");
        return Err(Failure::new(format!("{names} missing: install them first (Debian packages: {packages})")));
    }
    note(format_args!("installing {}", packages.join(", ")));
    apt::install(&packages)
}

impl Tool {
    fn is_there(&self) -> bool {
        let [program, arguments @ ..] = self.probe else {
            return false;
        };
        let mut probe: Command = command::program(program);
        let probe = probe.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    }
}
