//! Where every cent went, and why.

mod openapi;
mod routes;
mod shown;

use axum::Router;
use axum::routing::get;
use runtime::Context;

pub(crate) use openapi::document as openapi;

/// Routes that need a bearer token.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/v1/accounts/{id}", get(routes::get_account))
        .route("/v1/accounts/{id}/allocations", get(routes::get_account_allocations))
        .route("/v1/invoices/{id}/allocations", get(routes::get_invoice_allocations))
        .route("/v1/payments/{id}/allocations", get(routes::get_payment_allocations))
}
