//! Routes that every service has for its operators: parked keys, redrive and discard, halted partitions, days, certificates.

pub(crate) mod openapi;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::discard::{self, Discard, DiscardError};
use crate::http::Json as Body;
use crate::{Caller, Context, FieldError, Problem, Scope};

/// The role that may look at and redrive what is held up.
const OPERATOR: &str = "operator";

/// The operators' routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/v1/operations/parked", get(parked))
        .route("/v1/operations/parked/{key}", get(messages))
        .route("/v1/operations/parked/{key}/redrive", post(redrive))
        .route("/v1/operations/parked/{key}/discard", post(propose))
        .route("/v1/operations/discards", get(discards))
        .route("/v1/operations/discards/{discard_id}/approve", post(approve))
        .route("/v1/operations/discards/{discard_id}/refuse", post(refuse))
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
                (SELECT count(*) FROM rt_parked p WHERE p.key = k.key AND p.freed_segment IS NULL AND p.discarded_at IS NULL) AS messages
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

/// A message that waits in a parked key's queue.
#[derive(Debug, Serialize, sqlx::FromRow)]
struct ParkedMessage {
    message_id: Uuid,
    topic: Option<String>,
    partition: i32,
    offset: Option<i64>,
    rule: String,
    detail: String,
    currency: Option<String>,
    amount_minor: Option<i64>,
}

async fn messages(caller: Caller, State(ctx): State<Context>, Path(key): Path<Uuid>) -> Result<Json<Value>, Problem> {
    caller.require_role(OPERATOR)?;
    let found: Vec<ParkedMessage> = sqlx::query_as(
        "SELECT message_id, record->>'topic' AS topic, partition, (record->>'offset')::bigint AS \"offset\", rule, detail, currency,
                amount_minor
         FROM rt_parked WHERE key = $1 AND freed_segment IS NULL AND discarded_at IS NULL ORDER BY id LIMIT 100",
    )
    .bind(key)
    .fetch_all(ctx.pool())
    .await
    .map_err(crate::Failure::from)?;
    if found.is_empty() {
        return Err(DiscardError::NothingParked.into());
    }
    Ok(Json(serde_json::json!({ "key": key, "messages": found })))
}

impl From<DiscardError> for Problem {
    fn from(error: DiscardError) -> Self {
        let what = error.to_string();
        match error {
            DiscardError::NothingParked | DiscardError::Unknown => Self::not_found(what),
            DiscardError::NotFirst(first) => Self::conflict(what)
                .with_kind("not-the-first")
                .with("message_id", first.to_string()),
            DiscardError::Proposed(_) => Self::conflict(what).with_kind("proposed-already"),
            DiscardError::Over(_) => Self::conflict(what).with_kind("decided-already"),
            DiscardError::SamePerson => Self::conflict(what).with_kind("two-people"),
            DiscardError::Failure(failure) => failure.into(),
        }
    }
}

fn said(reason: &str) -> Result<&str, Problem> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Problem::unprocessable(vec![FieldError::new(
            "/reason", "required", "say why",
        )]));
    }
    Ok(reason)
}

/// Which message is to be discarded, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Proposal {
    /// The first message of the key: so that nobody discards another one than was looked at.
    message_id: Uuid,
    /// In the person's words.
    reason: String,
}

async fn propose(
    caller: Caller,
    State(ctx): State<Context>,
    Path(key): Path<Uuid>,
    Body(proposal): Body<Proposal>,
) -> Result<(StatusCode, Json<Discard>), Problem> {
    caller.require_role(OPERATOR)?;
    let reason = said(&proposal.reason)?;
    let mut tx = ctx.begin(Scope::Service).await?;
    let made = discard::propose(&mut tx, key, proposal.message_id, reason, &caller.subject).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// What the second person says about it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    /// In the person's words.
    reason: String,
}

async fn approve(
    caller: Caller,
    State(ctx): State<Context>,
    Path(discard_id): Path<i64>,
    decision: Body<Decision>,
) -> Result<(StatusCode, Json<Discard>), Problem> {
    let decided = decide(&caller, &ctx, discard_id, true, decision).await?;
    ctx.wake("leases").notify_one();
    Ok((StatusCode::ACCEPTED, Json(decided)))
}

async fn refuse(
    caller: Caller,
    State(ctx): State<Context>,
    Path(discard_id): Path<i64>,
    decision: Body<Decision>,
) -> Result<Json<Discard>, Problem> {
    decide(&caller, &ctx, discard_id, false, decision).await.map(Json)
}

async fn decide(
    caller: &Caller,
    ctx: &Context,
    discard_id: i64,
    approve: bool,
    Body(decision): Body<Decision>,
) -> Result<Discard, Problem> {
    caller.require_role(OPERATOR)?;
    let reason = said(&decision.reason)?;
    let mut tx = ctx.begin(Scope::Service).await?;
    let decided = discard::decide(&mut tx, discard_id, approve, reason, &caller.subject).await?;
    tx.commit().await?;
    Ok(decided)
}

/// Below which proposal.
#[derive(Debug, Deserialize)]
struct Before {
    /// The last `discard_id` of the page before.
    before: Option<i64>,
}

async fn discards(
    caller: Caller,
    State(ctx): State<Context>,
    Query(page): Query<Before>,
) -> Result<Json<Value>, Problem> {
    caller.require_role(OPERATOR)?;
    let mut conn = ctx.pool().acquire().await.map_err(crate::Failure::from)?;
    let found = discard::list(&mut conn, page.before.unwrap_or(i64::MAX))
        .await
        .map_err(crate::Failure::from)?;
    Ok(Json(serde_json::json!({ "discards": found })))
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
    let why: Option<String> = sqlx::query_scalar(
        "UPDATE rt_lease l SET halted = NULL FROM (SELECT partition, halted FROM rt_lease WHERE partition = $1 FOR UPDATE) o
         WHERE l.partition = o.partition AND o.halted IS NOT NULL RETURNING o.halted",
    )
    .bind(partition)
    .fetch_optional(ctx.pool())
    .await
    .map_err(crate::Failure::from)?;
    let Some(why) = why else {
        return Err(Problem::not_found(format!("partition {partition} is not halted")));
    };
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
