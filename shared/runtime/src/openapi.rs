//! The OpenAPI 3.1 document of a whole door: what a service says of its own routes, and what the door adds to all of them.
//!
//! A service describes what only it knows. [`complete`] adds the operators' routes, health, metrics, the bearer scheme, the
//! answers that the door itself may give (401, 413, 500, 503 …), and `application/problem+json` wherever an error has
//! no content. So the document is as long as the door is wide, and no service can forget what is the same for all.

use std::collections::BTreeSet;

use axum::Router;
use serde_json::{Map, Value, json};
use utoipa::{IntoResponses, OpenApi, ToSchema};

use crate::problem::MEDIA_TYPE;
use crate::{Context, FieldError};

/// Methods that an operation of a document may have; others are never described.
pub const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// What holds for every path and is therefore written once.
const EVERYWHERE: &str = "Errors are application/problem+json (RFC 9457). A path that is not listed answers 404, a method \
    that is not listed 405 with `Allow`; GET is also answered as HEAD. A head that is too long answers 414 or 431 without a \
    body. Every other answer has `x-request-id`.";

/// Problem Details for HTTP APIs (RFC 9457). A problem of a kind of its own may have more members.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used; Problem writes it")]
pub struct ProblemBody {
    /// `about:blank` where the status says all, else `urn:incasso:problem:` and a name.
    #[schema(rename = "type")]
    kind: String,
    /// The status in words.
    title: String,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What happened and what to change, in words.
    #[schema(nullable = false)]
    detail: Option<String>,
    /// Fields that break rules.
    #[schema(nullable = false)]
    errors: Option<Vec<FieldError>>,
}

/// Refusals of a route that reads a thing.
#[derive(IntoResponses)]
pub enum ReadRefusals {
    /// The path or the query cannot be read.
    #[response(status = 400, content_type = "application/problem+json")]
    BadRequest(#[to_schema] ProblemBody),
    /// The token may not do this.
    #[response(status = 403, content_type = "application/problem+json")]
    Forbidden(#[to_schema] ProblemBody),
    /// There is no such thing, or it is not the caller's to see.
    #[response(status = 404, content_type = "application/problem+json")]
    NotFound(#[to_schema] ProblemBody),
}

/// What a request with a body can be refused for beside that.
#[derive(IntoResponses)]
pub enum BodyRefusals {
    /// Another media type is needed.
    #[response(status = 415, content_type = "application/problem+json")]
    MediaType(#[to_schema] ProblemBody),
    /// Fields break rules; `errors` names them.
    #[response(status = 422, content_type = "application/problem+json")]
    Unprocessable(#[to_schema] ProblemBody),
}

#[derive(OpenApi)]
#[openapi(
    paths(
        crate::operator::parked,
        crate::operator::discards::messages,
        crate::operator::redrive,
        crate::operator::discards::propose,
        crate::operator::discards::discards,
        crate::operator::discards::approve,
        crate::operator::discards::refuse,
        crate::operator::halted,
        crate::operator::release,
        crate::operator::days,
        crate::operator::certificates,
        crate::http::livez,
        crate::http::readyz,
        crate::http::show_metrics,
        crate::http::show_document,
    ),
    components(schemas(ProblemBody, FieldError)),
    security(("bearer" = [])),
    tags(
        (name = "operations", description = "What is held up, and the days that closed"),
        (name = "health", description = "Open to all: health, metrics, this document"),
    )
)]
struct Common;

/// What one operation's answer gives another: how a reader, or a test that plays stories, gets from here to there.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// `operationId` of the one that answers.
    pub from: &'static str,
    /// `operationId` of the one that can be asked then.
    pub to: &'static str,
    /// Its parameters as runtime expressions: `("id", "$response.body#/raw_id")`.
    pub parameters: &'static [(&'static str, &'static str)],
    /// Fields of its body as runtime expressions; none for one without a body.
    pub body: &'static [(&'static str, &'static str)],
}

/// Writes the links into the good answers of a document's operations.
pub fn link(document: &mut Value, links: &[Link]) {
    let Value::Object(document) = document else {
        return;
    };
    for operation in operations(document) {
        let name = operation.get("operationId").and_then(Value::as_str).unwrap_or_default();
        let from_here: Vec<&Link> = links.iter().filter(|link| link.from == name).collect();
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        let good = responses
            .into_iter()
            .flatten()
            .filter(|(status, _)| status.starts_with('2'));
        for answer in good.filter_map(|(_, answer)| answer.as_object_mut()) {
            for link in &from_here {
                let fields = |fields: &[(&str, &str)]| -> Map<String, Value> {
                    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), json!(value)));
                    fields.collect()
                };
                let mut written = json!({ "operationId": link.to, "parameters": fields(link.parameters) });
                if let (Value::Object(written), false) = (&mut written, link.body.is_empty()) {
                    written.insert("requestBody".to_owned(), Value::Object(fields(link.body)));
                }
                if let Value::Object(all) = answer.entry("links").or_insert_with(|| json!({})) {
                    all.insert(link.to.to_owned(), written);
                }
            }
        }
    }
}

