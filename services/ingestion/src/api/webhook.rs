//! PayU LatAm's confirmation URL. PayU takes 200 as "stored" and sends again otherwise, so the bytes are durable first.

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use http_body_util::LengthLimitError;
use runtime::{Context, Failure, Problem, Scope};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::config::Config;
use crate::import::WAKE_WEBHOOKS;
use crate::payu::{PROVIDER, read_form, signed_by};
use crate::store::raw::{self, INLINE_BYTES, NewRaw};

const COUNTER: &str = "incasso_webhooks_total";
const HELP: &str = "Provider confirmations by merchant and result.";

/// PayU's fields that count; all others are kept with the bytes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its schema is used; the bytes are stored as they came")]
pub struct PayuForm {
    /// The merchant at PayU.
    merchant_id: String,
    /// Final state: `4` approved, `5` expired, `6` declined.
    state_pol: String,
    /// Our reference, unique per sale: an invoice's or contract's number.
    reference_sale: String,
    /// PayU's order.
    reference_pol: String,
    /// PayU's transaction: one per attempt.
    transaction_id: String,
    /// Amount as text with a point.
    value: String,
    /// ISO 4217 code.
    currency: String,
    /// The signature, hexadecimal.
    sign: String,
}

/// Takes a confirmation. 200 once its bytes are safe, also for one that came before; 4xx for a wrong signature: kept,
/// counted, never booked.
#[utoipa::path(post, path = "/v1/webhooks/payu-latam/{merchant}", operation_id = "confirm_payu_latam", tag = "webhooks", security(()),
    params(("merchant" = String, Path, description = "the merchant's id at PayU")),
    request_body(content = PayuForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "Stored"),
        (status = 401, description = "Wrongly signed, or another merchant's", headers(("WWW-Authenticate" = String))),
        (status = 404, description = "No such merchant"), (status = 413, description = "Above 64 KiB"),
        (status = 503, description = "Could not be stored; sent again after Retry-After")))]
pub async fn payu_latam(
    State(ctx): State<Context>,
    Path(merchant): Path<String>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let config = ctx.config::<Config>();
    let counted = ctx.metrics().counter(COUNTER, HELP, &["merchant", "result"]);
    let Some(known) = config.payu_merchant(&merchant) else {
        counted.inc(&["unknown", "unknown-merchant"]);
        return Err(Problem::not_found("there is no such merchant"));
    };
    let limit = config.webhook_limit_bytes.min(INLINE_BYTES);
    let bytes = to_bytes(body, limit).await.map_err(|error| unread(&error, limit))?;
    let good = signed_by(known, &read_form(&bytes));
    let new = store(&ctx, &merchant, &bytes, good)
        .await
        .inspect_err(|_| counted.inc(&[&merchant, "not-stored"]))?;
    if !good {
        counted.inc(&[&merchant, "wrong-signature"]);
        tracing::warn!(
            merchant,
            "a confirmation with a wrong signature was kept and not booked"
        );
        return Err(Problem::unauthorized("the signature is wrong").with_kind("wrong-signature"));
    }
    counted.inc(&[&merchant, if new { "stored" } else { "seen-again" }]);
    ctx.wake(WAKE_WEBHOOKS).notify_one();
    Ok(StatusCode::OK)
}

/// A body that is too large is told from one that broke off: only of the latter the sender should try again.
fn unread(error: &axum::Error, limit: usize) -> Problem {
    let too_large = std::error::Error::source(error).is_some_and(|cause| cause.is::<LengthLimitError>());
    if too_large {
        Problem::too_large(u64::try_from(limit).unwrap_or(u64::MAX))
    } else {
        Problem::bad_request("the body could not be read to its end")
    }
}

/// Stores the bytes; a wrongly signed body is another item than the same body rightly signed.
async fn store(ctx: &Context, merchant: &str, bytes: &[u8], good: bool) -> Result<bool, Failure> {
    let source = format!("{PROVIDER}:{merchant}");
    let sha256 = hex::encode(Sha256::digest(bytes));
    let refused = (!good).then_some("wrong-signature");
    let raw_id = if good {
        raw::raw_id(&source, &sha256)
    } else {
        raw::raw_id(&format!("{source}:refused"), &sha256)
    };
    let mut tx = ctx.begin(Scope::Service).await?;
    let new = raw::store(
        tx.conn(),
        &NewRaw {
            raw_id,
            source: &source,
            origin: "webhook",
            sha256: &sha256,
            size_bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            body: Some(bytes),
            acts_for: &["*".to_owned()],
            received_at: ctx.now().utc(),
            refused,
        },
    )
    .await?;
    tx.commit().await?;
    Ok(new)
}
