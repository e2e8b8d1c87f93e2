//! PayU LatAm's confirmation URL. PayU takes 200 as "stored" and sends again otherwise, so the bytes are durable first.

use axum::body::{Body, to_bytes};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use runtime::{Context, Failure, Problem, Scope};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::import::WAKE_WEBHOOKS;
use crate::payu::{PROVIDER, read_form, signed_by};
use crate::store::raw::{self, INLINE_BYTES, NewRaw};

const COUNTER: &str = "incasso_webhooks_total";
const HELP: &str = "Provider confirmations by merchant and result.";

/// Takes a confirmation. 200 once its bytes are safe, also for one that came before; 4xx for a wrong signature: kept,
/// counted, never booked.
#[utoipa::path(post, path = "/v1/webhooks/payu-latam/{merchant}", tag = "webhooks", security(()),
    params(("merchant" = String, Path, description = "the merchant's id at PayU")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, description = "stored"), (status = 401, description = "wrongly signed, or another merchant's"),
              (status = 404, description = "no such merchant"), (status = 413, description = "above 64 KiB"),
              (status = 503, description = "could not be stored; sent again after Retry-After")))]
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
    let bytes = to_bytes(body, limit)
        .await
        .map_err(|_| Problem::too_large(u64::try_from(limit).unwrap_or(u64::MAX)))?;
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
