//! The only SQL of this service.
//!
//! | module | tables |
//! |---|---|
//! | [`registry`], [`references`] | creditors, bank accounts, merchants, accounts, invoices; their references |
//! | [`raw`], [`statements`] | what came in, and what it says |
//! | [`rows`], [`book`] | append-only money rows; all of one transaction, with its sums and digest |
//! | [`payments`], [`reversals`], [`deposits`], [`payu`] | what is known about money when the next thing is decided |
//! | [`day`], [`proof`] | the day's sums; the same recomputed from rows |
//! | [`feeds`] | how far bank accounts are covered; days that people released |
//! | [`sftp`] | whose turn it is to pull from a bank's server, and which files are known |
//! | [`provisional`], [`expectations`] | what is told before it is final, and what accounts expect of it |
//! | [`batches`] | where batches and their payments meet |
//! | [`tasks`] | work for people |
//! | [`read`] | what the API shows |
//! | [`migrations`] | the tables, as they came |

pub mod batches;
pub mod book;
pub mod day;
pub mod deposits;
pub mod expectations;
pub mod feeds;
pub mod migrations;
pub mod payments;
pub mod payu;
pub mod proof;
pub mod provisional;
pub mod raw;
pub mod read;
pub mod references;
pub mod registry;
pub mod reversals;
pub mod rows;
pub mod sftp;
pub mod statements;
pub mod tasks;

use kernel::CreditorId;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Separates the parts of a list in one text column: no reference holds it.
pub const LIST_SEPARATOR: char = '\u{1f}';

/// A list as one text column.
#[must_use]
pub fn join(list: &[String]) -> String {
    list.join(&LIST_SEPARATOR.to_string())
}

/// The list in a text column.
#[must_use]
pub fn split(text: &str) -> Vec<String> {
    if text.is_empty() {
        Vec::new()
    } else {
        text.split(LIST_SEPARATOR).map(str::to_owned).collect()
    }
}

/// The number by which a creditor's token is looked up: the first eight bytes of SHA-256 of creditor and token.
#[must_use]
pub fn token_hash(creditor: CreditorId, token: &str) -> i64 {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(creditor.as_uuid())
        .chain_update(token)
        .finalize()
        .into();
    let mut first = [0_u8; 8];
    first.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    i64::from_be_bytes(first)
}

/// Ids of this service's own tables, derived like the kernel's: a netstring of the kind, then of the parts.
#[must_use]
pub fn derived_id(kind: &str, parts: &[&str]) -> Uuid {
    let name = std::iter::once(&kind)
        .chain(parts)
        .fold(String::new(), |name, part| format!("{name}{}:{part},", part.len()));
    Uuid::new_v5(&kernel::ids::NAMESPACE, name.as_bytes())
}

/// First half of the two-part key of the reference stripes ("refs").
const STRIPE_LOCK: i32 = 0x7265_6673;
/// Stripes of reference locks (protocol.md row 13); one more guards new shapes.
const STRIPES: u64 = 512;
const SHAPE_STRIPE: i32 = 512;

fn stripe(token_hash: i64) -> i32 {
    i32::try_from(token_hash.unsigned_abs() % STRIPES).unwrap_or(0)
}

/// Whether a lock that somebody else holds is waited for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Patience {
    /// It is: this is the transaction's first, the order holds.
    Waits,
    /// It is not.
    Tries,
}

/// Takes stripes in order, shared: money looks for references.
async fn share_stripes(
    conn: &mut sqlx::PgConnection,
    stripes: std::collections::BTreeSet<i32>,
) -> Result<(), sqlx::Error> {
    if stripes.is_empty() {
        return Ok(());
    }
    sqlx::query("SELECT count(pg_advisory_xact_lock_shared($1, s)) FROM UNNEST($2::int[]) WITH ORDINALITY AS u(s, n)")
        .bind(STRIPE_LOCK)
        .bind(stripes.into_iter().collect::<Vec<_>>())
        .execute(conn)
        .await?;
    Ok(())
}

/// Takes stripes in order, exclusively: references look for money. `false` where one is held and may not be waited for.
async fn own_stripes(
    conn: &mut sqlx::PgConnection,
    stripes: std::collections::BTreeSet<i32>,
    patience: Patience,
) -> Result<bool, sqlx::Error> {
    if stripes.is_empty() {
        return Ok(true);
    }
    let take = match patience {
        Patience::Waits => {
            "SELECT count(pg_advisory_xact_lock($1, s)) >= 0 FROM UNNEST($2::int[]) WITH ORDINALITY AS u(s, n)"
        }
        Patience::Tries => {
            "SELECT bool_and(pg_try_advisory_xact_lock($1, s)) FROM UNNEST($2::int[]) WITH ORDINALITY AS u(s, n)"
        }
    };
    sqlx::query_scalar(take)
        .bind(STRIPE_LOCK)
        .bind(stripes.into_iter().collect::<Vec<_>>())
        .fetch_one(conn)
        .await
}

/// Money takes the stripes of all its tokens, shared, before it looks for references.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_for_money(conn: &mut sqlx::PgConnection, tokens: &[i64]) -> Result<(), sqlx::Error> {
    share_stripes(conn, tokens.iter().map(|token| stripe(*token)).collect()).await
}

/// Money takes the guard of shapes, shared, before it reads them.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_shapes(conn: &mut sqlx::PgConnection) -> Result<(), sqlx::Error> {
    share_stripes(conn, std::iter::once(SHAPE_STRIPE).collect()).await
}

/// Whoever brings a new shape takes the guard of shapes exclusively.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_new_shapes(conn: &mut sqlx::PgConnection, patience: Patience) -> Result<bool, sqlx::Error> {
    own_stripes(conn, std::iter::once(SHAPE_STRIPE).collect(), patience).await
}

/// References take their stripes exclusively before they look for money.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_for_references(
    conn: &mut sqlx::PgConnection,
    tokens: &[i64],
    patience: Patience,
) -> Result<bool, sqlx::Error> {
    own_stripes(conn, tokens.iter().map(|token| stripe(*token)).collect(), patience).await
}

/// First half of the two-part key of the provider stripes ("prov").
const PROVIDER_LOCK: i32 = 0x7072_6f76;

/// A provider's confirmation and a bank entry that name the same order look for each other under these, exclusively: at
/// once, both would find nothing and the money would count twice.
///
/// # Errors
/// When the database does not answer.
pub async fn lock_for_providers(
    conn: &mut sqlx::PgConnection,
    names: &std::collections::BTreeSet<i64>,
) -> Result<(), sqlx::Error> {
    let stripes: std::collections::BTreeSet<i32> = names.iter().map(|name| stripe(*name)).collect();
    if stripes.is_empty() {
        return Ok(());
    }
    let stripes: Vec<i32> = stripes.into_iter().collect();
    sqlx::query("SELECT count(pg_advisory_xact_lock($1, s)) FROM UNNEST($2::int[]) WITH ORDINALITY AS u(s, n)")
        .bind(PROVIDER_LOCK)
        .bind(stripes)
        .execute(conn)
        .await?;
    Ok(())
}
