//! Discarding a parked message that is truly bad: the first one of its key, proposed by one person, approved by another, done by
//! the partition's own worker. Its bytes stay, here and among the dead letters; so does what it would have moved, in the sum of
//! parked money, because what was assigned must be somewhere.

use sqlx::PgConnection;
use uuid::Uuid;

use crate::parked::Parked;
use crate::{Failure, Tx};

/// Why a discard was not proposed or decided.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DiscardError {
    /// The key has no parked message.
    #[error("nothing is parked under this key")]
    NothingParked,
    /// Another message is the first of its key.
    #[error("message {0} is the first one of this key: only that one can be discarded")]
    NotFirst(Uuid),
    /// It was proposed before.
    #[error("discarding this message was proposed before, by {0}")]
    Proposed(String),
    /// There is no such proposal.
    #[error("there is no proposal with this id")]
    Unknown,
    /// It was decided, or has come to nothing.
    #[error("it is {0} already")]
    Over(String),
    /// The one who proposed.
    #[error("who proposed it cannot approve it: another person decides")]
    SamePerson,
    /// The database.
    #[error("{0}")]
    Failure(Failure),
}

impl<E: Into<Failure>> From<E> for DiscardError {
    fn from(error: E) -> Self {
        Self::Failure(error.into())
    }
}

/// A proposal and what became of it, as people see it.
#[derive(Debug, serde::Serialize, sqlx::FromRow)]
pub(crate) struct Discard {
    discard_id: i64,
    key: Uuid,
    message_id: Uuid,
    topic: Option<String>,
    rule: String,
    detail: String,
    reason: String,
    state: String,
    proposed_by: String,
    proposed_at: chrono::DateTime<chrono::Utc>,
    decided_by: Option<String>,
    decided_reason: Option<String>,
    decided_at: Option<chrono::DateTime<chrono::Utc>>,
    ended_at: Option<chrono::DateTime<chrono::Utc>>,
}

const COLUMNS: &str =
    "discard_id, key, message_id, record->>'topic' AS topic, rule, detail, reason, state, proposed_by, proposed_at,
    decided_by, decided_reason, decided_at, ended_at";

/// Proposals, the newest first, below `before`.
pub(crate) async fn list(conn: &mut PgConnection, before: i64) -> Result<Vec<Discard>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {COLUMNS} FROM rt_discard WHERE discard_id < $1 ORDER BY discard_id DESC LIMIT 100"
    )))
    .bind(before)
    .fetch_all(conn)
    .await
}

/// Locks the key, so that nobody drains it meanwhile; gives its first message.
async fn first(conn: &mut PgConnection, key: Uuid) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query("SELECT FROM rt_parked_key WHERE key = $1 FOR UPDATE")
        .bind(key)
        .execute(&mut *conn)
        .await?;
    sqlx::query_scalar(
        "SELECT message_id FROM rt_parked WHERE key = $1 AND freed_segment IS NULL AND discarded_at IS NULL ORDER BY id LIMIT 1",
    )
    .bind(key)
    .fetch_optional(conn)
    .await
}

/// One person proposes; the message is the first of its key.
pub(crate) async fn propose(
    tx: &mut Tx,
    key: Uuid,
    message: Uuid,
    reason: &str,
    by: &str,
) -> Result<Discard, DiscardError> {
    let found = first(tx.conn(), key).await?.ok_or(DiscardError::NothingParked)?;
    if found != message {
        return Err(DiscardError::NotFirst(found));
    }
    let before: Option<String> = sqlx::query_scalar(
        "SELECT proposed_by FROM rt_discard WHERE message_id = $1 AND state IN ('proposed', 'approved')",
    )
    .bind(message)
    .fetch_optional(tx.conn())
    .await?;
    if let Some(before) = before {
        return Err(DiscardError::Proposed(before));
    }
    let at = tx.context().now().utc();
    let made = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "INSERT INTO rt_discard (key, message_id, rule, detail, record, payload, reason, proposed_by, proposed_at)
         SELECT key, message_id, rule, detail, record, payload, $2, $3, $4 FROM rt_parked WHERE message_id = $1
         RETURNING {COLUMNS}"
    )))
    .bind(message)
    .bind(reason)
    .bind(by)
    .bind(at)
    .fetch_one(tx.conn())
    .await?;
    Ok(made)
}

