//! The one place where capabilities and counts are checked.
//!
//! The first line of every host import is a question to the gate. WASI's
//! imports are not written here and cannot ask; they are counted as they pass
//! ([`Gate::count`]) and stopped at the next tick.

use std::sync::Arc;
use std::time::Duration;

use crate::calls::{Denial, HttpPermit, MailPermit};
use crate::error::Stop;
use crate::fill;
use crate::grant::{
    AppGrant, ArtifactsGrant, Capability, Grants, ItemScope, KvGrant, MailGrant, MailSecurity, ProcessGrant,
    SecretGrant, SecretUse, WorkspaceGrant,
};
use crate::invoke::Limits;
use crate::outbound::Parties;
use crate::placeholder::Placeholders;
use crate::target::Target;
use crate::wit::http::Request;
use crate::wit::mail;

/// Counts and checks the host calls of one call.
#[derive(Debug)]
pub(crate) struct Gate {
    grants: Arc<Grants>,
    placeholders: Placeholders,
    limits: Limits,
    calls: u64,
    http_calls: u32,
}

/// Why the guest does not get what it asks for. It is told, and goes on.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// What it asks for is nothing.
    Invalid(String),
    /// It was not granted.
    Denied(Denial),
}

/// What the gate answers: the inner refusal is the guest's, the outer ends the call.
type Asked<T> = Result<Result<T, Denial>, Stop>;

