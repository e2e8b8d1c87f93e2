//! Confirmations at a steady rate: from sending each to seeing its allocation on the topic.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use contracts::{FundsAllocated, Message as _, codec};
use kernel::{CreditorId, InvoiceId};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::inputs::{self, API_KEY, CREDITOR, MERCHANT};
use crate::number::{millis, ratio};
use crate::place::Place;

/// Allocations may be this late before the measurement gives up.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measures.
///
/// # Errors
/// Something does not run, or an allocation does not come.
pub async fn run(rate: usize, seconds: usize) -> anyhow::Result<Value> {
    let more = format!(
        "[[ingestion.payu_latam]]\nmerchant_id = \"{MERCHANT}\"\nalgorithm = \"sha256\"\napi_key = \"{API_KEY}\"\n"
    );
    let place = Place::start(&more).await?;
    let measured = measure(&place, rate, seconds).await;
    place.end().await;
    measured
}

async fn measure(place: &Place, rate: usize, seconds: usize) -> anyhow::Result<Value> {
    let on = inputs::today()?;
    let count = rate.saturating_mul(seconds);
    inputs::creditor(place, on).await?;
    inputs::accounts(place, 0, count, 1, on).await?;
    let bodies: Vec<String> = (0..count).map(inputs::confirmation).collect();
    let watched = place.watched().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let topic = format!("{}allocation.account.v1", place.prefix);
    let mut tail = testkit::Tail::new(place.stack.kafka(), &topic)?;
    let before = watched.sample().await?;
    let listener = tokio::task::spawn_blocking(move || listen(&mut tail, count));
    let accepted = send(place, bodies, rate).await?;
    let published = listener.await??;
    let spent = watched.sample().await?.since(&before);
    let creditor = CreditorId::derive(CREDITOR);
    let (mut took, mut after) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for (account, (sent, answered)) in accepted.iter().enumerate() {
        let invoice = InvoiceId::derive(creditor, &inputs::invoice(account, 0));
        let seen = published.get(&invoice).context("an allocation did not come")?;
        took.push(micros(seen.saturating_duration_since(*sent)));
        after.push(micros(seen.saturating_duration_since(*answered)));
    }
    took.sort_unstable();
    after.sort_unstable();
    let at = |of: &[u64], percent: usize| of.get(of.len().saturating_mul(percent) / 100).copied().unwrap_or(0);
    let count = u64::try_from(count)?;
    let counted = spent.iter().filter(|(name, _)| *name != "postgres for bench");
    let by_process: BTreeMap<&str, Value> = counted
        .clone()
        .map(|(name, micros)| (name.as_str(), ratio(*micros, count, 0)))
        .collect();
    let total: u64 = counted.map(|(_, micros)| *micros).sum();
    Ok(json!({
        "rate": rate,
        "confirmations": count,
        "p50_ms": millis(at(&after, 50)),
        "p95_ms": millis(at(&after, 95)),
        "p99_ms": millis(at(&after, 99)),
        "max_ms": millis(after.last().copied().unwrap_or(0)),
        "from_sending": {
            "p50_ms": millis(at(&took, 50)),
            "p95_ms": millis(at(&took, 95)),
            "p99_ms": millis(at(&took, 99)),
        },
        "cpu_us_per_confirmation": by_process,
        "cpu_us_total": ratio(total, count, 0),
    }))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Open loop: each is sent at its moment, whatever became of those before. Gives when each was sent and answered.
async fn send(place: &Place, bodies: Vec<String>, rate: usize) -> anyhow::Result<Vec<(Instant, Instant)>> {
    let url = place.url("ingestion", &format!("/v1/webhooks/payu-latam/{MERCHANT}"))?;
    let times = Arc::new(Mutex::new(vec![None; bodies.len()]));
    let began = Instant::now();
    let mut requests = tokio::task::JoinSet::new();
    for (at, body) in bodies.into_iter().enumerate() {
        let due = Duration::from_micros(u64::try_from(at.saturating_mul(1_000_000) / rate.max(1))?);
        tokio::time::sleep(due.saturating_sub(began.elapsed())).await;
        let request = place
            .http
            .post(&url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        let times = Arc::clone(&times);
        requests.spawn(async move {
            let sent = Instant::now();
            let status = request.send().await?.status();
            ensure!(status.is_success(), "a confirmation was answered {status}");
            if let Some(time) = times.lock().await.get_mut(at) {
                *time = Some((sent, Instant::now()));
            }
            anyhow::Ok(())
        });
    }
    while let Some(request) = requests.join_next().await {
        request??;
    }
    let times = std::mem::take(&mut *times.lock().await);
    times
        .into_iter()
        .map(|time| time.context("a confirmation was not answered"))
        .collect()
}

/// When the allocation of each invoice was first seen.
fn listen(tail: &mut testkit::Tail, count: usize) -> anyhow::Result<HashMap<InvoiceId, Instant>> {
    let mut seen = HashMap::with_capacity(count);
    let mut heard = Instant::now();
    while seen.len() < count {
        let Some(record) = tail.next(Duration::from_millis(500))? else {
            ensure!(heard.elapsed() < PATIENCE, "{} of {count} allocations came", seen.len());
            continue;
        };
        let at = Instant::now();
        heard = at;
        if record.header("ce_type") == Some(FundsAllocated::TYPE)
            && let Some(payload) = &record.payload
        {
            let allocated: FundsAllocated = codec::decode(payload)?;
            seen.entry(allocated.invoice_id).or_insert(at);
        }
    }
    Ok(seen)
}
