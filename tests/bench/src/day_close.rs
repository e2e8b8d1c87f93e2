//! Days over accounts with nothing to do: from the call to allocation's certificate.

use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use crate::inputs::{self, CREDITOR};
use crate::number::ratio;
use crate::place::Place;

const PATIENCE: Duration = Duration::from_secs(120);

/// Measures; the median of four days.
///
/// # Errors
/// Something does not run, or a day does not close.
pub async fn run(accounts: usize) -> anyhow::Result<Value> {
    let place = Place::start("").await?;
    let measured = measure(&place, accounts).await;
    place.end().await;
    measured
}

async fn measure(place: &Place, accounts: usize) -> anyhow::Result<Value> {
    let today = inputs::today()?;
    inputs::creditor(place, today).await?;
    eprintln!("bench: {accounts} accounts");
    inputs::accounts(place, 0, accounts, 0, today).await?;
    let mut on = (0..5).fold(today, |on, _| on.pred());
    let mut took = Vec::new();
    for day in 0..5 {
        let micros = close(place, on).await?;
        eprintln!("bench: {on} closed after {} ms", micros / 1_000);
        // The first day has the accounts' opening in it.
        if day > 0 {
            took.push(micros);
        }
        on = on.succ();
    }
    took.sort_unstable();
    let median = took.get(took.len() / 2).copied().context("no day was closed")?;
    Ok(json!({
        "accounts": accounts,
        "seconds": ratio(median, 1_000_000, 3),
        "accounts_per_s": u64::try_from(accounts)?.saturating_mul(1_000_000).checked_div(median),
        "days_ms": took.iter().map(|micros| micros / 1_000).collect::<Vec<_>>(),
    }))
}

/// Closes a day; microseconds until both services certified it.
///
/// # Errors
/// It is not the open day, or does not close.
pub async fn close(place: &Place, on: kernel::BusinessDate) -> anyhow::Result<u64> {
    let began = Instant::now();
    let body = json!({"calendar": "RO@17:00@Europe/Bucharest", "through": on.to_string()});
    let url = place.url("billing", "/v1/clock/close")?;
    let answer = place.json(place.http.post(url).json(&body)).await?;
    let sequence = answer.pointer("/closed/0/sequence").and_then(Value::as_i64);
    let sequence = sequence.with_context(|| format!("{CREDITOR}'s {on} was not open: {answer}"))?;
    for service in ["ingestion", "allocation"] {
        let after = sequence.saturating_sub(1);
        let url = place.url(service, &format!("/v1/operations/certificates?after={after}"))?;
        loop {
            let found = place.json(place.http.get(&url)).await?;
            let certificates = found.get("certificates").and_then(Value::as_array);
            if certificates.is_some_and(|certificates| !certificates.is_empty()) {
                break;
            }
            if began.elapsed() > PATIENCE {
                bail!("{service} did not close {on} within {PATIENCE:?}");
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    Ok(u64::try_from(began.elapsed().as_micros())?)
}
