//! What everybody takes while nothing happens.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::inputs;
use crate::number::ratio;
use crate::place::Place;

/// Measures for so many seconds.
///
/// # Errors
/// Something does not run.
pub async fn run(seconds: u64) -> anyhow::Result<Value> {
    let place = Place::start("").await?;
    let measured = measure(&place, seconds).await;
    place.end().await;
    measured
}

async fn measure(place: &Place, seconds: u64) -> anyhow::Result<Value> {
    let on = inputs::today()?;
    inputs::creditor(place, on).await?;
    inputs::accounts(place, 0, 1_000, 1, on).await?;
    let watched = place.watched().await?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let before = watched.sample().await?;
    let began = Instant::now();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let took = u64::try_from(began.elapsed().as_micros())?;
    let spent = watched.sample().await?.since(&before);
    let percent = |micros: u64| ratio(micros.saturating_mul(100), took, 2);
    let own = spent
        .iter()
        .filter(|(name, _)| crate::place::SERVICES.contains(&name.as_str()));
    let all: serde_json::Map<String, Value> = spent
        .iter()
        .map(|(name, micros)| (name.clone(), percent(*micros)))
        .collect();
    Ok(json!({
        "seconds": seconds,
        "own_percent_of_a_core": percent(own.map(|(_, micros)| *micros).sum()),
        "percent_of_a_core": all,
    }))
}
