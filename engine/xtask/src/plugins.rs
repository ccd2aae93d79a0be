//! Builds the workspace `plugins/` and puts the components where the server and the tests take them from.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::run;
use crate::failure::{Failure, Outcome};
use crate::project::Project;
use crate::stamp;
use crate::step::note;
use crate::wasm::{Compiler, TARGET};

/// The components that the server embeds.
const BUNDLED: [&str; 5] = ["build", "deploy", "execute", "http", "notify"];

/// The components that only tests and benchmarks call.
const GUESTS: [&str; 2] = ["guardian", "probe"];

/// Everything a component is made of.
const SOURCES: [&str; 3] = ["plugins", "tests/guests", "wit"];

/// Name of the custom section that holds a plugin's manifest.
const MANIFEST: &[u8] = b"kiket:manifest";

/// Whether the finished components are those of the sources as they are now.
pub(crate) fn are_current(project: &Project) -> Outcome<bool> {
    let built = fs::read_to_string(stamp_file(project)).unwrap_or_default();
    let complete = finished(project).all(|(_, file)| file.is_file());
    Ok(complete && built == stamp::of(project.root(), &SOURCES)?)
}

/// Compiles every component and replaces the finished ones that changed.
pub(crate) fn build(project: &Project, compiler: &Compiler) -> Outcome<()> {
    let stamp = stamp::of(project.root(), &SOURCES)?;
    let target = project.plugins_target();
    run(compiler.build(&target)?.current_dir(project.plugins()))?;
    remove_stale(project)?;
    for (name, file) in finished(project) {
        let built = target.join(TARGET).join("release").join(format!("{name}.wasm"));
        let component = fs::read(&built).map_err(Failure::at(&built))?;
        if !component.windows(MANIFEST.len()).any(|window| window == MANIFEST) {
            return Err(Failure::new(format!("{} carries no manifest", built.display())));
        }
        replace(&file, &component)?;
        note(format_args!(
            "{} ({} KiB)",
            file.strip_prefix(project.root()).unwrap_or(&file).display(),
            component.len() / 1024
        ));
    }
    replace(&stamp_file(project), stamp.as_bytes())
}

/// Name and finished file of every component.
fn finished(project: &Project) -> impl Iterator<Item = (&'static str, PathBuf)> {
    let dist = project.dist();
    let bundled = BUNDLED.map(|name| (name, dist.join(format!("{name}.wasm"))));
    let guests = GUESTS.map(|name| (name, dist.join(format!("test/{name}.wasm"))));
    bundled.into_iter().chain(guests)
}

/// Removes components that no source makes any longer: the server embeds whatever lies there.
fn remove_stale(project: &Project) -> Outcome<()> {
    for folder in [project.dist(), project.dist().join("test")] {
        fs::create_dir_all(&folder).map_err(Failure::at(&folder))?;
        for entry in fs::read_dir(&folder).map_err(Failure::at(&folder))?.flatten() {
            let file = entry.path();
            let is_component = file.extension().is_some_and(|extension| extension == "wasm");
            if is_component && !finished(project).any(|(_, known)| known == file) {
                fs::remove_file(&file).map_err(Failure::at(&file))?;
            }
        }
    }
    Ok(())
}

/// Writes a file whole or not at all; one that already has the content keeps its time stamp.
fn replace(file: &Path, content: &[u8]) -> Outcome<()> {
    if fs::read(file).is_ok_and(|old| old == content) {
        return Ok(());
    }
    let part = file.with_extension("part");
    fs::write(&part, content).map_err(Failure::at(&part))?;
    fs::rename(&part, file).map_err(Failure::at(file))
}

fn stamp_file(project: &Project) -> PathBuf {
    project.dist().join(".stamp")
}
