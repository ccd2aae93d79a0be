//! Puts an artifact live as a site, and goes back to the one before.
//!
//! A release that does not answer as it should is never live: it is asked at an address of its own first. What is asked
//! once it is live only finds what differs there, and then the release before it is put back.

mod health;

use kiket_plugin::deployments::{self, Release};
use kiket_plugin::{Call, Failure, log, plugin, progress};
use serde::{Deserialize, Serialize};

use health::Health;

plugin! { manifest: "manifest.yaml", actions: { "run" => deploy, "rollback" => roll_back } }

#[derive(Deserialize)]
struct Input {
    app: String,
    artifact: String,
    #[serde(default)]
    health: Health,
}

#[derive(Deserialize)]
struct App {
    app: String,
}

#[derive(Serialize)]
struct Output {
    url: String,
    live_url: String,
    release: String,
    previous: Option<String>,
}

impl Output {
    fn new(release: Release, previous: Option<&Release>) -> Self {
        let Release { id, url, live_url, .. } = release;
        Self { url, live_url, release: id, previous: previous.map(|previous| previous.id.clone()) }
    }
}

fn deploy(input: Input, _: &Call) -> Result<Output, Failure> {
    let Input { app, artifact, health } = input;
    progress::report("unpacking the artifact", 0, 3);
    let release = deployments::prepare(&app, &artifact)?;
    log::info!("{} is at {}", release.id, release.url);

    progress::report("asking the release whether it is healthy", 1, 3);
    if let Err(reason) = health.check(&release)? {
        return Err(Failure::permanent(format!("{} is not healthy and was not put live: {reason}", release.id)));
    }

    progress::report("putting it live", 2, 3);
    let previous = deployments::activate(&release.id)?;
    log::info!("{} is live at {}", release.id, release.live_url);
    match health.check(&release)? {
        Ok(()) => Ok(Output::new(release, previous.as_ref())),
        Err(reason) => Err(go_back(&release, previous, &reason)),
    }
}

/// Puts the release before back, because the one that is live is not healthy there.
fn go_back(release: &Release, previous: Option<Release>, reason: &str) -> Failure {
    let failed = format!("{} is not healthy at the live address: {reason}", release.id);
    let Some(previous) = previous else {
        return Failure::permanent(format!("{failed}; it stays live, because nothing was before it"));
    };
    match deployments::activate(&previous.id) {
        Ok(_) => Failure::permanent(format!("{failed}; {} is live again", previous.id)),
        Err(error) => Failure::permanent(format!("{failed}; {} could not be put back: {error}", previous.id)),
    }
}

fn roll_back(App { app }: App, _: &Call) -> Result<Output, Failure> {
    let Some(live) = deployments::live(&app)? else {
        return Err(Failure::permanent(format!("nothing of app `{app}` is live")));
    };
    let Some(previous) = deployments::previous(&app)? else {
        let message = format!("there is nothing to go back to: no release of app `{app}` was live before {}", live.id);
        return Err(Failure::permanent(message));
    };
    let replaced = deployments::activate(&previous.id)?;
    log::info!("{} is live again at {}", previous.id, previous.live_url);
    Ok(Output::new(previous, replaced.as_ref()))
}
