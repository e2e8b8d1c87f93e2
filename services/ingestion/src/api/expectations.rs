//! What an account may expect: money that is told, and not final yet.

use axum::Json;
use axum::extract::{Path, State};
use runtime::openapi::ReadRefusals;
use runtime::{Caller, Context, Problem};
use serde::Serialize;
use utoipa::ToSchema;

use super::{creditors_of, id};
use crate::store::expectations::{ExpectationView, open_of};

/// What an account may expect.
#[derive(Debug, Serialize, ToSchema)]
pub struct Expectations {
    /// The earliest day first; 500 at most.
    pub expectations: Vec<ExpectationView>,
}

/// Money that was told for this account by a source that is not final. It settles nothing. Empty for an account that expects
/// nothing, or is not known.
#[utoipa::path(get, path = "/v1/accounts/{id}/expectations", operation_id = "list_expectations", tag = "accounts",
    params(("id" = uuid::Uuid, Path, description = "the account")),
    responses((status = 200, description = "What is open", body = Expectations), ReadRefusals))]
pub async fn list(
    State(ctx): State<Context>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<Json<Expectations>, Problem> {
    let account = id(&text)?;
    let mut conn = ctx.pool().acquire().await?;
    let expectations = open_of(&mut conn, account, creditors_of(&caller)).await?;
    Ok(Json(Expectations { expectations }))
}
