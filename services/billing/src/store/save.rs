//! Saves what a chunk of puts changed, one statement per table.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use kernel::{CalendarId, CreditorId, Timestamp};
use runtime::{Failure, Tx};
use uuid::Uuid;

use crate::domain::world::Kept;
use crate::domain::{Document, Movement, World};

/// The newest accepted body of each thing put, by its id: external id and canonical JSON.
pub type Saved<'a> = BTreeMap<Uuid, (&'a str, &'a str)>;

/// What every row of a chunk shares.
#[derive(Clone, Copy)]
pub struct Stamp<'a> {
    /// The creditor.
    pub creditor_id: CreditorId,
    /// Its calendar.
    pub calendar: &'a CalendarId,
    /// When it was received.
    pub at: Timestamp,
}

/// The columns that all tables of things share.
#[derive(Default)]
struct Common<'a> {
    ids: Vec<Uuid>,
    external_ids: Vec<&'a str>,
    versions: Vec<i64>,
    contents: Vec<Vec<u8>>,
    bodies: Vec<&'a str>,
}

impl<'a> Common<'a> {
    fn push<T>(&mut self, id: Uuid, saved: (&'a str, &'a str), kept: &Kept<T>) {
        self.ids.push(id);
        self.external_ids.push(saved.0);
        self.versions.push(kept.content.version);
        self.contents.push(kept.content.digest.to_vec());
        self.bodies.push(saved.1);
    }
}

/// Writes everything that the puts changed in the snapshot.
///
/// # Errors
/// When the database does not answer.
pub async fn save(tx: &mut Tx, stamp: Stamp<'_>, world: &World, saved: &Saved<'_>) -> Result<(), Failure> {
    save_debtors(tx, stamp, world, saved).await?;
    save_accounts(tx, stamp, world, saved).await?;
    save_places(tx, stamp, world, saved).await?;
    save_documents(tx, stamp, world, saved).await?;
    save_touched(tx, world, saved).await?;
    save_references(tx, stamp, world).await
}

async fn save_debtors(tx: &mut Tx, stamp: Stamp<'_>, world: &World, saved: &Saved<'_>) -> Result<(), Failure> {
    let mut common = Common::default();
    for (id, kept) in &world.debtors {
        if let Some(put) = saved.get(&id.as_uuid()) {
            common.push(id.as_uuid(), *put, kept);
        }
    }
    if common.ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO debtors (debtor_id, creditor_id, external_id, version, content, body, received_at)
         SELECT id, $1, external_id, version, content, body::jsonb, $2
         FROM UNNEST($3::uuid[], $4::text[], $5::int8[], $6::bytea[], $7::text[])
              AS put (id, external_id, version, content, body)
         ON CONFLICT (debtor_id) DO UPDATE
           SET version = excluded.version, content = excluded.content, body = excluded.body,
               received_at = excluded.received_at",
    )
    .bind(stamp.creditor_id.as_uuid())
    .bind(stamp.at.utc())
    .bind(common.ids)
    .bind(common.external_ids)
    .bind(common.versions)
    .bind(common.contents)
    .bind(common.bodies)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn save_accounts(tx: &mut Tx, stamp: Stamp<'_>, world: &World, saved: &Saved<'_>) -> Result<(), Failure> {
    let mut common = Common::default();
    let (mut debtors, mut currencies, mut refunds): (Vec<Uuid>, Vec<&str>, Vec<Option<&str>>) = Default::default();
    for (id, kept) in &world.accounts {
        let Some(put) = saved.get(&id.as_uuid()) else { continue };
        common.push(id.as_uuid(), *put, kept);
        debtors.push(kept.state.state.debtor_id.as_uuid());
        currencies.push(kept.state.state.currency.code());
        refunds.push(kept.state.refund_account.as_deref());
    }
    if common.ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO accounts (account_id, creditor_id, external_id, version, content, body, debtor_id, currency,
                               refund_account, received_at)
         SELECT id, $1, external_id, version, content, body::jsonb, debtor_id, currency, refund_account, $2
         FROM UNNEST($3::uuid[], $4::text[], $5::int8[], $6::bytea[], $7::text[], $8::uuid[], $9::text[], $10::text[])
              AS put (id, external_id, version, content, body, debtor_id, currency, refund_account)
         ON CONFLICT (account_id) DO UPDATE
           SET version = excluded.version, content = excluded.content, body = excluded.body,
               debtor_id = excluded.debtor_id, refund_account = excluded.refund_account,
               received_at = excluded.received_at",
    )
    .bind(stamp.creditor_id.as_uuid())
    .bind(stamp.at.utc())
    .bind(common.ids)
    .bind(common.external_ids)
    .bind(common.versions)
    .bind(common.contents)
    .bind(common.bodies)
    .bind(debtors)
    .bind(currencies)
    .bind(refunds)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn save_places(tx: &mut Tx, stamp: Stamp<'_>, world: &World, saved: &Saved<'_>) -> Result<(), Failure> {
    let mut common = Common::default();
    let mut accounts: Vec<Uuid> = Vec::new();
    for (id, kept) in &world.places {
        let Some(put) = saved.get(&id.as_uuid()) else { continue };
        common.push(id.as_uuid(), *put, kept);
        accounts.push(kept.state.state.account_id.as_uuid());
    }
    if common.ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO places (place_id, creditor_id, external_id, version, content, body, account_id, received_at)
         SELECT id, $1, external_id, version, content, body::jsonb, account_id, $2
         FROM UNNEST($3::uuid[], $4::text[], $5::int8[], $6::bytea[], $7::text[], $8::uuid[])
              AS put (id, external_id, version, content, body, account_id)
         ON CONFLICT (place_id) DO UPDATE
           SET version = excluded.version, content = excluded.content, body = excluded.body,
               account_id = excluded.account_id, received_at = excluded.received_at",
    )
    .bind(stamp.creditor_id.as_uuid())
    .bind(stamp.at.utc())
    .bind(common.ids)
    .bind(common.external_ids)
    .bind(common.versions)
    .bind(common.contents)
    .bind(common.bodies)
    .bind(accounts)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// What a document's row has beside the common columns.
