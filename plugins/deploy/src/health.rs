//! What a healthy release answers, and asking it.

use std::thread;
use std::time::Duration;

use kiket_plugin::deployments::{self, Error, Release};
use kiket_plugin::{Failure, log};
use serde::Deserialize;

/// How long to wait before asking again, and how much longer each time.
const WAIT: Duration = Duration::from_millis(200);

/// What a healthy release answers.
#[derive(Deserialize)]
#[serde(default)]
pub(crate) struct Health {
    path: String,
    status: u16,
    attempts: u32,
}

impl Default for Health {
    fn default() -> Self {
        Self { path: "/".to_owned(), status: 200, attempts: 3 }
    }
}

impl Health {
    /// Asks until the answer is the right one; the inner error says what it was instead at last.
    ///
    /// Whoever is live is asked at the live address, anybody else at an address of their own.
    pub(crate) fn check(&self, release: &Release) -> Result<Result<(), String>, Failure> {
        let mut reason = String::new();
        for attempt in 1..=self.attempts {
            if attempt > 1 {
                thread::sleep(WAIT * (attempt - 1));
            }
            reason = match deployments::probe(&release.id, &self.path) {
                Ok(status) if status == self.status => return Ok(Ok(())),
                Ok(status) => format!("`{}` answered {status} instead of {}", self.path, self.status),
                Err(Error::Failed(reason)) => reason,
                Err(error) => return Err(error.into()),
            };
            log::warn!("attempt {attempt} of {}: {reason}", self.attempts);
        }
        Ok(Err(reason))
    }
}