/// Another person decides. Approved, the key's own worker discards the message and goes on with those behind it.
pub(crate) async fn decide(
    tx: &mut Tx,
    discard_id: i64,
    approve: bool,
    reason: &str,
    by: &str,
) -> Result<Discard, DiscardError> {
    let open: Option<(Uuid, Uuid, String, String)> =
        sqlx::query_as("SELECT key, message_id, state, proposed_by FROM rt_discard WHERE discard_id = $1 FOR UPDATE")
            .bind(discard_id)
            .fetch_optional(tx.conn())
            .await?;
    let (key, message, state, proposed_by) = open.ok_or(DiscardError::Unknown)?;
    if state != "proposed" {
        return Err(DiscardError::Over(state));
    }
    if approve {
        if proposed_by == by {
            return Err(DiscardError::SamePerson);
        }
        let found = first(tx.conn(), key).await?.ok_or(DiscardError::NothingParked)?;
        if found != message {
            return Err(DiscardError::NotFirst(found));
        }
        sqlx::query("UPDATE rt_parked_key SET redrive = true, redrive_by = $2 WHERE key = $1")
            .bind(key)
            .bind(by)
            .execute(tx.conn())
            .await?;
    }
    // Who proposed may take it back: that is no decision of a second person.
    let (state, by) = match (approve, proposed_by == by) {
        (true, _) => ("approved", Some(by)),
        (false, false) => ("refused", Some(by)),
        (false, true) => ("expired", None),
    };
    let at = tx.context().now().utc();
    let decided = sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "UPDATE rt_discard SET state = $2, decided_by = $3, decided_reason = $4, decided_at = $5,
             ended_at = CASE WHEN $2 = 'approved' THEN NULL ELSE $5 END
         WHERE discard_id = $1 RETURNING {COLUMNS}"
    )))
    .bind(discard_id)
    .bind(state)
    .bind(by)
    .bind(reason)
    .bind(at)
    .fetch_one(tx.conn())
    .await?;
    Ok(decided)
}

/// Discards a message where that is approved; `false` where it is to be handled. Its id joins the inbox: delivered again, it is
/// a duplicate.
pub(crate) async fn approved(tx: &mut Tx, parked: &Parked) -> Result<bool, Failure> {
    let id = parked.record.id.as_uuid();
    let at = tx.context().now().utc();
    let done: Option<(i64, Option<String>)> = sqlx::query_as(
        "UPDATE rt_discard SET state = 'discarded', ended_at = $2 WHERE message_id = $1 AND state = 'approved'
         RETURNING discard_id, decided_by",
    )
    .bind(id)
    .bind(at)
    .fetch_optional(tx.conn())
    .await?;
    let Some((discard_id, by)) = done else {
        return Ok(false);
    };
    sqlx::query("UPDATE rt_parked SET discarded_at = $2 WHERE id = $1")
        .bind(parked.id)
        .bind(at)
        .execute(tx.conn())
        .await?;
    crate::inbox::insert(tx.conn(), &[parked.record.id]).await?;
    tracing::warn!(discard_id, message_id = %id, topic = parked.record.topic.name, approved_by = by, "a parked message was discarded");
    Ok(true)
}

/// A message was handled after all: what was proposed about it has come to nothing.
pub(crate) async fn expire(tx: &mut Tx, message: Uuid) -> Result<(), Failure> {
    let at = tx.context().now().utc();
    sqlx::query(
        "UPDATE rt_discard SET state = 'expired', ended_at = $2 WHERE message_id = $1 AND state IN ('proposed', 'approved')",
    )
    .bind(message)
    .bind(at)
    .execute(tx.conn())
    .await?;
    Ok(())
}