#[derive(Default)]
struct Amounts<'a> {
    ids: Vec<Uuid>,
    accounts: Vec<Uuid>,
    kinds: Vec<&'static str>,
    currencies: Vec<&'a str>,
    totals: Vec<i64>,
    credited: Vec<i64>,
    cancelled_on: Vec<Option<NaiveDate>>,
    reasons: Vec<Option<&'a str>>,
    replaced_by: Vec<Option<Uuid>>,
}

impl<'a> Amounts<'a> {
    fn push(&mut self, id: Uuid, document: &'a Document) {
        self.ids.push(id);
        self.accounts.push(document.account_id().as_uuid());
        let cancelled = match document {
            Document::Invoice(invoice) => {
                self.kinds.push("invoice");
                self.currencies.push(invoice.state.currency.code());
                self.totals.push(invoice.state.total_minor);
                self.credited.push(invoice.credited_minor);
                invoice.cancelled.as_ref()
            }
            Document::CreditNote(note) => {
                self.kinds.push("credit_note");
                self.currencies.push(note.state.currency.code());
                self.totals.push(note.state.amount_minor);
                self.credited.push(0);
                None
            }
        };
        self.cancelled_on.push(cancelled.map(|cancelled| cancelled.on.naive()));
        self.reasons
            .push(cancelled.and_then(|cancelled| cancelled.reason.as_deref()));
        self.replaced_by.push(
            cancelled
                .and_then(|cancelled| cancelled.replaced_by)
                .map(|id| id.as_uuid()),
        );
    }
}

async fn save_documents(tx: &mut Tx, stamp: Stamp<'_>, world: &World, saved: &Saved<'_>) -> Result<(), Failure> {
    let mut common = Common::default();
    let mut amounts = Amounts::default();
    for (id, kept) in &world.documents {
        let Some(put) = saved.get(&id.as_uuid()) else { continue };
        common.push(id.as_uuid(), *put, kept);
        amounts.push(id.as_uuid(), &kept.state);
    }
    if common.ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO invoices (invoice_id, creditor_id, external_id, version, content, body, account_id, kind, currency,
                               total_minor, credited_minor, cancelled_on, cancelled_reason, replaced_by, received_at)
         SELECT id, $1, external_id, version, content, body::jsonb, account_id, kind, currency,
                total_minor, credited_minor, cancelled_on, cancelled_reason, replaced_by, $2
         FROM UNNEST($3::uuid[], $4::text[], $5::int8[], $6::bytea[], $7::text[], $8::uuid[], $9::text[], $10::text[],
                     $11::int8[], $12::int8[], $13::date[], $14::text[], $15::uuid[])
              AS put (id, external_id, version, content, body, account_id, kind, currency,
                      total_minor, credited_minor, cancelled_on, cancelled_reason, replaced_by)
         ON CONFLICT (invoice_id) DO UPDATE
           SET version = excluded.version, content = excluded.content, body = excluded.body,
               total_minor = excluded.total_minor, credited_minor = excluded.credited_minor,
               cancelled_on = excluded.cancelled_on, cancelled_reason = excluded.cancelled_reason,
               replaced_by = excluded.replaced_by, received_at = excluded.received_at",
    )
    .bind(stamp.creditor_id.as_uuid())
    .bind(stamp.at.utc())
    .bind(common.ids)
    .bind(common.external_ids)
    .bind(common.versions)
    .bind(common.contents)
    .bind(common.bodies)
    .bind(amounts.accounts)
    .bind(amounts.kinds)
    .bind(amounts.currencies)
    .bind(amounts.totals)
    .bind(amounts.credited)
    .bind(amounts.cancelled_on)
    .bind(amounts.reasons)
    .bind(amounts.replaced_by)
    .execute(tx.conn())
    .await?;
    Ok(())
}

