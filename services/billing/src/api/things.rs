//! PUT and GET of single things.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use kernel::CreditorId;
use runtime::openapi::{BodyRefusals, ReadRefusals};
use runtime::{Caller, Context, Failure, Problem};

use super::answers::{
    AccountShown, CreditorPath, CreditorShown, DebtorShown, InvoiceShown, PlaceShown, PutAnswer, ThingPath,
    VersionConflict, json, path, refused, unprocessable,
};
use super::require_writer;
use crate::bodies::fields::ExternalId;
use crate::bodies::{AccountBody, Body, CreditorBody, DebtorBody, InvoiceBody, PlaceBody};
use crate::domain::{FieldError, Outcome};
use crate::puts::{self, ChunkError, Incoming};
use crate::registration::{self, RegisterError};
use crate::store::{creditors, read};

type PathOf<T> = Result<Path<T>, PathRejection>;

fn answer(id: String, external_id: String, version: i64, outcome: Outcome) -> Response {
    let status = StatusCode::from_u16(outcome.status()).unwrap_or(StatusCode::OK);
    (
        status,
        Json(PutAnswer {
            id,
            external_id,
            version,
            outcome: outcome.into(),
        }),
    )
        .into_response()
}

fn external_id(text: String) -> Result<ExternalId, FieldError> {
    ExternalId::try_from(text).map_err(|_| FieldError {
        pointer: String::new(),
        rule: "external-id",
        detail: "the path's external id: 1 to 100 characters, no blanks at either end, no control characters"
            .to_owned(),
    })
}

async fn put_thing<B: Body>(
    ctx: Context,
    caller: Caller,
    at: PathOf<ThingPath>,
    request: Request,
) -> Result<Response, Problem> {
    let at = path(at)?;
    require_writer(&caller, &at.creditor)?;
    let external_id = external_id(at.external_id).map_err(|error| unprocessable(vec![error]))?;
    let body: B = json(request).await?;
    let incoming = [Incoming::new(external_id, body).map_err(unprocessable)?];
    let results = puts::put(&ctx, &at.creditor, &incoming)
        .await
        .map_err(|error| match error {
            ChunkError::UnknownCreditor => unknown_creditor(),
            ChunkError::Failure(failure) => failure.into(),
        })?;
    let [sent] = incoming;
    match results.into_iter().next() {
        Some(Ok((id, outcome))) => Ok(answer(id.to_string(), sent.external_id, sent.content.version, outcome)),
        Some(Err(refusal)) => Err(refused(refusal)),
        None => Err(Failure::new(anyhow::anyhow!("a put without a result")).into()),
    }
}

/// No such creditor.
pub fn unknown_creditor() -> Problem {
    Problem::not_found("no such creditor is registered")
}

fn not_found() -> Problem {
    Problem::not_found("no such thing was sent under this creditor")
}

/// Registers or changes a creditor.
#[utoipa::path(put, path = "/v1/creditors/{creditor}", tag = "creditors", params(CreditorPath),
    request_body = CreditorBody,
    responses((status = 200, description = "Changed, or nothing to change", body = PutAnswer),
        (status = 201, description = "Registered", body = PutAnswer), VersionConflict, ReadRefusals, BodyRefusals))]
pub async fn put_creditor(
    State(ctx): State<Context>,
    caller: Caller,
    at: PathOf<CreditorPath>,
    request: Request,
) -> Result<Response, Problem> {
    let code = path(at)?.creditor;
    require_writer(&caller, &code)?;
    let body: CreditorBody = json(request).await?;
    let version = body.version.get();
    match registration::put(&ctx, &code, body).await {
        Ok(outcome) => Ok(answer(CreditorId::derive(&code).to_string(), code, version, outcome)),
        Err(RegisterError::Refused(refusal)) => Err(refused(refusal)),
        Err(RegisterError::Failure(failure)) => Err(failure.into()),
    }
}

/// Sends a debtor.
#[utoipa::path(put, path = "/v1/creditors/{creditor}/debtors/{external_id}", tag = "debtors", params(ThingPath),
    request_body = DebtorBody,
    responses((status = 200, description = "Changed, or nothing to change", body = PutAnswer),
        (status = 201, description = "New", body = PutAnswer), VersionConflict, ReadRefusals, BodyRefusals))]
pub async fn put_debtor(
    State(ctx): State<Context>,
    caller: Caller,
    at: PathOf<ThingPath>,
    request: Request,
) -> Result<Response, Problem> {
    put_thing::<DebtorBody>(ctx, caller, at, request).await
}

/// Sends an account; its debtor must have been sent before.
#[utoipa::path(put, path = "/v1/creditors/{creditor}/accounts/{external_id}", tag = "accounts", params(ThingPath),
    request_body = AccountBody,
    responses((status = 200, description = "Changed, or nothing to change", body = PutAnswer),
        (status = 201, description = "New", body = PutAnswer), VersionConflict, ReadRefusals, BodyRefusals))]
pub async fn put_account(
    State(ctx): State<Context>,
    caller: Caller,
    at: PathOf<ThingPath>,
    request: Request,
) -> Result<Response, Problem> {
    put_thing::<AccountBody>(ctx, caller, at, request).await
}

/// Sends a place; its account must have been sent before.
#[utoipa::path(put, path = "/v1/creditors/{creditor}/places/{external_id}", tag = "places", params(ThingPath),
    request_body = PlaceBody,
    responses((status = 200, description = "Changed, or nothing to change", body = PutAnswer),
        (status = 201, description = "New", body = PutAnswer), VersionConflict, ReadRefusals, BodyRefusals))]
