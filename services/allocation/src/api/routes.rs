//! The four questions.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use kernel::{AccountId, InvoiceId, PaymentId};
use runtime::openapi::ReadRefusals;
use runtime::{Caller, Context, Problem};
use serde::Deserialize;
use sqlx::PgConnection;
use utoipa::IntoParams;
use uuid::Uuid;

use super::shown::{AccountAnswer, AllocationAnswer, AllocationsAnswer, FundsAnswer, ItemAnswer};
use crate::store::read::{self, AccountShown, Wanted};

/// Rows of a page when the caller does not say.
const PAGE: i64 = 100;
/// Rows of a page at most; also open items and funds with credit of an account.
const MOST: i64 = 1000;

/// Which page.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct PageQuery {
    /// `next_cursor` of the page before.
    #[param(
        nullable = false,
        pattern = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}[.][0-9]{1,18}$"
    )]
    cursor: Option<String>,
    /// Rows of the page, 1 to 1000; 100 when left out.
    #[param(nullable = false, minimum = 1, maximum = 1000)]
    limit: Option<i64>,
}

/// An id in the path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct IdPath {
    /// A UUID, hyphenated.
    #[param(format = Uuid)]
    id: Uuid,
}

type At = Result<Path<IdPath>, PathRejection>;
type Paged = Result<Query<PageQuery>, QueryRejection>;

fn id(at: At) -> Result<Uuid, Problem> {
    at.map(|Path(at)| at.id)
        .map_err(|_| Problem::bad_request("the id in the path must be a UUID"))
}

/// The page that is asked for: after which row, and how many.
fn page(query: Paged) -> Result<(Option<(AccountId, i64)>, i64), Problem> {
    let Query(query) = query.map_err(|_| Problem::bad_request("only cursor and limit (a number) may be given"))?;
    let limit = query.limit.unwrap_or(PAGE);
    if !(1..=MOST).contains(&limit) {
        return Err(Problem::bad_request("limit must be from 1 to 1000"));
    }
    let cursor = |text: String| {
        let (account, number) = text.split_once('.')?;
        Some((account.parse().ok()?, number.parse().ok()?))
    };
    let wrong = || Problem::bad_request("cursor must be the next_cursor of an answer");
    let after = query.cursor.map(|text| cursor(text).ok_or_else(wrong)).transpose()?;
    Ok((after, limit))
}

/// Nothing of this id is known.
fn unknown(what: &str) -> Problem {
    Problem::not_found(format!(
        "{what} of this id is not known here; what was sent a moment ago may still be on its way"
    ))
}

/// 403 unless the caller acts for the account's creditor.
fn allowed(caller: &Caller, account: &AccountShown) -> Result<(), Problem> {
    match &account.creditor_code {
        Some(code) => caller.require_creditor(code),
        None if caller.may_act_for_all() => Ok(()),
        None => Err(Problem::forbidden("the account's creditor is not known here yet")),
    }
}

async fn account(conn: &mut PgConnection, caller: &Caller, id: AccountId) -> Result<Option<AccountShown>, Problem> {
    let account = read::accounts(conn, vec![id.as_uuid()]).await?.pop();
    if let Some(account) = &account {
        allowed(caller, account)?;
    }
    Ok(account)
}

/// What is open on an account, and what waits as credit.
#[utoipa::path(get, path = "/v1/accounts/{id}", tag = "accounts", params(IdPath),
    responses((status = 200, description = "The account", body = AccountAnswer), ReadRefusals))]
pub(crate) async fn get_account(
    State(ctx): State<Context>,
    caller: Caller,
    at: At,
) -> Result<Json<AccountAnswer>, Problem> {
    let id = AccountId::from_uuid(id(at)?);
    let mut conn = ctx.pool().begin().await?;
    let account = account(&mut conn, &caller, id)
        .await?
        .ok_or_else(|| unknown("an account"))?;
    let open_minor = read::open_minor(&mut conn, id).await?;
    let items = read::open_items(&mut conn, id, MOST).await?;
    let credit = read::credit(&mut conn, id, MOST).await?;
    let impediments = read::impediments(&mut conn, id).await?;
    let currency = account.currency;
    Ok(Json(AccountAnswer {
        account_id: account.account_id.as_uuid(),
        creditor_id: account.creditor_id.as_uuid(),
        creditor: account.creditor_code,
        number: account.number,
        currency,
        calendar: account.calendar,
        closed_on: account.closed_on,
        open_minor,
        credit_minor: account.credit_minor,
        items: items.iter().map(|item| ItemAnswer::new(item, currency)).collect(),
        credit: credit.iter().map(|funds| FundsAnswer::new(funds, currency)).collect(),
        parked: account.parked,
        impediments: impediments.into_iter().map(Into::into).collect(),
    }))
}

/// All rows of an account, the oldest first.
#[utoipa::path(get, path = "/v1/accounts/{id}/allocations", tag = "allocations", params(IdPath, PageQuery),
    responses((status = 200, description = "A page of rows", body = AllocationsAnswer), ReadRefusals))]
