//! Which files a program can reach.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;

use kiket_jail::{End, JailError};

use super::world::{LAUNCHER, World};

#[tokio::test]
async fn a_file_that_is_not_granted_is_not_there() {
    let (world, elsewhere) = (World::new(), tempfile::tempdir().expect("it goes well"));
    let secret = elsewhere.path().join("secret");
    fs::write(&secret, "secret").expect("it goes well");
    let ran = world.run(world.sh(&format!("cat {}; cat /etc/shadow; cat /etc/hostname", secret.display()))).await;
    assert_eq!((ran.out.as_str(), ran.end()), ("", End::Exited(1)));
    assert_eq!(ran.err.matches("No such file").count(), 3, "{}", ran.err);
}

#[tokio::test]
async fn a_program_that_is_not_granted_does_not_start() {
    let (world, elsewhere) = (World::new(), tempfile::tempdir().expect("it goes well"));
    let program = elsewhere.path().join("true");
    fs::copy("/bin/true", &program).expect("it goes well");
    let ran = world.run_by(world.program(&program, &[]), world.rules()).await;
    assert!(matches!(&ran, Err(JailError::NotStarted { path, .. }) if *path == program), "{ran:?}");
}

#[tokio::test]
async fn only_what_is_writable_can_be_written() {
    let (world, elsewhere) = (World::new(), tempfile::tempdir().expect("it goes well"));
    let mut rules = world.rules();
    rules.readable.push(elsewhere.path().into());
    fs::write(elsewhere.path().join("old"), "old").expect("it goes well");
    let script = format!(
        "try() {{ if \"$@\" 2>/dev/null; then echo $@; fi; }}
         cd {}; try touch new; try touch /usr/new; try touch /new; try touch /dev/new; try chmod 600 old; try chmod 777 /usr
         try ln old {2}/hard; try mv old {2}; try sh -c 'echo x >old'; try truncate -s 0 old; try touch old
         try sh -c 'echo 1 >/proc/sys/kernel/core_uses_pid'; try sh -c 'echo x >/proc/self/comm'; try mkdir {1}",
        elsewhere.path().display(),
        elsewhere.path().parent().expect("it goes well").join("new").display(),
        world.folder().display(),
    );
    let ran = world.run_by(world.sh(&script), rules).await.expect("it goes well");
    assert_eq!(ran.out, "", "{}", ran.err);
    assert_eq!(fs::read_to_string(elsewhere.path().join("old")).expect("it goes well"), "old");
}

#[tokio::test]
async fn a_workspace_is_fully_usable() {
    let world = World::new();
    fs::write(world.folder().join("mine"), "there before").expect("it goes well");
    fs::set_permissions(world.folder().join("mine"), PermissionsExt::from_mode(0o600)).expect("it goes well");
    let script = "set -e; cat mine; echo ' and after' >>mine; mkdir a b; echo '#!/bin/sh' >a/run; echo 'echo ran' >>a/run
         chmod 755 a/run; mv a/run b/; ln b/run a/hard; ln -s ../b/run a/soft; mkfifo pipe; a/soft; rm -r a b; chmod 644 mine
         touch -d 2020-01-01 mine; truncate -s 3 mine";
    let ran = world.run(world.sh(script)).await;
    assert!(ran.succeeded(), "{ran:?}");
    assert_eq!(ran.out, "there beforeran\n");
    assert_eq!(fs::read_to_string(world.folder().join("mine")).expect("it goes well"), "the");
}

#[tokio::test]
async fn landlock_stands_behind_the_file_tree() {
    let world = World::new();
    // The root of the tree exists in the jail, and is in nobody's grant.
    let ran = world.run(world.sh("ls /")).await;
    assert_eq!(ran.end(), End::Exited(2));
    assert!(ran.err.contains("Permission denied"), "{}", ran.err);
}

#[tokio::test]
async fn devices_and_proc_are_the_harmless_ones() {
    let world = World::new();
    let script = "set -e; echo x >/dev/null; head -c 2 /dev/zero | wc -c; head -c 2 /dev/urandom | wc -c; echo err >/dev/stderr
         cat /dev/fd/0; ls -d /proc/[0-9]* | wc -l; cat /proc/1/environ 2>/dev/null || echo closed; ls /dev/sd* /dev/vd* /dev/mem 2>&- || true";
    let mut program = world.sh(script);
    program.stdin = b"in\n".to_vec();
    let ran = world.run(program).await;
    // Process 1, the shell, and the two of the pipeline, one of which may not have been there yet.
    assert!(ran.out == "2\n2\nin\n4\nclosed\n" || ran.out == "2\n2\nin\n3\nclosed\n", "{ran:?}");
    assert_eq!(ran.err, "err\n");
}

