//! Loads what a chunk of puts touches, and locks it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kernel::{AccountId, DebtorId, InvoiceId, PlaceId};
use runtime::{Failure, Tx};
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{Stripe, content, currency, date, inconsistent, stripes};
use crate::bodies::{AccountBody, Body, DebtorBody, InvoiceBody, Owner, PlaceBody, fields::Version};
use crate::domain::references::{Claim, References};
use crate::domain::world::Kept;
use crate::domain::{Account, Cancellation, Document, Put, Terms, World};

/// What a chunk names.
#[derive(Default)]
pub struct Needs {
    debtors: BTreeSet<DebtorId>,
    named_debtors: BTreeSet<DebtorId>,
    refunders: BTreeSet<DebtorId>,
    accounts: BTreeSet<AccountId>,
    named_accounts: BTreeSet<AccountId>,
    places: BTreeSet<PlaceId>,
    documents: BTreeSet<InvoiceId>,
    named_documents: BTreeSet<InvoiceId>,
    references: BTreeSet<String>,
}

impl Needs {
    /// Notes what one put names.
    pub fn add(&mut self, put: &Put) {
        match put {
            Put::Debtor(debtor) => {
                self.debtors.insert(debtor.0.debtor_id);
            }
            Put::Account(account) => {
                self.accounts.insert(account.state.account_id);
                self.named_debtors
                    .extend(account.debtors().into_iter().map(|(_, debtor)| debtor));
                self.references
                    .extend(account.references().into_iter().map(|(_, reference)| reference));
                self.note_refund(account);
            }
            Put::Place(place) => {
                self.places.insert(place.state.place_id);
                self.named_accounts.insert(place.state.account_id);
            }
            Put::Document(document) => {
                self.documents.insert(document.id());
                self.named_accounts.insert(document.account_id());
                match document {
                    Document::Invoice(invoice) => {
                        self.named_documents.extend(invoice.state.corrects);
                        self.references
                            .extend(invoice.references().into_iter().map(|(_, reference)| reference));
                    }
                    Document::CreditNote(note) => {
                        self.named_documents.insert(note.state.invoice_id);
                    }
                }
            }
        }
    }

    fn note_refund(&mut self, account: &Account) {
        if account.refund_account.is_some() {
            self.refunders.insert(account.state.debtor_id);
        }
    }

    fn stripes(&self, owner: Owner<'_>) -> BTreeSet<Stripe> {
        let debtors = self.debtors.iter().map(DebtorId::as_uuid);
        let accounts = self.accounts.iter().map(AccountId::as_uuid);
        let places = self.places.iter().map(PlaceId::as_uuid);
        let documents = self.documents.iter().map(InvoiceId::as_uuid);
        let things = debtors
            .chain(accounts)
            .chain(places)
            .chain(documents)
            .map(Stripe::of_thing);
        let references = self
            .references
            .iter()
            .map(|reference| Stripe::of_reference(owner.creditor_id, reference));
        things.chain(references).collect()
    }
}

/// Locks and loads. After it nobody else changes what is in the snapshot until the transaction ends.
///
/// # Errors
/// When the database does not answer, or a row is not what we wrote.
pub async fn load(tx: &mut Tx, owner: Owner<'_>, terms: Terms, mut needs: Needs) -> Result<World, Failure> {
    let mut world = World::new(terms);
    stripes(tx, &needs.stripes(owner)).await?;
    // Accounts and places change only under their stripes: they can be read before their accounts' rows are locked.
    world.accounts = accounts(tx, owner, &needs.accounts).await?;
    world.places = places(tx, owner, &needs.places).await?;
    for kept in world.accounts.values() {
        needs.note_refund(&kept.state);
        needs
            .references
            .extend(kept.state.references().into_iter().map(|(_, reference)| reference));
    }
    needs
        .named_accounts
        .extend(world.places.values().map(|kept| kept.state.state.account_id));
    let told: BTreeSet<DebtorId> = needs.debtors.union(&needs.refunders).copied().collect();
    world.debtors = debtors(tx, owner, &told).await?;
    let locked: BTreeSet<AccountId> = needs.accounts.union(&needs.named_accounts).copied().collect();
    world.currencies = lock_accounts(tx, &locked).await?;
    world.refunds = refunds(tx, &told).await?;
    world.known_debtors = known_debtors(tx, &needs.named_debtors).await?.into_iter().collect();
    let all: BTreeSet<InvoiceId> = needs.documents.union(&needs.named_documents).copied().collect();
    world.documents = documents(tx, owner, &all).await?;
    for invoice in world.documents.values().filter_map(|kept| kept.state.as_invoice()) {
        needs
            .references
            .extend(invoice.references().into_iter().map(|(_, reference)| reference));
    }
    world.references = References::new(references(tx, owner, &needs.references).await?);
    Ok(world)
}

