//! The day of a service whose work is not split by account: all partitions at once (protocol.md rows 8 and 14).

use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::types::Json;
use tokio_util::sync::CancellationToken;

use crate::context::Scope;
use crate::positions::{LeaseState, Mark, Marks, Offsets};
use crate::tx::CloseLock;
use crate::worker::Parts;
use crate::{CloseWhole, Context, Day, Failure, Tx, announce, batch, certificate};

/// After this many tries with the same raw items unfinished, they are quarantined.
const TRIES: u32 = 5;

/// Closes each day that all partitions have reached; runs until cancelled.
pub(crate) async fn run(
    ctx: Context,
    parts: Arc<Parts>,
    close: Arc<dyn CloseWhole>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let woken = ctx.wake("closer");
    let mut tries = 0;
    while !stop.is_cancelled() {
        let pause = match attempt(&ctx, &parts, &*close, &mut tries).await {
            Ok(Attempt::Closed) => {
                tries = 0;
                ctx.wake("workers").notify_waiters();
                continue;
            }
            Ok(Attempt::Nothing) => Duration::from_secs(1),
            Ok(Attempt::Unfinished) => Duration::from_millis(200),
            Err(failure) => {
                tracing::warn!(%failure, "the day could not be closed, trying again");
                Duration::from_secs(1)
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = woken.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
    Ok(())
}

enum Attempt {
    Closed,
    Nothing,
    Unfinished,
}

struct Aligned {
    mark: Mark,
    held: bool,
    positions: Vec<(u32, Offsets)>,
}

#[derive(sqlx::FromRow)]
struct Row {
    partition: i32,
    positions: Json<Offsets>,
    marks: Json<Marks>,
    halted: Option<String>,
}

/// The next day that every partition of every waited-for input has reached.
async fn aligned(conn: &mut PgConnection, parts: &Parts, closed: i64) -> Result<Option<Aligned>, Failure> {
    let rows: Vec<Row> = sqlx::query_as("SELECT partition, positions, marks, halted FROM rt_lease ORDER BY partition")
        .fetch_all(conn)
        .await?;
    let mut lowest: Option<Mark> = None;
    let mut held = false;
    let mut positions = Vec::new();
    for row in rows {
        if row.halted.is_some() {
            return Ok(None);
        }
        let state = LeaseState {
            marks: row.marks,
            ..LeaseState::default()
        };
        let Some(mark) = state.aligned(parts.waited.iter().copied(), closed) else {
            return Ok(None);
        };
        held |= state.marks.values().any(|mark| mark.held);
        if lowest.as_ref().is_none_or(|low| mark.sequence < low.sequence) {
            lowest = Some(mark);
        }
        positions.push((u32::try_from(row.partition).unwrap_or(u32::MAX), row.positions.0));
    }
    Ok(lowest.map(|mark| Aligned { mark, held, positions }))
}

fn day_of(tx_start: i64, aligned: &Aligned) -> Day {
    let mark = &aligned.mark;
    Day {
        calendar: mark.calendar.clone(),
        closed_on: mark.closed_on,
        sequence: mark.sequence,
        previous: tx_start,
        next_on: mark.next_on,
        partition: None,
        at: mark.at,
        upstream_held: aligned.held,
    }
}

async fn attempt(ctx: &Context, parts: &Parts, close: &dyn CloseWhole, tries: &mut u32) -> Result<Attempt, Failure> {
    let day = {
        let mut conn = ctx.pool().acquire().await?;
        let closed: Option<i64> = sqlx::query_scalar("SELECT max(sequence) FROM rt_closed WHERE scope = -1")
            .fetch_one(&mut *conn)
            .await?;
        let Some(found) = aligned(&mut conn, parts, closed.unwrap_or(0)).await? else {
            return Ok(Attempt::Nothing);
        };
        let start: Option<i64> =
            sqlx::query_scalar("SELECT sequence FROM rt_closed WHERE scope = -1 AND calendar = $1")
                .bind(&found.mark.calendar)
                .fetch_optional(&mut *conn)
                .await?;
        day_of(start.unwrap_or(0), &found)
    };
    close.prepare(&day, ctx).await?;
    ctx.point("close.prepared").await;
    let mut tx = Tx::begin(ctx, Scope::Service, CloseLock::Exclusive).await?;
    ctx.point("close.locked").await;
    let closed = tx.segment();
    let Some(found) = aligned(tx.conn(), parts, closed).await? else {
        return Ok(Attempt::Nothing);
    };
    if found.mark.sequence != day.sequence {
        return Ok(Attempt::Closed);
    }
    let unfinished = close.unfinished(&day, &mut tx).await?;
    if !unfinished.is_empty() {
        tx.rollback().await?;
        *tries = tries.saturating_add(1);
        if *tries > TRIES {
            *tries = 0;
            tracing::error!(
                items = unfinished.len(),
                "raw items that would not finish are quarantined, so that the day can close"
            );
            close.quarantine(&unfinished, ctx).await?;
        }
        return Ok(Attempt::Unfinished);
    }
    ctx.point("close.finished").await;
    end(ctx, parts, close, tx, &day, found).await?;
    Ok(Attempt::Closed)
}

async fn end(
    ctx: &Context,
    parts: &Parts,
    close: &dyn CloseWhole,
    mut tx: Tx,
    day: &Day,
    found: Aligned,
) -> Result<(), Failure> {
    batch::reject_waiting(parts, &mut tx, None).await?;
    ctx.point("day.rejected").await;
    let part = close.part(day, &mut tx).await?;
    let inputs = found
        .positions
        .iter()
        .flat_map(|(partition, at)| certificate::positions(*partition, at, &parts.waited))
        .collect();
    let judge = |sums: &[contracts::CertifiedSum]| close.judge(sums);
    let problems = certificate::add_part(&mut tx, day, &part, inputs, 1, &judge)
        .await?
        .unwrap_or_default();
    ctx.point("close.certified").await;
    let held = day.upstream_held || !problems.is_empty();
    announce::markers(&mut tx, day, None, held, problems.first().cloned(), &part.coverage).await?;
    let positions: Offsets = found
        .positions
        .iter()
        .flat_map(|(partition, at)| {
            at.iter()
                .map(move |(topic, next)| (format!("{topic}/{partition}"), *next))
        })
        .collect();
    announce::note_closed(&mut tx, day, held, &positions).await?;
    ctx.point("close.marked").await;
    tx.commit().await?;
    ctx.metrics().day_closed(None, day.sequence);
    ctx.point("close.committed").await;
    tracing::info!(calendar = day.calendar, day = %day.closed_on, sequence = day.sequence, held, "day closed");
    Ok(())
}
