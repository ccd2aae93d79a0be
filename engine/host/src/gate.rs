//! The one place where capabilities and counts are checked.
//!
//! The first line of every host import is a question to the gate. WASI's
//! imports are not written here and cannot ask; they are counted as they pass
//! ([`Gate::count`]) and stopped at the next tick.

use std::sync::Arc;

use crate::calls::Permit;
use crate::error::Stop;
use crate::grant::Grants;
use crate::invoke::Limits;
use crate::target::Target;

/// Counts and checks the host calls of one call.
#[derive(Debug)]
pub(crate) struct Gate {
    grants: Arc<Grants>,
    limits: Limits,
    calls: u64,
    http_calls: u32,
}

/// Why a request is not sent. The guest is told and goes on.
#[derive(Debug)]
pub(crate) enum Refusal {
    Invalid(String),
    Denied(String),
}

impl Gate {
    pub(crate) fn new(grants: Arc<Grants>, limits: Limits) -> Self {
        Self { grants, limits, calls: 0, http_calls: 0 }
    }

    /// How many host calls were made.
    pub(crate) fn calls(&self) -> u64 {
        self.calls
    }

    /// Counts a host call without refusing it.
    pub(crate) fn count(&mut self) {
        self.calls += 1;
    }

    /// Whether the guest may make further host calls.
    pub(crate) fn check(&self) -> Result<(), Stop> {
        if self.calls > self.limits.host_calls { Err(Stop::HostCalls(self.limits.host_calls)) } else { Ok(()) }
    }

    /// Admits a log line or a progress report: no grant needed.
    pub(crate) fn report(&mut self) -> Result<(), Stop> {
        self.count();
        self.check()
    }

    /// Admits a request that a grant covers.
    pub(crate) fn http(&mut self, method: &str, url: &str) -> Result<Result<(Target, Permit), Refusal>, Stop> {
        self.count();
        self.check()?;
        self.http_calls += 1;
        if self.http_calls > self.limits.http_calls {
            return Err(Stop::HttpCalls(self.limits.http_calls));
        }
        Ok(self.cover(method, url))
    }

    fn cover(&self, method: &str, url: &str) -> Result<(Target, Permit), Refusal> {
        let target = Target::parse(method, url).map_err(Refusal::Invalid)?;
        match self.grants.cover(&target) {
            None => Err(Refusal::Denied(not_granted(&target))),
            Some(covered) => {
                let permit = Permit {
                    allow_private: covered.exactly,
                    response_bytes: self.limits.http_response,
                    timeout: self.limits.http_timeout,
                };
                Ok((target, permit))
            }
        }
    }
}

fn not_granted(target: &Target) -> String {
    let Target { method, scheme, host, port, .. } = target;
    format!(
        "{method} {scheme}://{host}:{port} is not granted: to allow it, add \
         `{{ scheme: {scheme}, host: \"{host}\", port: {port}, methods: [{method}] }}` \
         to this plugin's `grants.http` in `.kiket/plugins.yaml`"
    )
}
