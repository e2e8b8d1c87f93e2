//! What other formats told of a statement's days before it.

use std::collections::HashMap;

use kernel::PaymentId;
use runtime::{Failure, Tx};
use sqlx::PgConnection;
use uuid::Uuid;

use super::book::{Booking as Now, Chunk};
use super::prove::from_naive;
use crate::domain::keys::EntryKey;
use crate::domain::retold::{Booking, Retold};
use crate::domain::sightings::name;
use crate::store::batches as store;
use crate::store::split;
use crate::store::statements::{self, Statement};

/// Batches that were booked payment by payment: the hashes of their names, by what the payment of the sum would have been.
pub(super) type Batches = HashMap<Uuid, Vec<i64>>;

/// What final statements of other formats booked of this one's days: complete and proved, as it is.
pub(super) async fn retold(
    conn: &mut PgConnection,
    statement: &Statement,
    others: &[Statement],
    apart: &[Uuid],
    (channel, is_final): (&str, bool),
) -> Result<(Retold, Batches), Failure> {
    let mut retold = Retold::default();
    let mut batches = Batches::new();
    let beside = others.iter().filter(|other| !apart.contains(&other.statement_id));
    let (own, foreign): (Vec<&Statement>, Vec<&Statement>) = beside.partition(|other| other.channel() == channel);
    let ids = |of: &[&Statement]| of.iter().map(|other| other.statement_id).collect::<Vec<_>>();
    let proved: Vec<&Statement> = foreign.into_iter().filter(|other| other.proof == "holds").collect();
    if proved.is_empty() || statement.proof != "holds" || !is_final {
        return Ok((retold, batches));
    }
    // What this format told before is what it was then; of the others' bookings it is the rest that may be new here.
    for of in [own, proved] {
        let of = ids(&of);
        for told in statements::told(conn, &of, statement.first_booked_on, statement.last_booked_on).await? {
            let booking = booking(told.id, (told.entry_key, told.occurrence), &told.refs);
            retold.add(
                from_naive(told.booked_on)?,
                told.amount_minor,
                booking,
                is_own(others, told.statement_id, channel),
            );
        }
        for batch in store::exploded_by(conn, &of).await? {
            let Some(booked_on) = batch.booked_on else { continue };
            let booking = booking(batch.batch_id, (batch.entry_key, batch.occurrence), &batch.refs);
            let own = is_own(others, batch.statement_id, channel);
            retold.add(from_naive(booked_on)?, batch.amount_minor, booking, own);
            batches.insert(batch.batch_id, batch.hashes);
        }
    }
    Ok((retold, batches))
}

fn is_own(others: &[Statement], statement: Uuid, channel: &str) -> bool {
    others
        .iter()
        .any(|other| other.statement_id == statement && other.channel() == channel)
}

fn booking(id: Uuid, (key, occurrence): (Uuid, i32), refs: &str) -> Booking {
    Booking {
        id: PaymentId::from_uuid(id),
        natural: (
            EntryKey::from_id(PaymentId::from_uuid(key)),
            u32::try_from(occurrence).unwrap_or(0),
        ),
        names: split(refs).iter().filter_map(|text| name(text)).collect(),
    }
}

impl Chunk<'_> {
    /// Whether another statement of the same days began to be booked since this one looked: it looks again then.
    pub(super) async fn joined_by_others(&self, tx: &mut Tx, booking: &Now) -> Result<bool, Failure> {
        if booking.done > 0 || !booking.sort.kind.is_final() {
            return Ok(false);
        }
        let others = statements::neighbours(tx.conn(), &booking.statement).await?;
        Ok(others.iter().any(|other| !booking.beside.contains(&other.statement_id)))
    }
}
