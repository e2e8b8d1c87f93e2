//! Routes that every service has for its operators: parked keys, redrive and discard, halted partitions, days, certificates.

pub(crate) mod discards;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{Caller, Context, Problem};

/// The role that may look at and redrive what is held up.
const OPERATOR: &str = "operator";

/// The operators' routes.
pub(crate) fn routes() -> Router<Context> {
    Router::new()
        .route("/v1/operations/parked", get(parked))
        .route("/v1/operations/parked/{key}", get(discards::messages))
        .route("/v1/operations/parked/{key}/redrive", post(redrive))
        .route("/v1/operations/parked/{key}/discard", post(discards::propose))
        .route("/v1/operations/discards", get(discards::discards))
        .route("/v1/operations/discards/{discard_id}/approve", post(discards::approve))
        .route("/v1/operations/discards/{discard_id}/refuse", post(discards::refuse))
        .route("/v1/operations/halted", get(halted))
        .route("/v1/operations/halted/{partition}/release", post(release))
        .route("/v1/operations/days", get(days))
        .route("/v1/operations/certificates", get(certificates))
}

/// A key that a rejected message holds up.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
struct ParkedKey {
    /// The key: mostly an account's id.
    key: Uuid,
    /// Its partition.
    partition: i32,
    /// The rule that the first message broke.
    rule: String,
    /// What is wrong with it.
    detail: String,
    /// Whether the key is an account's, which is impeded meanwhile.
    account: bool,
    /// The message that was rejected.
    message_id: Uuid,
    /// When.
    parked_at: chrono::DateTime<chrono::Utc>,
    /// Messages that wait under the key, the rejected one among them.
    messages: i64,
    /// Whether somebody has asked for them to be handled again.
    redrive: bool,
}

/// Keys that are held up, in order.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParkedPage {
    /// At most 200; give the last `key` back as `after` for the next ones.
    parked: Vec<ParkedKey>,
}

/// A page of a long list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    /// The last key of the page before.
    #[param(nullable = false)]
    after: Option<Uuid>,
}

/// Shows which keys are held up by a rejected message, and why.
#[utoipa::path(get, path = "/v1/operations/parked", tag = "operations", params(Page),
    responses((status = 200, description = "A page, by key", body = ParkedPage),
        (status = 403, description = "This needs the role operator")))]
pub(crate) async fn parked(
    caller: Caller,
    State(ctx): State<Context>,
    Query(page): Query<Page>,
) -> Result<Json<ParkedPage>, Problem> {
    caller.require_role(OPERATOR)?;
    let parked: Vec<ParkedKey> = sqlx::query_as(
        "SELECT k.key, k.partition, k.rule, k.detail, k.account, k.message_id, k.parked_at, k.redrive,
                (SELECT count(*) FROM rt_parked p WHERE p.key = k.key AND p.freed_segment IS NULL AND p.discarded_at IS NULL) AS messages
         FROM rt_parked_key k WHERE k.key > $1 ORDER BY k.key LIMIT 200",
    )
    .bind(page.after.unwrap_or_default())
    .fetch_all(ctx.pool())
    .await
    .map_err(crate::Failure::from)?;
    Ok(Json(ParkedPage { parked }))
}

/// Asks the partition's own worker to handle the key's messages again, in order.
#[utoipa::path(post, path = "/v1/operations/parked/{key}/redrive", tag = "operations",
    params(("key" = Uuid, Path, description = "the key, as listed")),
    responses((status = 202, description = "Asked for; the list says what became of it"),
        (status = 403, description = "This needs the role operator"),
        (status = 404, description = "Nothing is parked under this key")))]
pub(crate) async fn redrive(
    caller: Caller,
    State(ctx): State<Context>,
    Path(key): Path<Uuid>,
) -> Result<StatusCode, Problem> {
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

/// A partition that stands still until a person has looked at it.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
struct Halted {
    /// The partition.
    partition: i32,
    /// Why it stands still.
    #[sqlx(rename = "halted")]
    why: String,
}

/// Partitions that stand still.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HaltedList {
    /// In order of the partition.
    halted: Vec<Halted>,
}

