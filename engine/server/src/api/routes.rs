//! Routes and the document of them. [`Routes::add`] is the one way to a route: it takes a handler only if its first
//! argument says who may use it and all its arguments and its answer can be described.

use axum::Router;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, on};
use schemars::JsonSchema;
use serde_json::{Value as Json, json};

use super::auth::Authority;
use super::contract::{Answer, Contract, Part};
use super::{Api, Problem};
use crate::scope::Scope;

/// Routes below `/api/v1`, or at the root.
pub(super) struct Routes {
    pub(super) router: Router<Api>,
    pub(super) operations: Vec<Documented>,
}

/// An operation and what describes it.
pub(super) struct Documented {
    pub(super) operation: Operation,
    pub(super) scope: Option<Scope>,
    pub(super) describe: fn(&mut Contract<'_>),
}

/// What an operation is called; what else is to be known of it comes from its handler's types.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) more: Vec<fn(&mut Contract<'_>)>,
    pub(super) problems: &'static [u16],
}

/// Names the operation of a `GET`; `HEAD` comes with it.
pub(super) fn get(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::GET, path, id, summary)
}

/// Names the operation of a `POST`.
pub(super) fn post(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::POST, path, id, summary)
}

/// Names the operation of a `PUT`.
pub(super) fn put(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::PUT, path, id, summary)
}

/// Names the operation of a `PATCH`.
pub(super) fn patch(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::PATCH, path, id, summary)
}

/// Names the operation of a `DELETE`.
pub(super) fn delete(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    Operation::new(Method::DELETE, path, id, summary)
}

impl Operation {
    fn new(method: Method, path: &'static str, id: &'static str, summary: &'static str) -> Self {
        Self { method, path, id, summary, more: Vec::new(), problems: &[] }
    }

    /// May also fail with these statuses.
    pub(super) fn fails(self, statuses: &'static [u16]) -> Self {
        Self { problems: statuses, ..self }
    }

    /// Answers JSON with a status that the handler's type does not say.
    pub(super) fn answers<const STATUS: u16, T: JsonSchema>(self) -> Self {
        self.with(|contract| contract.answers::<T>(STATUS))
    }

    /// Says more of it.
    pub(super) fn with(mut self, more: fn(&mut Contract<'_>)) -> Self {
        self.more.push(more);
        self
    }
}

impl Routes {
    /// No routes.
    pub(super) fn new() -> Self {
        Self { router: Router::new(), operations: Vec::new() }
    }

    /// Adds a route.
    pub(super) fn add<H, T>(mut self, operation: Operation, handler: H) -> Self
    where
        H: Handler<T, Api> + Described<T>,
        T: 'static,
    {
        // Every method above is one that has a filter.
        let filter = MethodFilter::try_from(operation.method.clone()).unwrap_or(MethodFilter::TRACE);
        self.router = self.router.route(operation.path, on(filter, handler));
        self.operations.push(Documented { operation, scope: H::SCOPE, describe: H::describe });
        self
    }

    /// Adds all routes of others.
    pub(super) fn merge(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.operations.extend(other.operations);
        self
    }
}

/// A handler that can be described: everything about it is in its type.
pub(super) trait Described<T> {
    /// The scope it takes.
    const SCOPE: Option<Scope>;

    /// Says what it takes and answers.
    fn describe(contract: &mut Contract<'_>);
}

macro_rules! described {
    ($($part:ident),*) => {
        impl<F, Fut, M, A, R, $($part),*> Described<(M, A, $($part,)*)> for F
        where
            F: FnOnce(A, $($part),*) -> Fut,
            Fut: Future<Output = Result<R, Problem>>,
            A: Authority,
            R: Answer,
            $($part: Part,)*
        {
            const SCOPE: Option<Scope> = A::SCOPE;

            fn describe(contract: &mut Contract<'_>) {
                R::describe(contract);
                $($part::describe(contract);)*
            }
        }
    };
}

described!();
described!(P1);
described!(P1, P2);
described!(P1, P2, P3);
described!(P1, P2, P3, P4);

impl Documented {
    /// The operation as the document has it.
    pub(super) fn describe(&self, mut contract: Contract<'_>) -> Json {
        let Operation { id, summary, more, problems, path, .. } = &self.operation;
        (self.describe)(&mut contract);
        more.iter().for_each(|more| more(&mut contract));
        contract.fails(problems);
        if self.scope.is_some() {
            contract.fails(&[401, 403, 429]);
        }
        let answers: serde_json::Map<String, Json> =
            contract.answers.into_iter().map(|(status, answer)| (status.to_string(), answer)).collect();
        let mut described = json!({
            "operationId": id,
            "summary": summary,
            "tags": [tag(path)],
            "parameters": contract.parameters,
            "responses": answers,
            "security": [],
        });
        if let Some(scope) = self.scope {
            described["description"] = json!(format!("Takes a token with the scope `{}`.", scope.as_str()));
            described["security"] = match contract.takes_tickets {
                true => json!([{ "bearer": [scope.as_str()] }, { "ticket": [] }]),
                false => json!([{ "bearer": [scope.as_str()] }]),
            };
        }
        if let Some(body) = contract.body {
            described["requestBody"] = body;
        }
        described
    }
}

/// What an operation is about: the last word of its path's beginning.
fn tag(path: &str) -> &str {
    let words = path.split('/').filter(|word| !word.is_empty() && !word.starts_with('{'));
    let known = ["items", "runs", "artifacts", "deployments", "definitions", "secrets", "env", "events"];
    let mut words = words.peekable();
    let first = words.peek().copied().unwrap_or("server");
    words.find(|word| known.contains(word)).unwrap_or(first)
}
