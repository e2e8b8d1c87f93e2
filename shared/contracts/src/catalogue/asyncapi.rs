//! The catalogue as an AsyncAPI 3.0 document, with Kafka bindings 0.5.0.

use serde_json::{Map, Value, json};

use super::{ALL, Topic, services};
use crate::headers;
use crate::schemas::{EVENTS, EventSchema};

const BINDING_VERSION: &str = "0.5.0";

/// The document, as committed in `schemas/asyncapi.json`; payloads refer to the `.avsc` files beside it.
#[must_use]
pub fn asyncapi() -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Incasso",
            "version": "1.0.0",
            "description": "Events of Incasso on Kafka. Values are Avro single-object encoding (C3 01, CRC-64-AVRO \
                fingerprint of the schema, datum); headers follow CloudEvents' Kafka binding. Generated from the \
                catalogue in shared/contracts: do not edit.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": headers::AVRO,
        "channels": ALL.iter().map(|topic| (topic.name.to_owned(), channel(topic))).collect::<Map<_, _>>(),
        "operations": operations(),
        "components": {
            "messages": EVENTS.iter().map(|event| (event.name.to_owned(), message(event))).collect::<Map<_, _>>(),
            "schemas": { "Headers": header_schema() },
        },
    })
}

fn channel(topic: &Topic) -> Value {
    let configuration: Map<String, Value> = topic
        .config()
        .into_iter()
        .map(|(name, value)| {
            let value = match value.parse::<i64>() {
                Ok(number) => json!(number),
                // The binding has cleanup.policy as a list.
                Err(_) => json!([value]),
            };
            (name.to_owned(), value)
        })
        .collect();
    let messages: Map<String, Value> = topic
        .events
        .iter()
        .map(|event| {
            (
                (*event).to_owned(),
                json!({ "$ref": format!("#/components/messages/{event}") }),
            )
        })
        .collect();
    let mut tags = vec![json!({ "name": topic.writer })];
    if topic.personal {
        tags.push(json!({ "name": "personal-data" }));
    }
    json!({
        "address": topic.name,
        "description": format!("Written by {}. The record's key is the id of the {}.", topic.writer, topic.key),
        "messages": messages,
        "tags": tags,
        "bindings": { "kafka": {
            "topic": topic.name,
            "topicConfiguration": configuration,
            "bindingVersion": BINDING_VERSION,
        } },
    })
}

fn operations() -> Map<String, Value> {
    let mut operations = Map::new();
    for topic in ALL {
        let reference = json!({ "$ref": format!("#/channels/{}", topic.name) });
        operations.insert(
            format!("{}.sends.{}", topic.writer, topic.name),
            json!({ "action": "send", "channel": reference, "tags": [{ "name": topic.writer }] }),
        );
        for service in services() {
            let summary = if topic.waited_by.contains(&service) {
                "Its day waits for this topic's marker."
            } else if topic.read_by.contains(&service) {
                "Feedback: handled at once, never waited for."
            } else {
                continue;
            };
            operations.insert(
                format!("{service}.receives.{}", topic.name),
                json!({
                    "action": "receive", "channel": reference, "summary": summary, "tags": [{ "name": service }],
                }),
            );
        }
    }
    operations
}

fn message(event: &EventSchema) -> Value {
    let (version, text) = event.versions.last().copied().unwrap_or_default();
    let schema: Value = serde_json::from_str(text).unwrap_or_default();
    json!({
        "name": event.name,
        "summary": schema.get("doc").cloned().unwrap_or_default(),
        "contentType": headers::AVRO,
        "headers": { "$ref": "#/components/schemas/Headers" },
        "payload": {
            "schemaFormat": "application/vnd.apache.avro+json;version=1.9.0",
            "schema": { "$ref": format!("./{}/{}/v{version}.avsc", event.family, event.name) },
        },
        "bindings": { "kafka": {
            "key": if event.name == "DayClosed" {
                json!({ "type": "string", "const": "day" })
            } else {
                json!({ "type": "string", "format": "uuid" })
            },
            "bindingVersion": BINDING_VERSION,
        } },
    })
}

fn header_schema() -> Value {
    json!({
        "type": "object",
        "properties": {
            headers::CE_SPECVERSION: { "type": "string", "const": headers::SPEC_VERSION },
            headers::CE_ID: { "type": "string", "format": "uuid", "description": "The same again on a replay." },
            headers::CE_TYPE: { "type": "string", "description": "Name of the event." },
            headers::CE_SOURCE: { "type": "string", "description": "The writer, e.g. /incasso/billing." },
            headers::CE_TIME: { "type": "string", "format": "date-time", "description": "Message time, UTC." },
            headers::CE_SUBJECT: { "type": "string", "format": "uuid", "description": "The record's key." },
            headers::CONTENT_TYPE: { "type": "string", "const": headers::AVRO },
            headers::TRACEPARENT: { "type": "string", "description": "W3C trace context." },
            headers::INCASSO_SEQ: {
                "type": "string",
                "pattern": "^[0-9]+$",
                "description": "Outbox id: per key it only rises over first occurrences.",
            },
        },
        "required": [
            headers::CE_SPECVERSION, headers::CE_ID, headers::CE_TYPE, headers::CE_SOURCE, headers::CE_TIME,
        ],
    })
}
