//! The only SQL of `proof`: what the runtime's own tables say of certificates, and which calendars there are. Money rows
//! are read by the services' own functions.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;
use std::time::Duration;

use anyhow::Context as _;
use contracts::DayCertified;
use runtime::Secret;
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::types::Json;

/// A pool whose sessions can write nothing.
pub(crate) async fn connect(url: &Secret, service: &str) -> anyhow::Result<PgPool> {
    let options = PgConnectOptions::from_str(url.expose())
        .map_err(|_| anyhow::anyhow!("{service}: database.url is no PostgreSQL address"))?
        .application_name("incasso-proof")
        .options([("default_transaction_read_only", "on"), ("jit", "off")]);
    PgPoolOptions::new()
        .max_connections(2)
        .acquire_timeout(Duration::from_secs(10))
        .connect_with(options)
        .await
        .with_context(|| format!("{service}'s database does not answer"))
}

/// What a service's database keeps of its certificates.
pub(crate) struct Kept {
    /// By sequence. The copy; absent where it cannot be read any more. And the columns beside it.
    pub copies: BTreeMap<i64, Copied>,
    /// The hash that the next certificate will follow.
    pub head: String,
    /// Sequences whose record still waits in the outbox.
    pub unpublished: BTreeSet<i64>,
    /// Calendars of which rows may lie in the open day.
    pub calendars: BTreeSet<String>,
}

/// A row of `rt_certificate`.
#[derive(sqlx::FromRow)]
pub(crate) struct Copied {
    sequence: i64,
    pub calendar: String,
    pub day_on: chrono::NaiveDate,
    pub holds: bool,
    certificate: Json<serde_json::Value>,
    pub hash: String,
}

impl Copied {
    /// The copy itself; `None` where it is no certificate any more.
    pub(crate) fn certificate(&self) -> Option<DayCertified> {
        serde_json::from_value(self.certificate.0.clone()).ok()
    }
}

/// Reads them, in one state of the database.
pub(crate) async fn kept(pool: &PgPool, service: &str) -> sqlx::Result<Kept> {
    // Those that closed a day, and those that will.
    let mut calendars = match service {
        "ingestion" => ingestion::calendars(pool).await?,
        _ => allocation::proof::calendars(pool).await?,
    };
    let mut tx = pool.begin().await?;
    sqlx::query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        .execute(&mut *tx)
        .await?;
    let rows: Vec<Copied> = sqlx::query_as(
        "SELECT sequence, calendar, day_on, holds, certificate, hash FROM rt_certificate ORDER BY sequence",
    )
    .fetch_all(&mut *tx)
    .await?;
    let head: Option<String> = sqlx::query_scalar("SELECT hash FROM rt_chain")
        .fetch_optional(&mut *tx)
        .await?;
    let waiting: Vec<uuid::Uuid> = sqlx::query_scalar("SELECT message_id FROM rt_outbox WHERE type = 'DayCertified'")
        .fetch_all(&mut *tx)
        .await?;
    let closed: Vec<String> = sqlx::query_scalar("SELECT calendar FROM rt_closed")
        .fetch_all(&mut *tx)
        .await?;
    calendars.extend(closed);
    tx.rollback().await?;
    let id = |sequence: i64| kernel::MessageId::derive_text(&format!("{service}/certificate/{sequence}")).as_uuid();
    let unpublished = rows
        .iter()
        .map(|row| row.sequence)
        .filter(|sequence| waiting.contains(&id(*sequence)))
        .collect();
    Ok(Kept {
        copies: rows.into_iter().map(|row| (row.sequence, row)).collect(),
        head: head.unwrap_or_default(),
        unpublished,
        calendars: calendars.into_iter().collect(),
    })
}
