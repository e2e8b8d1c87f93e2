//! Pulls by SFTP: the lease of whoever pulls, and the files that are known.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::pull::{Remote, State};

/// A hold on one pull, for thirty seconds unless renewed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, sqlx::FromRow)]
pub struct Lease {
    /// Which hold it is.
    pub epoch: i64,
    /// Number of the look that begins.
    pub look: i64,
    /// Failures in a row until now.
    pub failures: i32,
}

/// How a look ended.
#[derive(Clone, Debug)]
pub struct Finished<'a> {
    /// Seconds until the next.
    pub pause_seconds: i64,
    /// Whether the directory was listed.
    pub looked: bool,
    /// Failures in a row with this one.
    pub failures: i32,
    /// What failed, as in metrics.
    pub reason: Option<&'a str>,
    /// What failed, in words.
    pub problem: Option<&'a str>,
    /// Now.
    pub at: DateTime<Utc>,
}

/// How a pull stands.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct Standing {
    /// Its name.
    pub name: String,
    /// When it looked last.
    pub looked_at: Option<DateTime<Utc>>,
    /// Failures in a row.
    pub failures: i32,
    /// What failed, as in metrics.
    pub reason: Option<String>,
    /// What failed, in words.
    pub problem: Option<String>,
}

/// Makes a pull known. With settings that were not in force before, it looks at once.
///
/// # Errors
/// When the database does not answer.
pub async fn register(conn: &mut PgConnection, name: &str, settings_sha256: &str) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO sftp_pull (name, settings_sha256) VALUES ($1, $2)
         ON CONFLICT (name) DO UPDATE SET settings_sha256 = $2, next_at = NULL WHERE sftp_pull.settings_sha256 <> $2",
    )
    .bind(name)
    .bind(settings_sha256)
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes the pull for thirty seconds, where it is due and nobody has it.
///
/// # Errors
/// When the database does not answer.
pub async fn lease(conn: &mut PgConnection, name: &str) -> Result<Option<Lease>, sqlx::Error> {
    sqlx::query_as(
        "UPDATE sftp_pull SET epoch = epoch + 1, leased_until = clock_timestamp() + interval '30 seconds'
         WHERE name = $1 AND (leased_until IS NULL OR leased_until < clock_timestamp())
           AND (next_at IS NULL OR next_at <= clock_timestamp())
         RETURNING epoch, look, failures",
    )
    .bind(name)
    .fetch_optional(conn)
    .await
}

/// Holds on for thirty seconds more; `false` where somebody else has it.
///
/// # Errors
/// When the database does not answer.
pub async fn renew(conn: &mut PgConnection, name: &str, epoch: i64) -> Result<bool, sqlx::Error> {
    let renewed = sqlx::query(
        "UPDATE sftp_pull SET leased_until = clock_timestamp() + interval '30 seconds' WHERE name = $1 AND epoch = $2",
    )
    .bind(name)
    .bind(epoch)
    .execute(conn)
    .await?;
    Ok(renewed.rows_affected() == 1)
}

/// Gives the pull back, and says when the next look is due.
///
/// # Errors
/// When the database does not answer.
pub async fn finish(
    conn: &mut PgConnection,
    name: &str,
    epoch: i64,
    finished: &Finished<'_>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE sftp_pull SET leased_until = NULL, next_at = clock_timestamp() + make_interval(secs => $3),
             look = CASE WHEN $4 THEN look + 1 ELSE look END, looked_at = CASE WHEN $4 THEN $5 ELSE looked_at END,
             failures = $6, reason = $7, problem = $8
         WHERE name = $1 AND epoch = $2",
    )
    .bind(name)
    .bind(epoch)
    .bind(i32::try_from(finished.pause_seconds).unwrap_or(i32::MAX))
    .bind(finished.looked)
    .bind(finished.at)
    .bind(finished.failures)
    .bind(finished.reason)
    .bind(finished.problem)
    .execute(conn)
    .await?;
    Ok(())
}

/// How these pulls stand.
///
/// # Errors
/// When the database does not answer.
pub async fn standing(conn: &mut PgConnection, names: &[String]) -> Result<Vec<Standing>, sqlx::Error> {
    sqlx::query_as(
        "SELECT name, looked_at, failures, reason, problem FROM sftp_pull WHERE name = ANY($1) ORDER BY name",
    )
    .bind(names)
    .fetch_all(conn)
    .await
}

