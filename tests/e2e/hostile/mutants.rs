//! Components that were fine until something happened to their bytes: whatever it was, it is a plugin or a typed error,
//! and neither a compiler that broke nor a host that did.

use std::collections::BTreeMap;
use std::time::Duration;

use kiket_host::{Limits, LoadError};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use tempfile::tempdir;

use super::case::harmless;
use crate::compiler::{compiler, host, invoke, load};

/// How many are looked at; the same ones every time.
const MUTANTS: u64 = 200;

/// Changes a few bits, or moves, repeats, cuts out or overwrites a piece.
fn mutate(component: &[u8], random: &mut StdRng) -> Vec<u8> {
    let mut mutant = component.to_vec();
    // The first eight bytes say what it is: without them nobody reads on.
    let at = random.random_range(8..mutant.len());
    let end = (at + random.random_range(1..64)).min(mutant.len());
    let piece = mutant[at..end].to_vec();
    match random.random_range(0..6) {
        0..=2 => {
            for _ in 0..random.random_range(1..4) {
                let at = random.random_range(8..mutant.len());
                mutant[at] ^= 1 << random.random_range(0..8);
            }
        }
        3 => drop(mutant.drain(at..end)),
        4 => {
            let to = random.random_range(8..mutant.len());
            mutant.splice(to..to, piece);
        }
        _ => mutant[at..end].iter_mut().for_each(|byte| *byte = random.random()),
    }
    mutant
}

#[tokio::test]
async fn whatever_happens_to_its_bytes_a_component_is_a_plugin_or_a_typed_error() {
    let cache = tempdir().expect("a folder");
    let host = host(cache.path(), compiler());
    let limits = Limits { cpu: Duration::from_millis(200), wall: Duration::from_secs(5), ..Limits::default() };
    let component = harmless();
    let mut ends: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..MUTANTS {
        let mutant = mutate(&component, &mut StdRng::seed_from_u64(seed));
        let examined = host.examine(&mutant).await;
        let end = match load(&host, &mutant).await {
            Ok(plugin) => {
                examined.unwrap_or_else(|error| panic!("{seed}: it was refused before: {error}"));
                invoke(&host, plugin, limits).await.map_or_else(|error| error.code(), |_| "ok")
            }
            Err(LoadError::Invalid(_)) => "invalid",
            Err(LoadError::UnknownImports(_) | LoadError::Mismatch(_)) => "does not fit",
            Err(error) => panic!("{seed}: {error}"),
        };
        *ends.entry(end).or_default() += 1;
    }
    println!("{ends:?}");
    assert!(ends["invalid"] > 0 && ends["ok"] > 0, "some of each: {ends:?}");
    load(&host, &component).await.expect("the host goes on");
}
