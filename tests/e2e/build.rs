//! Builds: real programs, in real jails, of the commit that was pushed; and programs that mean harm.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::world::World;

/// A program that nobody else on this machine starts.
const SLEEP: &str = "86399.25";

/// A server whose programs find the toolchain that this test was built with.
pub(crate) async fn with_toolchain() -> World {
    let (path, read) = toolchain();
    World::start_with(&[("KIKET_PROCESS_PATH", &path), ("KIKET_PROCESS_READ", &read)]).await
}

/// The folder of the toolchain's programs, and of the toolchain. Not rustup's: that needs a home.
fn toolchain() -> (String, String) {
    let output = Command::new("rustc").args(["--print", "sysroot"]).output().expect("there is a toolchain");
    let sysroot = String::from_utf8(output.stdout).expect("a path").trim().to_owned();
    (format!("{sysroot}/bin"), sysroot)
}

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../workflows/samples").join(name)
}

/// The files of a sample, by their paths.
pub(crate) fn files(name: &str) -> Vec<(String, String)> {
    let root = sample(name);
    let mut found = Vec::new();
    let mut open = vec![root.clone()];
    while let Some(next) = open.pop() {
        for path in fs::read_dir(next).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(&root).expect("it was found there").display().to_string();
                found.push((name, fs::read_to_string(path).expect("samples are text")));
            }
        }
    }
    found
}

impl World {
    /// Pushes files, delivers the push and waits for the end of its run.
    pub(crate) async fn build(&self, files: &[(&str, &str)]) -> (String, Json) {
        let commit = self.push(files);
        assert_eq!(self.deliver(&commit, self.payload(&commit)).await.status(), 202);
        let run = self.run_of(&commit).await;
        (commit, self.finish(&run).await)
    }

    /// Runs one stage `build` with this input, and returns it.
    async fn build_with(&self, input: Json) -> Json {
        let stages =
            format!("stages: {{ build: {{ uses: build, with: {input}, env: {{ N: '${{{{ attempt }}}}' }} }} }}");
        let run = self.run_pipeline(&stages).await;
        self.finish(&run).await["stages"][0].clone()
    }

    async fn log(&self, run: &Json) -> String {
        let id = run["id"].as_str().expect("a run has an id");
        self.get(&format!("/runs/{id}/stages/build/log")).send().await.expect("an answer").text().await.expect("text")
    }

    /// Downloads a folder and unpacks it with the system's own tar.
    async fn unpacked(&self, digest: &Json) -> TempDir {
        let digest = digest.as_str().expect("a digest is text");
        let answer = self.get(&format!("/projects/shop/artifacts/{digest}")).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let folder = tempfile::tempdir().expect("a folder");
        let archive = folder.path().join("site.tar");
        fs::write(&archive, answer.bytes().await.expect("bytes")).expect("it is written");
        let hash = Command::new("sha256sum").arg(&archive).output().expect("sha256sum runs").stdout;
        assert_eq!(format!("sha256:{}", String::from_utf8_lossy(&hash[..64])), digest);
        let tar = Command::new("tar").arg("-xf").arg(&archive).arg("-C").arg(folder.path()).status();
        assert!(tar.expect("tar runs").success());
        folder
    }

    /// How many workspaces there are.
    fn workspaces(&self) -> usize {
        fs::read_dir(self.data().join("workspaces")).map_or(0, Iterator::count)
    }
}

/// Whether the program that sleeps for so long is alive.
fn sleeps() -> bool {
    let processes = fs::read_dir("/proc").expect("there is /proc").flatten();
    processes.into_iter().any(|process| {
        let line = fs::read(process.path().join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|word| word == SLEEP.as_bytes())
    })
}

/// Looks again until it is so.
async fn until(mut is_so: impl FnMut() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.expect("what the test waits for happens");
}

