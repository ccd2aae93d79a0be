//! Reads cases: their shape first, then what the shape does not say.

use serde_json::{Map, Value as Json};

use super::record::CASE;
use super::{Called, Case, End, Exchange, Expectation, Request, Response, Transition};
use crate::decode::{entries, items, number_at, scalar, scalar_at, text_at, texts};
use crate::definition::grants;
use crate::diagnostic::{Code, Diagnostic, Problems, Severity, Span};
use crate::expression::{Names, Template};
use crate::manifest::DEFAULT_ACTION;
use crate::source::Source;
use crate::time::Timestamp;
use crate::yaml::{self, Node};

/// What the clock says where a case says nothing.
const CLOCK: &str = "2026-01-01T00:00:00Z";

pub(super) fn read(path: &str, text: &str) -> (Vec<Case>, Vec<Diagnostic>) {
    let source = Source::new(path, text);
    let mut problems = Problems::of(&source);
    let root = yaml::read(text, &mut problems);
    let cases: Vec<Case> = match &root {
        None => Vec::new(),
        Some(root) => {
            let found = items(Some(root));
            if found.is_empty() && problems.errors() == 0 {
                problems.report(Code::MissingKey, Span::default(), "the file holds no case");
            }
            found.iter().filter_map(|node| case(node, &mut problems)).collect()
        }
    };
    let found = problems.into_diagnostics();
    let good = found.iter().all(|found| found.severity != Severity::Error);
    (if good { cases } else { Vec::new() }, found)
}

fn case(node: &Node, problems: &mut Problems<'_>) -> Option<Case> {
    CASE.check(node, problems);
    let names = Names::of(&[]).and_secrets();
    Some(Case {
        name: text_at(node, "name")?.to_owned(),
        span: node.span,
        call: called(node, problems),
        with: node.get("with").map_or_else(Template::empty, |with| Template::parse(with, &names, problems)),
        env: scalars(node.get("env")).collect(),
        grants: node.get("grants").map(|node| grants(node, problems)).unwrap_or_default(),
        secrets: scalars(node.get("secrets")).collect(),
        kv: entries(node.get("kv")).map(|(key, value)| (key.text.clone(), value.to_json())).collect(),
        clock: clock(node.get("clock"), problems)?,
        http: items(node.get("http")).iter().filter_map(exchange).collect(),
        expect: expectation(node, problems)?,
    })
}

fn called(node: &Node, problems: &mut Problems<'_>) -> Called {
    let text = |key: &str| node.get("transition").and_then(|node| scalar_at(node, key)).unwrap_or_default();
    let action = text_at(node, "action");
    let Some(guard) = node.get("guard") else {
        if let Some(transition) = node.get("transition") {
            problems.report(Code::InvalidValue, transition.span, "a transition is what a `guard` is asked about");
        }
        return Called::Action(action.unwrap_or(DEFAULT_ACTION).to_owned());
    };
    if action.is_some() {
        problems.report(Code::InvalidValue, guard.span, "a case calls an `action` or asks a `guard`, not both");
    }
    let item = node.get("transition").and_then(|node| node.get("item")).map(Node::to_json);
    let transition = Transition {
        item: item.unwrap_or_else(|| Json::Object(Map::new())),
        name: text("name"),
        from: text("from"),
        to: text("to"),
        actor: text("actor"),
    };
    Called::Guard { name: guard.as_str().unwrap_or_default().to_owned(), transition }
}

fn clock(node: Option<&Node>, problems: &mut Problems<'_>) -> Option<Timestamp> {
    let text = node.and_then(Node::as_str).unwrap_or(CLOCK);
    let time = Timestamp::parse(text);
    if let (None, Some(node)) = (time, node) {
        let hint = format!("write it as RFC 3339 has it: {CLOCK}");
        problems.report_with_hint(Code::InvalidValue, node.span, format!("`{text:.60}` is not a time"), hint);
    }
    time
}

fn exchange(node: &Node) -> Option<Exchange> {
    let (request, response) = (node.get("request")?, node.get("response")?);
    Some(Exchange {
        request: Request {
            method: text_at(request, "method").unwrap_or("GET").to_owned(),
            url: text_at(request, "url")?.to_owned(),
            headers: scalars(request.get("headers")).collect(),
            body: request.get("body").map(Node::to_json),
        },
        response: Response {
            status: number_at(response, "status")?,
            headers: scalars(response.get("headers")).collect(),
            body: response.get("body").map(Node::to_json),
        },
    })
}

fn expectation(case: &Node, problems: &mut Problems<'_>) -> Option<Expectation> {
    let node = case.get("expect")?;
    let asks = case.get("guard").is_some();
    let end = match (node.get("output"), node.get("verdict"), node.get("failure")) {
        (Some(output), None, None) if !asks => End::Output(output.to_json()),
        (None, Some(verdict), None) if asks => {
            End::Verdict { allow: verdict.as_str()? == "allow", reason_contains: scalar_at(node, "reason_contains") }
        }
        (None, None, Some(failure)) => End::Failure {
            kind: text_at(failure, "kind")?.to_owned(),
            message_contains: scalar_at(failure, "message_contains"),
        },
        _ => {
            let hint = match asks {
                true => "say what has to come of it: expect: { verdict: allow }",
                false => "say what has to come of it: expect: { output: { done: true } }",
            };
            let what = if asks { "`verdict`" } else { "`output`" };
            let message = format!("an expectation is one {what} or one `failure`");
            problems.report_with_hint(Code::InvalidValue, node.span, message, hint);
            return None;
        }
    };
    Some(Expectation { end, log: texts(node.get("log")).into_iter().map(|text| text.value).collect() })
}

/// The entries of a mapping that are texts, numbers and booleans, as text.
fn scalars<'n>(node: Option<&'n Node>) -> impl Iterator<Item = (String, String)> + use<'n> {
    entries(node).filter_map(|(key, value)| Some((key.text.clone(), scalar(value)?)))
}
