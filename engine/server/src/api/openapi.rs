//! The OpenAPI document, made of the routes, and the page that shows it.

use std::sync::LazyLock;

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value as Json, json};

use super::auth::Public;
use super::contract::Contract;
use super::routes::{Routes, get};
use super::{Problem, routes};

/// The page and what it is made of: only this server is asked for anything, and nothing is executed but its script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());

pub(super) fn operations() -> Routes {
    Routes::new().add(
        get("/openapi.json", "getDocument", "This document")
            .with(|contract| contract.sends(200, "application/json", json!({ "type": "object" }))),
        show,
    )
}

pub(super) fn viewer() -> Routes {
    let page = |path, id, summary| {
        get(path, id, summary).with(|contract| contract.sends(200, "text/html", json!({ "type": "string" })))
    };
    let script = get("/api/docs/viewer.js", "getViewerScript", "Its script")
        .with(|contract| contract.sends(200, "text/javascript", json!({ "type": "string" })));
    let style = get("/api/docs/viewer.css", "getViewerStyle", "How it looks")
        .with(|contract| contract.sends(200, "text/css", json!({ "type": "string" })));
    Routes::new()
        .add(page("/api/docs", "getViewer", "A page that shows this document"), html)
        .add(script, javascript)
        .add(style, css)
}

async fn show(_: Public) -> Result<Response, Problem> {
    Ok(([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str()).into_response())
}

async fn html(_: Public) -> Result<Response, Problem> {
    Ok(asset("text/html; charset=utf-8", include_str!("openapi/viewer.html")))
}

async fn javascript(_: Public) -> Result<Response, Problem> {
    Ok(asset("text/javascript; charset=utf-8", include_str!("openapi/viewer.js")))
}

async fn css(_: Public) -> Result<Response, Problem> {
    Ok(asset("text/css; charset=utf-8", include_str!("openapi/viewer.css")))
}

fn asset(kind: &'static str, text: &'static str) -> Response {
    let headers: [(HeaderName, HeaderValue); 3] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY)),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, text).into_response()
}

/// Writes the document of all routes.
pub(super) fn document() -> Json {
    let settings = |settings: &mut schemars::generate::SchemaSettings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    };
    let mut inputs = SchemaSettings::draft2020_12().with(settings).for_deserialize().into_generator();
    let mut outputs = SchemaSettings::draft2020_12().with(settings).for_serialize().into_generator();
    let mut paths = Map::new();
    for (prefix, routes) in [("/api/v1", super::versioned()), ("", super::unversioned())] {
        for one in &routes.operations {
            let routes::Operation { method, path, .. } = &one.operation;
            let contract = Contract::new(&mut inputs, &mut outputs, path);
            let path = paths.entry(format!("{prefix}{path}")).or_insert_with(|| json!({}));
            path[method.as_str().to_ascii_lowercase()] = one.describe(contract);
        }
    }
    let mut schemas = inputs.take_definitions(true);
    schemas.extend(outputs.take_definitions(true));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "kiket",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "A self-hosted workflow engine. Errors are problems (RFC 9457) with a stable `code`.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer", "bearerFormat": "kkt_…" },
                "ticket": { "type": "apiKey", "in": "query", "name": "ticket" },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn public_routes_are_those_of_the_list() {
        assert_eq!(super::super::public(), super::super::PUBLIC.into_iter().map(str::to_owned).collect());
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_a_summary() {
        let document = document();
        let mut names = BTreeSet::new();
        for (path, operations) in document["paths"].as_object().unwrap() {
            for (method, operation) in operations.as_object().unwrap() {
                let name = operation["operationId"].as_str().unwrap();
                assert!(names.insert(name.to_owned()), "{name} is the name of two operations");
                assert!(!operation["summary"].as_str().unwrap().is_empty(), "{method} {path} has no summary");
                let good = operation["responses"].as_object().unwrap().keys().any(|status| status.starts_with('2'));
                assert!(good, "{method} {path} never answers well");
            }
        }
    }

    #[test]
    fn everything_that_is_referred_to_is_there() {
        let document = document();
        let text = document.to_string();
        for reference in text.split("\"$ref\":\"#").skip(1) {
            let pointer = reference.split('"').next().unwrap();
            assert!(document.pointer(pointer).is_some(), "there is no {pointer}");
        }
    }

    #[test]
    fn the_viewer_asks_nobody_but_this_server() {
        for text in
            [include_str!("openapi/viewer.html"), include_str!("openapi/viewer.js"), include_str!("openapi/viewer.css")]
        {
            assert!(!text.contains("://") && !text.contains("innerHTML") && !text.contains("style="), "{text}");
        }
    }
}
