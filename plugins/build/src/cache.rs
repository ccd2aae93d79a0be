//! Caches: files that a build leaves for the next one with the same key. Each path is an artifact of its own, named
//! `cache/<key>/<path>`, of which the host keeps the newest.
//!
//! A cache may be missing at any time. Whatever is put back is older than the commit's files, so what compares times
//! builds anew what has changed.

use kiket_plugin::{Failure, artifacts, log};

use crate::find::clean;

/// Most bytes of an artifact's name.
const NAME_BYTES: usize = 256;

/// One path that is cached.
pub(crate) struct Cache {
    path: String,
    name: String,
}

/// The caches of these paths.
pub(crate) fn names(paths: &[String], key: &str) -> Result<Vec<Cache>, Failure> {
    let cache = |path: &String| {
        let path = clean(path);
        if path.is_empty() {
            return Err(Failure::invalid_input("cache: the whole workspace cannot be cached"));
        }
        let name = format!("cache/{key}/{path}");
        if name.len() > NAME_BYTES {
            return Err(Failure::invalid_input(format!(
                "cache: `{path}` with its key is longer than {NAME_BYTES} bytes"
            )));
        }
        Ok(Cache { path, name })
    };
    paths.iter().map(cache).collect()
}

/// Puts a cache back, where there is one.
pub(crate) fn restore(cache: &Cache) -> Result<(), Failure> {
    let Cache { path, name } = cache;
    let found = match artifacts::newest(name) {
        Ok(found) => found,
        Err(artifacts::Error::NotFound(_)) => {
            log::info!("{path}: there is no cache yet");
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    match artifacts::place(&found.digest, path) {
        Ok(()) => log::info!("{path}: {} bytes, {}", found.size, found.digest),
        // Somebody has kept a newer one in between: then it is as good as none.
        Err(artifacts::Error::NotFound(_)) => log::info!("{path}: the cache is gone"),
        // A part of it may be there, and half a cache is worse than none.
        Err(error) => {
            let message = format!("the cache of `{path}` cannot be put back: {error}; another cache_key begins anew");
            return Err(Failure::permanent(message));
        }
    }
    Ok(())
}

/// Keeps a cache. That it cannot be kept is no reason to fail a build.
pub(crate) fn save(cache: &Cache) -> Result<(), Failure> {
    let Cache { path, name } = cache;
    match artifacts::keep(name, path) {
        Ok(kept) => log::info!("{path}: {} bytes, {}", kept.size, kept.digest),
        Err(error @ artifacts::Error::Denied(_)) => return Err(error.into()),
        Err(error) => log::warn!("{path} is not cached: {error}"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_a_name_of_its_own() {
        let found = names(&["./target/".into(), "web/node_modules".into()], "linux").unwrap();
        let found: Vec<_> = found.iter().map(|cache| (cache.path.as_str(), cache.name.as_str())).collect();
        let modules = ("web/node_modules", "cache/linux/web/node_modules");
        assert_eq!(found, [("target", "cache/linux/target"), modules]);
        for wrong in [".", "./", &"a".repeat(256)] {
            assert!(names(&[wrong.to_owned()], "linux").is_err(), "{wrong}");
        }
    }
}
