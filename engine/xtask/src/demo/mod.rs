//! `cargo xtask demo`: a push to a real repository, and the run that follows it, on a server that starts from nothing.
//!
//! Everything happens in one folder below the target folder, which each demo makes anew; only compiled plugins stay.

mod greeting;
mod hook;
mod repository;
mod server;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::command::{cargo, program, read, run};
use crate::failure::{Failure, Outcome};
use crate::project::Project;
use crate::setup;
use crate::step::{Elapsed, note, step};
use greeting::text_at;
use repository::Repository;
use server::{Log, Server};

/// The definitions that are pushed.
const SAMPLE: &str = "workflows/samples/hello";

/// How many seconds a push may take to become a run.
const RUN_LIMIT: &str = "60";

/// Sets up, builds, and shows a push and its run. Then the server goes on until Ctrl-C, unless it is to `exit`.
pub(crate) fn show(project: &Project, exit: bool) -> Outcome<()> {
    let start = Instant::now();
    setup::set_up(project)?;
    step("build of kiket (minutes the first time, for the sandbox)", || build(project))?;
    let demo = Demo { kiket: project.kiket(), folder: project.state().join("demo") };
    let server = step("server", || demo.serve())?;
    let repository = step("repository", || demo.connect(&server))?;
    let run = step("push", || demo.push(project, &server, &repository))?;
    let succeeded = step("run", || server.run_beside(demo.client(&server).args(["runs", "watch", &run])))?;
    println!("the demo took {}", Elapsed(start.elapsed()));
    tell(&server, &repository, &run);
    if exit {
        server.stop()?;
        println!("\nThe server is stopped; without --exit it goes on until Ctrl-C.");
    } else {
        println!("\nThe server goes on until Ctrl-C.");
        server.wait()?;
    }
    if succeeded { Ok(()) } else { Err(Failure::new(format!("{run} did not succeed: its lines above say why"))) }
}

fn build(project: &Project) -> Outcome<()> {
    let mut build = cargo();
    build.current_dir(project.root()).env_remove("CARGO_BUILD_TARGET");
    run(build.args(["build", "--package", "kiket", "--target-dir"]).arg(project.target()))
}

/// Says where everything is, and what to try next.
fn tell(server: &Server, repository: &Repository, run: &str) {
    let (url, token, clone) = (server.url(), server.token(), repository.clone_folder().display());
    println!("\nserver  {url}\ntoken   {token}\nlog     {}", server.log().display());
    println!("\nThe run's events, as the server streams them:");
    println!("  curl -N -H \"Authorization: Bearer {token}\" {url}/api/v1/runs/{run}/events");
    println!("Another push, and so another run:");
    println!("  git -C '{clone}' commit --allow-empty -m again && git -C '{clone}' push");
}

/// The binary, and the folder where everything happens.
struct Demo {
    kiket: PathBuf,
    folder: PathBuf,
}

