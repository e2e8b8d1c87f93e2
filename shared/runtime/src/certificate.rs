//! Certificates: one per service, calendar and day, hash-chained and published.

use std::collections::BTreeMap;

use contracts::catalogue::{self, Topic};
use contracts::{BankCoverage, CertifiedSum, DayCertified, InputPosition, JournalPosted};
use kernel::MessageId;
use serde::{Deserialize, Serialize};
use sqlx::types::Json;

use crate::{Day, Failure, Part, Tx, digest};

/// One partition's part, as kept until the last one joins.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct KeptPart {
    sums: Vec<CertifiedSum>,
    rows: i64,
    digest: String,
    inputs: Vec<InputPosition>,
    #[serde(default)]
    coverage: Vec<BankCoverage>,
}

/// The offsets reached on a partition's waited-for inputs: the same however often and wherever the day runs. Feedback is
/// wherever it happens to be, and is noted in `rt_day` alone.
pub(crate) fn positions(partition: u32, positions: &BTreeMap<String, i64>, waited: &[&str]) -> Vec<InputPosition> {
    let partition = i32::try_from(partition).unwrap_or(i32::MAX);
    let waited = positions.iter().filter(|(topic, _)| waited.contains(&topic.as_str()));
    waited
        .map(|(topic, next)| InputPosition {
            topic: topic.clone(),
            partition,
            next_offset: *next,
        })
        .collect()
}

fn output(service: &str, event: &str) -> Option<&'static Topic> {
    catalogue::outputs(service).find(|topic| topic.events.contains(&event))
}

/// Adds a part; the last one joins all, chains the certificate and publishes it. Returns the joint problems if it joined.
pub async fn add_part(
    tx: &mut Tx,
    day: &Day,
    part: &Part,
    inputs: Vec<InputPosition>,
    parts: u32,
    judge: &(dyn Fn(&[CertifiedSum]) -> Vec<String> + Sync),
) -> Result<Option<Vec<String>>, Failure> {
    post_journal(tx, &part.journal, day)?;
    // The chain's row serialises the last steps of closing partitions: else two could each see the other's part missing.
    let previous: String = sqlx::query_scalar("SELECT hash FROM rt_chain FOR UPDATE")
        .fetch_one(tx.conn())
        .await?;
    let kept = KeptPart {
        sums: part.sums.clone(),
        rows: part.rows,
        digest: hex::encode(part.digest),
        inputs,
        coverage: part.coverage.clone(),
    };
    sqlx::query("INSERT INTO rt_certificate_part (sequence, partition, part) VALUES ($1, $2, $3)")
        .bind(day.sequence)
        .bind(
            day.partition
                .map_or(-1, |partition| i32::try_from(partition).unwrap_or(i32::MAX)),
        )
        .bind(Json(kept))
        .execute(tx.conn())
        .await?;
    let rows: Vec<Json<KeptPart>> =
        sqlx::query_scalar("SELECT part FROM rt_certificate_part WHERE sequence = $1 ORDER BY partition")
            .bind(day.sequence)
            .fetch_all(tx.conn())
            .await?;
    if u32::try_from(rows.len()).unwrap_or(u32::MAX) < parts {
        return Ok(None);
    }
    let certificate = join(
        tx.context().service(),
        day,
        rows.into_iter().map(|row| row.0).collect(),
        previous,
        judge,
    )?;
    let problems = certificate.problems.clone();
    publish(tx, day, certificate).await?;
    Ok(Some(problems))
}

fn join(
    service: &str,
    day: &Day,
    parts: Vec<KeptPart>,
    previous: String,
    judge: &(dyn Fn(&[CertifiedSum]) -> Vec<String> + Sync),
) -> Result<DayCertified, Failure> {
    let mut digest_sum = [0_u8; 32];
    let mut rows = 0_i64;
    let mut inputs = Vec::new();
    let mut sums = Vec::new();
    let mut coverage = Vec::new();
    for part in parts {
        let mut bytes = [0_u8; 32];
        hex::decode_to_slice(&part.digest, &mut bytes).map_err(Failure::new)?;
        digest_sum = digest::combine(digest_sum, bytes);
        rows = rows.saturating_add(part.rows);
        inputs.extend(part.inputs);
        sums.extend(part.sums);
        coverage.extend(part.coverage);
    }
    let sums = merge(sums)?;
    let problems = judge(&sums);
    let mut certificate = DayCertified {
        service: service.to_owned(),
        calendar: day.calendar.parse().map_err(Failure::new)?,
        day_on: day.closed_on,
        sequence: day.sequence,
        holds: problems.is_empty(),
        problems,
        sums,
        rows,
        digest: hex::encode(digest_sum),
        previous_hash: if previous.is_empty() {
            DayCertified::FIRST.to_owned()
        } else {
            previous
        },
        hash: String::new(),
        certified_at: day.at,
        inputs,
        coverage,
    };
    certificate.hash = certificate.compute_hash();
    Ok(certificate)
}

/// Adds up sums of the same creditor, scope, partition, currency and name.
///
/// # Errors
/// When an amount exceeds 64 bits.
pub fn merge(sums: Vec<CertifiedSum>) -> Result<Vec<CertifiedSum>, Failure> {
    let mut merged: BTreeMap<_, CertifiedSum> = BTreeMap::new();
    for sum in sums {
        let key = (
            sum.creditor_id,
            sum.scope.clone(),
            sum.partition,
            sum.currency,
            sum.name.clone(),
        );
        match merged.entry(key) {
            std::collections::btree_map::Entry::Vacant(slot) => {
                slot.insert(sum);
            }
            std::collections::btree_map::Entry::Occupied(mut slot) => {
                let total = slot.get_mut();
                total.amount_minor = total
                    .amount_minor
                    .checked_add(sum.amount_minor)
                    .ok_or_else(|| anyhow::anyhow!("a sum exceeds 64 bits"))?;
                total.count = total.count.saturating_add(sum.count);
            }
        }
    }
    Ok(merged.into_values().collect())
}

async fn publish(tx: &mut Tx, day: &Day, certificate: DayCertified) -> Result<(), Failure> {
    let service = tx.context().service();
    sqlx::query(
        "INSERT INTO rt_certificate (sequence, calendar, day_on, holds, certificate, hash) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(certificate.sequence)
    .bind(certificate.calendar.to_string())
    .bind(certificate.day_on.naive())
    .bind(certificate.holds)
    .bind(Json(&certificate))
    .bind(&certificate.hash)
    .execute(tx.conn())
    .await?;
    sqlx::query("UPDATE rt_chain SET hash = $1")
        .bind(&certificate.hash)
        .execute(tx.conn())
        .await?;
    if !certificate.holds {
        tracing::error!(sequence = certificate.sequence, problems = ?certificate.problems, "the certificate does not hold");
    }
    tx.context().metrics().day_held(!certificate.holds);
    if let Some(topic) = output(service, "DayCertified") {
        let id = MessageId::derive_text(&format!("{service}/certificate/{}", day.sequence));
        tx.emit(topic, &certificate, id, day.at)?;
    }
    Ok(())
}

fn post_journal(tx: &mut Tx, journal: &[JournalPosted], day: &Day) -> Result<(), Failure> {
    let service = tx.context().service();
    let Some(topic) = output(service, "JournalPosted") else {
        return Ok(());
    };
    for line in journal {
        let id = MessageId::derive_text(&format!(
            "{service}/journal/{}/{}/{}/{}/{}",
            day.sequence, line.partition, line.creditor_id, line.ledger_account, line.currency
        ));
        tx.emit(topic, line, id, day.at)?;
    }
    Ok(())
}
