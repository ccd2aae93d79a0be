//! Who a program is and what it starts with.

use std::fs::File;

use kiket_jail::End;

use super::world::{LAUNCHER, World, root};

#[tokio::test]
async fn the_environment_is_what_was_given() {
    let world = World::new();
    let mut program = world.program("/usr/bin/env", &[]);
    program.env = vec![("ONE".into(), "1".into()), ("TWO".into(), "a b".into())];
    assert_eq!(world.run(program).await.out, "ONE=1\nTWO=a b\n");
}

#[tokio::test]
async fn capabilities_are_given_up() {
    let world = World::new();
    let ran = world.run(world.sh("id -u; grep -E '^(Cap|NoNewPrivs|Groups)' /proc/self/status")).await;
    let value = |name: &str| {
        let line = ran.out.lines().find_map(|line| line.strip_prefix(name)).expect("it goes well");
        line.trim_start_matches(':').trim().to_owned()
    };
    // Over files of root alone: CAP_DAC_OVERRIDE and CAP_FOWNER, in a namespace that knows root and nobody.
    let kept = if root() { "000000000000000a" } else { "0000000000000000" };
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(value(set), kept, "{set}");
    }
    assert_eq!(value("CapBnd"), "0000000000000000");
    assert_eq!(value("NoNewPrivs"), "1");
    if root() {
        assert_eq!(ran.out.lines().next(), Some("65534"));
        assert_eq!(value("Groups"), "");
    }
}

#[tokio::test]
async fn rights_cannot_be_had_back() {
    let world = World::new();
    let ran = world
        .run(world.sh("for way in 'unshare -Ur true' 'unshare -n true' 'mount -t tmpfs t .' 'chroot . true' 'chown 0:0 .' 'kill -9 1'
             do if $way 2>/dev/null; then echo $way; fi; done; kill -9 1; kill -STOP 1; echo lives"))
        .await;
    // A signal to process 1 is let through and comes to nothing.
    assert_eq!(ran.out.trim_start_matches("kill -9 1\n"), "lives\n", "{ran:?}");
}

#[tokio::test]
async fn no_jail_can_be_had_in_a_jail_and_the_reason_is_told() {
    let world = World::new();
    let order = serde_json::to_string(&(world.sh("true"), world.rules())).expect("it goes well");
    let ran = world.run(world.program(LAUNCHER, &["jail", &order])).await;
    assert_eq!(ran.end(), End::Exited(1));
    assert!(ran.err.contains("no user namespace; see the sysctls"), "{}", ran.err);
}

#[tokio::test]
async fn files_of_the_caller_are_closed() {
    let world = World::new();
    let leaked = rustix::io::dup(File::open("/etc/hostname").expect("it goes well")).expect("it goes well");
    let ran = world.run(world.sh("exec ls /proc/self/fd")).await;
    // The last one is the folder that is being listed.
    assert_eq!(ran.out, "0\n1\n2\n3\n");
    drop(leaked);
}

#[tokio::test]
async fn keys_of_the_session_are_left_behind() {
    let world = World::new();
    let ran = world.run(world.sh("test ! -e /proc/keys || grep -c '_ses: empty' /proc/keys")).await;
    assert!(ran.succeeded(), "{ran:?}");
}

#[tokio::test]
async fn a_jail_can_be_had_here() {
    World::new().jail.available().await.expect("it goes well");
    World::unjailed().jail.available().await.expect("it goes well");
}

#[tokio::test]
async fn arguments_need_not_be_text() {
    use std::os::unix::ffi::OsStringExt;
    let world = World::new();
    let mut program = world.sh("printf %s \"$0\" | od -An -tx1");
    program.args.push(std::ffi::OsString::from_vec(vec![0xff, 0x20, 0xfe]));
    assert_eq!(world.run(program).await.out, " ff 20 fe\n");
}
