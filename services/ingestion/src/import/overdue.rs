//! A final statement ended: what was promised for a day that is covered now, and is not in it, will not come.

use runtime::{Failure, Tx};

use super::book::{Booking, Chunk};
use super::prove::from_naive;
use super::provisional::all_told;
use crate::booking::doubts::raise_provisional;
use crate::booking::{Session, end, explain, shares_of};
use crate::domain::keys::{Dates, EntryFacts, EntryKey};
use crate::domain::sightings::{NEAR_DAYS, Tie, Told, doubtful, name, pair};
use crate::store::provisional::{self, Booked, End, Pending, Window};
use crate::store::split;

impl Chunk<'_> {
    /// Ends what is overdue. Where an account waits for it and a payment of its amount was booked that names nobody, or
    /// other references, a person decides.
    pub(super) async fn vanish(&self, tx: &mut Tx, session: &mut Session, booking: &Booking) -> Result<(), Failure> {
        let (statement, collector) = (&booking.statement, &booking.collector.name);
        let all = provisional::overdue(tx.conn(), collector, &statement.bank_account, statement.statement_id).await?;
        let (awaited, rest): (Vec<Pending>, Vec<Pending>) = all
            .into_iter()
            .partition(|row| row.account_id.is_some() && row.amount_minor > 0);
        let mut ends: Vec<End> = rest.iter().map(|row| ended(row, None)).collect();
        let told = all_told(&awaited)?;
        let booked = self.booked_near(tx, session, booking, &told).await?;
        let known = booked
            .iter()
            .map(|row| booked_told(row, booking))
            .collect::<Result<Vec<_>, _>>()?;
        let mut paired = pair(&told, &known, &Tie::ALL);
        // What exact references gave to another account is not this money.
        let nobodys: Vec<usize> = (0..known.len())
            .filter(|at| known.get(*at).is_some_and(|told| told.account.is_none()))
            .collect();
        let left: Vec<usize> = (0..told.len()).filter(|at| paired.get(*at) == Some(&None)).collect();
        let taken: Vec<usize> = paired.iter().flatten().map(|(at, _)| *at).collect();
        let open: Vec<usize> = nobodys.into_iter().filter(|at| !taken.contains(at)).collect();
        let doubts = doubtful(&these(&told, &left), &these(&known, &open), &[]);
        let doubts: Vec<(usize, usize)> = doubts
            .into_iter()
            .filter_map(|(one, other)| Some((*left.get(one)?, *open.get(other)?)))
            .collect();
        let pairs: Vec<(&Pending, &Booked)> = doubts
            .iter()
            .filter_map(|(one, other)| Some((awaited.get(*one)?, booked.get(*other)?)))
            .collect();
        for (at, (row, found)) in awaited.iter().zip(paired.drain(..)).enumerate() {
            if !doubts.iter().any(|(one, _)| *one == at) {
                ends.push(ended(row, found.and_then(|(other, _)| booked.get(other))));
            }
        }
        raise_provisional(tx, &pairs, self.received_at).await?;
        let ended = end(tx, session, &ends, self.received_at).await?;
        explain(tx, session, shares_of(ended)?, self.received_at).await
    }

    /// Payments of these amounts and days that nothing provisional turned out to be.
    pub(super) async fn booked_near(
        &self,
        tx: &mut Tx,
        session: &mut Session,
        booking: &Booking,
        told: &[Told],
    ) -> Result<Vec<Booked>, Failure> {
        let Some(window) = Window::around(told, NEAR_DAYS) else {
            return Ok(Vec::new());
        };
        // Those of this chunk are among them.
        session.book.insert_rows(tx).await?;
        let collector = &booking.collector;
        Ok(provisional::booked(tx.conn(), collector.creditor_id.as_uuid(), &collector.name, &window).await?)
    }
}

fn these(of: &[Told], which: &[usize]) -> Vec<Told> {
    which.iter().filter_map(|at| of.get(*at).cloned()).collect()
}

fn ended(row: &Pending, booked: Option<&Booked>) -> End {
    End {
        pending_id: row.pending_id,
        reason: if booked.is_some() { "booked" } else { "not-booked" },
        payment: booked.map(|payment| payment.payment_id),
    }
}

/// What a booked payment says, as its first sighting keeps it.
pub(super) fn booked_told(row: &Booked, booking: &Booking) -> Result<Told, Failure> {
    let facts = EntryFacts {
        account: &booking.statement.bank_account,
        reference: None,
        booked_on: None,
        value_on: None,
        amount: kernel::Money::new(row.amount_minor, booking.collector.currency),
        end_to_end: None,
        customer: "",
        remittance: row.remittance.as_deref().unwrap_or_default(),
        counterparty: row.payer_iban.as_deref(),
    };
    Ok(Told {
        amount_minor: row.amount_minor,
        on: from_naive(row.told_on)?,
        dated: true,
        names: split(&row.refs).iter().filter_map(|text| name(text)).collect(),
        text: Some(EntryKey::of(&facts, Dates::Open)),
        account: row.account_id.map(kernel::AccountId::from_uuid),
        channel: row.channel.clone(),
        bank_reference: None,
    })
}
