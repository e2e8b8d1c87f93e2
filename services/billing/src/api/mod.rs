//! The ERP's door: PUT, GET, batch, and what can be seen of the clock. Every answer is in the OpenAPI document.

mod answers;
mod batch;
mod clock;
mod lines;
mod openapi;
mod report;
mod things;

use axum::Router;
use axum::routing::{get, post};
use runtime::{Caller, Context, Problem};

pub use openapi::document;

/// Roles that may change what billing knows.
const WRITERS: [&str; 2] = ["integration", "admin"];

/// All routes; each needs a bearer token.
pub fn routes() -> Router<Context> {
    let streamed = Router::new().route("/v1/creditors/{creditor}/batch", post(batch::post_batch));
    Router::new()
        .route(
            "/v1/creditors/{creditor}",
            get(things::get_creditor).put(things::put_creditor),
        )
        .route(
            "/v1/creditors/{creditor}/debtors/{external_id}",
            get(things::get_debtor).put(things::put_debtor),
        )
        .route(
            "/v1/creditors/{creditor}/accounts/{external_id}",
            get(things::get_account).put(things::put_account),
        )
        .route(
            "/v1/creditors/{creditor}/places/{external_id}",
            get(things::get_place).put(things::put_place),
        )
        .route(
            "/v1/creditors/{creditor}/invoices/{external_id}",
            get(things::get_invoice).put(things::put_invoice),
        )
        .route("/v1/calendars", get(clock::get_calendars))
        .route("/v1/clock/close", post(clock::post_close))
        .merge(runtime::http::streaming(streamed))
}

/// 403 unless the caller may change what is this creditor's.
fn require_writer(caller: &Caller, creditor: &str) -> Result<(), Problem> {
    caller.require_creditor(creditor)?;
    if WRITERS.iter().any(|role| caller.has_role(role)) {
        return Ok(());
    }
    Err(Problem::forbidden("writing needs the role integration or admin"))
}
