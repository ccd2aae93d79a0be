//! Artifacts and sites: one call each, so that tests reach every one of them with any argument.

use std::collections::BTreeMap;

use kiket_plugin::deployments::{self, Error, Release};
use kiket_plugin::{Call, Failure, artifacts, workspace};
use serde::Deserialize;
use serde_json::{Value, json};

/// The folder of the workspace that is kept.
const FOLDER: &str = "kept";

#[derive(Deserialize)]
pub(crate) struct Keep {
    files: BTreeMap<String, String>,
}

/// Keeps files as one artifact.
pub(crate) fn keep(input: Keep, _: &Call) -> Result<Value, Failure> {
    for (path, text) in input.files {
        workspace::write(&format!("{FOLDER}/{path}"), text)?;
    }
    Ok(json!({ "digest": artifacts::keep("site", FOLDER)?.digest }))
}

#[derive(Deserialize)]
pub(crate) struct Input {
    call: Site,
}

#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "lowercase")]
enum Site {
    Prepare { app: String, artifact: String },
    Probe { release: String, path: String },
    Activate { release: String },
    Live { app: String },
    Previous { app: String },
}

/// Makes one call about a site; an error is an answer, with its kind.
pub(crate) fn site(input: Input, _: &Call) -> Result<Value, Failure> {
    let id = |release: Option<Release>| json!(release.map(|release| release.id));
    let answer = match input.call {
        Site::Prepare { app, artifact } => deployments::prepare(&app, &artifact).map(|release| json!(release.id)),
        Site::Probe { release, path } => deployments::probe(&release, &path).map(|status| json!(status)),
        Site::Activate { release } => deployments::activate(&release).map(id),
        Site::Live { app } => deployments::live(&app).map(id),
        Site::Previous { app } => deployments::previous(&app).map(id),
    };
    Ok(match answer {
        Ok(answer) => json!({ "answer": answer }),
        Err(error) => {
            let kind = match &error {
                Error::Denied(_) => "denied",
                Error::NotFound(_) => "not-found",
                Error::Invalid(_) => "invalid",
                Error::Failed(_) => "failed",
                _ => "other",
            };
            json!({ "error": kind, "message": error.to_string() })
        }
    })
}
