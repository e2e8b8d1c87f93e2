//! Advisory locks of transactions: for things that may not exist yet. Stripes, because the server's lock table is small
//! (`reference/protocol.md`).

use std::collections::BTreeSet;

use kernel::CreditorId;
use runtime::{Failure, Tx};
use uuid::Uuid;

/// First half of the two-part key ("bill").
const CLASS: i32 = 0x6269_6c6c;
/// Stripes of each kind of lock.
const STRIPES: u64 = 512;

/// A stripe to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stripe(i32);

impl Stripe {
    fn of(hash: u64, kind: i32) -> Self {
        let stripe = i32::try_from(hash % STRIPES).unwrap_or(0);
        Self(kind.saturating_mul(1024).saturating_add(stripe))
    }

    fn of_id(id: Uuid, kind: i32) -> Self {
        let (high, low) = id.as_u64_pair();
        Self::of(high ^ low, kind)
    }

    /// Of a thing that is put.
    #[must_use]
    pub fn of_thing(id: Uuid) -> Self {
        Self::of_id(id, 1)
    }

    /// Of a normalised payment reference.
    #[must_use]
    pub fn of_reference(creditor: CreditorId, reference: &str) -> Self {
        // FNV-1a: the same in every build, so that instances of two versions meet in the same stripe.
        let bytes = creditor.as_uuid().into_bytes().into_iter().chain(reference.bytes());
        let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        Self::of(hash, 2)
    }
}

/// Takes the stripes in their order; they are held to the end of the transaction.
///
/// # Errors
/// When the database does not answer, or another transaction holds one for longer than the lock time-out.
pub async fn stripes(tx: &mut Tx, stripes: &BTreeSet<Stripe>) -> Result<(), Failure> {
    let stripes: Vec<i32> = stripes.iter().map(|stripe| stripe.0).collect();
    sqlx::query("SELECT pg_advisory_xact_lock($1, stripe) FROM unnest($2::int4[]) AS stripe")
        .bind(CLASS)
        .bind(stripes)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Held by puts under a creditor: its calendar and currency stay what they are.
///
/// # Errors
/// As [`stripes`].
pub async fn creditor_shared(tx: &mut Tx, creditor: CreditorId) -> Result<(), Failure> {
    sqlx::query("SELECT pg_advisory_xact_lock_shared($1, $2)")
        .bind(CLASS)
        .bind(Stripe::of_id(creditor.as_uuid(), 0).0)
        .execute(tx.conn())
        .await?;
    Ok(())
}

/// Held by a put of a creditor: after one that all of them share, because they look at each other's bank accounts.
///
/// # Errors
/// As [`stripes`].
pub async fn creditor_exclusive(tx: &mut Tx, creditor: CreditorId) -> Result<(), Failure> {
    let all = Stripe(-1);
    stripes(tx, &BTreeSet::from([all, Stripe::of_id(creditor.as_uuid(), 0)])).await
}