#[tokio::test]
async fn what_only_root_may_read_of_the_kernel_is_empty() {
    let world = World::new();
    let entries = fs::read_dir("/proc")
        .expect("it goes well")
        .flatten()
        .filter(|entry| entry.file_type().expect("it goes well").is_file());
    let closed = entries.filter(|entry| entry.metadata().expect("it goes well").mode() & 0o004 == 0);
    let mut paths: Vec<String> = closed.map(|entry| entry.path().display().to_string()).collect();
    paths.sort();
    assert!(paths.contains(&"/proc/kmsg".into()), "{paths:?}");
    let ran = world.run(world.program("/bin/cat", &paths.iter().map(String::as_str).collect::<Vec<_>>())).await;
    assert_eq!((ran.out.as_str(), ran.end()), ("", End::Exited(0)), "{}", ran.err);
}

#[tokio::test]
async fn the_launcher_cannot_be_run_again_from_inside() {
    let world = World::new();
    let script = world.folder().join("script");
    fs::write(&script, "#!/proc/self/exe\n").expect("it goes well");
    fs::set_permissions(&script, PermissionsExt::from_mode(0o755)).expect("it goes well");
    let mut rules = world.rules();
    rules.readable.retain(|path| path != LAUNCHER);
    let ran = world.run_by(world.program(&script, &[]), rules).await;
    assert!(matches!(ran, Err(JailError::NotStarted { .. })), "{ran:?}");
}

#[tokio::test]
async fn a_socket_outside_cannot_be_reached() {
    let (world, elsewhere) = (World::new(), tempfile::tempdir().expect("it goes well"));
    let path = elsewhere.path().join("socket");
    let _listener = UnixListener::bind(&path).expect("it goes well");
    let path = path.to_str().expect("it goes well");
    let open = World::unjailed();
    assert!(open.run(open.program(LAUNCHER, &["unix", path])).await.succeeded());
    let mut rules = world.rules();
    rules.network = true;
    let ran = world.run_by(world.program(LAUNCHER, &["unix", path]), rules).await.expect("it goes well");
    assert_eq!(ran.end(), End::Exited(1));
}

#[tokio::test]
async fn grants_may_lie_inside_each_other() {
    let world = World::new();
    let (git, out) = (world.folder().join(".git"), world.folder().join(".git/out"));
    fs::create_dir_all(&out).expect("it goes well");
    let mut rules = world.rules();
    rules.readable.insert(0, git);
    rules.writable.insert(0, out);
    let ran = world.run_by(world.sh("touch new .git/out/new && touch .git/new"), rules).await.expect("it goes well");
    assert_eq!(ran.end(), End::Exited(1));
    assert!(world.folder().join("new").exists() && world.folder().join(".git/out/new").exists());
    assert!(!world.folder().join(".git/new").exists());
}

#[tokio::test]
async fn a_readable_link_is_granted_with_its_target() {
    let (world, elsewhere) = (World::new(), tempfile::tempdir().expect("it goes well"));
    let (target, link) = (elsewhere.path().join("target"), elsewhere.path().join("link"));
    fs::write(&target, "found").expect("it goes well");
    symlink(&target, &link).expect("it goes well");
    let mut rules = world.rules();
    rules.readable.push(link.clone());
    let ran = world.run_by(world.sh(&format!("cat {}", link.display())), rules).await.expect("it goes well");
    assert_eq!(ran.out, "found");
}

#[tokio::test]
async fn refuses_rules_that_cannot_be_kept() {
    let (world, elsewhere) = (World::new(), tempfile::tempdir().expect("it goes well"));
    let link = world.folder().join("link");
    symlink(elsewhere.path(), &link).expect("it goes well");
    let refused = async |change: &dyn Fn(&mut kiket_jail::Program, &mut kiket_jail::Rules)| {
        let (mut program, mut rules) = (world.sh("true"), world.rules());
        change(&mut program, &mut rules);
        match world.run_by(program, rules).await {
            Err(JailError::Invalid(reason)) => reason,
            other => panic!("{other:?}"),
        }
    };
    assert!(refused(&|_, rules| rules.writable.push(link.clone())).await.contains("symbolic link"));
    assert!(refused(&|_, rules| rules.readable.push("/".into())).await.contains("whole file system"));
    assert!(refused(&|_, rules| rules.readable.push("/not/there".into())).await.contains("/not/there"));
    assert!(refused(&|_, rules| rules.readable.push("etc".into())).await.contains("not absolute"));
    assert!(refused(&|program, _| program.dir = "/usr".into()).await.contains("/usr"));
    assert!(refused(&|program, _| program.path = "sh".into()).await.contains("absolute"));
}
