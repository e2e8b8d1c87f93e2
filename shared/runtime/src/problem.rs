//! Errors of the HTTP door: RFC 9457 "Problem Details for HTTP APIs", `application/problem+json`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use contracts::codec::EncodeError;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Failure;
use crate::blobs::{GetError, PutError};

/// The media type of RFC 9457.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// How long a caller should wait when the database or the broker does not answer.
pub const RETRY_AFTER_SECONDS: u64 = 5;

/// One field that breaks a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the request's body, e.g. `/instalments/0/due_on`; empty: the whole body.
    pub pointer: String,
    /// The rule's stable name, e.g. `required`, `sum-of-instalments`.
    pub rule: String,
    /// What is wrong and what to send instead; without the personal data that was sent.
    pub detail: String,
}

impl FieldError {
    /// A broken rule at `pointer`.
    pub fn new(pointer: impl Into<String>, rule: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            rule: rule.into(),
            detail: detail.into(),
        }
    }
}

/// An answer that says what went wrong; also the error type of routes. Small: it is boxed.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Problem(Box<Members>);

#[derive(Debug, Clone, PartialEq, Serialize)]
struct Members {
    /// `about:blank` where the status says all, else `urn:incasso:problem:<name>`.
    #[serde(rename = "type")]
    kind: String,
    title: &'static str,
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
    #[serde(flatten)]
    more: Map<String, Value>,
    #[serde(skip)]
    retry_after_seconds: Option<u64>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem of any status.
    #[must_use]
    pub fn new(status: StatusCode) -> Self {
        Self(Box::new(Members {
            kind: "about:blank".to_owned(),
            title: status.canonical_reason().unwrap_or("Error"),
            status,
            detail: None,
            errors: Vec::new(),
            more: Map::new(),
            retry_after_seconds: None,
        }))
    }

