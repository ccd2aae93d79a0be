//! A component as a file: what it says of itself, and what becomes of it when it is finished.

use std::fs::{self, Permissions};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use async_trait::async_trait;
use kiket_core::catalog::Plugin;
use kiket_core::manifest::{Completed, Derived, Effect, Manifest};
use kiket_host::{
    ArtifactCalls, ClockCalls, Denial, DeploymentCalls, Digest, Exports, Grants, Host, HostConfig, HttpCalls,
    ItemCalls, KvCalls, Limits, LogLine, Lost, MailCalls, Placeholders, ProcessCalls, Progress, ReportCalls,
    SecretCalls, Terms, WorkspaceCalls, embed_manifest, manifest_section,
};

use super::Refused;
use crate::clock;

/// A component that can be used as a plugin.
pub(super) struct Component {
    pub(super) bytes: Vec<u8>,
    pub(super) digest: Digest,
    pub(super) plugin: Plugin,
}

/// A component with its manifest in it.
pub(super) struct Finished {
    pub(super) component: Component,
    /// Schemas of the manifest that count although the types have one as well.
    pub(super) kept: Vec<String>,
}

impl Component {
    /// Reads a file.
    pub(super) fn read(path: &Path) -> anyhow::Result<Result<Self, Refused>> {
        let bytes = fs::read(path).with_context(|| format!("{} cannot be read", path.display()))?;
        Ok(Self::of(bytes).map_err(|reason| Refused::component(&path.display().to_string(), reason)))
    }

    fn of(bytes: Vec<u8>) -> Result<Self, String> {
        let text = manifest_section(&bytes).map_err(|error| error.to_string())?;
        let text = text.ok_or("it carries no manifest: `kiket plugin build --component` puts one in")?;
        let manifest = Manifest::parse(&text).map_err(|error| error.to_string())?;
        let digest = Digest::of(&bytes);
        let plugin = Plugin::new(digest.to_string(), manifest).map_err(|error| error.to_string())?;
        Ok(Self { bytes, digest, plugin })
    }

    /// Writes it so that the file is either whole or as it was.
    pub(super) fn write(&self, path: &Path) -> anyhow::Result<()> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let written = fs::create_dir_all(folder).and_then(|()| tempfile::NamedTempFile::new_in(folder));
        let written = written.and_then(|mut file| {
            file.write_all(&self.bytes)?;
            // A file of its own kind is only the owner's: this one is for everybody who works here.
            file.as_file().set_permissions(Permissions::from_mode(0o644))?;
            file.persist(path).map_err(|error| error.error)
        });
        written.map(|_| ()).with_context(|| format!("{} cannot be written", path.display()))
    }
}

/// A host for one component at a time; what it compiles is kept where `kiket run` keeps it.
pub(super) fn host() -> anyhow::Result<Host> {
    let cache_dir = super::super::run::cache_folder().ok();
    Ok(Host::new(HostConfig { cache_dir, instances: 1, ..HostConfig::default() })?)
}

/// Puts the whole manifest into a component: what `manifest` says (or, where it is `None`, what the component carries
/// already), and the schemas of its types.
pub(super) async fn finish(host: &Host, bytes: Vec<u8>, manifest: Option<&str>) -> Result<Finished, String> {
    let digest = Digest::of(&bytes);
    host.load(&digest, &bytes).await.map_err(|error| error.to_string())?;
    let carried = manifest_section(&bytes).map_err(|error| error.to_string())?;
    let stated = manifest.map(str::to_owned).or(carried.clone());
    let stated = stated.ok_or("it carries no manifest, and there is none beside it")?;
    let (text, kept) = match describe(host, digest).await? {
        Some(derived) => {
            let Completed { text, kept, .. } =
                Manifest::complete(&stated, &derived).map_err(|error| error.to_string())?;
            (text, kept)
        }
        None => (stated, Vec::new()),
    };
    let bytes = match carried {
        Some(carried) if carried == text => bytes,
        _ => embed_manifest(&bytes, &text).map_err(|error| error.to_string())?,
    };
    let component = Component::of(bytes)?;
    if let Some(exports) = host.exports(&digest) {
        fits(&component.plugin.manifest, exports)?;
    }
    Ok(Finished { component, kept })
}

/// Asks the component for the schemas of its types. It is granted nothing while it answers.
async fn describe(host: &Host, digest: Digest) -> Result<Option<Derived>, String> {
    let terms = Terms {
        plugin: digest,
        grants: Arc::new(Grants::default()),
        limits: Limits::default(),
        placeholders: Placeholders::new("none"),
        seed: [0; 32],
    };
    let said = host.describe(terms, Arc::new(Nothing)).await;
    let said = said.map_err(|error| format!("it does not say what its types are: {error}"))?;
    let read =
        |text: String| serde_json::from_str(&text).map_err(|error| format!("what it says of its types: {error}"));
    said.map(read).transpose()
}

/// Whether the component exports what its manifest speaks of.
fn fits(manifest: &Manifest, exports: Exports) -> Result<(), String> {
    let missing = |what: &str, interface: &str| {
        Err(format!("its manifest has {what}, and it does not export kiket:plugin/{interface}@0.1.0"))
    };
    if !manifest.actions.is_empty() && !exports.action {
        return missing("actions", "action");
    }
    if !manifest.guards.is_empty() && !exports.guard {
        return missing("guards", "guard");
    }
    if manifest.actions.values().any(|action| action.effect == Effect::Checkable) && !exports.recovery {
        return missing("an action of the class `checkable`", "recovery");
    }
    Ok(())
}

/// The world of a component that only says what it is: there is nothing in it.
struct Nothing;

#[async_trait]
impl ReportCalls for Nothing {
    async fn log(&self, _: LogLine) -> Result<(), Lost> {
        Ok(())
    }

    async fn progress(&self, _: Progress) -> Result<(), Lost> {
        Ok(())
    }

    async fn denied(&self, _: Denial) -> Result<(), Lost> {
        Ok(())
    }
}

impl ClockCalls for Nothing {
    fn now(&self) -> std::time::Duration {
        clock::since_epoch()
    }
}

impl HttpCalls for Nothing {}
impl SecretCalls for Nothing {}
impl KvCalls for Nothing {}
impl WorkspaceCalls for Nothing {}
impl ArtifactCalls for Nothing {}
impl ProcessCalls for Nothing {}
impl ItemCalls for Nothing {}
impl MailCalls for Nothing {}
impl DeploymentCalls for Nothing {}
