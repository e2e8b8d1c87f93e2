//! Routes. Every error is problem+json (RFC 9457); who acts is the token's subject.
//!
//! | route | role |
//! |---|---|
//! | `POST /v1/statements` | `integration` or `admin` |
//! | `GET /v1/raw/{id}`, `GET /v1/quarantine`, `GET /v1/payments/{id}`, `GET /v1/deposits`, `GET /v1/tasks`, `GET /v1/feeds`, `GET /v1/accounts/{id}/expectations` | any |
//! | `POST /v1/deposits/{id}/assignments`, `POST /v1/quarantine/{id}/replay`, `POST /v1/tasks/{id}/decision` | `clerk`, `lead` or `admin` |
//! | `POST /v1/feeds/{collector}/releases` | `lead` or `admin` |
//! | `POST /v1/webhooks/payu-latam/{merchant}` | none: PayU's signature |

mod deposits;
mod expectations;
mod feeds;
mod openapi;
mod payments;
mod quarantine;
pub mod statements;
mod tasks;
mod webhook;

pub use openapi::document;

use axum::Router;
use axum::routing::{get, post};
use runtime::{Caller, Context, Problem};
use uuid::Uuid;

/// Routes behind a token.
pub fn routes() -> Router<Context> {
    let streaming = runtime::http::streaming(Router::new().route("/v1/statements", post(statements::upload)));
    Router::new()
        .route("/v1/raw/{id}", get(statements::show))
        .route("/v1/payments/{id}", get(payments::show))
        .route("/v1/accounts/{id}/expectations", get(expectations::list))
        .route("/v1/deposits", get(deposits::list))
        .route("/v1/deposits/{id}/assignments", post(deposits::assign))
        .route("/v1/tasks", get(tasks::list))
        .route("/v1/tasks/{id}/decision", post(tasks::decide))
        .route("/v1/feeds", get(feeds::list))
        .route("/v1/feeds/{collector}/releases", post(feeds::release))
        .route("/v1/quarantine", get(quarantine::list))
        .route("/v1/quarantine/{id}/replay", post(quarantine::replay))
        .merge(streaming)
}

/// Routes without one.
pub fn public_routes() -> Router<Context> {
    Router::new().route("/v1/webhooks/payu-latam/{merchant}", post(webhook::payu_latam))
}

/// An id out of a path.
fn id(text: &str) -> Result<Uuid, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found("there is nothing with this id: ids are UUIDs"))
}

/// Rows of a page where the caller does not say.
const PAGE: i64 = 100;

/// How many rows a page has: 1 to 500.
fn rows(limit: Option<i64>) -> Result<i64, Problem> {
    let limit = limit.unwrap_or(PAGE);
    if (1..=500).contains(&limit) {
        Ok(limit)
    } else {
        Err(Problem::bad_request("limit must be from 1 to 500"))
    }
}

/// Creditor codes that a caller may see; `None` for all.
fn creditors_of(caller: &Caller) -> Option<&[String]> {
    (!caller.may_act_for_all()).then_some(caller.creditors.as_slice())
}

/// 403 unless the caller may decide about money.
fn require_clerk(caller: &Caller) -> Result<(), Problem> {
    require_one_of(caller, &["clerk", "lead", "admin"])
}

/// 403 unless the caller has one of these roles.
fn require_one_of(caller: &Caller, roles: &[&str]) -> Result<(), Problem> {
    if roles.iter().any(|role| caller.has_role(role)) {
        return Ok(());
    }
    Err(Problem::forbidden(format!(
        "this needs one of the roles {}",
        roles.join(", ")
    )))
}