    /// 400: the request cannot be read.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST).with_detail(detail)
    }

    /// 401: no token, or one that is unknown or expired.
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED).with_detail(detail)
    }

    /// 403: the token may not do this.
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN).with_detail(detail)
    }

    /// 404: `detail` says what is not there.
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND).with_detail(detail)
    }

    /// 409: the thing is in a state that does not allow this.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT).with_detail(detail)
    }

    /// 413: the body exceeds `limit_bytes`.
    #[must_use]
    pub fn too_large(limit_bytes: u64) -> Self {
        let detail = format!("at most {limit_bytes} bytes are taken here");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE).with_detail(detail)
    }

    /// 415: `detail` says which media type is taken.
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE).with_detail(detail)
    }

    /// 422: the body can be read but breaks these rules.
    #[must_use]
    pub fn unprocessable(errors: Vec<FieldError>) -> Self {
        let mut problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY);
        problem.0.errors = errors;
        problem
    }

    /// 500: a bug; what it was is in the log.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR).with_detail("the service failed; the log says why")
    }

    /// 503 with `Retry-After`: the same may be sent again, whether or not it was stored (all doors are idempotent).
    #[must_use]
    pub fn unavailable(retry_after_seconds: u64) -> Self {
        let mut problem = Self::new(StatusCode::SERVICE_UNAVAILABLE)
            .with_detail("the service cannot do this now; send the same again later");
        problem.0.retry_after_seconds = Some(retry_after_seconds);
        problem
    }

    /// Names the kind of problem: `urn:incasso:problem:<name>`.
    #[must_use]
    pub fn with_kind(mut self, name: &str) -> Self {
        self.0.kind = format!("urn:incasso:problem:{name}");
        self
    }

    /// Says it in words.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    /// Adds the fields that break rules.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds a member of the problem's own, e.g. the stored version at a conflict.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.more.insert(name.to_owned(), value.into());
        self
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The words.
    #[must_use]
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }

    /// The fields that break rules.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.0.status, self.0.retry_after_seconds);
        let mut response = (status, Json(self)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some(seconds) = retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<Failure> for Problem {
    /// 503: the caller tries again. 413 where that can never help: what was asked for makes a message that no topic takes. The
    /// cause is logged here, once.
    fn from(failure: Failure) -> Self {
        if let Some(EncodeError::TooLarge { bytes, limit }) = failure.cause() {
            tracing::warn!(error = %failure, "a request makes too large a message and is answered 413");
            let detail = format!("this makes a message of {bytes} bytes, and one has at most {limit}: send less of it");
            return Self::new(StatusCode::PAYLOAD_TOO_LARGE)
                .with_kind("message-too-large")
                .with_detail(detail);
        }
        tracing::error!(error = %failure, "a request failed and will be answered 503");
        Self::unavailable(RETRY_AFTER_SECONDS)
    }
}

impl From<sqlx::Error> for Problem {
    fn from(error: sqlx::Error) -> Self {
        Failure::from(error).into()
    }
}

impl From<PutError> for Problem {
    /// 413 and 400 for what the caller did, 503 for what the store did (logged here, once).
    fn from(error: PutError) -> Self {
        match error {
            PutError::TooLarge { limit_bytes } => Self::too_large(limit_bytes),
            PutError::Source(_) => Self::bad_request("the body could not be read to its end"),
            error @ (PutError::Store(_) | PutError::Disk(_)) => Failure::new(error).into(),
        }
    }
}

impl From<GetError> for Problem {
    /// 404 for what was never stored, 500 for what is damaged, 503 while the store fails (logged here, once).
    fn from(error: GetError) -> Self {
        match error {
            GetError::NotFound(digest) => Self::not_found(format!("there is no document {digest}")),
            error @ GetError::Damaged(_) => {
                tracing::error!(%error, "a stored document is damaged");
                Self::internal()
            }
            error @ GetError::Store(_) => Failure::new(error).into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use serde_json::json;

    use super::*;

    async fn parts(problem: Problem) -> (StatusCode, axum::http::HeaderMap, Value) {
        let (parts, body) = problem.into_response().into_parts();
        let body = to_bytes(body, 100_000).await.unwrap();
        (parts.status, parts.headers, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn fields_and_rules_are_listed() {
        let errors = vec![FieldError::new("/instalments", "required", "at least one instalment")];
        let (status, headers, body) = parts(Problem::unprocessable(errors)).await;
        assert_eq!(status, 422);
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        let expected = json!({
            "type": "about:blank", "title": "Unprocessable Entity", "status": 422,
            "errors": [{"pointer": "/instalments", "rule": "required", "detail": "at least one instalment"}],
        });
        assert_eq!(body, expected);
    }

    #[tokio::test]
    async fn a_failure_asks_to_come_back() {
        let (status, headers, body) = parts(Failure::from(anyhow::anyhow!("CANARY host=db")).into()).await;
        assert_eq!(
            (status.as_u16(), &headers[header::RETRY_AFTER]),
            (503, &HeaderValue::from(5))
        );
        assert!(!body.to_string().contains("CANARY"), "causes stay in the log");
    }

    #[tokio::test]
    async fn what_never_fits_a_message_is_not_asked_for_again() {
        let error = EncodeError::TooLarge {
            bytes: 1_100_000,
            limit: 1_000_000,
        };
        let failure = Failure::from(anyhow::Error::new(error).context("encoding DebtorRegistered"));
        let (status, headers, body) = parts(failure.into()).await;
        assert_eq!(
            (status.as_u16(), body["type"].as_str()),
            (413, Some("urn:incasso:problem:message-too-large"))
        );
        assert!(!headers.contains_key(header::RETRY_AFTER));
    }

    #[test]
    fn what_the_store_says() {
        let put = |error: PutError| Problem::from(error).status().as_u16();
        let get = |error: GetError| Problem::from(error).status().as_u16();
        let digest = crate::blobs::Sha256Hex::of(b"");
        assert_eq!(put(PutError::TooLarge { limit_bytes: 9 }), 413);
        assert_eq!(put(PutError::Source(std::io::Error::other("gone"))), 400);
        assert_eq!(put(PutError::Disk(std::io::Error::other("full"))), 503);
        assert_eq!(get(GetError::NotFound(digest)), 404);
        assert_eq!(get(GetError::Damaged(digest)), 500);
    }

    #[tokio::test]
    async fn kinds_members_and_challenges() {
        let conflict = Problem::conflict("another content")
            .with_kind("version-conflict")
            .with("stored_version", 7);
        let (_, _, body) = parts(conflict).await;
        assert_eq!(
            body,
            json!({
                "type": "urn:incasso:problem:version-conflict", "title": "Conflict", "status": 409,
                "detail": "another content", "stored_version": 7,
            })
        );
        let (_, headers, _) = parts(Problem::unauthorized("no token")).await;
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
    }
}