fn uuids<T: Copy + Into<Uuid>>(ids: &BTreeSet<T>) -> Vec<Uuid> {
    ids.iter().map(|id| (*id).into()).collect()
}

/// A row's body in the domain's form, with its id.
fn kept<B: Body>(table: &'static str, row: &PgRow, owner: Owner<'_>) -> Result<(Uuid, Kept<B::State>), Failure> {
    let id: Uuid = row.try_get("id")?;
    let external_id: String = row.try_get("external_id")?;
    let version: i64 = row.try_get("version")?;
    let digest: Vec<u8> = row.try_get("content")?;
    let content = content(version, &digest).ok_or_else(|| inconsistent(table, id, "no digest"))?;
    let text: String = row.try_get("body")?;
    let mut body: B = serde_json::from_str(&text).map_err(|error| inconsistent(table, id, error))?;
    *body.version() = Version::stored(version);
    Ok((
        id,
        Kept {
            content,
            state: body.state(&external_id, owner),
        },
    ))
}

async fn fetch(tx: &mut Tx, sql: &'static str, ids: Vec<Uuid>) -> Result<Vec<PgRow>, Failure> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    Ok(sqlx::query(sql).bind(ids).fetch_all(tx.conn()).await?)
}

async fn debtors(
    tx: &mut Tx,
    owner: Owner<'_>,
    ids: &BTreeSet<DebtorId>,
) -> Result<HashMap<DebtorId, Kept<crate::domain::Debtor>>, Failure> {
    let sql = "SELECT debtor_id AS id, external_id, version, content, body::text AS body
               FROM debtors WHERE debtor_id = ANY($1) ORDER BY debtor_id FOR NO KEY UPDATE";
    let rows = fetch(tx, sql, uuids(ids)).await?;
    rows.iter()
        .map(|row| kept::<DebtorBody>("debtors", row, owner).map(|(id, kept)| (DebtorId::from_uuid(id), kept)))
        .collect()
}

async fn accounts(
    tx: &mut Tx,
    owner: Owner<'_>,
    ids: &BTreeSet<AccountId>,
) -> Result<HashMap<AccountId, Kept<Account>>, Failure> {
    let sql = "SELECT account_id AS id, external_id, version, content, body::text AS body, currency
               FROM accounts WHERE account_id = ANY($1)";
    let mut accounts = HashMap::new();
    for row in fetch(tx, sql, uuids(ids)).await? {
        let (id, mut kept) = kept::<AccountBody>("accounts", &row, owner)?;
        // An account that named none got the creditor's currency of that time, for good.
        kept.state.state.currency = currency(row.try_get("currency")?)?;
        accounts.insert(AccountId::from_uuid(id), kept);
    }
    Ok(accounts)
}

async fn places(
    tx: &mut Tx,
    owner: Owner<'_>,
    ids: &BTreeSet<PlaceId>,
) -> Result<HashMap<PlaceId, Kept<crate::domain::Place>>, Failure> {
    let sql = "SELECT place_id AS id, external_id, version, content, body::text AS body
               FROM places WHERE place_id = ANY($1)";
    let rows = fetch(tx, sql, uuids(ids)).await?;
    rows.iter()
        .map(|row| kept::<PlaceBody>("places", row, owner).map(|(id, kept)| (PlaceId::from_uuid(id), kept)))
        .collect()
}

