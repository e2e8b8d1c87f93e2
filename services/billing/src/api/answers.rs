//! Answers, refusals, and how requests are read.

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, Path, Request};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use kernel::{BusinessDate, Timestamp};
use runtime::Problem;
use runtime::openapi::ProblemBody;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, IntoResponses, ToSchema};

use crate::bodies::reading::{ReadError, read};
use crate::bodies::{AccountBody, CreditorBody, DebtorBody, InvoiceBody, PlaceBody};
use crate::domain::{FieldError, Outcome, Refusal};

/// What became of a PUT.
#[derive(Serialize, ToSchema)]
pub struct PutAnswer {
    /// The thing's id in all events: UUIDv5 of the creditor and the external id.
    #[schema(format = Uuid)]
    pub id: String,
    /// The ERP's own id; of a creditor its code.
    pub external_id: String,
    /// The version that was sent.
    pub version: i64,
    /// What became of it.
    pub outcome: OutcomeWord,
}

/// What became of an accepted put.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeWord {
    /// It was not known before (201).
    Created,
    /// A newer version.
    Updated,
    /// The version and content that are stored already.
    Unchanged,
    /// Older than what is stored: nothing happened.
    Superseded,
}

impl From<Outcome> for OutcomeWord {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Created => Self::Created,
            Outcome::Updated => Self::Updated,
            Outcome::Unchanged => Self::Unchanged,
            Outcome::Superseded => Self::Superseded,
        }
    }
}

macro_rules! shown {
    ($(#[$doc:meta])* $name:ident, $body:ty { $($(#[$field_meta:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Serialize, ToSchema)]
        pub struct $name {
            /// The thing's id in all events.
            #[schema(format = Uuid)]
            pub id: String,
            /// The ERP's own id; of a creditor its code.
            pub external_id: String,
            /// When this version was received.
            #[schema(value_type = String, format = DateTime)]
            pub received_at: Timestamp,
            $($(#[$field_meta])* pub $field: $type,)*
            /// As it was sent last.
            pub data: $body,
        }
    };
}

shown! {
    /// A creditor.
    CreditorShown, CreditorBody {
        /// The calendar by which its days close.
        calendar: String,
        /// First day that counts for it.
        #[schema(value_type = String, format = Date)]
        first_on: BusinessDate,
    }
}
shown! {
    /// A debtor.
    DebtorShown, DebtorBody {}
}
shown! {
    /// An account.
    AccountShown, AccountBody {}
}
shown! {
    /// A place.
    PlaceShown, PlaceBody {}
}
shown! {
    /// An invoice or credit note.
    InvoiceShown, InvoiceBody {
        /// Sum of the credit notes on it, in minor units of its currency.
        credited_minor: i64,
        /// Day of cancellation, also where another invoice replaced it.
        #[schema(value_type = Option<String>, format = Date)]
        cancelled_on: Option<BusinessDate>,
        /// Id of the invoice that replaced it.
        #[schema(format = Uuid)]
        replaced_by: Option<String>,
    }
}

/// The creditor in a path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct CreditorPath {
    /// The creditor's code: letters, digits, `.`, `_` and `-`.
    #[param(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub creditor: String,
}

/// A thing under a creditor.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct ThingPath {
    /// The creditor's code: letters, digits, `.`, `_` and `-`.
    #[param(min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    pub creditor: String,
    /// The ERP's own id of the thing, percent-encoded.
    #[param(
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$"
    )]
    pub external_id: String,
}

/// The version is stored with other content.
#[derive(IntoResponses)]
#[response(
    status = 409,
    content_type = "application/problem+json",
    description = "The version is stored with other content"
)]
#[expect(dead_code, reason = "only its description is used")]
pub struct VersionConflict(#[to_schema] ProblemBody);

/// A finding as answers show it.
pub fn shown_error(error: FieldError) -> runtime::FieldError {
    runtime::FieldError::new(error.pointer, error.rule, error.detail)
}

/// 422 with these fields.
pub fn unprocessable(errors: Vec<FieldError>) -> Problem {
    Problem::unprocessable(errors.into_iter().map(shown_error).collect())
}

/// A refusal as an answer.
pub fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Conflict { version } => {
            let detail =
                format!("version {version} is stored with other content; send the change under a newer version");
            Problem::conflict(detail)
                .with_kind("version-conflict")
                .with("stored_version", version)
        }
        Refusal::Invalid(errors) => unprocessable(errors),
    }
}

/// The parts of a path.
pub fn path<T>(path: Result<Path<T>, PathRejection>) -> Result<T, Problem> {
    match path {
        Ok(Path(parts)) => Ok(parts),
        Err(_) => Err(Problem::bad_request("the path is not UTF-8, percent-encoded")),
    }
}

/// The media type without its parameters, in small letters.
pub fn media_type(request: &Request) -> Option<String> {
    let value = request.headers().get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase())
}

/// Reads a JSON body: 415, 413, 400 or 422 where it is none.
pub async fn json<T: DeserializeOwned>(request: Request) -> Result<T, Problem> {
    if media_type(&request).as_deref() != Some("application/json") {
        return Err(Problem::unsupported_media_type("send application/json"));
    }
    let bytes = Bytes::from_request(request, &()).await.map_err(|rejection| {
        let status = rejection.into_response().status();
        let detail = match status {
            StatusCode::PAYLOAD_TOO_LARGE => "the body is larger than this route takes",
            _ => "the body could not be read to its end",
        };
        Problem::new(status).with_detail(detail)
    })?;
    read(&bytes).map_err(|error| match error {
        ReadError::Syntax(detail) => Problem::bad_request(format!("not JSON: {detail}")),
        ReadError::Shape(error) => unprocessable(vec![error]),
    })
}
