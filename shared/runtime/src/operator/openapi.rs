//! What `/openapi.json` says of the operators' routes, for every service the same.

use serde_json::{Map, Value, json};

/// A route: path, method, what it does, parameters, body, answers.
type Route = (
    &'static str,
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str, &'static str)],
    bool,
    &'static [(&'static str, &'static str)],
);

const ROUTES: [Route; 11] = [
    (
        "/v1/operations/parked",
        "get",
        "Keys that a rejected message holds up",
        &[("after", "query", "the last key of the page before")],
        false,
        &[("200", "by key, 200 at most")],
    ),
    (
        "/v1/operations/parked/{key}",
        "get",
        "The messages of a parked key, in order",
        &[("key", "path", "an account, as listed")],
        false,
        &[("200", "the first 100"), ("404", "nothing is parked under this key")],
    ),
    (
        "/v1/operations/parked/{key}/redrive",
        "post",
        "Handles the key's messages again, in order",
        &[("key", "path", "an account, as listed")],
        false,
        &[("202", "asked"), ("404", "nothing is parked under this key")],
    ),
    (
        "/v1/operations/parked/{key}/discard",
        "post",
        "Proposes to discard the first message of a parked key; another person approves",
        &[("key", "path", "an account, as listed")],
        true,
        &[
            ("201", "proposed"),
            ("404", "nothing is parked under this key"),
            ("409", "another message is the first, or it was proposed before"),
            ("422", "errors name the field and the rule"),
        ],
    ),
    (
        "/v1/operations/discards",
        "get",
        "Who proposed and who decided to discard which message, when and why",
        &[("before", "query", "the last discard_id of the page before")],
        false,
        &[("200", "the newest first, 100 at most")],
    ),
    (
        "/v1/operations/discards/{discard_id}/approve",
        "post",
        "Approves: the message is discarded, those behind it are handled",
        &[("discard_id", "path", "as answered when it was proposed")],
        true,
        &[
            ("202", "approved"),
            ("404", "no such proposal"),
            (
                "409",
                "the same person, another message is the first by now, or decided already",
            ),
        ],
    ),
    (
        "/v1/operations/discards/{discard_id}/refuse",
        "post",
        "Refuses, or takes the own proposal back",
        &[("discard_id", "path", "as answered when it was proposed")],
        true,
        &[
            ("200", "refused"),
            ("404", "no such proposal"),
            ("409", "decided already"),
        ],
    ),
    (
        "/v1/operations/halted",
        "get",
        "Partitions that a difference has stopped",
        &[],
        false,
        &[("200", "partition and reason")],
    ),
    (
        "/v1/operations/halted/{partition}/release",
        "post",
        "Lets a partition go on",
        &[("partition", "path", "as listed")],
        false,
        &[("204", "goes on"), ("404", "not halted")],
    ),
    (
        "/v1/operations/days",
        "get",
        "The last closed day of each calendar",
        &[],
        false,
        &[("200", "by partition where days close so")],
    ),
    (
        "/v1/operations/certificates",
        "get",
        "Certificates of closed days",
        &[("after", "query", "the last sequence seen")],
        false,
        &[("200", "by sequence, 100 at most")],
    ),
];

/// Adds the routes to a service's document.
pub(crate) fn describe(document: &mut Value) {
    let Some(document) = document.as_object_mut() else {
        return;
    };
    let paths = document.entry("paths").or_insert_with(|| json!({}));
    let Some(paths) = paths.as_object_mut() else { return };
    for (path, method, summary, parameters, body, answers) in ROUTES {
        let parameters: Vec<Value> = parameters
            .iter()
            .map(|(name, place, what)| {
                json!({"name": name, "in": place, "required": *place == "path", "description": what, "schema": {"type": "string"}})
            })
            .collect();
        let mut responses: Map<String, Value> = answers
            .iter()
            .map(|(status, what)| ((*status).to_owned(), json!({"description": what})))
            .collect();
        responses.insert(
            "401".to_owned(),
            json!({"description": "no token, or one that is not good"}),
        );
        responses.insert("403".to_owned(), json!({"description": "not the role operator"}));
        let mut route =
            json!({"tags": ["operations"], "summary": summary, "parameters": parameters, "responses": responses});
        if body && let Some(route) = route.as_object_mut() {
            route.insert("requestBody".to_owned(), body_of(path));
        }
        let operations = paths.entry(path).or_insert_with(|| json!({}));
        if let Some(operations) = operations.as_object_mut() {
            operations.insert(method.to_owned(), route);
        }
    }
}

fn body_of(path: &str) -> Value {
    let reason = json!({"type": "string", "description": "why, in the person's words"});
    let schema = if path.ends_with("/discard") {
        json!({
            "type": "object",
            "required": ["message_id", "reason"],
            "additionalProperties": false,
            "properties": {
                "message_id": {"type": "string", "format": "uuid", "description": "the first message of the key"},
                "reason": reason,
            },
        })
    } else {
        json!({"type": "object", "required": ["reason"], "additionalProperties": false, "properties": {"reason": reason}})
    };
    json!({"required": true, "content": {"application/json": {"schema": schema}}})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_services_own_paths_stay() {
        let mut document = json!({"openapi": "3.1.0", "paths": {"/v1/own": {"get": {}}}});
        describe(&mut document);
        let paths = document["paths"].as_object().unwrap();
        assert_eq!(paths.len(), ROUTES.len() + 1);
        let discard = &paths["/v1/operations/parked/{key}/discard"]["post"];
        assert_eq!(
            discard["requestBody"]["content"]["application/json"]["schema"]["required"],
            json!(["message_id", "reason"])
        );
        describe(&mut Value::Null);
    }
}
