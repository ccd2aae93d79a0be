//! How a server is told what to do, before it does anything.

use std::process::Command;

#[test]
fn settings_come_from_the_line_the_environment_and_the_file_in_this_order() {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("kiket.toml"), "slots = 3\nlisten = \"127.0.0.1:1\"\ndata = \"there\"\n")
        .expect("a file");
    let kiket = |line: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kiket"));
        command.current_dir(folder.path()).env("KIKET_LISTEN", "127.0.0.1:2").args(line);
        command.output().expect("kiket runs")
    };
    let shown = kiket(&["serve", "--slots", "4", "--print-config"]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let from = |name: &str| {
        let line = shown.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("{name} in {shown}"));
        let (value, source) = line.split_once('#').expect("a source");
        (value.trim().to_owned(), source.trim().to_owned())
    };
    for (name, value, source) in [
        ("slots", "slots = 4", "command line"),
        ("listen", "listen = \"127.0.0.1:2\"", "KIKET_LISTEN"),
        ("data", "data = \"there\"", "kiket.toml"),
        ("plugin-cpu", "plugin-cpu = \"30s\"", "default"),
    ] {
        assert_eq!(from(name), (value.to_owned(), source.to_owned()), "{shown}");
    }
    assert!(!folder.path().join("there").exists(), "nothing is started");

    std::fs::write(folder.path().join("kiket.toml"), "slot = 3\n").expect("a file");
    let refused = kiket(&["serve"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("error[E0101] kiket.toml:1:1 there is no setting \"slot\""), "{said}");
    assert!(!String::from_utf8_lossy(&kiket(&["completions", "bash"]).stdout).is_empty());
}
