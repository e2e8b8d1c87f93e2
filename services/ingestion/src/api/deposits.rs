//! Unidentified money, and a person's decision about it.

use std::collections::BTreeSet;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use contracts::MessageKey;
use kernel::{AccountId, InvoiceId};
use runtime::http::Json as Body;
use runtime::{Caller, Context, FieldError, Problem, Scope, Tx};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{creditors_of, id, require_clerk};
use crate::booking::{self, Decided, Session};
use crate::domain::ledger::Kind;
use crate::store::deposits::{self, Deposit};
use crate::store::read::{self, After, DepositFilter, DepositView};
use crate::store::registry;

/// Which deposits to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// `next` of the page before.
    cursor: Option<String>,
    /// Rows, 1 to 500; 100 if left out.
    limit: Option<i64>,
    /// `payment` or `settlement`.
    kind: Option<String>,
}

/// One page of unidentified money.
#[derive(Debug, Serialize, ToSchema)]
pub struct DepositPage {
    /// Oldest value date first.
    pub deposits: Vec<DepositView>,
    /// Cursor of the next page; null on the last.
    pub next: Option<String>,
}

fn cursor(text: &str) -> Result<After, Problem> {
    let read = || {
        let (on, id) = text.split_once('_')?;
        Some(After {
            value_on: on.parse().ok()?,
            deposit_id: id.parse().ok()?,
        })
    };
    read().ok_or_else(|| Problem::bad_request("cursor is not one that this route gave"))
}

/// Unidentified money of the creditors that the token acts for.
#[utoipa::path(get, path = "/v1/deposits", params(ListQuery), tag = "deposits",
    responses((status = 200, body = DepositPage), (status = 400, description = "a cursor that this route did not give")))]
pub async fn list(
    State(ctx): State<Context>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<DepositPage>, Problem> {
    let limit = query.limit.unwrap_or(100).clamp(1, 500);
    let filter = DepositFilter {
        creditors: creditors_of(&caller),
        kind: query.kind.as_deref(),
        after: query.cursor.as_deref().map(cursor).transpose()?,
        limit,
    };
    let mut conn = ctx.pool().acquire().await?;
    let deposits = read::open_deposits(&mut conn, &filter).await?;
    let full = i64::try_from(deposits.len()).is_ok_and(|found| found >= limit);
    let next = deposits
        .last()
        .filter(|_| full)
        .map(|last| format!("{}_{}", last.value_on, last.deposit_id));
    Ok(Json(DepositPage { deposits, next }))
}

/// A person's decision: parts of a deposit for accounts. What is not assigned stays unidentified.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignRequest {
    /// At least one; accounts of the deposit's creditor, in its currency.
    pub assignments: Vec<AssignPart>,
    /// Why, in the person's words.
    pub reason: String,
    /// For a deposit of kind `settlement` only: the person says that what is assigned is no payout of money that was counted
    /// already, so that it counts as received from now on. Without it a settlement is not assigned.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub counts_as_received: bool,
}

/// One part.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AssignPart {
    /// The account.
    #[schema(value_type = Uuid)]
    pub account_id: AccountId,
    /// Positive, in minor units of the deposit's currency.
    pub amount_minor: i64,
    /// Invoices that are meant.
    #[serde(default)]
    #[schema(value_type = Vec<Uuid>)]
    pub invoice_ids: Vec<InvoiceId>,
}

/// What is left after a decision.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssignAnswer {
    /// The deposit.
    pub deposit_id: Uuid,
    /// What was assigned now.
    pub assigned_minor: i64,
    /// What is still unidentified.
    pub remaining_minor: i64,
}

/// Assigns (parts of) a deposit to accounts.
#[utoipa::path(post, path = "/v1/deposits/{id}/assignments", tag = "deposits",
    params(("id" = Uuid, Path, description = "the deposit: the id of its payment"),
           ("Idempotency-Key" = Option<String>, Header, description = "the same key and body again gets the first answer again")),
    request_body = AssignRequest,
    responses(
        (status = 200, body = AssignAnswer),
        (status = 403, description = "not the role, or above the token's limit"),
        (status = 404, description = "no open deposit, or another creditor's"),
        (status = 409, description = "less is left than is assigned, a provider's payout, an account is held up, or the key was used for something else"),
        (status = 422, description = "errors name the field and the rule")))]
pub async fn assign(
    State(ctx): State<Context>,
    caller: Caller,
    Path(text): Path<String>,
    headers: HeaderMap,
    Body(request): Body<AssignRequest>,
) -> Result<Json<Value>, Problem> {
    require_clerk(&caller)?;
    let deposit_id = id(&text)?;
    let total = check(&request)?;
    let asked = serde_json::to_string(&(deposit_id, &request)).map_err(|_| Problem::internal())?;
    let given = headers
        .get("idempotency-key")
        .and_then(|key| key.to_str().ok())
        .map(str::to_owned);
    let mut tx = ctx.begin(Scope::Service).await?;
    // Locked before the key is looked for: of two equal requests at once the second finds the first one's answer.
    let open = deposits::lock(tx.conn(), &BTreeSet::from([deposit_id])).await?;
    if let Some(answer) = answered(&mut tx, &caller, given.as_deref(), &asked).await? {
        tx.rollback().await?;
        return Ok(Json(answer));
    }
    let unknown = || Problem::not_found("there is no open deposit with this id");
    let deposit = open.into_iter().next().ok_or_else(unknown)?;
    allowed(&mut tx, &caller, &deposit, &request, total).await?;
    let mut session = Session::begin(&tx);
    booking::assign(
        &mut tx,
        &mut session,
        &deposit,
        &decided(&request),
        (&caller.subject, &request.reason),
        ctx.now(),
    )
    .await?;
    session.finish(&mut tx).await?;
    let answer = AssignAnswer {
        deposit_id,
        assigned_minor: total,
        remaining_minor: deposit.remaining_minor - total,
    };
    let answer = serde_json::to_value(answer).map_err(|_| Problem::internal())?;
    if let Some(key) = &given {
        deposits::note_decision(
            tx.conn(),
            (&caller.subject, key),
            deposit_id,
            &asked,
            &answer,
            ctx.now().utc(),
        )
        .await?;
    }
    tx.commit().await?;
    Ok(Json(answer))
}