/// Links between the operators' routes.
const LINKS: &[Link] = &[
    Link {
        from: "parked",
        to: "redrive",
        parameters: &[("key", "$response.body#/parked/0/key")],
        body: &[],
    },
    Link {
        from: "parked",
        to: "parked_messages",
        parameters: &[("key", "$response.body#/parked/0/key")],
        body: &[],
    },
    Link {
        from: "parked_messages",
        to: "propose_discard",
        parameters: &[("key", "$response.body#/key")],
        body: &[("message_id", "$response.body#/messages/0/message_id")],
    },
    Link {
        from: "propose_discard",
        to: "approve_discard",
        parameters: &[("discard_id", "$response.body#/discard_id")],
        body: &[],
    },
    Link {
        from: "propose_discard",
        to: "refuse_discard",
        parameters: &[("discard_id", "$response.body#/discard_id")],
        body: &[],
    },
    Link {
        from: "halted",
        to: "release",
        parameters: &[("partition", "$response.body#/halted/0/partition")],
        body: &[],
    },
];

/// The document of the whole door; `service` is what the service says of its own routes (`null` of one that has none).
///
/// # Errors
/// When the common part cannot be written as JSON, which a test rules out.
pub fn complete(service: Value) -> serde_json::Result<Value> {
    let mut common = serde_json::to_value(Common::openapi())?;
    link(&mut common, LINKS);
    let mut document = match service {
        Value::Object(document) => document,
        _ => Map::from_iter([
            ("openapi".to_owned(), json!("3.1.0")),
            (
                "info".to_owned(),
                json!({ "title": "Incasso", "version": env!("CARGO_PKG_VERSION") }),
            ),
        ]),
    };
    document.entry("security").or_insert_with(|| json!([{ "bearer": [] }]));
    let mut part = |pointer| common.pointer_mut(pointer).map(Value::take).unwrap_or_default();
    merge(&mut document, "paths", part("/paths"));
    merge(&mut document, "tags", part("/tags"));
    let components = document.entry("components").or_insert_with(|| json!({}));
    if let Value::Object(components) = components {
        merge(components, "schemas", part("/components/schemas"));
        merge(
            components,
            "securitySchemes",
            json!({ "bearer": { "type": "http", "scheme": "bearer" } }),
        );
    }
    if let Some(Value::Object(info)) = document.get_mut("info") {
        let said = info.get("description").and_then(Value::as_str).unwrap_or_default();
        let described = [said, EVERYWHERE].join(" ").trim().to_owned();
        info.insert("description".to_owned(), described.into());
    }
    for operation in operations(&mut document) {
        add_refusals(operation);
    }
    Ok(Value::Object(document))
}

/// Adds the members of an object, or the elements of a list, to a member of the document. What is there stays.
fn merge(document: &mut Map<String, Value>, name: &str, added: Value) {
    match (document.get_mut(name), added) {
        (Some(Value::Object(there)), Value::Object(added)) => {
            for (name, value) in added {
                there.entry(name).or_insert(value);
            }
        }
        (Some(Value::Array(there)), Value::Array(added)) => there.extend(added),
        (_, added) => {
            document.insert(name.to_owned(), added);
        }
    }
}

fn operations(document: &mut Map<String, Value>) -> impl Iterator<Item = &mut Map<String, Value>> {
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    let items = paths.into_iter().flat_map(Map::values_mut);
    items
        .filter_map(Value::as_object_mut)
        .flat_map(Map::iter_mut)
        .filter(|(method, _)| METHODS.contains(&method.as_str()))
        .filter_map(|(_, operation)| operation.as_object_mut())
}