pub(crate) async fn get_account_allocations(
    State(ctx): State<Context>,
    caller: Caller,
    at: At,
    query: Paged,
) -> Result<Json<AllocationsAnswer>, Problem> {
    let (id, (after, limit)) = (AccountId::from_uuid(id(at)?), page(query)?);
    let mut conn = ctx.pool().begin().await?;
    let account = account(&mut conn, &caller, id)
        .await?
        .ok_or_else(|| unknown("an account"))?;
    let wanted = Wanted {
        accounts: vec![id],
        invoice: None,
        payment: None,
        after,
        limit,
    };
    Ok(Json(rows(&mut conn, &[account], wanted).await?))
}

/// Rows of an invoice, with its items.
#[utoipa::path(get, path = "/v1/invoices/{id}/allocations", tag = "allocations", params(IdPath, PageQuery),
    responses((status = 200, description = "A page of rows", body = AllocationsAnswer), ReadRefusals))]
pub(crate) async fn get_invoice_allocations(
    State(ctx): State<Context>,
    caller: Caller,
    at: At,
    query: Paged,
) -> Result<Json<AllocationsAnswer>, Problem> {
    let (id, (after, limit)) = (InvoiceId::from_uuid(id(at)?), page(query)?);
    let mut conn = ctx.pool().begin().await?;
    let (account_id, items) = read::invoice(&mut conn, id)
        .await?
        .ok_or_else(|| unknown("an invoice"))?;
    let account = account(&mut conn, &caller, account_id)
        .await?
        .ok_or_else(|| unknown("an invoice"))?;
    let currency = account.currency;
    let items = read::items(&mut conn, items).await?;
    let wanted = Wanted {
        accounts: vec![account_id],
        invoice: Some(id),
        payment: None,
        after,
        limit,
    };
    let mut answer = rows(&mut conn, &[account], wanted).await?;
    answer.items = Some(items.iter().map(|item| ItemAnswer::new(item, currency)).collect());
    Ok(Json(answer))
}

/// Rows of a payment on all accounts that the caller may see, with what of it is credit.
#[utoipa::path(get, path = "/v1/payments/{id}/allocations", tag = "allocations", params(IdPath, PageQuery),
    responses((status = 200, description = "A page of rows", body = AllocationsAnswer), ReadRefusals))]
pub(crate) async fn get_payment_allocations(
    State(ctx): State<Context>,
    caller: Caller,
    at: At,
    query: Paged,
) -> Result<Json<AllocationsAnswer>, Problem> {
    let (id, (after, limit)) = (PaymentId::from_uuid(id(at)?), page(query)?);
    let mut conn = ctx.pool().begin().await?;
    let funds = read::funds_of_payment(&mut conn, id).await?;
    let ids: BTreeSet<Uuid> = funds.iter().map(|funds| funds.account_id.as_uuid()).collect();
    let all = read::accounts(&mut conn, ids.into_iter().collect()).await?;
    if all.is_empty() {
        return Err(unknown("a payment"));
    }
    // A payment belongs to one creditor; a token for another one learns nothing from it.
    let accounts: Vec<AccountShown> = all
        .iter()
        .filter(|account| allowed(&caller, account).is_ok())
        .cloned()
        .collect();
    if let (true, Some(first)) = (accounts.is_empty(), all.first()) {
        allowed(&caller, first)?;
    }
    let currencies: BTreeMap<AccountId, _> = accounts
        .iter()
        .map(|account| (account.account_id, account.currency))
        .collect();
    let shown = funds.iter().filter_map(|funds| {
        let currency = currencies.get(&funds.account_id)?;
        Some(FundsAnswer::new(funds, *currency))
    });
    let shown = shown.collect();
    let accounts_ids = accounts.iter().map(|account| account.account_id).collect();
    let wanted = Wanted {
        accounts: accounts_ids,
        invoice: None,
        payment: Some(id),
        after,
        limit,
    };
    let mut answer = rows(&mut conn, &accounts, wanted).await?;
    answer.funds = Some(shown);
    Ok(Json(answer))
}

/// A page of rows, with a cursor where more may follow.
async fn rows(
    conn: &mut PgConnection,
    accounts: &[AccountShown],
    wanted: Wanted,
) -> Result<AllocationsAnswer, Problem> {
    let rows = read::allocations(conn, &wanted).await?;
    let invoices: BTreeSet<Uuid> = rows
        .iter()
        .flat_map(|row| &row.explanation.considered)
        .map(|considered| considered.invoice_id.as_uuid())
        .collect();
    let numbers = read::invoice_numbers(conn, invoices.into_iter().collect()).await?;
    let full = i64::try_from(rows.len()).is_ok_and(|count| count >= wanted.limit);
    let next_cursor = rows
        .last()
        .filter(|_| full)
        .map(|row| format!("{}.{}", row.account_id, row.number));
    let open_from: BTreeMap<AccountId, i64> = accounts
        .iter()
        .map(|account| (account.account_id, account.open_from))
        .collect();
    let provisional = |account: AccountId, segment: i64| open_from.get(&account).is_none_or(|from| segment >= *from);
    let shown = rows
        .iter()
        .map(|row| AllocationAnswer::new(row, provisional(row.account_id, row.segment), &numbers));
    Ok(AllocationsAnswer {
        allocations: shown.collect(),
        items: None,
        funds: None,
        next_cursor,
    })
}