/// Shows which partitions stand still, and why.
#[utoipa::path(get, path = "/v1/operations/halted", tag = "operations",
    responses((status = 200, description = "All of them", body = HaltedList),
        (status = 403, description = "This needs the role operator")))]
pub(crate) async fn halted(caller: Caller, State(ctx): State<Context>) -> Result<Json<HaltedList>, Problem> {
    caller.require_role(OPERATOR)?;
    let halted: Vec<Halted> =
        sqlx::query_as("SELECT partition, halted FROM rt_lease WHERE halted IS NOT NULL ORDER BY partition")
            .fetch_all(ctx.pool())
            .await
            .map_err(crate::Failure::from)?;
    Ok(Json(HaltedList { halted }))
}

/// A person has looked at the difference: the partition goes on.
#[utoipa::path(post, path = "/v1/operations/halted/{partition}/release", tag = "operations",
    params(("partition" = i32, Path, description = "as listed")),
    responses((status = 204, description = "It goes on"),
        (status = 403, description = "This needs the role operator"),
        (status = 404, description = "This partition is not halted")))]
pub(crate) async fn release(
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

/// How far a calendar is closed.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
struct ClosedDay {
    /// The partition; null where the service closes as a whole.
    partition: Option<i32>,
    /// The calendar.
    calendar: String,
    /// Number of its last closed day over all calendars.
    sequence: i64,
    /// Its last closed day.
    closed_on: chrono::NaiveDate,
    /// The day that is open.
    next_on: chrono::NaiveDate,
}

/// How far the days are closed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClosedDays {
    /// By partition and calendar.
    days: Vec<ClosedDay>,
}

/// Shows how far each calendar is closed, by partition.
#[utoipa::path(get, path = "/v1/operations/days", tag = "operations",
    responses((status = 200, description = "All of them", body = ClosedDays),
        (status = 403, description = "This needs the role operator")))]
pub(crate) async fn days(caller: Caller, State(ctx): State<Context>) -> Result<Json<ClosedDays>, Problem> {
    caller.require_role(OPERATOR)?;
    let days: Vec<ClosedDay> = sqlx::query_as(
        "SELECT CASE WHEN scope >= 0 THEN scope END AS partition, calendar, sequence, closed_on, next_on
         FROM rt_closed ORDER BY scope, calendar",
    )
    .fetch_all(ctx.pool())
    .await
    .map_err(crate::Failure::from)?;
    Ok(Json(ClosedDays { days }))
}

/// From which sequence on.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Since {
    /// The last sequence already seen.
    #[param(nullable = false)]
    after: Option<i64>,
}

/// Certificates of closed days.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Certificates {
    /// At most 100, by sequence, each as it was published: `DayCertified`.
    #[schema(value_type = Vec<Object>)]
    certificates: Vec<Value>,
}

/// Shows the certificates of closed days, as they were published.
#[utoipa::path(get, path = "/v1/operations/certificates", tag = "operations", params(Since),
    responses((status = 200, description = "A page, by sequence", body = Certificates),
        (status = 403, description = "This needs the role operator")))]
pub(crate) async fn certificates(
    caller: Caller,
    State(ctx): State<Context>,
    Query(since): Query<Since>,
) -> Result<Json<Certificates>, Problem> {
    caller.require_role(OPERATOR)?;
    let certificates: Vec<Value> =
        sqlx::query_scalar("SELECT certificate FROM rt_certificate WHERE sequence > $1 ORDER BY sequence LIMIT 100")
            .bind(since.after.unwrap_or(0))
            .fetch_all(ctx.pool())
            .await
            .map_err(crate::Failure::from)?;
    Ok(Json(Certificates { certificates }))
}
