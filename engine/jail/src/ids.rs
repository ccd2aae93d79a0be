//! Which ids a jail holds. Decided and written by the caller's side: only the outside may map more than one id.

use std::fs;
use std::io;

use rustix::process::{Pid, getegid, geteuid};

/// Who a program of root is: on every system the one who owns nothing.
pub(crate) const NOBODY: u32 = 65534;

/// The ids of a jail, the same inside as outside.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ids {
    /// The caller's own.
    uid: u32,
    gid: u32,
    /// Whether the program runs as [`NOBODY`] instead.
    pub(crate) nobody: bool,
}

impl Ids {
    /// Those of this process. One that is root only inside a namespace of a single id is nobody's root, and stays itself.
    pub(crate) fn own() -> Self {
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        Self { uid, gid, nobody: uid == 0 && maps_nobody("/proc/self/uid_map") && maps_nobody("/proc/self/gid_map") }
    }

    /// Maps them into the user namespace of a launcher.
    pub(crate) fn map(self, launcher: Pid) -> io::Result<()> {
        let folder = format!("/proc/{launcher}");
        let extents = |own| {
            if self.nobody { format!("{own} {own} 1\n{NOBODY} {NOBODY} 1\n") } else { format!("{own} {own} 1\n") }
        };
        if !self.nobody {
            // Without privileges the kernel maps groups only where no process can drop one.
            fs::write(format!("{folder}/setgroups"), "deny")?;
        }
        fs::write(format!("{folder}/gid_map"), extents(self.gid))?;
        fs::write(format!("{folder}/uid_map"), extents(self.uid))
    }
}

/// Whether this process's own user namespace knows [`NOBODY`].
fn maps_nobody(file: &str) -> bool {
    let Ok(text) = fs::read_to_string(file) else { return false };
    text.lines().any(|line| {
        let numbers: Vec<u64> = line.split_whitespace().filter_map(|number| number.parse().ok()).collect();
        matches!(numbers[..], [first, _, count] if (first..first.saturating_add(count)).contains(&u64::from(NOBODY)))
    })
}
