//! Bank file → ingestion → Kafka → allocation → Kafka.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde_json::{Value, json};

use crate::number::ratio;
use crate::place::Place;
use crate::{bare, inputs};

/// Open items per account; the first is paid, and two accounts of five pay half of the second with it.
const INVOICES: usize = 2;
/// Entries per file.
const ENTRIES: usize = 20_000;
const PATIENCE: Duration = Duration::from_secs(1_800);
/// Accounts that are there already have one item each that nobody pays.
const SETTLINGS_MILLI: u64 = 1_400;

/// Measures; see the README of the tests for what the figures mean.
///
/// # Errors
/// Something does not run, or not every payment came through.
pub async fn run(payments: usize, items: usize) -> anyhow::Result<Value> {
    let place = Place::start("").await?;
    let measured = measure(&place, payments, items).await;
    place.end().await;
    measured
}

async fn measure(place: &Place, payments: usize, items: usize) -> anyhow::Result<Value> {
    let on = inputs::today()?;
    let (accounts, paid) = (payments, payments);
    eprintln!("bench: {accounts} accounts with {INVOICES} invoices each");
    inputs::creditor(place, on).await?;
    inputs::accounts(place, 0, accounts, INVOICES, on).await?;
    if items > 0 {
        eprintln!("bench: {items} items that stay open");
        let more = accounts.saturating_add(items.div_ceil(INVOICES));
        inputs::accounts(place, accounts, more, INVOICES, on).await?;
        let all = u64::try_from(more.saturating_mul(INVOICES))?;
        for service in ["ingestion", "allocation"] {
            place.handled(service, "billing.invoice.v1", all, PATIENCE).await?;
        }
    }
    let files = files(accounts, on)?;
    // What is paid was issued on an earlier day.
    let first_on = (0..5).fold(on, |on, _| on.pred());
    crate::day_close::close(place, first_on).await?;
    settle(place).await?;
    eprintln!("bench: {paid} payments in {} files", files.len());
    let watched = place.watched().await?;
    let before = watched.sample().await?;
    let began = Instant::now();
    for file in files {
        let url = place.url("ingestion", "/v1/statements")?;
        let request = place
            .http
            .post(url)
            .header("content-type", "application/xml")
            .body(file);
        place.good(request).await?;
    }
    let count = u64::try_from(paid)?;
    place
        .handled("allocation", "payments.funds.v1", count, PATIENCE)
        .await?;
    published(place).await?;
    let took = u64::try_from(began.elapsed().as_micros())?;
    let spent = watched.sample().await?.since(&before);
    check(place, paid).await?;
    eprintln!("bench: the bare transaction");
    let bare = bare::run(place).await?;
    Ok(figures(count, took, &spent, bare))
}

fn figures(payments: u64, took: u64, spent: &BTreeMap<String, u64>, bare_per_s: u64) -> Value {
    let per_payment = |micros: u64| ratio(micros, payments, 1);
    let by: serde_json::Map<String, Value> = spent
        .iter()
        .filter(|(name, _)| *name != "postgres for bench")
        .map(|(name, micros)| (name.clone(), per_payment(*micros)))
        .collect();
    let total = spent
        .iter()
        .filter(|(name, _)| *name != "postgres for bench")
        .map(|(_, micros)| *micros)
        .sum();
    let per_s = payments.saturating_mul(1_000_000).checked_div(took).unwrap_or(0);
    json!({
        "payments": payments,
        "seconds": ratio(took, 1_000_000, 2),
        "payments_per_s": per_s,
        "bare_per_s": bare_per_s,
        "ratio": ratio(per_s, bare_per_s, 2),
        "allocations_per_payment": ratio(SETTLINGS_MILLI, 1_000, 1),
        "cpu_us_per_payment": by,
        "cpu_us_total": per_payment(total),
    })
}

fn files(accounts: usize, on: kernel::BusinessDate) -> anyhow::Result<Vec<String>> {
    let payments = inputs::payments(accounts);
    let (mut files, mut opening) = (Vec::new(), 0_i64);
    for (number, part) in payments.chunks(ENTRIES).enumerate() {
        files.push(inputs::statement(number, part, opening, on)?);
        opening = part
            .iter()
            .fold(opening, |sum, payment| sum.saturating_add(payment.amount_minor));
    }
    Ok(files)
}

/// Until what came before is published and written down: its work is not the measurement's.
async fn settle(place: &Place) -> anyhow::Result<()> {
    for service in crate::place::SERVICES {
        drained(place, service).await?;
    }
    let pool = place.pool("allocation").await?;
    sqlx::query("CHECKPOINT").execute(&pool).await?;
    Ok(())
}

async fn published(place: &Place) -> anyhow::Result<()> {
    drained(place, "ingestion").await?;
    drained(place, "allocation").await
}

async fn drained(place: &Place, service: &str) -> anyhow::Result<()> {
    let pool = place.pool(service).await?;
    loop {
        let empty: bool = sqlx::query_scalar("SELECT NOT EXISTS (SELECT FROM rt_outbox)")
            .fetch_one(&pool)
            .await?;
        if empty {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Every payment is there once, with every cent of it somewhere.
async fn check(place: &Place, payments: usize) -> anyhow::Result<()> {
    let received: i64 = sqlx::query_scalar("SELECT sum(amount_minor)::bigint FROM payment")
        .fetch_one(&place.pool("ingestion").await?)
        .await?;
    let pool = place.pool("allocation").await?;
    let (count, assigned, credit): (i64, i64, i64) =
        sqlx::query_as("SELECT count(*), sum(assigned_minor)::bigint, sum(credit_minor)::bigint FROM funds")
            .fetch_one(&pool)
            .await?;
    let allocated: i64 = sqlx::query_scalar("SELECT sum(amount_minor)::bigint FROM allocations")
        .fetch_one(&pool)
        .await?;
    ensure!(
        usize::try_from(count)? == payments,
        "{count} of {payments} payments came through"
    );
    ensure!(received == assigned, "{received} received, {assigned} assigned");
    ensure!(
        assigned == allocated + credit,
        "{assigned} assigned, {allocated} allocated, {credit} credit"
    );
    Ok(())
}
