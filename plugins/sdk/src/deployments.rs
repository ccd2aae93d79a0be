//! Sites that the server puts live. Needs a grant `deployments` that names the app.
//!
//! A release is an artifact of an app; one release of an app is live, and putting another in its place is one step.
//!
//! ```no_run
//! # use kiket_plugin::{Failure, artifacts, deployments};
//! # fn call() -> Result<(), Failure> {
//! let site = artifacts::newest("site")?;
//! let release = deployments::prepare("shop", &site.digest)?;
//! if deployments::probe(&release.id, "/")? != 200 {
//!     return Err(Failure::permanent("the release does not answer"));
//! }
//! let before = deployments::activate(&release.id)?;
//! # Ok(())
//! # }
//! ```

mod error;

pub use error::Error;

use crate::host::deployments as host;

/// A release.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Release {
    /// Its id, for example `rel_01jd…`.
    pub id: String,
    /// The app.
    pub app: String,
    /// The artifact's digest.
    pub artifact: String,
    /// Where it is served, live or not.
    pub url: String,
    /// Where the app's live release is served.
    pub live_url: String,
}

/// Makes a release of an artifact: it is served at its own address, and not live.
pub fn prepare(app: &str, artifact: &str) -> Result<Release, Error> {
    Ok(host::prepare(app, artifact)?.into())
}

/// Fetches a path of a release over HTTP, as a visitor would, and returns the status.
pub fn probe(release: &str, path: &str) -> Result<u16, Error> {
    Ok(host::probe(release, path)?)
}

/// Puts a release live, in one step; returns the one that was, if any.
pub fn activate(release: &str) -> Result<Option<Release>, Error> {
    Ok(host::activate(release)?.map(Release::from))
}

/// The release of an app that is live.
pub fn live(app: &str) -> Result<Option<Release>, Error> {
    Ok(host::live(app)?.map(Release::from))
}

/// The release of an app that was live before the one that is, if any.
pub fn previous(app: &str) -> Result<Option<Release>, Error> {
    Ok(host::previous(app)?.map(Release::from))
}

impl From<host::Release> for Release {
    fn from(release: host::Release) -> Self {
        let host::Release { id, app, artifact, url, live_url } = release;
        Self { id, app, artifact, url, live_url }
    }
}
