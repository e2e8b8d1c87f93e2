//! Routes that every service has for its operators: parked keys, redrive, halted partitions, days, certificates.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::{Caller, Context, Problem};

/// The role that may look at and redrive what is held up.
const OPERATOR: &str = "operator";

/// The operators' routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/v1/operations/parked", get(parked))
        .route("/v1/operations/parked/{key}/redrive", post(redrive))
        .route("/v1/operations/halted", get(halted))
        .route("/v1/operations/halted/{partition}/release", post(release))
        .route("/v1/operations/days", get(days))
        .route("/v1/operations/certificates", get(certificates))
}

/// A key that a rejected message holds up.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct ParkedKey {
    key: Uuid,
    partition: i32,
    rule: String,
    detail: String,
    account: bool,
    message_id: Uuid,
    parked_at: chrono::DateTime<chrono::Utc>,
    messages: i64,
    redrive: bool,
}

/// A page of a long list.
#[derive(Debug, Deserialize)]
struct Page {
    /// The last key of the page before.
    after: Option<Uuid>,
}

async fn parked(caller: Caller, State(ctx): State<Context>, Query(page): Query<Page>) -> Result<Json<Value>, Problem> {
    caller.require_role(OPERATOR)?;
    let keys: Vec<ParkedKey> = sqlx::query_as(
        "SELECT k.key, k.partition, k.rule, k.detail, k.account, k.message_id, k.parked_at, k.redrive,
                (SELECT count(*) FROM rt_parked p WHERE p.key = k.key AND p.freed_segment IS NULL) AS messages
         FROM rt_parked_key k WHERE k.key > $1 ORDER BY k.key LIMIT 200",
    )
    .bind(page.after.unwrap_or_default())
    .fetch_all(ctx.pool())
    .await
    .map_err(crate::Failure::from)?;
    Ok(Json(serde_json::json!({ "parked": keys })))
}

/// Asks the partition's own worker to handle the key's messages again, in order.
async fn redrive(caller: Caller, State(ctx): State<Context>, Path(key): Path<Uuid>) -> Result<StatusCode, Problem> {
    caller.require_role(OPERATOR)?;
    let done = sqlx::query("UPDATE rt_parked_key SET redrive = true, redrive_by = $2 WHERE key = $1")
        .bind(key)
        .bind(&caller.subject)
        .execute(ctx.pool())
        .await
        .map_err(crate::Failure::from)?;
    if done.rows_affected() == 0 {
        return Err(Problem::not_found(format!("nothing is parked under {key}")));
    }
    ctx.wake("leases").notify_one();
    Ok(StatusCode::ACCEPTED)
}

async fn halted(caller: Caller, State(ctx): State<Context>) -> Result<Json<Value>, Problem> {
    caller.require_role(OPERATOR)?;
    let rows: Vec<(i32, String)> =
        sqlx::query_as("SELECT partition, halted FROM rt_lease WHERE halted IS NOT NULL ORDER BY partition")
            .fetch_all(ctx.pool())
            .await
            .map_err(crate::Failure::from)?;
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|(partition, why)| serde_json::json!({ "partition": partition, "why": why }))
        .collect();
    Ok(Json(serde_json::json!({ "halted": rows })))
}

/// A person has looked at the difference: the partition goes on.
async fn release(
    caller: Caller,
    State(ctx): State<Context>,
    Path(partition): Path<i32>,
) -> Result<StatusCode, Problem> {
    caller.require_role(OPERATOR)?;
    let mut tx = ctx.pool().begin().await.map_err(crate::Failure::from)?;
    let why: Option<String> = sqlx::query_scalar(
        "UPDATE rt_lease l SET halted = NULL FROM (SELECT partition, halted FROM rt_lease WHERE partition = $1 FOR UPDATE) o
         WHERE l.partition = o.partition AND o.halted IS NOT NULL RETURNING o.halted",
    )
    .bind(partition)
    .fetch_optional(&mut *tx)
    .await
    .map_err(crate::Failure::from)?;
    let Some(why) = why else {
        return Err(Problem::not_found(format!("partition {partition} is not halted")));
    };
    crate::memory::skip_forgotten(&mut tx, partition)
        .await
        .map_err(crate::Failure::from)?;
    tx.commit().await.map_err(crate::Failure::from)?;
    tracing::warn!(partition, why, by = caller.subject, "a halted partition was released");
    ctx.wake("workers").notify_waiters();
    Ok(StatusCode::NO_CONTENT)
}

async fn days(caller: Caller, State(ctx): State<Context>) -> Result<Json<Value>, Problem> {
    caller.require_role(OPERATOR)?;
    let rows: Vec<(i32, String, i64, chrono::NaiveDate, chrono::NaiveDate)> =
        sqlx::query_as("SELECT scope, calendar, sequence, closed_on, next_on FROM rt_closed ORDER BY scope, calendar")
            .fetch_all(ctx.pool())
            .await
            .map_err(crate::Failure::from)?;
    let rows: Vec<Value> = rows
        .into_iter()
        .map(|(scope, calendar, sequence, closed_on, next_on)| {
            serde_json::json!({
                "partition": (scope >= 0).then_some(scope),
                "calendar": calendar, "sequence": sequence, "closed_on": closed_on, "next_on": next_on,
            })
        })
        .collect();
    Ok(Json(serde_json::json!({ "days": rows })))
}

/// From which sequence on.
#[derive(Debug, Deserialize)]
struct Since {
    /// The last sequence already seen.
    after: Option<i64>,
}

async fn certificates(
    caller: Caller,
    State(ctx): State<Context>,
    Query(since): Query<Since>,
) -> Result<Json<Value>, Problem> {
    caller.require_role(OPERATOR)?;
    let rows: Vec<Value> =
        sqlx::query_scalar("SELECT certificate FROM rt_certificate WHERE sequence > $1 ORDER BY sequence LIMIT 100")
            .bind(since.after.unwrap_or(0))
            .fetch_all(ctx.pool())
            .await
            .map_err(crate::Failure::from)?;
    Ok(Json(serde_json::json!({ "certificates": rows })))
}