impl Demo {
    /// Starts a server that knows nothing yet.
    fn serve(&self) -> Outcome<Server> {
        fs::create_dir_all(&self.folder).map_err(Failure::at(&self.folder))?;
        let log = Log::open(self.folder.join("server.log"))?;
        let data = self.folder.join("data");
        for name in ["demo.git", "clone"] {
            remove(&self.folder.join(name))?;
        }
        remove_all_but(&data, "cache")?;
        let is_cold = !data.join("cache").exists();
        let mut serve = self.kiket();
        serve
            .args(["serve", "--listen", "127.0.0.1:0", "--sites-listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .env("NO_COLOR", "1");
        let server = Server::start(&mut serve, log)?;
        note(format_args!("listens on {}, keeps its data in {}", server.url(), data.display()));
        if is_cold {
            note("it has no compiled plugins yet: the first stage waits half a minute for its own, once");
        }
        Ok(server)
    }

    /// Makes a repository, adds it to the server and connects its webhook.
    fn connect(&self, server: &Server) -> Outcome<Repository> {
        let repository = Repository::create(&self.folder)?;
        let url = repository.url();
        note(format_args!("kiket project add demo {url}"));
        let added = read(self.client(server).args(["project", "add", "--json", "demo", &url]));
        let added = added.map_err(|failure| server.failure(failure))?;
        let (Some(hook), Some(secret)) = (text_at(&added, "hook_url"), text_at(&added, "hook_secret")) else {
            return Err(server.failure("the server answered without a webhook"));
        };
        note(format_args!("its post-receive hook signs and sends every push to {hook}"));
        repository.connect(hook, secret)?;
        Ok(repository)
    }

    /// Pushes the sample and answers with the run that it starts.
    fn push(&self, project: &Project, server: &Server, repository: &Repository) -> Outcome<String> {
        repository.commit(&project.root().join(SAMPLE), "Add a pipeline")?;
        note(format_args!("git push, with what is in {SAMPLE}"));
        let shown = repository.push()?;
        shown.lines().for_each(|line| note(line.trim()));
        if !hook::is_taken(&shown) {
            return Err(server.failure("the server did not take the webhook of the push"));
        }
        let run = await_run(server)?;
        note(format_args!("kiket runs watch {run}"));
        Ok(run)
    }

    /// The command line, talking to the server.
    fn client(&self, server: &Server) -> Command {
        let mut client = self.kiket();
        client.env("KIKET_SERVER", server.url()).env("KIKET_TOKEN", server.token()).env("NO_PROXY", "127.0.0.1");
        client
    }

    /// The binary, without settings that were meant for another server.
    fn kiket(&self) -> Command {
        let mut kiket = program(&self.kiket);
        let inherited = env::vars_os().map(|(name, _)| name);
        for name in inherited.filter(|name| name.to_string_lossy().starts_with("KIKET_")) {
            kiket.env_remove(name);
        }
        kiket
    }
}

/// Waits on the project's event stream for its first run.
fn await_run(server: &Server) -> Outcome<String> {
    let mut curl = program("curl");
    curl.args(["--silent", "--fail", "--no-buffer", "--noproxy", "*", "--max-time", RUN_LIMIT]);
    curl.arg("--header").arg(format!("Authorization: Bearer {}", server.token()));
    curl.arg(format!("{}/api/v1/projects/demo/events?from=start&kinds=run.queued,revision.rejected", server.url()));
    let spawned = curl.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut curl = spawned.map_err(|error| Failure::new(format!("curl cannot be started: {error}")))?;
    let lines = curl.stdout.take().into_iter().flat_map(|stdout| BufReader::new(stdout).lines().map_while(Result::ok));
    let event = lines.filter_map(|line| line.strip_prefix("data:").map(str::to_owned)).next();
    // It has done its work, or has ended already.
    let _ = curl.kill();
    let status = curl.wait().ok().and_then(|status| status.code());
    match event {
        Some(event) => text_at(&event, "run").map(str::to_owned).ok_or_else(|| {
            Failure::new(format!("the server refused the definitions in {SAMPLE}: \"kiket check {SAMPLE}\" says why"))
        }),
        None if status == Some(28) => Err(server.failure(format_args!("no run began within {RUN_LIMIT} s"))),
        None => Err(server.failure("the server's event stream broke off")),
    }
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> Outcome<()> {
    if folder.exists() { fs::remove_dir_all(folder).map_err(Failure::at(folder)) } else { Ok(()) }
}

/// Removes what is in a folder, except for one folder in it.
fn remove_all_but(folder: &Path, kept: &str) -> Outcome<()> {
    if !folder.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).map_err(Failure::at(folder))?.flatten() {
        let path = entry.path();
        if entry.file_name() == kept {
            continue;
        }
        let removed = if path.is_dir() { fs::remove_dir_all(&path) } else { fs::remove_file(&path) };
        removed.map_err(Failure::at(&path))?;
    }
    Ok(())
}
