//! Authorisation is a value. A handler gets at the server only through an [`Authorized`], which names the scope that
//! it needs and can be had only from a token with that scope, or through [`Public`].
//!
//! Invariants: no handler takes the router's state; whatever a handler finds by a name or an id, it finds with this
//! value, so that a token that is limited to one project meets nothing of another.

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::StatusCode;
use axum::http::request::Parts;
use kiket_core::ProjectId;
use kiket_core::run::Actor;
use kiket_store::{Change, NewAudit};
use tokio_util::sync::CancellationToken;

use super::bearer::Bearer;
use super::tickets::Overtaken;
use super::{Api, Problem};
use crate::clock;
use crate::scope::Scope;

/// The scopes as types: `Authorized<may::Read>`.
pub(super) mod may {
    use crate::scope::Scope;

    /// A scope that a handler can ask for.
    pub(in crate::api) trait Need: Send + Sync + 'static {
        /// Which one it is.
        const SCOPE: Scope;
    }

    macro_rules! needs {
        ($($name:ident),+) => {
            $(
                #[doc = concat!("Proof of the scope of this name: [`Scope::", stringify!($name), "`].")]
                pub(in crate::api) struct $name;

                impl Need for $name {
                    const SCOPE: Scope = Scope::$name;
                }
            )+
        };
    }

    needs!(Read, Runs, Approve, Items, Projects, Secrets, Admin);
}

/// The server, as one token may use it.
#[derive(Clone)]
pub(super) struct Access {
    api: Api,
    pub(super) bearer: Arc<Bearer>,
    /// Cancelled when the ticket it came with is used by another connection.
    pub(super) overtaken: CancellationToken,
}

/// Proof that the request may do what `S` says, and the way to do it.
pub(super) struct Authorized<S> {
    access: Access,
    scope: PhantomData<S>,
}

/// The server, for a handler that serves everybody. Which routes those are, [`super::PUBLIC`] says.
pub(super) struct Public(Api);

/// The first argument of a handler: who may use it.
pub(super) trait Authority {
    /// The scope it takes; `None` is for everybody.
    const SCOPE: Option<Scope>;
}

impl<S: may::Need> Authority for Authorized<S> {
    const SCOPE: Option<Scope> = Some(S::SCOPE);
}

impl Authority for Public {
    const SCOPE: Option<Scope> = None;
}

impl Access {
    /// Who acts. Only the scope `admin` is everybody's substitute; any other token decides as what it is called.
    pub(super) fn actor(&self) -> Actor {
        let name = self.bearer.name.clone();
        let roles = (!self.bearer.may(Scope::Admin)).then(Vec::new);
        Actor { name, roles }
    }

    /// The only project that the token sees, if it is limited to one.
    pub(super) fn only_project(&self) -> Option<ProjectId> {
        self.bearer.project.as_ref().map(|(id, _)| *id)
    }

    /// Tells whether the token sees what belongs to a project.
    pub(super) fn sees(&self, project: ProjectId) -> bool {
        self.only_project().is_none_or(|only| only == project)
    }

    /// Refuses a token that is limited to one project.
    pub(super) fn unlimited(&self) -> Result<(), Problem> {
        match &self.bearer.project {
            None => Ok(()),
            Some((_, name)) => {
                let detail = format!("this token is limited to the project `{name}`");
                Err(Problem::new(StatusCode::FORBIDDEN, "limited_token", detail))
            }
        }
    }

    /// What the audit log says of an act; to be committed with the act.
    pub(super) fn note(&self, act: &'static str, subject: impl Into<String>, project: Option<ProjectId>) -> Change {
        self.note_outcome(act, subject, project, true)
    }

    /// The same for an act that may have been in vain.
    pub(super) fn note_outcome(
        &self,
        act: &'static str,
        subject: impl Into<String>,
        project: Option<ProjectId>,
        done: bool,
    ) -> Change {
        let (token, token_name) = (self.bearer.id.to_string(), self.bearer.name.clone());
        Change::Audit(NewAudit { at: clock::now(), token, token_name, act, subject: subject.into(), project, done })
    }
}

impl Deref for Access {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}

impl<S> Deref for Authorized<S> {
    type Target = Access;

    fn deref(&self) -> &Access {
        &self.access
    }
}

impl Deref for Public {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.0
    }
}

impl<S: may::Need> FromRequestParts<Api> for Authorized<S> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let bearer = match parts.extensions.get::<Arc<Bearer>>() {
            Some(bearer) => Arc::clone(bearer),
            None => api.bearers.identify(&api.store, &parts.headers).await?,
        };
        if !bearer.may(S::SCOPE) {
            let detail = format!("this takes a token with the scope `{}`", S::SCOPE.as_str());
            return Err(Problem::new(StatusCode::FORBIDDEN, "missing_scope", detail));
        }
        let Overtaken(overtaken) = parts.extensions.get::<Overtaken>().cloned().unwrap_or_default();
        Ok(Self { access: Access { api: api.clone(), bearer, overtaken }, scope: PhantomData })
    }
}

impl FromRequestParts<Api> for Public {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(_: &mut Parts, api: &Api) -> Result<Self, Self::Rejection> {
        Ok(Self(api.clone()))
    }
}