/// The answers that the door itself may give to an operation, where the service does not describe them.
fn add_refusals(operation: &mut Map<String, Value>) {
    // `security: [{}]` is how a route says that it needs no token.
    let open = operation
        .get("security")
        .is_some_and(|security| *security == json!([{}]));
    let body = operation.contains_key("requestBody");
    let parameters = operation.contains_key("parameters");
    let retry = json!({ "Retry-After": { "description": "seconds", "schema": { "type": "integer", "minimum": 0 } } });
    let bearer = json!({ "WWW-Authenticate": { "schema": { "type": "string" } } });
    let mut usual = vec![
        ("500", "A bug; the log says which.", Value::Null),
        (
            "503",
            "Something that is needed does not answer; the same may be sent again.",
            retry,
        ),
    ];
    if !open {
        usual.push(("401", "No token, or one that is unknown or expired.", bearer));
    }
    if body || parameters {
        usual.push(("400", "The path, the query or the body cannot be read.", Value::Null));
    }
    if body {
        usual.push(("413", "The body is larger than this route takes.", Value::Null));
    }
    let Some(Value::Object(responses)) = operation.get_mut("responses") else {
        return;
    };
    for (status, description, headers) in usual {
        let answer = responses
            .entry(status)
            .or_insert_with(|| json!({ "description": description }));
        if let (Value::Object(answer), false) = (answer, headers.is_null()) {
            answer.entry("headers").or_insert(headers);
        }
    }
    let refusals = responses
        .iter_mut()
        .filter(|(status, _)| status.starts_with(['4', '5']));
    for answer in refusals.filter_map(|(_, answer)| answer.as_object_mut()) {
        let content = answer.entry("content").or_insert_with(|| json!({}));
        // Whatever else a refusal may be (a report of health), the door itself speaks in problems.
        if let Value::Object(content) = content {
            content
                .entry(MEDIA_TYPE)
                .or_insert_with(|| json!({ "schema": { "$ref": "#/components/schemas/ProblemBody" } }));
        }
    }
}

/// The paths of a router, so that a test can hold them against the document. They are taken from its `Debug`: axum has no other
/// way to list them.
#[must_use]
pub fn routes(router: &Router<Context>) -> BTreeSet<String> {
    let text = format!("{router:?}");
    let quoted = text.split('"').skip(1).step_by(2);
    // Beside them it shows the fallback's own.
    let ours = quoted.filter(|text| text.starts_with('/') && *text != "/" && !text.contains("__private__"));
    ours.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(document: &Value) -> BTreeSet<&str> {
        document["paths"]
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect()
    }

    #[test]
    fn a_service_without_a_document_still_has_the_doors_own() {
        let document = complete(Value::Null).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let described = paths(&document);
        let operators = routes(&crate::operator::routes());
        assert_eq!(operators.len(), 11);
        let open = ["/livez", "/readyz", "/metrics", "/openapi.json"].map(str::to_owned);
        let there: BTreeSet<String> = operators.into_iter().chain(open).collect();
        assert_eq!(described, there.iter().map(String::as_str).collect());
    }

    #[test]
    fn what_a_service_says_stays_and_the_rest_is_added() {
        let service = json!({
            "openapi": "3.1.0", "info": { "title": "T", "description": "Says this." },
            "paths": { "/v1/a/{id}": {
                "put": { "parameters": [{}], "requestBody": {}, "responses": {
                    "200": { "description": "ok" }, "422": { "description": "rules" },
                    "503": { "description": "own words" },
                } },
                "get": { "security": [{}], "responses": { "200": { "description": "ok" } } },
            } },
        });
        let document = complete(service).unwrap();
        let put = &document["paths"]["/v1/a/{id}"]["put"]["responses"];
        let statuses: Vec<&String> = put.as_object().unwrap().keys().collect();
        assert_eq!(statuses, ["200", "400", "401", "413", "422", "500", "503"]);
        assert_eq!(put["503"]["description"], "own words");
        assert!(put["503"]["headers"]["Retry-After"].is_object());
        for status in ["400", "401", "413", "422", "500", "503"] {
            let schema = &put[status]["content"][MEDIA_TYPE]["schema"]["$ref"];
            assert_eq!(schema, "#/components/schemas/ProblemBody", "{status}");
        }
        assert!(put["200"]["content"].is_null());
        let get = &document["paths"]["/v1/a/{id}"]["get"]["responses"];
        let statuses: Vec<&String> = get.as_object().unwrap().keys().collect();
        assert_eq!(
            statuses,
            ["200", "500", "503"],
            "an open route has no 401, one without parameters no 400"
        );
        let description = document["info"]["description"].as_str().unwrap();
        assert!(description.starts_with("Says this. Errors are"), "{description}");
        assert_eq!(document["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
        assert!(document["components"]["schemas"]["FieldError"].is_object());
    }

    #[test]
    fn links_lead_from_good_answers_to_operations() {
        let document = complete(Value::Null).unwrap();
        let parked = &document["paths"]["/v1/operations/parked"]["get"]["responses"];
        let expected = json!({
            "redrive": { "operationId": "redrive", "parameters": { "key": "$response.body#/parked/0/key" } },
            "parked_messages": { "operationId": "parked_messages", "parameters": { "key": "$response.body#/parked/0/key" } },
        });
        assert_eq!(parked["200"]["links"], expected);
        assert!(parked["403"]["links"].is_null());
    }

    #[test]
    fn every_reference_resolves() {
        let document = complete(Value::Null).unwrap();
        let schemas = document["components"]["schemas"].as_object().unwrap();
        let text = document.to_string();
        let references = text.split("\"#/components/schemas/").skip(1);
        for reference in references.filter_map(|rest| rest.split('"').next()) {
            assert!(schemas.contains_key(reference), "{reference}");
        }
    }
}
