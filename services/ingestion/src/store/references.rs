//! The index of references, and what they lead to.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kernel::{AccountId, CreditorId, Currency, InvoiceId};
use sqlx::PgConnection;
use uuid::Uuid;

use super::{Patience, token_hash};
use crate::domain::identify::{Rule, Target};
use crate::domain::tokens::shape;

/// A reference to register.
#[derive(Clone, Debug, Eq, PartialEq, Ord, PartialOrd)]
pub struct Reference {
    /// The creditor on whose collectors it counts.
    pub creditor_id: CreditorId,
    /// Capitals and digits.
    pub token: String,
    /// The account it leads to.
    pub account_id: AccountId,
    /// The invoice, where it names one.
    pub invoice_id: Option<InvoiceId>,
    /// What it is.
    pub rule: Rule,
}

impl Reference {
    /// The number by which it is looked up.
    #[must_use]
    pub fn hash(&self) -> i64 {
        token_hash(self.creditor_id, &self.token)
    }
}

/// Forgets all references of these accounts themselves (their invoices' stay): the new state follows.
///
/// # Errors
/// When the database does not answer.
pub async fn forget_account_references(
    conn: &mut PgConnection,
    accounts: &BTreeSet<AccountId>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "DELETE FROM reference WHERE account_id = ANY($1) AND invoice_id = '00000000-0000-0000-0000-000000000000'",
    )
    .bind(accounts.iter().map(AccountId::as_uuid).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Registers references. Take their stripes before ([`super::lock_for_references`]), and their shapes by [`add_shapes`].
///
/// # Errors
/// When the database does not answer.
pub async fn add_references(conn: &mut PgConnection, references: &BTreeSet<Reference>) -> Result<(), sqlx::Error> {
    if references.is_empty() {
        return Ok(());
    }
    let hashes: Vec<i64> = references.iter().map(Reference::hash).collect();
    sqlx::query(
        "INSERT INTO reference (token_hash, account_id, invoice_id, rule, token, creditor_id)
         SELECT * FROM UNNEST($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::uuid[]) ON CONFLICT DO NOTHING",
    )
    .bind(hashes)
    .bind(references.iter().map(|reference| reference.account_id.as_uuid()).collect::<Vec<_>>())
    .bind(references.iter().map(|reference| reference.invoice_id.map_or(Uuid::nil(), |invoice| invoice.as_uuid())).collect::<Vec<_>>())
    .bind(references.iter().map(|reference| reference.rule.word().to_owned()).collect::<Vec<_>>())
    .bind(references.iter().map(|reference| reference.token.clone()).collect::<Vec<_>>())
    .bind(references.iter().map(|reference| reference.creditor_id.as_uuid()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes shapes that are new, under the exclusive guard: money that reads shapes waits, or this waits for it; `false` where it
/// would have to and may not.
///
/// # Errors
/// When the database does not answer.
pub async fn add_shapes(
    conn: &mut PgConnection,
    references: &BTreeSet<Reference>,
    patience: Patience,
) -> Result<bool, sqlx::Error> {
    let shapes: BTreeSet<(Uuid, String)> = references
        .iter()
        .map(|reference| (reference.creditor_id.as_uuid(), shape(&reference.token)))
        .collect();
    let (creditors, texts): (Vec<Uuid>, Vec<String>) = shapes.into_iter().unzip();
    let new: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM UNNEST($1::uuid[], $2::text[]) AS u(c, s)
         WHERE NOT EXISTS (SELECT FROM reference_shape WHERE creditor_id = u.c AND shape = u.s)",
    )
    .bind(&creditors)
    .bind(&texts)
    .fetch_one(&mut *conn)
    .await?;
    if new == 0 {
        return Ok(true);
    }
    if !super::lock_new_shapes(conn, patience).await? {
        return Ok(false);
    }
    sqlx::query("INSERT INTO reference_shape (creditor_id, shape) SELECT * FROM UNNEST($1::uuid[], $2::text[]) ON CONFLICT DO NOTHING")
        .bind(creditors)
        .bind(texts)
        .execute(conn)
        .await?;
    Ok(true)
}

/// Shapes of the references of these creditors. Take [`super::lock_shapes`] before.
///
/// # Errors
/// When the database does not answer.
pub async fn shapes(
    conn: &mut PgConnection,
    creditors: &BTreeSet<CreditorId>,
) -> Result<BTreeMap<CreditorId, BTreeSet<String>>, sqlx::Error> {
    let rows: Vec<(Uuid, String)> =
        sqlx::query_as("SELECT creditor_id, shape FROM reference_shape WHERE creditor_id = ANY($1)")
            .bind(creditors.iter().map(CreditorId::as_uuid).collect::<Vec<_>>())
            .fetch_all(conn)
            .await?;
    let mut shapes: BTreeMap<CreditorId, BTreeSet<String>> = BTreeMap::new();
    for (creditor, shape) in rows {
        shapes.entry(CreditorId::from_uuid(creditor)).or_default().insert(shape);
    }
    Ok(shapes)
}

#[derive(sqlx::FromRow)]
struct TargetRow {
    token_hash: i64,
    token: String,
    currency: String,
    account_id: Uuid,
    invoice_id: Uuid,
    rule: String,
    owed_minor: Option<i64>,
}

/// What registered references lead to.
#[derive(Debug, Default)]
pub struct Targets(HashMap<i64, Vec<(String, String, Target)>>);

impl Targets {
    /// What this token of this creditor leads to, among accounts in this currency.
    #[must_use]
    pub fn of(&self, creditor: CreditorId, token: &str, currency: Currency) -> Vec<&Target> {
        let found = self
            .0
            .get(&token_hash(creditor, token))
            .map(Vec::as_slice)
            .unwrap_or_default();
        let fits = |(known, code, _): &&(String, String, Target)| known == token && code == currency.code();
        found.iter().filter(fits).map(|(_, _, target)| target).collect()
    }
}

/// What the tokens with these hashes lead to.
///
/// # Errors
/// When the database does not answer.
pub async fn targets(conn: &mut PgConnection, hashes: &[i64]) -> Result<Targets, sqlx::Error> {
    let rows: Vec<TargetRow> = sqlx::query_as(
        "SELECT r.token_hash, r.token, a.currency, r.account_id, r.invoice_id, r.rule,
                CASE WHEN i.cancelled THEN 0 ELSE greatest(i.total_minor - i.credited_minor, 0) END AS owed_minor
         FROM reference r JOIN account a USING (account_id) LEFT JOIN invoice i ON i.invoice_id = r.invoice_id
         WHERE r.token_hash = ANY($1) ORDER BY r.token_hash, r.account_id, r.invoice_id, r.rule",
    )
    .bind(hashes)
    .fetch_all(conn)
    .await?;
    let mut targets = Targets::default();
    for row in rows {
        let Some(rule) = Rule::parse(&row.rule) else { continue };
        let invoice_id = (!row.invoice_id.is_nil()).then(|| InvoiceId::from_uuid(row.invoice_id));
        let account_id = AccountId::from_uuid(row.account_id);
        let target = Target {
            account_id,
            invoice_id,
            owed_minor: row.owed_minor.unwrap_or(0),
            rule,
        };
        targets
            .0
            .entry(row.token_hash)
            .or_default()
            .push((row.token, row.currency, target));
    }
    Ok(targets)
}
