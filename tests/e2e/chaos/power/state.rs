//! Whether a state after a power cut is one that a server can go on from, and has everything that was acknowledged.

use std::path::{Path, PathBuf};

use kiket_store::Store;
use kiket_sync::{Limits, Mirror, SyncError};
use sha2::{Digest as _, Sha256};

use super::State;
use crate::chaos::script::Fact;
use crate::chaos::tally::{Flaw, Kind};
use crate::chaos::verify;

/// Where databases are opened: in memory, since nobody cuts the power here.
const MEMORY: &str = "/dev/shm";

pub(super) async fn check(state: &State) -> Vec<Flaw> {
    let mut flaws = whole(state);
    flaws.extend(mirror(state));
    let path = |name: &str| PathBuf::from("data").join(name);
    let Some(database) = state.survivors.files.get(&path("kiket.db")) else {
        flaws.extend(state.facts.iter().map(|fact| Flaw::new(Kind::Lost, format!("no database, and {fact:?}"))));
        return flaws;
    };
    let folder = tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir()).expect("a temporary folder");
    let file = folder.path().join("kiket.db");
    std::fs::write(&file, database).expect("a file");
    for beside in ["kiket.db-wal", "kiket.db-journal"] {
        if let Some(bytes) = state.survivors.files.get(&path(beside)) {
            std::fs::write(folder.path().join(beside), bytes).expect("a file");
        }
    }
    flaws.extend(verify::check(&file).await);
    match Store::open(&file).await {
        Ok(store) => {
            flaws.extend(verify::facts(&store, &state.facts).await);
            flaws.extend(beside(&store, state).await);
            store.close().await;
        }
        Err(error) => flaws.push(Flaw::new(Kind::Corrupt, format!("the database cannot be opened: {error:?}"))),
    }
    flaws
}

/// What has its digest for a name is what the name says, and a key is a key.
fn whole(state: &State) -> Vec<Flaw> {
    let mut flaws = Vec::new();
    for (path, bytes) in &state.survivors.files {
        let name = path.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let is_digest = name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest && !path.starts_with("data/git") && hex::encode(Sha256::digest(bytes)) != name {
            flaws.push(Flaw::new(Kind::Corrupt, format!("{} is not whole", path.display())));
        }
        if path.ends_with("master.key") && (bytes.len() != 65 || hex::decode(bytes.trim_ascii_end()).is_err()) {
            flaws.push(Flaw::new(Kind::Corrupt, "the master key is not whole"));
        }
    }
    flaws
}

/// A mirror can be used: asked for what is new, and read.
fn mirror(state: &State) -> Vec<Flaw> {
    let mirrors = Path::new("data/git");
    let name =
        state.survivors.folders.iter().find(|path| {
            path.parent() == Some(mirrors) && path.extension().is_some_and(|extension| extension == "git")
        });
    let Some(name) = name else { return Vec::new() };
    let folder = tempfile::tempdir_in(MEMORY).or_else(|_| tempfile::tempdir()).expect("a temporary folder");
    let inside = |path: &&PathBuf| path.starts_with(mirrors);
    state.survivors.folders.iter().filter(inside).for_each(|path| {
        std::fs::create_dir_all(folder.path().join(path)).expect("a folder");
    });
    state.survivors.files.iter().filter(|(path, _)| inside(path)).for_each(|(path, bytes)| {
        std::fs::write(folder.path().join(path), bytes).expect("a file");
    });
    let used = || -> Result<(), SyncError> {
        let url = state.origin.parse().expect("it is the address of a repository");
        let mirror = Mirror::open(&folder.path().join(name), &url, Limits::default())?;
        let tip = mirror.fetch("main")?.expect("there is a commit");
        mirror.sources(&tip.commit).map(drop)
    };
    used()
        .err()
        .map(|error| Flaw::new(Kind::Corrupt, format!("a mirror cannot be used: {error}")))
        .into_iter()
        .collect()
}

/// What the database names is there beside it.
async fn beside(store: &Store, state: &State) -> Vec<Flaw> {
    let is_there = |path: &Path| state.survivors.files.contains_key(&PathBuf::from("data").join(path));
    let mut missing = Vec::new();
    for digest in store.artifact_digests().await.expect("artifacts can be listed") {
        let hex = digest.trim_start_matches("sha256:");
        missing.push(PathBuf::from("artifacts").join(&hex[..2]).join(hex));
    }
    let published = state.facts.iter().filter_map(|fact| match fact {
        Fact::Published(revision) => Some(*revision),
        _ => None,
    });
    for revision in published {
        let Ok(Some(row)) = store.revision(revision).await else { continue };
        let digests = row.plugins.split("sha256:").skip(1).filter_map(|rest| rest.get(..64));
        missing.extend(digests.map(|digest| PathBuf::from(format!("plugins/{digest}.wasm"))));
    }
    if !store.projects().await.expect("projects can be listed").is_empty() {
        missing.push(PathBuf::from("master.key"));
    }
    missing.retain(|path| !is_there(path));
    missing
        .into_iter()
        .map(|path| Flaw::new(Kind::Lost, format!("{} is named and not there", path.display())))
        .collect()
}
