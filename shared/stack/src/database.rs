//! Databases on a server: made and dropped by name.

use anyhow::{Context as _, bail};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, postgres::PgConnectOptions};

/// PostgreSQL's code when a database of that name exists.
const DUPLICATE_DATABASE: &str = "42P04";

/// Creates the database `name` (`[a-z0-9_]`, at most 63) on the server of `admin_url` and returns its URL. A database
/// that exists is left as it is.
///
/// # Errors
/// The server is away, or its user may not create databases.
pub async fn create_database(admin_url: &str, name: &str) -> anyhow::Result<String> {
    check(name)?;
    let mut connection = connect(admin_url).await?;
    // template0: nobody is ever connected to it, so creating never waits for others.
    let created = connection
        .execute(AssertSqlSafe(format!("CREATE DATABASE \"{name}\" TEMPLATE template0")))
        .await;
    match created {
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some(DUPLICATE_DATABASE) => {}
        outcome => {
            outcome.with_context(|| format!("cannot create the database {name}"))?;
        }
    }
    url_of(admin_url, name)
}

/// Drops the database `name`, with whoever is connected to it; one that does not exist is no error.
///
/// # Errors
/// The server is away, or the database is not its user's.
pub async fn drop_database(admin_url: &str, name: &str) -> anyhow::Result<()> {
    check(name)?;
    let mut connection = connect(admin_url).await?;
    let dropped = connection
        .execute(AssertSqlSafe(format!(
            "DROP DATABASE IF EXISTS \"{name}\" WITH (FORCE)"
        )))
        .await;
    dropped.with_context(|| format!("cannot drop the database {name}"))?;
    Ok(())
}

async fn connect(admin_url: &str) -> anyhow::Result<PgConnection> {
    let options: PgConnectOptions = admin_url.parse().context("this is no URL of a PostgreSQL database")?;
    options.connect().await.context("cannot connect to PostgreSQL")
}

fn check(name: &str) -> anyhow::Result<()> {
    let fine = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if name.is_empty() || name.len() > 63 || !name.chars().all(fine) {
        bail!("{name:?} is no name of a database: 1 to 63 of a-z, 0-9 and _");
    }
    Ok(())
}

/// The same server and options, another database.
fn url_of(admin_url: &str, name: &str) -> anyhow::Result<String> {
    let (scheme, rest) = admin_url
        .split_once("://")
        .context("a URL of PostgreSQL begins with postgres://")?;
    let (rest, query) = rest
        .split_once('?')
        .map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let authority = rest.split_once('/').map_or(rest, |(authority, _)| authority);
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    Ok(format!("{scheme}://{authority}/{name}{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_gets_another_database() {
        for (from, to) in [
            ("postgres://u:p@h:1/postgres", "postgres://u:p@h:1/x"),
            ("postgres://u@h", "postgres://u@h/x"),
            ("postgresql:///a?host=/run/pg", "postgresql:///x?host=/run/pg"),
        ] {
            assert_eq!(url_of(from, "x").unwrap(), to);
        }
    }

    #[test]
    fn a_name_cannot_carry_sql() {
        assert!(check("allocation_1").is_ok());
        for name in ["", "A", "a\"b", "a-b", &"a".repeat(64)] {
            assert!(check(name).is_err());
        }
    }
}
