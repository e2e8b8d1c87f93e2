//! JSON bodies, with errors that name the field.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;
use serde_path_to_error::{Path, Segment};

use crate::{FieldError, Problem};

/// A JSON body: 415 for another media type, 413 when too large, 400 when it is not JSON, 422 with the field when it does not
/// fit `T`. Give `T` `deny_unknown_fields`, so that a misspelt field is not lost in silence.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media_type = request
            .headers()
            .get(header::CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        if !media_type.is_some_and(is_json) {
            return Err(Problem::unsupported_media_type("send application/json"));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            let status = rejection.into_response().status();
            let detail = match status {
                StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than this route takes",
                _ => "the body could not be read to its end",
            };
            Problem::new(status).with_detail(detail)
        })?;
        parse_json(&body).map(Self)
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Reads one JSON document: a body, or a line of a batch.
///
/// # Errors
/// 400 when it is not JSON; 422 with the field's JSON pointer when it does not fit `T`.
pub fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut json).map_err(|error| explain(&error))?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(value)
}

fn not_json(error: &serde_json::Error) -> Problem {
    Problem::bad_request(format!("not JSON: {error}"))
}

fn explain(error: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    let cause = error.inner();
    if !cause.is_data() {
        return not_json(cause);
    }
    let text = cause.to_string();
    // The place in the text is of no use to somebody who has the pointer.
    let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
    let mut at = pointer(error.path());
    let rule = match (quoted(text, "missing field "), quoted(text, "unknown field ")) {
        (Some(field), _) => {
            at = format!("{at}/{}", escape(field));
            "required"
        }
        (_, Some(field)) => {
            let last = format!("/{}", escape(field));
            if !at.ends_with(&last) {
                at.push_str(&last);
            }
            "unknown"
        }
        _ => "type",
    };
    Problem::unprocessable(vec![FieldError::new(at, rule, text)])
}

fn quoted<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.strip_prefix(prefix)?.split('`').nth(1)
}

/// RFC 6901.
fn pointer(path: &Path) -> String {
    let steps = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(format!("/{index}")),
        Segment::Map { key } => Some(format!("/{}", escape(key))),
        Segment::Enum { .. } | Segment::Unknown => None,
    });
    steps.collect()
}

fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Invoice {
        number: String,
        instalments: Vec<Instalment>,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Instalment {
        amount_minor: i64,
    }

    #[test]
    fn errors_name_the_field_and_the_rule() {
        for (text, pointer, rule, detail) in [
            (r#"{"instalments":[]}"#, "/number", "required", "missing field `number`"),
            (
                r#"{"number":"1","instalments":[{"amount_minor":1},{}]}"#,
                "/instalments/1/amount_minor",
                "required",
                "missing field `amount_minor`",
            ),
            (
                r#"{"number":"1","instalments":[{"amount_minor":"x"}]}"#,
                "/instalments/0/amount_minor",
                "type",
                "invalid type: string \"x\", expected i64",
            ),
            (
                r#"{"number":"1","instalments":[],"a/b":1}"#,
                "/a~1b",
                "unknown",
                "unknown field `a/b`, expected `number` or `instalments`",
            ),
            ("[1]", "/0", "type", "invalid type: integer `1`, expected a string"),
            ("7", "", "type", "invalid type: integer `7`, expected struct Invoice"),
        ] {
            let problem = parse_json::<Invoice>(text.as_bytes()).unwrap_err();
            assert_eq!(problem.status(), 422, "{text}");
            assert_eq!(problem.errors(), [FieldError::new(pointer, rule, detail)], "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_400() {
        for text in [
            "",
            "{",
            "{} {}",
            "{\"number\": 1,}",
            "\u{feff}{}",
            "{\"number\": \"\\ud800\"}",
        ] {
            assert_eq!(
                parse_json::<serde_json::Value>(text.as_bytes()).unwrap_err().status(),
                400,
                "{text}"
            );
        }
        assert_eq!(
            parse_json::<Instalment>(b" {\"amount_minor\": 5}\n").unwrap(),
            Instalment { amount_minor: 5 }
        );
    }

    #[test]
    fn media_types() {
        for good in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/problem+json",
        ] {
            assert!(is_json(good), "{good}");
        }
        for wrong in ["text/json", "application/jsonx", "", "text/plain"] {
            assert!(!is_json(wrong), "{wrong}");
        }
    }
}
