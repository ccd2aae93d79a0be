//! What bundled plugins may do without a word in `plugins.yaml`: they come with kiket and are reviewed with it.
//!
//! A plugin has these grants by its bundled name only. A component of a repository never has any, whatever its manifest
//! says of itself, not even where it is the same component.

use super::{Access, DeploymentsGrant, FilesGrant, PluginGrants, ProcessGrant};
use crate::definition::{ARTIFACTS_QUOTA, CPU, MEMORY, WALL, WORKSPACE_QUOTA};

/// What the builds of most repositories start. A shell reaches whatever the jail lets it.
const PROGRAMS: [&str; 14] =
    ["bash", "cargo", "go", "make", "node", "npm", "npx", "pip", "pnpm", "python3", "rustc", "sh", "uv", "yarn"];

/// Returns the built-in grants of a bundled plugin by its name in `uses:`; nothing for any other.
#[must_use]
pub fn builtin(plugin: &str) -> PluginGrants {
    let files = |access, quota| Some(FilesGrant { access, quota });
    match plugin {
        "build" => PluginGrants {
            workspace: files(Access::Write, WORKSPACE_QUOTA),
            artifacts: files(Access::Write, ARTIFACTS_QUOTA),
            process: Some(ProcessGrant {
                programs: PROGRAMS.map(str::to_owned).to_vec(),
                network: false,
                cpu: CPU,
                wall: WALL,
                memory: MEMORY,
            }),
            ..PluginGrants::default()
        },
        "deploy" => PluginGrants {
            artifacts: files(Access::Read, ARTIFACTS_QUOTA),
            deployments: Some(DeploymentsGrant { apps: vec!["*".to_owned()] }),
            ..PluginGrants::default()
        },
        // execute, notify and http: nothing but their log.
        _ => PluginGrants::default(),
    }
}