#[tokio::test]
async fn a_push_builds_a_site_with_cargo_and_the_next_one_with_what_it_left() {
    let world = with_toolchain().await;
    world.add_project().await;
    let sample = files("site");
    let files: Vec<(&str, &str)> = sample.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (commit, run) = world.build(&files).await;
    assert_eq!(run["status"], "succeeded", "{run:#}\n{}", world.log(&run).await);
    let log = world.log(&run).await;
    for line in
        ["==> restore cache", "target: there is no cache yet", "Compiling site v0.1.0", "2 pages of version 1.0.0"]
    {
        assert!(log.contains(line), "{line} in\n{log}");
    }
    let outputs = &run["stages"][0]["outputs"];
    let names: Vec<_> = outputs["files"].as_array().unwrap().iter().map(|file| file["name"].clone()).collect();
    assert_eq!(names, ["dist", "dist/version.txt"]);
    assert_eq!(run["outputs"], json!({"site": outputs["artifacts"][0], "version": outputs["artifacts"][1]}));
    let site = world.unpacked(&run["outputs"]["site"]).await;
    let page = fs::read_to_string(site.path().join("index.html")).unwrap();
    assert!(page.contains("<h1>Hello</h1>") && page.contains(&format!("version 1.0.0, commit {commit}")), "{page}");

    // The same commit again is the same site to the byte.
    let again = world.trigger("site").await;
    let again = world.finish(&again).await;
    assert_eq!(again["outputs"], run["outputs"]);
    // What has changed is built anew, although what was left is younger than the change.
    let main = sample.iter().find(|(path, _)| path == "src/main.rs").unwrap().1.replace("<footer>", "<footer class=x>");
    let (commit, changed) = world.build(&[("src/main.rs", &main)]).await;
    let log = world.log(&changed).await;
    assert!(log.contains("target: ") && !log.contains("there is no cache yet"), "{log}");
    let site = world.unpacked(&changed["outputs"]["site"]).await;
    let page = fs::read_to_string(site.path().join("about.html")).unwrap();
    assert!(page.contains(&format!("<footer class=x>version 1.0.0, commit {commit}")), "{page}");
    until(|| world.workspaces() == 0).await;
    world.end().await;
}

#[tokio::test]
async fn a_push_builds_a_page_with_npm() {
    if !["node", "npm"].iter().all(|program| Path::new("/usr/bin").join(program).exists()) {
        eprintln!("npm is not one of this machine's own programs: nothing is built with it");
        return;
    }
    let world = World::start().await;
    world.add_project().await;
    let sample = files("page");
    let files: Vec<(&str, &str)> = sample.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let (commit, run) = world.build(&files).await;
    assert_eq!(run["status"], "succeeded", "{run:#}\n{}", world.log(&run).await);
    let digest = run["outputs"]["page"].as_str().unwrap();
    let answer = world.get(&format!("/projects/shop/artifacts/{digest}")).send().await.unwrap();
    let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-disposition"), "attachment; filename=\"index.html\"");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("content-type"), "application/octet-stream");
    assert!(answer.text().await.unwrap().contains(&format!("page 1.0.0, commit {commit}")));
    world.end().await;
}

#[tokio::test]
async fn a_local_run_builds_the_working_tree_as_git_sees_it() {
    let folder = tempfile::tempdir().unwrap();
    let copied = Command::new("cp").arg("-r").arg(sample("site")).arg(folder.path().join("site")).status().unwrap();
    assert!(copied.success());
    let root = folder.path().join("site");
    fs::create_dir_all(root.join("target/release")).unwrap();
    fs::write(root.join("target/release/site"), "not what cargo makes").unwrap();
    let (path, read) = toolchain();
    let output = Command::new(env!("CARGO_BIN_EXE_kiket"))
        .args(["run", "site", "--input", "version=2.0.0", "--json"])
        .current_dir(&root)
        .env("XDG_STATE_HOME", folder.path().join("state"))
        .env("XDG_CACHE_HOME", Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"))
        .env("KIKET_PROCESS_PATH", path)
        .env("KIKET_PROCESS_READ", read)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("2 pages of version 2.0.0"), "{said}");
    assert!(!root.join("dist").exists(), "a build leaves nothing in the working tree");
}

#[tokio::test]
async fn a_command_that_fails_is_named_with_its_code_and_its_last_words() {
    let world = World::start().await;
    world.add_project().await;
    let grants =
        "model_version: \"1.0\"\nplugins: { build: { grants: { process: { programs: [sh, program-of-nobody] } } } }\n";
    world.push(&[(".kiket/plugins.yaml", grants)]);
    let failed = world
        .build_with(json!({"commands": [["sh", "-c", "true"], ["sh", "-c", "echo building; echo 'error: no such luck' >&2; exit 3"]]}))
        .await;
    assert_eq!(failed["error"]["code"], "permanent", "{failed:#}");
    let message = failed["error"]["message"].as_str().unwrap();
    for part in ["ended with code 3", "sh -c", "building\nerror: no such luck"] {
        assert!(message.contains(part), "{message}");
    }
    for (input, part) in [
        (json!({"command": ["make"]}), "is not granted"),
        (json!({"command": ["program-of-nobody"]}), "there is no program `program-of-nobody`"),
        (json!({"command": ["sh", "-c", "true"], "artifacts": ["dist"]}), "there is nothing at `dist`"),
        (json!({"command": ["sh", "-c", "true"], "artifacts": ["dist/*"]}), "nothing fits `dist/*`"),
        (json!({"command": ["sh", "-c", "sleep 60"], "timeout": "1s"}), "ran out of time"),
        (json!({"command": ["sh", "-c", "pwd"], "folder": "none"}), "there is nothing at `none`"),
        (json!({"command": ["sh", "-c", "kill -9 $$"]}), "signal 9"),
    ] {
        let failed = world.build_with(input.clone()).await;
        let message = failed["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{input}: {failed:#}");
    }
    world.end().await;
}

