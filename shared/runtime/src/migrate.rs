//! Migrations: plain SQL, run once each, under an advisory lock.

use sha2::{Digest, Sha256};
use sqlx::{Connection, PgConnection};

use crate::Migration;

/// The runtime's own tables come before the service's.
const RUNTIME: &[Migration] = &[
    Migration {
        version: 1,
        name: "runtime",
        sql: include_str!("../migrations/0001_runtime.sql"),
    },
    Migration {
        version: 2,
        name: "memory",
        sql: include_str!("../migrations/0002_memory.sql"),
    },
];

/// "incasso migrations": whoever holds it migrates, the others wait.
const LOCK: i64 = 0x696e_6361_7373_6f6d;

/// Brings a service's database up to date.
///
/// # Errors
/// When the database does not answer, a statement fails, or a migration that has run was changed since.
pub(crate) async fn run(url: &str, service: &'static [Migration]) -> anyhow::Result<()> {
    let mut conn = PgConnection::connect(url).await?;
    sqlx::query("SELECT pg_advisory_lock($1)")
        .bind(LOCK)
        .execute(&mut conn)
        .await?;
    let result = apply(&mut conn, service).await;
    // The lock ends with the connection in any case.
    conn.close().await?;
    result
}

async fn apply(conn: &mut PgConnection, service: &'static [Migration]) -> anyhow::Result<()> {
    sqlx::raw_sql(
        "CREATE TABLE IF NOT EXISTS rt_migration (
             owner text NOT NULL, version bigint NOT NULL, name text NOT NULL, sha256 text NOT NULL,
             PRIMARY KEY (owner, version))",
    )
    .execute(&mut *conn)
    .await?;
    for (owner, migrations) in [("runtime", RUNTIME), ("service", service)] {
        for migration in migrations {
            one(conn, owner, migration).await?;
        }
    }
    Ok(())
}

async fn one(conn: &mut PgConnection, owner: &str, migration: &Migration) -> anyhow::Result<()> {
    let sha256 = hex::encode(Sha256::digest(migration.sql.as_bytes()));
    let known: Option<String> = sqlx::query_scalar("SELECT sha256 FROM rt_migration WHERE owner = $1 AND version = $2")
        .bind(owner)
        .bind(migration.version)
        .fetch_optional(&mut *conn)
        .await?;
    match known {
        Some(known) if known == sha256 => return Ok(()),
        Some(_) => anyhow::bail!(
            "migration {owner} {} {} was changed after it had run",
            migration.version,
            migration.name
        ),
        None => {}
    }
    let mut tx = conn.begin().await?;
    sqlx::raw_sql(migration.sql)
        .execute(&mut *tx)
        .await
        .map_err(|error| anyhow::anyhow!("migration {owner} {} {}: {error}", migration.version, migration.name))?;
    sqlx::query("INSERT INTO rt_migration (owner, version, name, sha256) VALUES ($1, $2, $3, $4)")
        .bind(owner)
        .bind(migration.version)
        .bind(migration.name)
        .bind(sha256)
        .execute(&mut *tx)
        .await?;
    tx.commit().await?;
    tracing::info!(owner, version = migration.version, name = migration.name, "migrated");
    Ok(())
}
