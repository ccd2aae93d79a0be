//! Runs one case: the action or guard in its sandbox, with what the case gives it, and what was wrong with what came of it.

use std::sync::Arc;
use std::time::Duration;

use kiket_core::case::{Called, Case, Transition};
use kiket_core::catalog::{Action, Refusal};
use kiket_core::expression::{self, Scope};
use kiket_host::wit::action::Invocation;
use kiket_host::wit::guard;
use kiket_host::{Host, InvokeError, Limits, Placeholders, Terms};
use serde_json::Value as Json;

use super::calls::{Calls, Rules};
use super::end::{Found, compare};
use crate::cli::plugin::component::Component;
use crate::config::Config;
use crate::grants;

/// What tells placeholders of secrets from other texts.
const NONCE: &str = "case";

/// Runs a case; says everything that is wrong, and nothing where all is as expected.
pub(super) async fn run(host: &Host, component: &Component, case: &Case) -> Vec<String> {
    let plugin = &component.plugin;
    let (called, rules) = match &case.call {
        Called::Action(name) => match plugin.action(name) {
            Some(action) => (action, Rules::Action(action.effect)),
            None => return vec![unknown("action", name, plugin.actions())],
        },
        Called::Guard { name, .. } => match plugin.guard(name) {
            Some(guard) => (guard, Rules::Guard),
            None => return vec![unknown("guard", name, plugin.guards())],
        },
    };
    let scope = Scope::new().with_placeholders(expression::Placeholders::new(NONCE));
    let input = match case.with.evaluate(&scope) {
        Ok(input) => input,
        Err(error) => return vec![error.to_string()],
    };
    let calls = Arc::new(Calls::new(case, rules));
    let found = match reasons(called.refuse(&input)) {
        Some(reason) => Found::Failure { kind: "invalid_input".to_owned(), message: reason },
        None => call(host, component, case, called, &input, &calls).await,
    };
    let mut wrong = compare(&case.expect.end, &found);
    wrong.extend(calls.wrong(&case.expect.log));
    if !wrong.is_empty() {
        wrong.extend(calls.log().into_iter().map(|line| format!("log: {line}")));
    }
    wrong
}

async fn call(
    host: &Host,
    component: &Component,
    case: &Case,
    called: &Action,
    input: &Json,
    calls: &Arc<Calls>,
) -> Found {
    let terms = |wall: Duration| Terms {
        plugin: component.digest,
        grants: Arc::new(grants::read(&case.grants)),
        limits: Limits { wall: called.timeout.unwrap_or(wall), ..Limits::default() },
        placeholders: Placeholders::new(NONCE),
        seed: [7; 32],
    };
    match &case.call {
        Called::Action(name) => {
            let terms = terms(Limits::default().wall);
            match host.invoke(terms, invocation(case, name, input), Arc::clone(calls) as _).await {
                Err(error) => failed(&error),
                Ok(output) => {
                    let output: Json = serde_json::from_str(&output.json).unwrap_or_default();
                    match reasons(called.refuse_output(&output)) {
                        Some(reason) => Found::Failure { kind: "invalid_output".to_owned(), message: reason },
                        None => Found::Output(output),
                    }
                }
            }
        }
        Called::Guard { name, transition } => {
            let terms = terms(Config::GUARD_WALL);
            match host.decide(terms, question(case, name, transition, input), Arc::clone(calls) as _).await {
                Err(error) => failed(&error),
                Ok(guard::Verdict::Allow) => Found::Verdict(None),
                Ok(guard::Verdict::Deny(reason)) => Found::Verdict(Some(reason)),
            }
        }
    }
}

fn invocation(case: &Case, action: &str, input: &Json) -> Invocation {
    Invocation {
        action: action.to_owned(),
        input: input.to_string(),
        env: case.env.clone(),
        project: "test".to_owned(),
        run: "run_test".to_owned(),
        stage: "test".to_owned(),
        attempt: 1,
        effect_key: "run_test/test".to_owned(),
    }
}

fn question(case: &Case, name: &str, transition: &Transition, input: &Json) -> guard::Transition {
    guard::Transition {
        guard: name.to_owned(),
        input: input.to_string(),
        env: case.env.clone(),
        project: "test".to_owned(),
        item: transition.item.to_string(),
        name: transition.name.clone(),
        source_state: transition.from.clone(),
        target_state: transition.to.clone(),
        actor: transition.actor.clone(),
    }
}

fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str>) -> String {
    format!("the plugin has no {what} `{name}`; it has: {}", known.collect::<Vec<_>>().join(", "))
}

fn failed(error: &InvokeError) -> Found {
    Found::Failure { kind: error.code().to_owned(), message: error.to_string() }
}

/// Every reason of a refusal on one line; `None` where nothing is refused.
fn reasons(refusals: Vec<Refusal>) -> Option<String> {
    let said = refusals.into_iter().map(|refusal| match refusal.pointer.is_empty() {
        true => refusal.reason,
        false => format!("{}: {}", refusal.pointer, refusal.reason),
    });
    Some(said.collect::<Vec<_>>().join("; ")).filter(|said| !said.is_empty())
}