#[tokio::test]
async fn nothing_that_a_program_leaves_leads_a_plugin_out_of_the_workspace() {
    let world = World::start().await;
    world.add_project().await;
    let leave = |script: &str, path: &str| json!({"command": ["sh", "-c", script], "artifacts": [path]});
    for (input, part) in [
        (leave("ln -s /etc/passwd leak", "leak"), "leads out of the workspace"),
        (leave("ln -s /etc leak", "leak/passwd"), "leads out of the workspace"),
        (leave("ln -s ../../../kiket.db leak", "leak"), "leads out of the workspace"),
        (leave("ln -s /proc/self/root leak", "leak/etc/passwd"), "leads out of the workspace"),
        (leave("mkdir d; ln -s /etc/passwd d/leak", "d"), "may lead out"),
        (leave("mkdir d; ln -s ../../home d/leak", "d"), "may lead out"),
        (leave("mkfifo pipe", "pipe"), "is not a file"),
        (leave("true", "../home"), "leads upwards"),
        (leave("true", "/etc/passwd"), "is absolute"),
        // What a program sees of the machine: not the server's folder, nor what is in it.
        (leave(&format!("cat {}/kiket.db", world.data().display()), "x"), "ended with code 1"),
        (leave("ls ../..", "x"), "ended with code"),
    ] {
        let failed = world.build_with(input.clone()).await;
        let message = failed["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(part), "{input}: {failed:#}");
        assert!(!failed.to_string().contains("root:x:0"), "{failed:#}");
    }
    // A link that stays inside is one of the files.
    let kept = world.build_with(leave("mkdir d; echo 1 > d/a; ln -s a d/b", "d")).await;
    let folder = world.unpacked(&kept["outputs"]["artifacts"][0]).await;
    assert_eq!(fs::read_to_string(folder.path().join("b")).unwrap(), "1\n");
    until(|| world.workspaces() == 0).await;
    world.end().await;
}

#[tokio::test]
async fn a_build_has_no_network_and_no_more_than_its_quota() {
    let world = World::start().await;
    world.add_project().await;
    let grants =
        "model_version: \"1.0\"\nplugins: { build: { grants: { workspace: { access: write, quota: 4MiB } } } }\n";
    world.push(&[(".kiket/plugins.yaml", grants)]);
    let quiet = world.build_with(json!({"command": ["sh", "-c", "ls /sys/class/net 2>/dev/null; tail -n +3 /proc/net/dev | grep -v lo:; test $? = 1"]}));
    assert_eq!(quiet.await["status"], "succeeded");
    let fill = "while :; do head -c 100000 /dev/zero > $(mktemp -p .); done";
    for (script, part) in [
        (fill, "more than its quota"),
        ("head -c 100000 /dev/zero > a; cd ../home; while :; do cat ../files/a >> b || exit 7; done", "quota"),
        ("yes", "10 MiB"),
    ] {
        let failed = world.build_with(json!({"command": ["sh", "-c", script]})).await;
        let message = failed["error"]["message"].as_str().unwrap_or_default();
        assert!(message.contains(part) || message.contains("signal 25"), "{script}: {failed:#}");
    }
    until(|| world.workspaces() == 0).await;
    world.end().await;
}

#[tokio::test]
async fn a_build_without_a_jail_is_one_that_the_operator_asked_for() {
    let world = World::start_with(&[("KIKET_UNSAFE_NO_JAIL", "true")]).await;
    world.add_project().await;
    let script = format!("test -e {}/kiket.db && echo seen > seen", world.data().display());
    let built = world.build_with(json!({"command": ["sh", "-c", script], "artifacts": ["seen"]})).await;
    assert_eq!(built["status"], "succeeded", "{built:#}");
    world.end().await;
}

#[tokio::test]
async fn a_build_that_a_crash_cut_off_leaves_nothing_and_is_done_again() {
    let mut world = World::start().await;
    world.add_project().await;
    let script = format!("if [ $N = 1 ]; then touch half; sleep {SLEEP} & sleep {SLEEP}; fi; ls > list");
    let input = json!({"command": ["sh", "-c", script], "artifacts": ["list"]});
    let stages = format!("stages: {{ build: {{ uses: build, with: {input}, env: {{ N: '${{{{ attempt }}}}' }} }} }}");
    let run = world.run_pipeline(&stages).await;
    until(sleeps).await;
    assert_eq!(world.workspaces(), 1);
    world.kill();
    until(|| !sleeps()).await;
    world.boot();
    let finished = world.finish(&run).await;
    assert_eq!(finished["status"], "succeeded", "{finished:#}");
    let digest = finished["stages"][0]["outputs"]["artifacts"][0].as_str().unwrap().to_owned();
    let list = world.get(&format!("/projects/shop/artifacts/{digest}")).send().await.unwrap().text().await.unwrap();
    assert!(list.contains("tools") && !list.contains("half"), "{list}");
    until(|| world.workspaces() == 0).await;
    world.end().await;
}

#[tokio::test]
async fn a_cancelled_build_ends_with_everything_that_it_started() {
    let world = World::start().await;
    world.add_project().await;
    let input = json!({"command": ["sh", "-c", "setsid sleep 86399.75 & sleep 86399.75"]});
    let alive = || {
        let processes = fs::read_dir("/proc").expect("there is /proc").flatten();
        processes
            .into_iter()
            .any(|process| fs::read(process.path().join("cmdline")).unwrap_or_default().ends_with(b"\x0086399.75\0"))
    };
    let run = world.run_pipeline(&format!("stages: {{ build: {{ uses: build, with: {input} }} }}")).await;
    until(alive).await;
    world.ok(world.post(&format!("/runs/{run}/cancel"))).await;
    assert_eq!(world.finish(&run).await["status"], "cancelled");
    until(|| !alive() && world.workspaces() == 0).await;
    world.end().await;
}

#[tokio::test]
async fn an_artifact_belongs_to_its_project_alone() {
    let world = World::start().await;
    world.add_project().await;
    let other = json!({"name": "other", "url": world.origin(), "hook_secret": "another secret for webhooks"});
    world.ok(world.post("/projects").json(&other)).await;
    let input = json!({"command": ["sh", "-c", "echo mine > a"], "artifacts": ["a"]});
    let run = world.run_pipeline(&format!("stages: {{ build: {{ uses: build, with: {input} }} }}")).await;
    let finished = world.finish(&run).await;
    let digest = finished["stages"][0]["outputs"]["artifacts"][0].as_str().unwrap().to_owned();
    let listed = world.ok(world.get(&format!("/runs/{run}/artifacts"))).await;
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    let [row] = [&listed["data"][0]];
    let expected =
        json!({"digest": digest, "name": "a", "kind": "file", "size": 5, "stage": "build", "project": "shop"});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&row[key], value, "{row:#}");
    }
    let status = async |path: String| world.get(&path).send().await.unwrap().status().as_u16();
    assert_eq!(status(format!("/projects/shop/artifacts/{digest}")).await, 200);
    assert_eq!(status(format!("/projects/other/artifacts/{digest}")).await, 404);
    assert_eq!(status(format!("/projects/shop/artifacts/sha256:{}", "0".repeat(64))).await, 404);
    assert_eq!(status("/projects/shop/artifacts/..%2f..%2fkiket.db".to_owned()).await, 400);
    let bare = world.bare(reqwest::Method::GET, &format!("/api/v1/projects/shop/artifacts/{digest}"));
    assert_eq!(bare.send().await.unwrap().status(), 401);

    let fetched = tempfile::tempdir().unwrap();
    let kiket = |arguments: &[&str]| world.kiket(arguments).current_dir(fetched.path()).output().unwrap();
    let listed = kiket(&["artifacts", "ls", &run]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains(&digest), "{listed:?}");
    assert!(kiket(&["artifacts", "get", "shop", &digest, "a"]).status.success());
    assert_eq!(fs::read_to_string(fetched.path().join("a")).unwrap(), "mine\n");
    assert!(!kiket(&["artifacts", "get", "other", &digest, "b"]).status.success());
    assert!(kiket(&["artifacts", "rm", "shop", &digest]).status.success());
    assert_eq!(status(format!("/projects/shop/artifacts/{digest}")).await, 404);
    assert!(!fetched.path().join("b").exists());
    world.end().await;
}
