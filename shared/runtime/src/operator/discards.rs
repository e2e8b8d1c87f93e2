//! Routes on the messages of a parked key: who looked, who proposed to discard one, who decided.

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::OPERATOR;
use crate::discard::{self, Discard, DiscardError};
use crate::http::Json as Body;
use crate::openapi::BodyRefusals;
use crate::{Caller, Context, FieldError, Problem, Scope};

/// Characters of a reason.
const REASON_MAX: usize = 500;

/// A message that waits in a parked key's queue.
#[derive(Debug, Serialize, ToSchema, sqlx::FromRow)]
struct ParkedMessage {
    /// The message.
    message_id: Uuid,
    /// Where it came from.
    topic: Option<String>,
    /// Its partition.
    partition: i32,
    /// Its place there.
    offset: Option<i64>,
    /// The rule that it broke, or that the first one of its key broke.
    rule: String,
    /// What is wrong.
    detail: String,
    /// ISO 4217, of a message that moves money.
    currency: Option<String>,
    /// What it would move, in minor units of the currency.
    amount_minor: Option<i64>,
}

/// The messages of a parked key.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ParkedMessages {
    /// The key, as asked.
    key: Uuid,
    /// The first 100, in order; only the first one can be discarded.
    messages: Vec<ParkedMessage>,
}

/// Shows the messages of a parked key, in order.
#[utoipa::path(get, path = "/v1/operations/parked/{key}", operation_id = "parked_messages", tag = "operations",
    params(("key" = Uuid, Path, description = "the key, as listed")),
    responses((status = 200, description = "The first 100", body = ParkedMessages),
        (status = 403, description = "This needs the role operator"),
        (status = 404, description = "Nothing is parked under this key")))]
pub(crate) async fn messages(
    caller: Caller,
    State(ctx): State<Context>,
    Path(key): Path<Uuid>,
) -> Result<Json<ParkedMessages>, Problem> {
    caller.require_role(OPERATOR)?;
    let messages: Vec<ParkedMessage> = sqlx::query_as(
        "SELECT message_id, record->>'topic' AS topic, partition, (record->>'offset')::bigint AS \"offset\", rule, detail, currency,
                amount_minor
         FROM rt_parked WHERE key = $1 AND freed_segment IS NULL AND discarded_at IS NULL ORDER BY id LIMIT 100",
    )
    .bind(key)
    .fetch_all(ctx.pool())
    .await
    .map_err(crate::Failure::from)?;
    if messages.is_empty() {
        return Err(DiscardError::NothingParked.into());
    }
    Ok(Json(ParkedMessages { key, messages }))
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

/// The reason as it is kept: one line of words.
fn said(reason: &str) -> Result<&str, Problem> {
    let broken = |rule, detail| Problem::unprocessable(vec![FieldError::new("/reason", rule, detail)]);
    let kept = reason.trim();
    if kept.is_empty() {
        return Err(broken("required", "say why"));
    }
    if reason.chars().count() > REASON_MAX {
        return Err(broken("max-length", "at most 500 characters"));
    }
    if reason.chars().any(char::is_control) {
        return Err(broken("control-characters", "one line, without control characters"));
    }
    Ok(kept)
}

/// Which message is to be discarded, and why.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Proposal {
    /// The first message of the key: so that nobody discards another one than was looked at.
    message_id: Uuid,
    /// Why, in the person's words: one line, not blank.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Proposes to discard the first message of a parked key; another person approves.
#[utoipa::path(post, path = "/v1/operations/parked/{key}/discard", operation_id = "propose_discard", tag = "operations",
    params(("key" = Uuid, Path, description = "the key, as listed")),
    request_body = Proposal,
    responses((status = 201, description = "Proposed", body = Discard),
        (status = 403, description = "This needs the role operator"),
        (status = 404, description = "Nothing is parked under this key"),
        (status = 409, description = "Another message is the first, or it was proposed before"),
        BodyRefusals))]
pub(crate) async fn propose(
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
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    /// Why, in the person's words: one line, not blank.
    #[schema(min_length = 1, max_length = 500)]
    reason: String,
}

/// Approves: the message is discarded, those behind it are handled.
#[utoipa::path(post, path = "/v1/operations/discards/{discard_id}/approve", operation_id = "approve_discard", tag = "operations",
    params(("discard_id" = i64, Path, description = "as answered when it was proposed")),
    request_body = Decision,
    responses((status = 202, description = "Approved; the list says what became of it", body = Discard),
        (status = 403, description = "This needs the role operator"),
        (status = 404, description = "There is no such proposal, or nothing is parked under its key by now"),
        (status = 409, description = "The same person, another message is the first by now, or decided already"),
        BodyRefusals))]
pub(crate) async fn approve(
    caller: Caller,
    State(ctx): State<Context>,
    Path(discard_id): Path<i64>,
    decision: Body<Decision>,
) -> Result<(StatusCode, Json<Discard>), Problem> {
    let decided = decide(&caller, &ctx, discard_id, true, decision).await?;
    ctx.wake("leases").notify_one();
    Ok((StatusCode::ACCEPTED, Json(decided)))
}

/// Refuses, or takes the own proposal back.
#[utoipa::path(post, path = "/v1/operations/discards/{discard_id}/refuse", operation_id = "refuse_discard", tag = "operations",
    params(("discard_id" = i64, Path, description = "as answered when it was proposed")),
    request_body = Decision,
    responses((status = 200, description = "Refused, or taken back", body = Discard),
        (status = 403, description = "This needs the role operator"),
        (status = 404, description = "There is no such proposal"),
        (status = 409, description = "Decided already"),
        BodyRefusals))]
pub(crate) async fn refuse(
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
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Before {
    /// The last `discard_id` of the page before.
    #[param(nullable = false)]
    before: Option<i64>,
}

/// Proposals to discard a message.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Discards {
    /// At most 100, the newest first; give the last `discard_id` back as `before` for the next ones.
    discards: Vec<Discard>,
}

/// Shows who proposed and who decided to discard which message, when and why.
#[utoipa::path(get, path = "/v1/operations/discards", operation_id = "discards", tag = "operations", params(Before),
    responses((status = 200, description = "A page, the newest first", body = Discards),
        (status = 403, description = "This needs the role operator")))]
pub(crate) async fn discards(
    caller: Caller,
    State(ctx): State<Context>,
    Query(page): Query<Before>,
) -> Result<Json<Discards>, Problem> {
    caller.require_role(OPERATOR)?;
    let mut conn = ctx.pool().acquire().await.map_err(crate::Failure::from)?;
    let discards = discard::list(&mut conn, page.before.unwrap_or(i64::MAX))
        .await
        .map_err(crate::Failure::from)?;
    Ok(Json(Discards { discards }))
}
