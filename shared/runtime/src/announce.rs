//! Markers: what a closed day puts on every partition of a service's topics.

use std::collections::BTreeMap;

use contracts::catalogue::{self, Topic};
use contracts::{BankCoverage, DayClosed};
use kernel::{BusinessDate, CalendarId, MessageId};
use sqlx::types::Json;

use crate::context::Scope;
use crate::tx::CloseLock;
use crate::{Context, Day, Failure, Tx, outbox, steps};

/// The topics on which a service puts markers.
fn marker_topics(service: &str) -> impl Iterator<Item = &'static Topic> {
    catalogue::outputs(service).filter(|topic| topic.markers)
}

/// Puts the day's marker on one partition, or on all, of the service's topics. The markers carry count and checksum of what
/// was sent since the ones before.
pub(crate) async fn markers(
    tx: &mut Tx,
    day: &Day,
    partition: Option<u32>,
    held: bool,
    reason: Option<String>,
    coverage: &[BankCoverage],
) -> Result<(), Failure> {
    // What this transaction emitted lies before the marker and is counted in it.
    tx.flush().await?;
    let service = tx.context().service();
    let partitions = match partition {
        Some(partition) => partition..partition.saturating_add(1),
        None => 0..tx.context().partitions(),
    };
    let calendar: CalendarId = day.calendar.parse().map_err(Failure::new)?;
    for topic in marker_topics(service) {
        for partition in partitions.clone() {
            let sent = outbox::take_counts(tx.conn(), topic.name, partition).await?;
            let marker = DayClosed {
                calendar: calendar.clone(),
                closed_on: day.closed_on,
                sequence: day.sequence,
                held,
                held_reason: if held {
                    reason
                        .clone()
                        .or_else(|| Some("a certificate before this one did not hold".to_owned()))
                } else {
                    None
                },
                message_count: sent.count,
                message_checksum: sent.checksum,
                next_on: day.next_on,
                coverage: coverage.to_vec(),
            };
            let id = MessageId::derive_text(&format!("{service}/{}/{partition}/day/{}", topic.name, day.sequence));
            tx.emit_to(
                topic,
                &marker,
                id,
                day.at,
                Some(contracts::events::day::DAY_KEY.to_vec()),
                partition,
            )?;
        }
    }
    Ok(())
}

/// Opens the next day of the calendar in this scope.
pub(crate) async fn note_closed(
    tx: &mut Tx,
    day: &Day,
    held: bool,
    positions: &BTreeMap<String, i64>,
) -> Result<(), Failure> {
    let scope = tx.scope().column();
    sqlx::query(
        "INSERT INTO rt_closed (scope, calendar, sequence, closed_on, next_on) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (scope, calendar) DO UPDATE
           SET sequence = excluded.sequence, closed_on = excluded.closed_on, next_on = excluded.next_on",
    )
    .bind(scope)
    .bind(&day.calendar)
    .bind(day.sequence)
    .bind(day.closed_on.naive())
    .bind(day.next_on.naive())
    .execute(tx.conn())
    .await?;
    sqlx::query(
        "INSERT INTO rt_day (scope, sequence, calendar, closed_on, previous, held, closed_at, positions)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(scope)
    .bind(day.sequence)
    .bind(&day.calendar)
    .bind(day.closed_on.naive())
    .bind(day.previous)
    .bind(held)
    .bind(day.at.utc())
    .bind(Json(positions))
    .execute(tx.conn())
    .await?;
    if tx.scope() == Scope::Service {
        steps::closed(tx.conn(), day.sequence).await?;
    }
    Ok(())
}

impl Context {
    /// The clock's part: closes a day of a calendar. Takes the next number of the one sequence over all calendars and puts
    /// markers on every partition of this service's topics. A day that was announced before keeps its number.
    ///
    /// # Errors
    /// When the database does not answer, or the day does not follow the calendar's last one.
    pub async fn announce_day(
        &self,
        calendar: &CalendarId,
        closed_on: BusinessDate,
        next_on: BusinessDate,
    ) -> Result<i64, Failure> {
        let mut tx = Tx::begin(self, Scope::Service, CloseLock::Exclusive).await?;
        let name = calendar.to_string();
        let last: Option<(i64, chrono::NaiveDate)> =
            sqlx::query_as("SELECT sequence, closed_on FROM rt_closed WHERE scope = -1 AND calendar = $1")
                .bind(&name)
                .fetch_optional(tx.conn())
                .await?;
        if let Some((sequence, last_on)) = last {
            if closed_on.naive() == last_on {
                return Ok(sequence);
            }
            if closed_on.naive() < last_on {
                return Err(anyhow::anyhow!("{name}: {closed_on} is closed already, the last day is {last_on}").into());
            }
        }
        let day = Day {
            previous: tx.day_start(&name),
            calendar: name,
            closed_on,
            sequence: tx.segment().saturating_add(1),
            next_on,
            partition: None,
            at: self.now(),
            upstream_held: false,
        };
        markers(&mut tx, &day, None, false, None, &[]).await?;
        note_closed(&mut tx, &day, false, &BTreeMap::new()).await?;
        tx.commit().await?;
        self.metrics().day_closed(None, day.sequence);
        tracing::info!(calendar = day.calendar, day = %closed_on, sequence = day.sequence, "day announced");
        Ok(day.sequence)
    }
}
