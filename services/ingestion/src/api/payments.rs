//! What is known of a payment.

use axum::Json;
use axum::extract::{Path, State};
use runtime::openapi::ReadRefusals;
use runtime::{Caller, Context, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::id;
use crate::store::read::{self, FundsView, PaymentView, ReversalView, SightingView};

/// A payment, whose it is and why, and where it was seen.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentStatus {
    /// The payment.
    #[serde(flatten)]
    pub payment: PaymentView,
    /// Its parts by account.
    pub funds: Vec<FundsView>,
    /// The reversal that took it back.
    pub reversal: Option<ReversalView>,
    /// Every look at it, the first one first.
    pub sightings: Vec<SightingView>,
}

/// A payment with its funds and their evidence, its reversal and its sightings.
#[utoipa::path(get, path = "/v1/payments/{id}", operation_id = "show_payment", params(("id" = uuid::Uuid, Path, description = "the payment")), tag = "payments",
    responses((status = 200, description = "The payment", body = PaymentStatus), ReadRefusals))]
pub async fn show(
    State(ctx): State<Context>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<PaymentStatus>, Problem> {
    let id = id(&text)?;
    let unknown = || Problem::not_found("there is no payment with this id");
    let mut conn = ctx.pool().acquire().await?;
    let payment = read::payment(&mut conn, id).await?.ok_or_else(unknown)?;
    if !caller.may_act_for(&payment.creditor) {
        return Err(unknown());
    }
    let funds = read::funds(&mut conn, id).await?;
    let reversal = read::reversal(&mut conn, id).await?;
    let sightings = read::sightings(&mut conn, id).await?;
    Ok(Json(PaymentStatus {
        payment,
        funds,
        reversal,
        sightings,
    }))
}
