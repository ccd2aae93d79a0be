//! Which bytes become plugins.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use kiket_host::{Digest, Host, HostConfig, HostError, LoadError, MANIFEST_SECTION, manifest_section};

use crate::guest::{component, encode, module, returning};
use crate::harness::{Recorder, call, host, load, perform};

async fn refuse(component: &[u8]) -> LoadError {
    let host = host();
    let digest = Digest::of(component);
    let error = host.load(&digest, component).await.expect_err("the component must not load");
    assert!(!host.is_loaded(&digest));
    error
}

#[tokio::test]
async fn names_every_import_the_host_does_not_offer() {
    let imports = r#"(import "evil:rocket/launcher@1.0.0" "launch" (func $launch))
                     (import "wasi:nn/inference@0.2.0" "compute" (func $compute))"#;
    let error = refuse(&component(imports, "", "(call $launch) (call $compute) (unreachable)")).await;
    let LoadError::UnknownImports(mut names) = error else { panic!("{error:?}") };
    names.sort();
    assert_eq!(names, ["evil:rocket/launcher@1.0.0", "wasi:nn/inference@0.2.0"]);
}

#[tokio::test]
async fn refuses_what_is_not_a_component() {
    let plain = wat::parse_str(module("", "1", "", "(unreachable)")).expect("a module");
    let text = b"(component)";
    let compiled = [&b"\x7fELF\x02\x01\x01"[..], &[0; 64]].concat();
    for bytes in [&b""[..], b"\0asm", text, &plain, &compiled, &[0xff; 100]] {
        let error = refuse(bytes).await;
        assert!(matches!(error, LoadError::Invalid(_)), "{error:?}");
    }
}

#[tokio::test]
async fn refuses_a_component_that_is_cut_off_or_damaged_without_panicking() {
    let whole = returning("{}");
    let cut = (0..whole.len()).step_by(7).map(|length| whole[..length].to_vec());
    let damaged = (8..whole.len()).step_by(11).map(|place| {
        let mut bytes = whole.clone();
        bytes[place] ^= 0xff;
        bytes
    });
    let host = host();
    let mut refused = 0;
    for bytes in cut.chain(damaged) {
        // Some bytes do not matter, those of names for instance. What loads can be called without harm.
        let digest = Digest::of(&bytes);
        match host.load(&digest, &bytes).await {
            Ok(()) => drop(perform(&host, call(digest), Arc::new(Recorder::default())).await),
            Err(_) => refused += 1,
        }
    }
    assert!(refused > whole.len() / 10, "most are refused: {refused}");
    host.load(&Digest::of(&whole), &whole).await.expect("the host goes on");
}

#[tokio::test]
async fn refuses_bytes_that_are_not_what_the_digest_names() {
    let host = host();
    let expected = Digest::of(b"something else");
    let error = host.load(&expected, &returning("{}")).await.expect_err("wrong bytes");
    assert!(matches!(error, LoadError::WrongDigest { .. }), "{error:?}");
}

#[tokio::test]
async fn refuses_a_component_that_is_too_large() {
    let host = Host::new(HostConfig { component_bytes: 100, instances: 1, ..HostConfig::default() }).expect("a host");
    let bytes = returning("{}");
    let error = host.load(&Digest::of(&bytes), &bytes).await.expect_err("too large");
    assert!(matches!(error, LoadError::TooLarge { allowed: 100, .. }), "{error:?}");
}

#[tokio::test]
async fn refuses_a_component_that_does_not_fit_the_world() {
    let empty = wat::parse_str("(component)").expect("a component");
    let wrong = wat::parse_str(
        r#"(component
            (core module $m (func (export "run")))
            (core instance $i (instantiate $m))
            (func $run (canon lift (core func $i "run")))
            (instance $action (export "run" (func $run)))
            (export "kiket:plugin/action@0.1.0" (instance $action)))"#,
    )
    .expect("a component");
    for bytes in [empty, wrong] {
        let error = refuse(&bytes).await;
        assert!(matches!(error, LoadError::Mismatch(_)), "{error:?}");
    }
}

