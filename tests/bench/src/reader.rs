//! Large files: how fast each reader is, and what the importing process needs for a camt.053.

use std::fs::{self, File};
use std::io::{BufReader, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::cpu;
use crate::inputs::{self, Payment};
use crate::number::ratio;
use crate::place::Place;
use crate::readers;

const PATIENCE: Duration = Duration::from_secs(1_800);
/// An entry of these files, about.
const ENTRY_BYTES: usize = 830;

/// Measures with a file of so many megabytes.
///
/// # Errors
/// Something does not run, or the file is not read.
pub async fn run(megabytes: usize) -> anyhow::Result<Value> {
    let place = Place::start("").await?;
    let measured = measure(&place, megabytes).await;
    place.end().await;
    measured
}

async fn measure(place: &Place, megabytes: usize) -> anyhow::Result<Value> {
    let on = inputs::today()?;
    inputs::creditor(place, on).await?;
    let path = place.folder().join("large.xml");
    let entries = write(&path, megabytes, on)?;
    let bytes = fs::metadata(&path)?.len();
    let began = Instant::now();
    let (summary, _) = ingestion::formats::check(
        BufReader::new(File::open(&path)?),
        &ingestion::formats::Settings::default(),
    )?;
    let took = u64::try_from(began.elapsed().as_micros())?;
    anyhow::ensure!(summary.quarantined == 0, "{summary:?}");
    let readers = readers::measure(place.folder(), &path, megabytes)?;
    eprintln!("bench: read; now imported");
    let process = place.process("ingestion")?;
    let before_kib = cpu::peak_memory_kib(process)?;
    let began = Instant::now();
    let body = reqwest::Body::from(tokio::fs::File::open(&path).await?);
    let url = place.url("ingestion", "/v1/statements")?;
    let request = place
        .http
        .post(url)
        .header("content-type", "application/xml")
        .body(body);
    let answer = place.json(request).await?;
    booked(place, &answer).await?;
    let imported = u64::try_from(began.elapsed().as_micros())?;
    Ok(json!({
        "megabytes": bytes / 1_000_000,
        "entries": entries,
        "reader_mb_per_s": ratio(bytes, took, 1),
        "readers": readers,
        "import_seconds": ratio(imported, 1_000_000, 1),
        "peak_memory_mib_before": before_kib / 1_024,
        "peak_memory_mib": cpu::peak_memory_kib(process)? / 1_024,
    }))
}

async fn booked(place: &Place, answer: &Value) -> anyhow::Result<()> {
    let raw = answer.get("raw_id").and_then(Value::as_str).context("no raw_id")?;
    let url = place.url("ingestion", &format!("/v1/raw/{raw}"))?;
    let began = Instant::now();
    loop {
        let now = place.json(place.http.get(&url)).await?;
        match now.get("state").and_then(Value::as_str) {
            Some("done") => return Ok(()),
            Some("received" | "proved") if began.elapsed() < PATIENCE => {}
            _ => anyhow::bail!("the file was not booked: {now}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Streamed: one statement in as many pieces as it takes.
fn write(path: &Path, megabytes: usize, on: kernel::BusinessDate) -> anyhow::Result<usize> {
    let entries = megabytes.saturating_mul(1_000_000).div_ceil(ENTRY_BYTES);
    let payments: Vec<Payment> = (0..entries)
        .map(|account| Payment {
            account,
            number: 0,
            amount_minor: inputs::AMOUNT_MINOR,
        })
        .collect();
    let mut file = File::create(path)?;
    file.write_all(inputs::statement(0, &payments, 0, on)?.as_bytes())?;
    Ok(entries)
}
