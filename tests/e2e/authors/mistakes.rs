//! Every verb with what it does not take: what is said, and the exit code.

use std::fs;

use super::Desk;
use crate::world::guest;

#[test]
fn new_refuses_names_languages_and_folders_that_hold_something() {
    let desk = Desk::new();
    for (arguments, part) in [
        (&["plugin", "new", "Greet"][..], "`Greet` is no name of a plugin"),
        (&["plugin", "new", "../up"], "is no name of a plugin"),
        (&["plugin", "new", "x", "--lang", "python"], "plugins in `python` are not offered yet"),
        (&["plugin", "new", "x", "--sdk", "nowhere"], "nowhere cannot be read"),
    ] {
        let refused = desk.says(arguments, 1);
        assert!(refused.contains(part), "{refused}");
    }
    desk.write("full/file", "");
    let refused = desk.says(&["plugin", "new", "full"], 1);
    assert!(refused.contains("full is there already"), "{refused}");
    assert_eq!(fs::read_dir(desk.path("full")).expect("a folder").count(), 1);
    fs::create_dir(desk.path("empty")).expect("a folder");
    desk.says(&["plugin", "new", "greet", "--path", "empty"], 0);
    assert!(desk.read("empty/Cargo.toml").contains("name = \"plugin-greet\""));
}

#[test]
fn build_says_where_a_manifest_is_wrong_and_what_a_component_lacks() {
    let desk = Desk::new();
    fs::create_dir(desk.path("bare")).expect("a folder");
    assert!(desk.says(&["plugin", "build", "bare"], 1).contains("there is no Cargo.toml in bare"));
    desk.plugin("greet");
    desk.write("greet/manifest.yaml", "id: greet\nactions: { run: { efect: pure } }\n");
    let refused = desk.says(&["plugin", "build", "greet"], 2);
    assert!(refused.contains("error[E0101] greet/manifest.yaml:2:") && refused.contains("effect"), "{refused}");

    let probe = guest("probe");
    let probe = probe.to_str().expect("a plain path");
    desk.write("guards.yaml", "id: x\nguards: { run: {} }\n");
    desk.write("good.yaml", "id: x\nactions: { run: {} }\n");
    desk.write("text.wasm", "no component");
    let build = |component: &str, manifest: &str, code: i32| {
        let arguments = ["plugin", "build", "--component", component, "--manifest", manifest, "--out", "out.wasm"];
        desk.says(&arguments, code)
    };
    assert!(build(probe, "guards.yaml", 2).contains("does not export kiket:plugin/guard@0.1.0"));
    let refused = build("text.wasm", "good.yaml", 2);
    assert!(refused.contains("error[E0115] text.wasm"), "{refused}");
    assert!(build("missing.wasm", "good.yaml", 1).contains("missing.wasm cannot be read"));
    assert!(!desk.path("out.wasm").exists());
    desk.says(&["plugin", "build", "--component", probe], 2);
}

#[test]
fn inspect_says_what_a_file_is_not() {
    let desk = Desk::new();
    desk.write("text.wasm", "no component");
    fs::write(desk.path("module.wasm"), b"\0asm\x01\0\0\0").expect("a file");
    fs::write(desk.path("bare.wasm"), b"\0asm\x0d\0\x01\0").expect("a file");
    let whole = fs::read(guest("probe")).expect("the probe is built");
    fs::write(desk.path("half.wasm"), &whole[..whole.len() / 2]).expect("a file");
    for (file, code, part) in [
        ("text.wasm", 2, "error[E0115] text.wasm not a usable plugin: not a WebAssembly component"),
        ("module.wasm", 2, "not a WebAssembly component"),
        ("bare.wasm", 2, "it carries no manifest"),
        ("half.wasm", 2, "invalid component"),
        ("missing.wasm", 1, "missing.wasm cannot be read"),
    ] {
        let said = desk.says(&["plugin", "inspect", file], code);
        assert!(said.contains(part), "{file}: {said}");
    }
}

#[test]
fn test_says_where_a_case_is_wrong() {
    let desk = Desk::new();
    let probe = guest("probe");
    let probe = probe.to_str().expect("a plain path");
    let test = |text: &str, code: i32| {
        desk.write("tests/case.yaml", text);
        desk.says(&["plugin", "test", probe, "--cases", "tests"], code)
    };
    assert!(test("", 2).contains("the file holds no case"));
    for (text, part) in [
        ("name: x\nactoin: noop\nexpect: { output: {} }\n", "error[E0101] tests/case.yaml:2:1"),
        ("name: x\n", "tests/case.yaml:1:1 case has no \"expect\""),
        ("name: x\nexpect: {}\n", "one `output` or one `failure`"),
        ("name: x\nclock: noon\nexpect: { output: {} }\n", "tests/case.yaml:2:8 `noon` is not a time"),
        ("name: x\nwith: { a: '${{ env.X }}' }\nexpect: { output: {} }\n", "tests/case.yaml:2:"),
        ("name: x\nexpect: { failure: { kind: tired } }\n", "tests/case.yaml:2:28"),
        ("name: x\nhttp: [{ request: { url: u } }]\nexpect: { output: {} }\n", "has no \"response\""),
        ("name: x\ngrants: { http: [{ host: 'a b' }] }\nexpect: { output: {} }\n", "tests/case.yaml:2:"),
    ] {
        let refused = test(text, 2);
        assert!(refused.contains(part), "{text}: {refused}");
    }
    let failed = test("{ name: x, action: nope, expect: { output: {} } }\n", 1);
    assert!(failed.contains("the plugin has no action `nope`"), "{failed}");
    fs::remove_file(desk.path("tests/case.yaml")).expect("it is there");
    assert!(desk.says(&["plugin", "test", probe, "--cases", "tests"], 1).contains("there is no case in tests"));
    assert!(desk.says(&["plugin", "test", probe, "--cases", "gone"], 1).contains("gone cannot be read"));
}

#[test]
fn lock_pins_what_is_used_and_tells_when_it_is_out_of_date() {
    let desk = Desk::new();
    fs::create_dir(desk.path("tools")).expect("a folder");
    fs::copy(guest("probe"), desk.path("tools/probe.wasm")).expect("a copy");
    let pipeline = "model_version: \"1.0\"\npipeline: { id: p }\nstages: { a: { uses: ./tools/probe.wasm/noop } }\n";
    desk.write(".kiket/pipelines/p.yaml", pipeline);
    assert!(desk.says(&["plugin", "lock", "--check"], 2).contains("out of date"));
    assert!(!desk.path(".kiket/plugins.lock").exists());
    assert!(desk.says(&["plugin", "lock"], 0).contains("wrote .kiket/plugins.lock"));
    let lock = desk.read(".kiket/plugins.lock");
    assert!(lock.contains("./tools/probe.wasm") && lock.contains("sha256:"), "{lock}");
    assert!(desk.says(&["plugin", "lock", "--check", "--path", "tools"], 0).contains("up to date"));
    desk.says(&["check"], 0);

    fs::copy(guest("guardian"), desk.path("tools/probe.wasm")).expect("another component");
    let refused = desk.says(&["plugin", "lock"], 2);
    assert!(refused.contains("E0110") && refused.contains(".kiket/pipelines/p.yaml"), "{refused}");
    assert_eq!(desk.read(".kiket/plugins.lock"), lock);
    assert!(Desk::new().says(&["plugin", "lock"], 1).contains("there is no .kiket/ folder"));
}
