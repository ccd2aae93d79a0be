//! What worlds are made with: the server's command, Git, components, signatures.

use std::path::{Path, PathBuf};
use std::process::Command;

use hmac::{Hmac, KeyInit as _, Mac as _};
use reqwest::Client;
use sha2::Sha256;

use super::Frame;

/// The command that starts a server over a data folder.
pub(crate) fn serve(data: &Path) -> Command {
    let mut serve = Command::new(env!("CARGO_BIN_EXE_kiket"));
    serve
        .args(["serve", "--data"])
        .arg(data)
        .env("KIKET_LISTEN", "127.0.0.1:0")
        .env("KIKET_LOG", "warn")
        .env("KIKET_SITES_LISTEN", "127.0.0.1:0")
        // Compiling the bundled plugins takes long: all worlds share what it leads to.
        .env("KIKET_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
    serve
}

pub(crate) fn sign(secret: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any key will do");
    mac.update(body);
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

pub(crate) fn parse(text: &str) -> Vec<Frame> {
    let mut frames = Vec::new();
    for block in text.split("\n\n") {
        let field =
            |name: &str| block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim_start));
        let (Some(kind), Some(data)) = (field("event"), field("data")) else { continue };
        let id = field("id").map(|id| id.parse().expect("ids are numbers"));
        frames.push(Frame { id, kind: kind.to_owned(), data: serde_json::from_str(data).expect("data is JSON") });
    }
    frames
}

pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").current_dir(folder).args(arguments).output().expect("git is installed");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

pub(crate) fn probe() -> PathBuf {
    guest("probe")
}

/// A component that only tests call.
pub(crate) fn guest(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../../plugins/dist/test/{name}.wasm"))
}

pub(crate) fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    // A server that refuses a large body closes the connection, so none is used twice.
    Client::builder().no_proxy().pool_max_idle_per_host(0).build().expect("a client")
}
