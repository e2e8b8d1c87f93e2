//! What could not be booked, and trying it again.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use runtime::openapi::ReadRefusals;
use runtime::{Caller, Context, Problem, Scope};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{creditors_of, id, require_clerk, rows};
use crate::import::{WAKE_STATEMENTS, WAKE_WEBHOOKS};
use crate::store::{raw, read};

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// `next` of the page before.
    #[param(nullable = false)]
    cursor: Option<Uuid>,
    /// Rows, 1 to 500; 100 if left out.
    #[param(minimum = 1, maximum = 500, nullable = false)]
    limit: Option<i64>,
}

/// One page of the quarantine.
#[derive(Debug, Serialize, ToSchema)]
pub struct QuarantinePage {
    /// Statements, and raw items that are quarantined as a whole.
    pub items: Vec<read::QuarantineView>,
    /// Cursor of the next page; null on the last.
    pub next: Option<Uuid>,
}

/// What is in quarantine, with the exact reason of each.
#[utoipa::path(get, path = "/v1/quarantine", operation_id = "list_quarantine", params(ListQuery), tag = "quarantine",
    responses((status = 200, description = "A page, by id", body = QuarantinePage)))]
pub async fn list(
    State(ctx): State<Context>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<QuarantinePage>, Problem> {
    let limit = rows(query.limit)?;
    let mut conn = ctx.pool().acquire().await?;
    let items = read::quarantine(
        &mut conn,
        creditors_of(&caller),
        query.cursor.unwrap_or(Uuid::nil()),
        limit,
    )
    .await?;
    let full = i64::try_from(items.len()).is_ok_and(|found| found >= limit);
    let next = items.last().filter(|_| full).map(|last| last.id);
    Ok(Json(QuarantinePage { items, next }))
}

/// What is tried again.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReplayAnswer {
    /// The raw item; `GET /v1/raw/{id}` says what became of it.
    pub raw_id: Uuid,
}

/// Tries the file or confirmation again from its stored bytes: what is booked of it stays, what was quarantined is judged
/// anew.
#[utoipa::path(post, path = "/v1/quarantine/{id}/replay", operation_id = "replay_quarantined", tag = "quarantine",
    params(("id" = Uuid, Path, description = "as listed")),
    responses((status = 202, description = "Tried again in the background", body = ReplayAnswer),
        (status = 409, description = "It is not in quarantine"), ReadRefusals))]
pub async fn replay(
    State(ctx): State<Context>,
    caller: Caller,
    Path(text): Path<String>,
) -> Result<(StatusCode, Json<ReplayAnswer>), Problem> {
    require_clerk(&caller)?;
    let unknown = || Problem::not_found("there is nothing in quarantine with this id");
    let mut tx = ctx.begin(Scope::Service).await?;
    let raw_id = read::raw_of_quarantine(tx.conn(), id(&text)?)
        .await?
        .ok_or_else(unknown)?;
    let acts_for = read::raw_acts_for(tx.conn(), raw_id).await?;
    if !acts_for.iter().any(|code| caller.may_act_for(code)) {
        return Err(unknown());
    }
    if !raw::reopen(tx.conn(), raw_id).await? {
        return Err(Problem::conflict("it is not in quarantine").with_kind("not-in-quarantine"));
    }
    tx.commit().await?;
    tracing::info!(raw = %raw_id, by = caller.subject, "tried again out of quarantine");
    ctx.wake(WAKE_STATEMENTS).notify_one();
    ctx.wake(WAKE_WEBHOOKS).notify_one();
    Ok((StatusCode::ACCEPTED, Json(ReplayAnswer { raw_id })))
}
