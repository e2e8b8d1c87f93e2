//! Markers: read through the inbox, compared with what was new, noted in the lease row (protocol.md rows 2 and 20).

use contracts::{DayClosed, codec};

use crate::batch::{self, Owner};
use crate::positions::{LeaseState, Mark, Received};
use crate::record::Record;
use crate::tx::CloseLock;
use crate::{Failure, inbox, parked, steps, worker};

/// Notes a marker; a duplicate changes nothing but the position.
pub(crate) async fn run(owner: &Owner<'_>, record: Record, expected: Option<i64>) -> Result<LeaseState, Failure> {
    let payload = record.payload.as_deref().unwrap_or_default();
    let marker: DayClosed =
        codec::decode(payload).map_err(|error| anyhow::anyhow!("marker on {}: {error}", record.topic.name))?;
    let (mut tx, mut state) = owner.begin(CloseLock::Shared).await?;
    batch::check_position(&state, record.topic, expected)?;
    owner.ctx.point("marker.begun").await;
    let topic = record.topic.name;
    let fresh = !inbox::insert(tx.conn(), &[record.id]).await?.is_empty();
    owner.ctx.point("marker.inboxed").await;
    let newer = state
        .marks
        .get(topic)
        .is_none_or(|mark| mark.sequence < marker.sequence);
    if fresh && newer {
        let seen = state.received.get(topic).copied().unwrap_or_default();
        let said = Received {
            count: marker.message_count,
            checksum: marker.message_checksum,
        };
        if seen != said {
            let halted = format!(
                "{topic}: day {} of {} says {} messages (checksum {}), {} were new here (checksum {})",
                marker.closed_on, marker.calendar, said.count, said.checksum, seen.count, seen.checksum
            );
            tracing::error!(
                partition = owner.lease.partition,
                halted,
                "what was sent and what arrived differ"
            );
            state.halted = Some(halted);
        }
        state.received.insert(topic.to_owned(), Received::default());
        let mark = Mark {
            sequence: marker.sequence,
            calendar: marker.calendar.to_string(),
            closed_on: marker.closed_on,
            next_on: marker.next_on,
            held: marker.held,
            at: record.time,
        };
        state.marks.insert(topic.to_owned(), mark);
    }
    state
        .positions
        .insert(topic.to_owned(), record.offset.saturating_add(1));
    owner.save(&mut tx, &state).await?;
    owner.ctx.point("marker.saved").await;
    tx.commit().await?;
    owner.ctx.point("marker.committed").await;
    Ok(state)
}

/// Parks a message whose handling aborts the process, unhandled.
pub(crate) async fn park_crasher(
    owner: &Owner<'_>,
    record: &Record,
    expected: Option<i64>,
    attempts: i32,
) -> Result<LeaseState, Failure> {
    let (mut tx, mut state) = owner.begin(CloseLock::Shared).await?;
    batch::check_position(&state, record.topic, expected)?;
    owner.ctx.point("park.begun").await;
    steps::parked(tx.conn(), record, attempts).await?;
    if parked::park(
        &mut tx,
        record,
        &worker::crasher(attempts),
        batch::stakes_of(owner.parts, record),
    )
    .await?
    {
        state
            .received
            .entry(record.topic.name.to_owned())
            .or_default()
            .add(kernel::checksum(record.id));
    }
    state
        .positions
        .insert(record.topic.name.to_owned(), record.offset.saturating_add(1));
    owner.save(&mut tx, &state).await?;
    owner.ctx.point("park.saved").await;
    tx.commit().await?;
    owner.ctx.point("park.committed").await;
    Ok(state)
}