/// Invoices that were credited or replaced, but not put themselves.
async fn save_touched(tx: &mut Tx, world: &World, saved: &Saved<'_>) -> Result<(), Failure> {
    let mut amounts = Amounts::default();
    for id in world.touched.iter().filter(|id| !saved.contains_key(&id.as_uuid())) {
        if let Some(kept) = world.documents.get(id) {
            amounts.push(id.as_uuid(), &kept.state);
        }
    }
    if amounts.ids.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "UPDATE invoices AS invoice
         SET credited_minor = put.credited_minor, cancelled_on = put.cancelled_on,
             cancelled_reason = put.cancelled_reason, replaced_by = put.replaced_by
         FROM UNNEST($1::uuid[], $2::int8[], $3::date[], $4::text[], $5::uuid[])
              AS put (id, credited_minor, cancelled_on, cancelled_reason, replaced_by)
         WHERE invoice.invoice_id = put.id",
    )
    .bind(amounts.ids)
    .bind(amounts.credited)
    .bind(amounts.cancelled_on)
    .bind(amounts.reasons)
    .bind(amounts.replaced_by)
    .execute(tx.conn())
    .await?;
    Ok(())
}

async fn save_references(tx: &mut Tx, stamp: Stamp<'_>, world: &World) -> Result<(), Failure> {
    let (mut held, mut accounts, mut holders): (Vec<&str>, Vec<Uuid>, Vec<i32>) = Default::default();
    let mut freed: Vec<&str> = Vec::new();
    for (reference, claim) in world.references.changed() {
        if claim.holders > 0 {
            held.push(reference);
            accounts.push(claim.account_id.as_uuid());
            holders.push(claim.holders);
        } else {
            freed.push(reference);
        }
    }
    if !freed.is_empty() {
        sqlx::query(
            "DELETE FROM payment_references WHERE ctid = ANY(ARRAY(
                 SELECT p.row FROM UNNEST($2::text[]) AS u (reference)
                 CROSS JOIN LATERAL (SELECT ctid AS row FROM payment_references
                                     WHERE creditor_id = $1 AND reference = u.reference OFFSET 0) p))",
        )
        .bind(stamp.creditor_id.as_uuid())
        .bind(freed)
        .execute(tx.conn())
        .await?;
    }
    if !held.is_empty() {
        sqlx::query(
            "INSERT INTO payment_references (creditor_id, reference, account_id, holders)
             SELECT $1, reference, account_id, holders
             FROM UNNEST($2::text[], $3::uuid[], $4::int4[]) AS claim (reference, account_id, holders)
             ON CONFLICT (creditor_id, reference) DO UPDATE
               SET account_id = excluded.account_id, holders = excluded.holders",
        )
        .bind(stamp.creditor_id.as_uuid())
        .bind(held)
        .bind(accounts)
        .bind(holders)
        .execute(tx.conn())
        .await?;
    }
    Ok(())
}

/// Appends movements, each with its id.
///
/// # Errors
/// When the database does not answer.
pub async fn movements(tx: &mut Tx, stamp: Stamp<'_>, rows: &[(Uuid, Movement)]) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    let segment = tx.segment();
    let at: DateTime<Utc> = stamp.at.utc();
    sqlx::query(
        "INSERT INTO movements (movement_id, invoice_id, account_id, creditor_id, calendar, currency, kind, amount_minor,
                                segment, moved_at)
         SELECT movement_id, invoice_id, account_id, $1, $2, currency, kind, amount_minor, $3, $4
         FROM UNNEST($5::uuid[], $6::uuid[], $7::uuid[], $8::text[], $9::text[], $10::int8[])
              AS moved (movement_id, invoice_id, account_id, currency, kind, amount_minor)",
    )
    .bind(stamp.creditor_id.as_uuid())
    .bind(stamp.calendar.as_str())
    .bind(segment)
    .bind(at)
    .bind(rows.iter().map(|(id, _)| *id).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, movement)| movement.invoice_id.as_uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, movement)| movement.account_id.as_uuid()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, movement)| movement.currency.code().to_owned()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, movement)| movement.kind.word()).collect::<Vec<_>>())
    .bind(rows.iter().map(|(_, movement)| movement.amount_minor).collect::<Vec<_>>())
    .execute(tx.conn())
    .await?;
    Ok(())
}