pub async fn put_place(
    State(ctx): State<Context>,
    caller: Caller,
    at: PathOf<ThingPath>,
    request: Request,
) -> Result<Response, Problem> {
    put_thing::<PlaceBody>(ctx, caller, at, request).await
}

/// Sends an invoice or credit note; its account must have been sent before.
#[utoipa::path(put, path = "/v1/creditors/{creditor}/invoices/{external_id}", tag = "invoices", params(ThingPath),
    request_body = InvoiceBody,
    responses((status = 200, description = "Changed, or nothing to change", body = PutAnswer),
        (status = 201, description = "New", body = PutAnswer), VersionConflict, ReadRefusals, BodyRefusals))]
pub async fn put_invoice(
    State(ctx): State<Context>,
    caller: Caller,
    at: PathOf<ThingPath>,
    request: Request,
) -> Result<Response, Problem> {
    put_thing::<InvoiceBody>(ctx, caller, at, request).await
}

/// Shows a creditor.
#[utoipa::path(get, path = "/v1/creditors/{creditor}", tag = "creditors", params(CreditorPath),
    responses((status = 200, description = "As it was sent last", body = CreditorShown), ReadRefusals))]
pub async fn get_creditor(
    State(ctx): State<Context>,
    caller: Caller,
    at: PathOf<CreditorPath>,
) -> Result<Json<CreditorShown>, Problem> {
    let code = path(at)?.creditor;
    caller.require_creditor(&code)?;
    let mut conn = ctx.pool().acquire().await?;
    let found = creditors::find(&mut conn, &code).await?.ok_or_else(unknown_creditor)?;
    Ok(Json(CreditorShown {
        id: found.creditor_id.to_string(),
        external_id: code,
        received_at: found.received_at,
        calendar: found.calendar.to_string(),
        first_on: found.first_on,
        data: found.body,
    }))
}

/// The creditor and the thing's external id, for a caller that may see it.
fn readable(caller: &Caller, at: PathOf<ThingPath>) -> Result<(CreditorId, String), Problem> {
    let at = path(at)?;
    caller.require_creditor(&at.creditor)?;
    // What cannot have been sent is not there; it would not reach the database as text either.
    let external_id = external_id(at.external_id).map_err(|_| not_found())?;
    Ok((CreditorId::derive(&at.creditor), external_id.into()))
}

/// Shows a debtor.
#[utoipa::path(get, path = "/v1/creditors/{creditor}/debtors/{external_id}", tag = "debtors", params(ThingPath),
    responses((status = 200, description = "As it was sent last", body = DebtorShown), ReadRefusals))]
pub async fn get_debtor(
    State(ctx): State<Context>,
    caller: Caller,
    at: PathOf<ThingPath>,
) -> Result<Json<DebtorShown>, Problem> {
    let (creditor, external_id) = readable(&caller, at)?;
    let found = read::debtor(ctx.pool(), creditor, &external_id)
        .await?
        .ok_or_else(not_found)?;
    let (id, received_at) = (found.id.to_string(), found.received_at);
    Ok(Json(DebtorShown {
        id,
        external_id,
        received_at,
        data: found.body,
    }))
}

/// Shows an account.
#[utoipa::path(get, path = "/v1/creditors/{creditor}/accounts/{external_id}", tag = "accounts", params(ThingPath),
    responses((status = 200, description = "As it was sent last", body = AccountShown), ReadRefusals))]
pub async fn get_account(
    State(ctx): State<Context>,
    caller: Caller,
    at: PathOf<ThingPath>,
) -> Result<Json<AccountShown>, Problem> {
    let (creditor, external_id) = readable(&caller, at)?;
    let found = read::account(ctx.pool(), creditor, &external_id)
        .await?
        .ok_or_else(not_found)?;
    let (id, received_at) = (found.id.to_string(), found.received_at);
    Ok(Json(AccountShown {
        id,
        external_id,
        received_at,
        data: found.body,
    }))
}

/// Shows a place.
#[utoipa::path(get, path = "/v1/creditors/{creditor}/places/{external_id}", tag = "places", params(ThingPath),
    responses((status = 200, description = "As it was sent last", body = PlaceShown), ReadRefusals))]
pub async fn get_place(
    State(ctx): State<Context>,
    caller: Caller,
    at: PathOf<ThingPath>,
) -> Result<Json<PlaceShown>, Problem> {
    let (creditor, external_id) = readable(&caller, at)?;
    let found = read::place(ctx.pool(), creditor, &external_id)
        .await?
        .ok_or_else(not_found)?;
    let (id, received_at) = (found.id.to_string(), found.received_at);
    Ok(Json(PlaceShown {
        id,
        external_id,
        received_at,
        data: found.body,
    }))
}

/// Shows an invoice or credit note.
#[utoipa::path(get, path = "/v1/creditors/{creditor}/invoices/{external_id}", tag = "invoices", params(ThingPath),
    responses((status = 200, description = "As it was sent last", body = InvoiceShown), ReadRefusals))]
pub async fn get_invoice(
    State(ctx): State<Context>,
    caller: Caller,
    at: PathOf<ThingPath>,
) -> Result<Json<InvoiceShown>, Problem> {
    let (creditor, external_id) = readable(&caller, at)?;
    let (found, amounts) = read::invoice(ctx.pool(), creditor, &external_id)
        .await?
        .ok_or_else(not_found)?;
    Ok(Json(InvoiceShown {
        id: found.id.to_string(),
        external_id,
        received_at: found.received_at,
        credited_minor: amounts.credited_minor,
        cancelled_on: amounts.cancelled_on,
        replaced_by: amounts.replaced_by.map(|id| id.to_string()),
        data: found.body,
    }))
}