impl Gate {
    pub(crate) fn new(grants: Arc<Grants>, placeholders: Placeholders, limits: Limits) -> Self {
        Self { grants, placeholders, limits, calls: 0, http_calls: 0 }
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

    /// Admits what needs no grant: a log line, a progress report, a look at the clock.
    pub(crate) fn free(&mut self) -> Result<(), Stop> {
        self.count();
        self.check()
    }

    /// Admits a request that a grant covers. Where secrets are a part of its URL, whether one does is known only
    /// when they are put in; it is checked again then. Answers the request as it was checked.
    pub(crate) fn http(&mut self, request: Request) -> Result<Result<(Request, HttpPermit), Refusal>, Stop> {
        self.free()?;
        self.count_exchange()?;
        let timeout = request.timeout_ms.map_or(self.limits.http_timeout, |ms| Duration::from_millis(ms.into()));
        let permit = HttpPermit {
            grants: Arc::clone(&self.grants),
            placeholders: self.placeholders.clone(),
            response_bytes: self.limits.http_response,
            timeout: timeout.min(self.limits.http_timeout),
        };
        Ok(self.cover(request).map(|request| (request, permit)))
    }

    fn cover(&self, mut request: Request) -> Result<Request, Refusal> {
        let denied = |message| Refusal::Denied(Denial { capability: Capability::Http, message });
        fill::check_uses(&request, &self.grants, &self.placeholders)
            .map_err(|message| Refusal::Denied(Denial { capability: Capability::Secrets, message }))?;
        if self.placeholders.occur_in(&request.url) {
            let any = !self.grants.http.is_empty();
            let message = "no request is granted: add `http` to this plugin's grants in `.kiket/plugins.yaml`";
            return if any { Ok(request) } else { Err(denied(message.to_owned())) };
        }
        let target = Target::parse(&request.method, &request.url).map_err(Refusal::Invalid)?;
        if self.grants.cover(&target).is_none() {
            return Err(denied(target.not_granted()));
        }
        request.url = target.url.into();
        Ok(request)
    }

    /// Admits an e-mail through a server that a grant covers, from and to whom it says.
    pub(crate) fn mail(
        &mut self,
        server: &mail::Server,
        message: &mail::Message,
    ) -> Result<Result<MailPermit, Refusal>, Stop> {
        self.free()?;
        self.count_exchange()?;
        Ok(self.cover_mail(server, message).map(|grant| MailPermit {
            grant: grant.clone(),
            grants: Arc::clone(&self.grants),
            placeholders: self.placeholders.clone(),
            timeout: self.limits.http_timeout,
        }))
    }

    fn cover_mail(&self, server: &mail::Server, message: &mail::Message) -> Result<&MailGrant, Refusal> {
        let denied = |capability, message| Err(Refusal::Denied(Denial { capability, message }));
        if let Err(message) = fill::check_mail_uses(server, message, &self.grants, &self.placeholders) {
            return denied(Capability::Secrets, message);
        }
        let parties = Parties::read(message).map_err(Refusal::Invalid)?;
        let security = MailSecurity::from(server.security);
        let port = server.port.unwrap_or(security.port());
        let covering = || self.grants.mail.iter().filter(|grant| grant.covers(&server.host, port, security));
        if covering().next().is_none() {
            let (host, word): (String, _) = (server.host.chars().take(80).collect(), security.word());
            let message = format!(
                "e-mail through {host}:{port} ({word}) is not granted: to allow it, add \
                 `mail: {{ servers: [{{ host: \"{host}\", port: {port}, tls: {word} }}] }}` to this plugin's `grants` \
                 in `.kiket/plugins.yaml`"
            );
            return denied(Capability::Mail, message);
        }
        // A grant that lists the server exactly reaches further than one that lists it with others.
        let mut fitting: Vec<&MailGrant> = covering().filter(|grant| parties.stranger(grant).is_none()).collect();
        fitting.sort_by_key(|grant| !grant.host.is_exact());
        fitting.first().copied().ok_or_else(|| {
            let stranger = covering().find_map(|grant| parties.stranger(grant)).unwrap_or_default();
            let message = format!("{stranger}: the grant `mail` in `.kiket/plugins.yaml` lists who may");
            Refusal::Denied(Denial { capability: Capability::Mail, message })
        })
    }

    /// Admits a use of a secret.
    pub(crate) fn secret(&mut self, name: &str, wanted: SecretUse) -> Asked<SecretGrant> {
        self.free()?;
        let fits = |grant: &&SecretGrant| grant.name == name && grant.uses.contains(&wanted);
        Ok(self.grants.secrets.iter().find(fits).cloned().ok_or_else(|| secret_denied(name, wanted.word())))
    }

    /// Admits a placeholder: some use that sends the secret.
    pub(crate) fn placeholder(&mut self, name: &str) -> Asked<String> {
        self.free()?;
        let sends = |wanted: &SecretUse| matches!(wanted, SecretUse::Header | SecretUse::Url | SecretUse::Body);
        let granted = self.grants.secrets.iter().any(|grant| grant.name == name && grant.uses.iter().any(sends));
        Ok(if granted { Ok(self.placeholders.of(name)) } else { Err(secret_denied(name, "header")) })
    }

    /// Admits keeping values.
    pub(crate) fn kv(&mut self) -> Asked<KvGrant> {
        self.free()?;
        Ok(self.grants.kv.ok_or_else(|| not_granted(Capability::Kv, "{ quota: 1MiB }")))
    }

    /// Admits reading or changing the workspace.
    pub(crate) fn workspace(&mut self, write: bool) -> Asked<WorkspaceGrant> {
        self.free()?;
        let granted = self.grants.workspace.filter(|grant| grant.write || !write);
        let access = if write { "{ access: write }" } else { "{ access: read }" };
        Ok(granted.ok_or_else(|| not_granted(Capability::Workspace, access)))
    }

    /// Admits reading or keeping artifacts.
    pub(crate) fn artifacts(&mut self, write: bool) -> Asked<ArtifactsGrant> {
        self.free()?;
        let granted = self.grants.artifacts.filter(|grant| grant.write || !write);
        let access = if write { "{ access: write }" } else { "{ access: read }" };
        Ok(granted.ok_or_else(|| not_granted(Capability::Artifacts, access)))
    }

    /// Admits a program.
    pub(crate) fn process(&mut self, program: &str) -> Asked<ProcessGrant> {
        self.free()?;
        let granted = self.grants.process.as_ref().filter(|grant| grant.programs.iter().any(|name| name == program));
        Ok(granted.cloned().ok_or_else(|| {
            let shown: String = program.chars().take(80).collect();
            not_granted(Capability::Process, &format!("{{ programs: [\"{shown}\"] }}"))
        }))
    }

    /// Admits something with items.
    pub(crate) fn items(&mut self, scope: ItemScope) -> Asked<()> {
        self.free()?;
        let granted = self.grants.items.contains(&scope);
        let missing = || not_granted(Capability::Items, &format!("{{ scopes: [\"{}\"] }}", scope.word()));
        Ok(if granted { Ok(()) } else { Err(missing()) })
    }

    /// Admits an app.
    pub(crate) fn app(&mut self, app: &str) -> Asked<()> {
        self.free()?;
        let granted = self.grants.deployments.iter().any(|grant| grant.covers(app));
        let missing = || {
            let shown: String = app.chars().take(80).collect();
            not_granted(Capability::Deployments, &format!("{{ apps: [\"{shown}\"] }}"))
        };
        Ok(if granted { Ok(()) } else { Err(missing()) })
    }

    /// Admits something with a release, whose app only the engine knows.
    pub(crate) fn apps(&mut self) -> Asked<Vec<AppGrant>> {
        self.free()?;
        let apps = &self.grants.deployments;
        let missing = || not_granted(Capability::Deployments, "{ apps: [\"…\"] }");
        Ok(if apps.is_empty() { Err(missing()) } else { Ok(apps.clone()) })
    }

    fn count_exchange(&mut self) -> Result<(), Stop> {
        self.http_calls += 1;
        if self.http_calls > self.limits.http_calls { Err(Stop::HttpCalls(self.limits.http_calls)) } else { Ok(()) }
    }
}

fn not_granted(capability: Capability, grant: &str) -> Denial {
    let message = format!(
        "`{capability}` is not granted: to allow it, add `{capability}: {grant}` to this plugin's `grants` in \
         `.kiket/plugins.yaml`"
    );
    Denial { capability, message }
}

fn secret_denied(name: &str, wanted: &str) -> Denial {
    let name: String = name.chars().take(80).collect();
    Denial { capability: Capability::Secrets, message: fill::not_granted(&name, wanted) }
}

#[cfg(test)]
mod tests;