#[tokio::test]
async fn refuses_features_that_plugins_have_no_use_for() {
    for module in [
        "(module (memory 1 1 shared))",
        "(module (memory i64 1))",
        "(module (memory 1) (memory 1))",
        "(module (tag $t))",
        "(module (type (struct)))",
    ] {
        let bytes = wat::parse_str(format!("(component (core {}", &module[1..]) + ")").expect("a component");
        let error = refuse(&bytes).await;
        assert!(matches!(error, LoadError::Invalid(_)), "{module}: {error:?}");
    }
}

#[tokio::test]
async fn refuses_memory_beyond_the_pool() {
    let error = refuse(&encode(&module("", "5000", "", "(unreachable)"))).await;
    assert!(matches!(error, LoadError::Invalid(_)), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loads_a_component_that_many_ask_for_at_once() {
    let host = host();
    let component = Arc::new(returning("{}"));
    let digest = Digest::of(&component);
    let loads: Vec<_> = (0..20)
        .map(|_| {
            let (host, component) = (host.clone(), Arc::clone(&component));
            tokio::spawn(async move { host.load(&digest, &component).await })
        })
        .collect();
    for load in loads {
        load.await.expect("no panic").expect("loaded");
    }
    assert!(host.is_loaded(&digest));
}

#[tokio::test]
async fn keeps_compiled_code_in_a_folder_of_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache_dir = folder.path().join("compiled");
    for _ in 0..2 {
        let cache_dir = Some(cache_dir.clone());
        let host = Host::new(HostConfig { cache_dir, instances: 1, ..HostConfig::default() }).expect("a host");
        let digest = load(&host, &returning("{}")).await;
        perform(&host, call(digest), Arc::new(Recorder::default())).await.expect("an output");
    }
    let entries = fs::read_dir(cache_dir.join("modules")).expect("the cache").count();
    assert_eq!(entries, 1, "one compiler, one folder");
    let mode = fs::metadata(&cache_dir).expect("metadata").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "for its owner alone");
}

/// Sets up a host with this cache folder, which must fail; returns why.
fn refuse_cache(folder: &Path) -> String {
    let config = HostConfig { cache_dir: Some(folder.to_owned()), instances: 1, ..HostConfig::default() };
    match Host::new(config) {
        Err(HostError::Cache(why)) => why,
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("{} is accepted", folder.display()),
    }
}

#[test]
fn refuses_a_cache_folder_that_others_may_write_to() {
    let folder = tempfile::tempdir().expect("a folder");
    let cache = folder.path().join("compiled");
    drop(Host::new(HostConfig { cache_dir: Some(cache.clone()), instances: 1, ..HostConfig::default() }));
    for (place, mode) in [("", 0o770), ("", 0o702), ("", 0o1777), ("modules", 0o777), ("notes", 0o720)] {
        let place = cache.join(place);
        fs::set_permissions(&place, Permissions::from_mode(mode)).expect("it is ours");
        let why = refuse_cache(&cache);
        assert!(why.contains("may be written to by others") && why.contains(&format!("{:o}", mode & 0o777)), "{why}");
        fs::set_permissions(&place, Permissions::from_mode(0o700)).expect("it is ours");
    }
    // That others can read it does no harm.
    fs::set_permissions(&cache, Permissions::from_mode(0o755)).expect("it is ours");
    let config = HostConfig { cache_dir: Some(cache), instances: 1, ..HostConfig::default() };
    Host::new(config).expect("a host");
}

#[test]
fn refuses_a_cache_folder_of_somebody_else() {
    let folder = tempfile::tempdir().expect("a folder");
    // Whoever may give a folder away does; whoever may not has one that is somebody else's already.
    let given_away = std::os::unix::fs::chown(folder.path(), Some(65_534), None).is_ok();
    let why = refuse_cache(if given_away { folder.path() } else { Path::new("/usr") });
    assert!(why.contains("belongs to user"), "{why}");
}

#[test]
fn refuses_a_cache_folder_that_is_a_file() {
    let file = tempfile::NamedTempFile::new().expect("a file");
    refuse_cache(file.path());
}

#[test]
fn reads_the_manifest_where_rust_guests_carry_it() {
    let manifest = format!(r#"(@custom "{MANIFEST_SECTION}" "id: example")"#);
    let bytes = component("", &manifest, "(unreachable)");
    assert_eq!(manifest_section(&bytes).expect("readable").as_deref(), Some("id: example"));
}