/// The answer that this key got before; 409 where that was to another request.
async fn answered(tx: &mut Tx, caller: &Caller, key: Option<&str>, asked: &str) -> Result<Option<Value>, Problem> {
    let Some(key) = key else { return Ok(None) };
    match read::decision(tx.conn(), &caller.subject, key).await? {
        Some((request, answer)) if request == asked => Ok(Some(answer)),
        Some(_) => {
            let reused = Problem::conflict("this Idempotency-Key was used for another request");
            Err(reused.with_kind("idempotency-key-reused"))
        }
        None => Ok(None),
    }
}

fn decided(request: &AssignRequest) -> Vec<Decided> {
    let part = |part: &AssignPart| Decided {
        account_id: part.account_id,
        amount_minor: part.amount_minor,
        invoice_ids: part.invoice_ids.clone(),
    };
    request.assignments.iter().map(part).collect()
}

/// What can be seen without the database; gives the total.
fn check(request: &AssignRequest) -> Result<i64, Problem> {
    let mut errors = Vec::new();
    if request.assignments.is_empty() {
        errors.push(FieldError::new("/assignments", "required", "at least one assignment"));
    }
    if request.reason.trim().is_empty() {
        errors.push(FieldError::new("/reason", "required", "say why"));
    }
    let mut accounts = BTreeSet::new();
    let mut total = Some(0_i64);
    for (at, part) in request.assignments.iter().enumerate() {
        if part.amount_minor <= 0 {
            errors.push(FieldError::new(
                format!("/assignments/{at}/amount_minor"),
                "positive",
                "an amount above 0",
            ));
        }
        if !accounts.insert(part.account_id) {
            errors.push(FieldError::new(
                format!("/assignments/{at}/account_id"),
                "unique",
                "each account once",
            ));
        }
        total = total.and_then(|total| total.checked_add(part.amount_minor));
    }
    match total {
        Some(total) if errors.is_empty() => Ok(total),
        Some(_) => Err(Problem::unprocessable(errors)),
        None => Err(Problem::unprocessable(vec![FieldError::new(
            "/assignments",
            "sum",
            "the amounts are too large to add up",
        )])),
    }
}

/// What the deposit, its accounts and the caller's token allow.
async fn allowed(
    tx: &mut Tx,
    caller: &Caller,
    deposit: &Deposit,
    request: &AssignRequest,
    total: i64,
) -> Result<(), Problem> {
    let code = registry::creditor_code(tx.conn(), deposit.creditor())
        .await?
        .unwrap_or_default();
    if !caller.may_act_for(&code) {
        return Err(Problem::not_found("there is no open deposit with this id"));
    }
    if caller
        .limit_minor("assignment", &deposit.currency)
        .is_some_and(|limit| total > limit)
    {
        return Err(Problem::forbidden("above the limit of this token for assignments"));
    }
    if Kind::of(&deposit.kind) == Kind::Settlement && !request.counts_as_received {
        let payout = "this is a provider's payout: its money was counted when each payment was confirmed, and assigning it would \
                      count it twice. If it is not, say \"counts_as_received\": true, and why";
        return Err(Problem::conflict(payout).with_kind("settlement"));
    }
    if total > deposit.remaining_minor {
        return Err(Problem::conflict("less is left of the deposit")
            .with_kind("less-is-left")
            .with("remaining_minor", deposit.remaining_minor));
    }
    let ids: Vec<AccountId> = request.assignments.iter().map(|part| part.account_id).collect();
    let known = registry::accounts(tx.conn(), &ids).await?;
    let mut errors = Vec::new();
    for (at, part) in request.assignments.iter().enumerate() {
        let pointer = format!("/assignments/{at}/account_id");
        match known.get(&part.account_id) {
            Some((creditor, currency)) if *creditor == deposit.creditor() && *currency == deposit.currency => {}
            Some(_) => errors.push(FieldError::new(
                pointer,
                "same-creditor-and-currency",
                "an account of the deposit's creditor, in its currency",
            )),
            None => errors.push(FieldError::new(pointer, "known", "an account that billing has told of")),
        }
    }
    if !errors.is_empty() {
        return Err(Problem::unprocessable(errors));
    }
    for account in ids {
        if tx.is_parked(MessageKey::from(account)).await? {
            return Err(Problem::conflict("a rejected message holds this account up")
                .with_kind("account-held-up")
                .with("account_id", account.to_string()));
        }
    }
    Ok(())
}
