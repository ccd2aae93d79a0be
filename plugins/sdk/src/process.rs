//! Programs of the host's system, run in a jail. Needs a grant `process` that names the program, and a grant
//! `workspace`.
//!
//! A program sees the workspace, the system's programs and libraries, a clean environment, and a network only where
//! that was granted. What it writes becomes log lines while it runs.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use kiket_plugin::{Failure, process};
//! # fn call() -> Result<(), Failure> {
//! process::Command::new("cargo")
//!     .args(["build", "--release"])
//!     .folder("app")
//!     .env("CARGO_TERM_COLOR", "never")
//!     .timeout(Duration::from_secs(600))
//!     .run()?
//!     .success()?;
//!
//! let version = process::Command::new("git").arg("describe").capture(1024).run()?.success()?;
//! let version = version.text();
//! # Ok(())
//! # }
//! ```

mod command;
mod error;
mod finished;

pub use command::Command;
pub use error::Error;
pub use finished::{Finished, Status};