/// What is known of the files that are listed, and of those that were being waited for.
///
/// # Errors
/// When the database does not answer.
pub async fn known(
    conn: &mut PgConnection,
    pull: &str,
    listing: &[Remote],
) -> Result<Vec<(Remote, State)>, sqlx::Error> {
    let names: Vec<&str> = listing.iter().map(|remote| remote.name.as_str()).collect();
    let rows: Vec<(String, i64, i64, String, i64)> = sqlx::query_as(
        "SELECT name, size_bytes, modified_at, state, first_look FROM sftp_file
         WHERE pull = $1 AND (state = 'seen' OR name = ANY($2))",
    )
    .bind(pull)
    .bind(names)
    .fetch_all(conn)
    .await?;
    let file = |(name, size_bytes, modified_at, state, first): (String, i64, i64, String, i64)| {
        let state = match state.as_str() {
            "stored" => State::Stored,
            "refused" => State::Refused,
            _ => State::Seen(first),
        };
        (
            Remote {
                modified_at,
                name,
                size_bytes,
            },
            state,
        )
    };
    Ok(rows.into_iter().map(file).collect())
}

/// Remembers files as listed by this look, unless they are known, and forgets those that were waited for and are gone.
///
/// # Errors
/// When the database does not answer.
pub async fn note(
    conn: &mut PgConnection,
    pull: &str,
    look: i64,
    listed: &[Remote],
    gone: &[Remote],
) -> Result<(), sqlx::Error> {
    let columns = |files: &[Remote]| {
        let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
        let sizes: Vec<i64> = files.iter().map(|file| file.size_bytes).collect();
        let times: Vec<i64> = files.iter().map(|file| file.modified_at).collect();
        (names, sizes, times)
    };
    let (names, sizes, times) = columns(listed);
    sqlx::query(
        "INSERT INTO sftp_file (pull, name, size_bytes, modified_at, state, first_look)
         SELECT $1, n, s, t, 'seen', $2 FROM UNNEST($3::text[], $4::bigint[], $5::bigint[]) AS u(n, s, t)
         ON CONFLICT DO NOTHING",
    )
    .bind(pull)
    .bind(look)
    .bind(names)
    .bind(sizes)
    .bind(times)
    .execute(&mut *conn)
    .await?;
    let (names, sizes, times) = columns(gone);
    sqlx::query(
        "DELETE FROM sftp_file f USING UNNEST($2::text[], $3::bigint[], $4::bigint[]) AS u(n, s, t)
         WHERE f.pull = $1 AND f.name = n AND f.size_bytes = s AND f.modified_at = t AND f.state = 'seen'",
    )
    .bind(pull)
    .bind(names)
    .bind(sizes)
    .bind(times)
    .execute(conn)
    .await?;
    Ok(())
}

/// Bytes of a file that are safe on our disk.
///
/// # Errors
/// When the database does not answer.
pub async fn fetched(conn: &mut PgConnection, pull: &str, file: &Remote) -> Result<i64, sqlx::Error> {
    let fetched: Option<i64> = sqlx::query_scalar(
        "SELECT fetched_bytes FROM sftp_file WHERE pull = $1 AND name = $2 AND size_bytes = $3 AND modified_at = $4",
    )
    .bind(pull)
    .bind(&file.name)
    .bind(file.size_bytes)
    .bind(file.modified_at)
    .fetch_optional(conn)
    .await?;
    Ok(fetched.unwrap_or(0))
}

/// Says how many bytes of a file are safe on our disk.
///
/// # Errors
/// When the database does not answer.
pub async fn set_fetched(conn: &mut PgConnection, pull: &str, file: &Remote, bytes: i64) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE sftp_file SET fetched_bytes = $5 WHERE pull = $1 AND name = $2 AND size_bytes = $3 AND modified_at = $4",
    )
    .bind(pull)
    .bind(&file.name)
    .bind(file.size_bytes)
    .bind(file.modified_at)
    .bind(bytes)
    .execute(conn)
    .await?;
    Ok(())
}

/// A file's bytes are stored as this raw item, or it is refused for good (`None`).
///
/// # Errors
/// When the database does not answer.
pub async fn settle(
    conn: &mut PgConnection,
    pull: &str,
    file: &Remote,
    raw_id: Option<Uuid>,
    at: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE sftp_file SET state = CASE WHEN $5::uuid IS NULL THEN 'refused' ELSE 'stored' END, raw_id = $5, stored_at = $6,
             fetched_bytes = 0
         WHERE pull = $1 AND name = $2 AND size_bytes = $3 AND modified_at = $4",
    )
    .bind(pull)
    .bind(&file.name)
    .bind(file.size_bytes)
    .bind(file.modified_at)
    .bind(raw_id)
    .bind(at)
    .execute(conn)
    .await?;
    Ok(())
}
