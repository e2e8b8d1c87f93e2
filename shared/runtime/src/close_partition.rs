//! The day of one partition: pages, certificate part, markers (DESIGN section 5, protocol.md row 1).

use crate::batch::{Owner, reject_waiting};
use crate::positions::{LeaseState, Mark};
use crate::tx::CloseLock;
use crate::{ClosePartition, Day, Failure, Tx, announce, certificate};

/// `closing_page` once every page has run.
const PAGES_DONE: i64 = -1;

/// One step of the day whose markers all waited-for inputs have brought: a page, or the end. Returns the lease row and the
/// last closed sequence.
pub(crate) async fn turn(owner: &Owner<'_>, close: &dyn ClosePartition) -> Result<(LeaseState, i64), Failure> {
    let (tx, state) = owner.begin(CloseLock::Shared).await?;
    let closed = tx.segment();
    let Some(mark) = state.aligned(owner.parts.waited.iter().copied(), closed) else {
        tx.rollback().await?;
        return Ok((state, closed));
    };
    let day = day(owner, &tx, &mark, &state);
    if state.closing_sequence != Some(mark.sequence) {
        return Ok((begin(owner, tx, state, mark.sequence).await?, closed));
    }
    if state.closing_page == PAGES_DONE {
        tx.rollback().await?;
        return end(owner, close).await;
    }
    Ok((page(owner, close, tx, state, &day).await?, closed))
}

fn day(owner: &Owner<'_>, tx: &Tx, mark: &Mark, state: &LeaseState) -> Day {
    let held = state
        .marks
        .values()
        .any(|other| other.sequence == mark.sequence && other.held);
    Day {
        calendar: mark.calendar.clone(),
        closed_on: mark.closed_on,
        sequence: mark.sequence,
        previous: tx.day_start(&mark.calendar),
        next_on: mark.next_on,
        partition: Some(owner.lease.partition),
        at: mark.at,
        upstream_held: held,
    }
}

/// The day's first transaction: what still waits is rejected.
async fn begin(owner: &Owner<'_>, mut tx: Tx, mut state: LeaseState, sequence: i64) -> Result<LeaseState, Failure> {
    owner.ctx.point("day.begun").await;
    reject_waiting(owner.parts, &mut tx, Some(owner.lease.partition)).await?;
    owner.ctx.point("day.rejected").await;
    state.closing_sequence = Some(sequence);
    state.closing_page = 0;
    state.closing_cursor = None;
    owner.save(&mut tx, &state).await?;
    tx.commit().await?;
    owner.ctx.point("day.opened").await;
    Ok(state)
}

async fn page(
    owner: &Owner<'_>,
    close: &dyn ClosePartition,
    mut tx: Tx,
    mut state: LeaseState,
    day: &Day,
) -> Result<LeaseState, Failure> {
    owner.ctx.point("page.begun").await;
    // The lease row is locked and says which page is next: a zombie's page fails at the fence.
    match close.page(day, state.closing_cursor.clone(), &mut tx).await? {
        Some(cursor) => {
            state.closing_cursor = Some(cursor);
            state.closing_page = state.closing_page.saturating_add(1);
        }
        None => state.closing_page = PAGES_DONE,
    }
    owner.ctx.point("page.run").await;
    owner.save(&mut tx, &state).await?;
    owner.ctx.point("page.saved").await;
    tx.commit().await?;
    owner.ctx.point("page.committed").await;
    Ok(state)
}

/// Under the partition's exclusive lock: certificate part, markers, the next day opens.
async fn end(owner: &Owner<'_>, close: &dyn ClosePartition) -> Result<(LeaseState, i64), Failure> {
    let (mut tx, mut state) = owner.begin(CloseLock::Exclusive).await?;
    let closed = tx.segment();
    let Some(mark) = state.aligned(owner.parts.waited.iter().copied(), closed) else {
        return Err(anyhow::anyhow!("the running day of partition {} is gone", owner.lease.partition).into());
    };
    let day = day(owner, &tx, &mark, &state);
    owner.ctx.point("close.locked").await;
    let part = close.part(&day, &mut tx).await?;
    let problems = close.judge(&part.sums);
    let held = day.upstream_held || !problems.is_empty();
    let positions = certificate::positions(owner.lease.partition, &state.positions, &owner.parts.waited);
    let judge = |sums: &[contracts::CertifiedSum]| close.judge(sums);
    certificate::add_part(&mut tx, &day, &part, positions, owner.ctx.partitions(), &judge).await?;
    owner.ctx.point("close.certified").await;
    announce::markers(
        &mut tx,
        &day,
        Some(owner.lease.partition),
        held,
        problems.first().cloned(),
        &part.coverage,
    )
    .await?;
    announce::note_closed(&mut tx, &day, held, &state.positions).await?;
    owner.ctx.point("close.marked").await;
    state.closing_sequence = None;
    state.closing_page = 0;
    state.closing_cursor = None;
    owner.save(&mut tx, &state).await?;
    owner.ctx.point("close.saved").await;
    tx.commit().await?;
    owner
        .ctx
        .metrics()
        .day_closed(Some(owner.lease.partition), day.sequence);
    owner.ctx.point("close.committed").await;
    tracing::info!(partition = owner.lease.partition, calendar = day.calendar, day = %day.closed_on, sequence = day.sequence, held, "day closed");
    Ok((state, day.sequence))
}