async fn documents(
    tx: &mut Tx,
    owner: Owner<'_>,
    ids: &BTreeSet<InvoiceId>,
) -> Result<HashMap<InvoiceId, Kept<Document>>, Failure> {
    let sql =
        "SELECT invoice_id AS id, external_id, version, content, body::text AS body, credited_minor, cancelled_on,
                      cancelled_reason, replaced_by
               FROM invoices WHERE invoice_id = ANY($1)";
    let mut documents = HashMap::new();
    for row in fetch(tx, sql, uuids(ids)).await? {
        let (id, mut kept) = kept::<InvoiceBody>("invoices", &row, owner)?;
        if let Document::Invoice(invoice) = &mut kept.state {
            invoice.credited_minor = row.try_get("credited_minor")?;
            let on: Option<chrono::NaiveDate> = row.try_get("cancelled_on")?;
            let replaced_by: Option<Uuid> = row.try_get("replaced_by")?;
            invoice.cancelled = match on {
                None => None,
                Some(on) => Some(Cancellation {
                    on: date(on)?,
                    reason: row.try_get("cancelled_reason")?,
                    replaced_by: replaced_by.map(InvoiceId::from_uuid),
                }),
            };
        }
        documents.insert(InvoiceId::from_uuid(id), kept);
    }
    Ok(documents)
}

/// Locks the accounts' rows in key order: from here on nobody else emits for them.
async fn lock_accounts(
    tx: &mut Tx,
    ids: &BTreeSet<AccountId>,
) -> Result<HashMap<AccountId, kernel::Currency>, Failure> {
    let sql = "SELECT account_id AS id, currency FROM accounts WHERE account_id = ANY($1)
               ORDER BY account_id FOR NO KEY UPDATE";
    let rows = fetch(tx, sql, uuids(ids)).await?;
    rows.iter()
        .map(|row| {
            Ok((
                AccountId::from_uuid(row.try_get("id")?),
                currency(row.try_get("currency")?)?,
            ))
        })
        .collect()
}

async fn known_debtors(tx: &mut Tx, ids: &BTreeSet<DebtorId>) -> Result<Vec<DebtorId>, Failure> {
    let rows = fetch(
        tx,
        "SELECT debtor_id AS id FROM debtors WHERE debtor_id = ANY($1)",
        uuids(ids),
    )
    .await?;
    rows.iter()
        .map(|row| Ok(DebtorId::from_uuid(row.try_get("id")?)))
        .collect()
}

type Refunds = HashMap<DebtorId, BTreeMap<AccountId, String>>;

async fn refunds(tx: &mut Tx, ids: &BTreeSet<DebtorId>) -> Result<Refunds, Failure> {
    let sql = "SELECT debtor_id, account_id, refund_account FROM accounts
               WHERE debtor_id = ANY($1) AND refund_account IS NOT NULL";
    let mut refunds = Refunds::new();
    for row in fetch(tx, sql, uuids(ids)).await? {
        let debtor = DebtorId::from_uuid(row.try_get("debtor_id")?);
        let account = AccountId::from_uuid(row.try_get("account_id")?);
        refunds
            .entry(debtor)
            .or_default()
            .insert(account, row.try_get("refund_account")?);
    }
    Ok(refunds)
}

async fn references(
    tx: &mut Tx,
    owner: Owner<'_>,
    wanted: &BTreeSet<String>,
) -> Result<HashMap<String, Claim>, Failure> {
    if wanted.is_empty() {
        return Ok(HashMap::new());
    }
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    let rows: Vec<(String, Uuid, i32)> = sqlx::query_as(
        // One look into the index per reference: any other form may be planned as a filter over all of the creditor's.
        "SELECT p.reference, p.account_id, p.holders FROM UNNEST($2::text[]) AS u (reference)
         CROSS JOIN LATERAL (SELECT reference, account_id, holders FROM payment_references
                             WHERE creditor_id = $1 AND reference = u.reference OFFSET 0) p",
    )
    .bind(owner.creditor_id.as_uuid())
    .bind(wanted)
    .fetch_all(tx.conn())
    .await?;
    let claim = |(reference, account, holders)| {
        (
            reference,
            Claim {
                account_id: AccountId::from_uuid(account),
                holders,
            },
        )
    };
    Ok(rows.into_iter().map(claim).collect())
}
