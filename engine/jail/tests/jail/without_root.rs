//! The same jail for a caller that has no rights of its own. Everything else in this suite runs as whoever runs it.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

use super::world::{LAUNCHER, World, alive, daemons, mark, root};

/// Somebody who owns nothing but the workspace.
const SOMEBODY: u32 = 12345;

/// Runs a script in a jail of a caller that is not root.
fn run(world: &World, script: &str) -> Output {
    // What was built may lie where only root may look: a caller without root gets a copy.
    let place = tempfile::tempdir().expect("it goes well");
    let launcher = place.path().join("launcher");
    fs::copy(LAUNCHER, &launcher).expect("it goes well");
    fs::set_permissions(place.path(), Permissions::from_mode(0o755)).expect("it goes well");
    let mut rules = world.rules();
    rules.readable.retain(|path| path != LAUNCHER);
    let order = serde_json::to_string(&(world.sh(script), rules)).expect("it goes well");
    let mut caller = Command::new(&launcher);
    if root() {
        chown(world.folder(), Some(SOMEBODY), Some(SOMEBODY)).expect("it goes well");
        caller.uid(SOMEBODY).gid(SOMEBODY);
    }
    caller.args(["jail", &order]).output().expect("it goes well")
}

#[test]
fn a_caller_without_root_has_the_whole_jail() {
    let (world, mark) = (World::new(), mark());
    let script = format!(
        "id -u; touch mine && stat -c %u mine; cat /etc/shadow 2>/dev/null; ls / 2>/dev/null; grep CapEff /proc/self/status
         cat /proc/net/dev | grep -c :; {}",
        daemons(&mark)
    );
    let output = run(&world, &script);
    assert_eq!(alive(&mark), [0; 0]);
    let id = if root() { SOMEBODY } else { rustix::process::geteuid().as_raw() };
    let expected = format!("{id}\n{id}\nCapEff:\t0000000000000000\n1\nready\nExited(0)\n");
    assert_eq!(
        String::from_utf8(output.stdout).expect("it goes well"),
        expected,
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn processes_are_limited_for_a_caller_without_root() {
    let (world, mark) = (World::new(), mark());
    let output = run(&world, &format!("while sleep {mark} & do echo one; done"));
    assert_eq!(alive(&mark), [0; 0]);
    let lines = String::from_utf8(output.stdout).expect("it goes well").lines().filter(|line| *line == "one").count();
    assert!((63..=64).contains(&lines), "{lines}");
}
