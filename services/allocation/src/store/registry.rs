//! Creditors, accounts and impediments: what other services say of them.

use contracts::{AccountClosed, AccountFreed, AccountImpeded, AccountOpened, CreditorRegistered};
use sqlx::PgConnection;

/// Writes creditors; an older version changes nothing.
pub(crate) async fn creditors(conn: &mut PgConnection, creditors: &[&CreditorRegistered]) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO creditors (creditor_id, code, version)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::bigint[])
         ON CONFLICT (creditor_id) DO UPDATE SET code = excluded.code, version = excluded.version
         WHERE creditors.version < excluded.version",
    )
    .bind(
        creditors
            .iter()
            .map(|one| one.creditor_id.as_uuid())
            .collect::<Vec<_>>(),
    )
    .bind(creditors.iter().map(|one| one.code.clone()).collect::<Vec<_>>())
    .bind(creditors.iter().map(|one| one.version).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Writes accounts that are new or newer than what is known; the caller holds the known ones locked and has sorted out
/// older versions. An account that moves to another calendar starts its open day there with nothing in it: what it has is
/// certified with the calendar that it leaves.
pub(crate) async fn accounts(conn: &mut PgConnection, accounts: &[(i32, AccountOpened)]) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO accounts (account_id, partition, creditor_id, number, version, calendar, currency)
         SELECT * FROM UNNEST($1::uuid[], $2::int[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[])
         ON CONFLICT (account_id) DO UPDATE
         SET number = excluded.number, version = excluded.version, calendar = excluded.calendar,
             day = CASE WHEN accounts.calendar = excluded.calendar THEN accounts.day ELSE -1 END
         WHERE accounts.version < excluded.version",
    )
    .bind(
        accounts
            .iter()
            .map(|(_, one)| one.account_id.as_uuid())
            .collect::<Vec<_>>(),
    )
    .bind(accounts.iter().map(|(partition, _)| *partition).collect::<Vec<_>>())
    .bind(
        accounts
            .iter()
            .map(|(_, one)| one.creditor_id.as_uuid())
            .collect::<Vec<_>>(),
    )
    .bind(accounts.iter().map(|(_, one)| one.number.clone()).collect::<Vec<_>>())
    .bind(accounts.iter().map(|(_, one)| one.version).collect::<Vec<_>>())
    .bind(
        accounts
            .iter()
            .map(|(_, one)| one.calendar.to_string())
            .collect::<Vec<_>>(),
    )
    .bind(accounts.iter().map(|(_, one)| one.currency.code()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes the end of accounts; what is owed stays owed.
pub(crate) async fn closed(conn: &mut PgConnection, accounts: &[&AccountClosed]) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE accounts a SET closed_on = u.closed_on, version = u.version
         FROM UNNEST($1::uuid[], $2::bigint[], $3::date[]) AS u (account_id, version, closed_on)
         WHERE a.account_id = u.account_id AND a.version < u.version",
    )
    .bind(accounts.iter().map(|one| one.account_id.as_uuid()).collect::<Vec<_>>())
    .bind(accounts.iter().map(|one| one.version).collect::<Vec<_>>())
    .bind(accounts.iter().map(|one| one.closed_on.naive()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that another service holds accounts up.
pub(crate) async fn impeded(conn: &mut PgConnection, impeded: &[&AccountImpeded]) -> sqlx::Result<()> {
    sqlx::query(
        "INSERT INTO impediments (account_id, service, reason, message_id, impeded_at)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::timestamptz[])
         ON CONFLICT (account_id, service) DO UPDATE
         SET reason = excluded.reason, message_id = excluded.message_id, impeded_at = excluded.impeded_at, freed_at = NULL",
    )
    .bind(impeded.iter().map(|one| one.account_id.as_uuid()).collect::<Vec<_>>())
    .bind(impeded.iter().map(|one| one.service.clone()).collect::<Vec<_>>())
    .bind(impeded.iter().map(|one| one.reason.clone()).collect::<Vec<_>>())
    .bind(impeded.iter().map(|one| one.message_id.as_uuid()).collect::<Vec<_>>())
    .bind(impeded.iter().map(|one| one.impeded_at.utc()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes that another service lets accounts go again.
pub(crate) async fn freed(conn: &mut PgConnection, freed: &[&AccountFreed]) -> sqlx::Result<()> {
    sqlx::query(
        "UPDATE impediments i SET freed_at = u.freed_at
         FROM UNNEST($1::uuid[], $2::text[], $3::timestamptz[]) AS u (account_id, service, freed_at)
         WHERE i.account_id = u.account_id AND i.service = u.service",
    )
    .bind(freed.iter().map(|one| one.account_id.as_uuid()).collect::<Vec<_>>())
    .bind(freed.iter().map(|one| one.service.clone()).collect::<Vec<_>>())
    .bind(freed.iter().map(|one| one.freed_at.utc()).collect::<Vec<_>>())
    .execute(conn)
    .await?;
    Ok(())
}
