//! Work for people: raised once, open until it is decided or no longer needed.

use std::collections::BTreeSet;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use serde_json::Value;
use sqlx::PgConnection;
use utoipa::ToSchema;
use uuid::Uuid;

/// A task that may have to be raised.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    /// Derived from the matter: the same one has the same id.
    pub task_id: Uuid,
    /// [`crate::domain::tasks::TaskKind`].
    pub kind: &'static str,
    /// The queue of people.
    pub queue: &'static str,
    /// The creditor it is about.
    pub creditor_id: Option<Uuid>,
    /// The account it is about.
    pub account_id: Option<Uuid>,
    /// For the code that follows the decision.
    pub matter: Value,
    /// For people: list of `name` and `value`.
    pub evidence: Value,
    /// By when.
    pub due_on: Option<NaiveDate>,
    /// When.
    pub raised_at: DateTime<Utc>,
}

/// Keeps tasks; gives the ids of those that are new.
///
/// # Errors
/// When the database does not answer.
pub async fn insert_new(conn: &mut PgConnection, tasks: &[NewTask]) -> Result<BTreeSet<Uuid>, sqlx::Error> {
    if tasks.is_empty() {
        return Ok(BTreeSet::new());
    }
    let new: Vec<Uuid> = sqlx::query_scalar(
        "INSERT INTO task (task_id, kind, queue, creditor_id, account_id, matter, evidence, due_on, raised_at)
         SELECT * FROM UNNEST($1::uuid[], $2::text[], $3::text[], $4::uuid[], $5::uuid[], $6::jsonb[], $7::jsonb[], $8::date[],
             $9::timestamptz[])
         ON CONFLICT DO NOTHING RETURNING task_id",
    )
    .bind(tasks.iter().map(|task| task.task_id).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.kind.to_owned()).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.queue.to_owned()).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.creditor_id).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.account_id).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.matter.clone()).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.evidence.clone()).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.due_on).collect::<Vec<_>>())
    .bind(tasks.iter().map(|task| task.raised_at).collect::<Vec<_>>())
    .fetch_all(conn)
    .await?;
    Ok(new.into_iter().collect())
}

/// A person's decision.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decided<'a> {
    /// [`crate::domain::tasks::Decision`].
    pub decision: &'static str,
    /// Subject of the token.
    pub by: &'a str,
    /// In the person's words.
    pub reason: &'a str,
}

/// Closes those of these tasks that are open; gives their ids and accounts. `decided` where a person did it.
///
/// # Errors
/// When the database does not answer.
pub async fn close(
    conn: &mut PgConnection,
    tasks: &[Uuid],
    reason: &str,
    decided: Option<&Decided<'_>>,
    at: DateTime<Utc>,
) -> Result<Vec<(Uuid, Option<Uuid>)>, sqlx::Error> {
    if tasks.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_as(
        "UPDATE task SET closed_reason = $2, closed_at = $3, decision = $4, decided_by = $5, decided_reason = $6
         WHERE task_id = ANY($1) AND closed_at IS NULL RETURNING task_id, account_id",
    )
    .bind(tasks)
    .bind(reason)
    .bind(at)
    .bind(decided.map(|decided| decided.decision))
    .bind(decided.map(|decided| decided.by))
    .bind(decided.map(|decided| decided.reason))
    .fetch_all(conn)
    .await
}

/// A task as the API shows it.
#[derive(Clone, Debug, Serialize, ToSchema, sqlx::FromRow)]
pub struct TaskView {
    /// The task, as in `TaskRaised`.
    pub task_id: Uuid,
    /// `doubtful-pair`: two sightings that may be the same money; `statement-gap`: a bank account's statements do not follow
    /// one another; `feed-late`: they are late by their own calendar.
    pub kind: String,
    /// The queue of people it belongs to.
    pub queue: String,
    /// The creditor's code.
    pub creditor: Option<String>,
    /// The account it is about, where it is about one.
    pub account_id: Option<Uuid>,
    /// What a person needs to know to decide: list of `name` and `value`.
    #[schema(value_type = Vec<Object>)]
    pub evidence: Value,
    /// Day by which it must be decided.
    pub due_on: Option<NaiveDate>,
    /// When it was raised.
    pub raised_at: DateTime<Utc>,
    /// `done`, `withdrawn` or `superseded`; null while it is open.
    pub closed_reason: Option<String>,
    /// When it was closed.
    pub closed_at: Option<DateTime<Utc>>,
    /// What a person said: `same`, `different` or `accepted`.
    pub decision: Option<String>,
    /// Subject of that person's token.
    pub decided_by: Option<String>,
    /// That person's words.
    pub decided_reason: Option<String>,
    /// For the code that follows the decision.
    #[serde(skip)]
    #[schema(ignore)]
    pub matter: Value,
}

const TASK: &str =
    "t.task_id, t.kind, t.queue, c.code AS creditor, t.account_id, t.evidence, t.due_on, t.raised_at, t.closed_reason,
    t.closed_at, t.decision, t.decided_by, t.decided_reason, t.matter";

/// The task with this id, its row locked.
///
/// # Errors
/// When the database does not answer.
pub async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<TaskView>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {TASK} FROM task t LEFT JOIN creditor c USING (creditor_id) WHERE t.task_id = $1 FOR UPDATE OF t"
    )))
    .bind(id)
    .fetch_optional(conn)
    .await
}

/// Which tasks to show.
#[derive(Clone, Debug)]
pub struct TaskFilter<'a> {
    /// Creditor codes; `None` for all.
    pub creditors: Option<&'a [String]>,
    /// Of this kind; `None` for all.
    pub kind: Option<&'a str>,
    /// Open ones, or closed ones.
    pub open: bool,
    /// Instant and id of the last one of the page before.
    pub after: Option<(DateTime<Utc>, Uuid)>,
    /// Rows.
    pub limit: i64,
}

/// One page of tasks, the oldest first.
///
/// # Errors
/// When the database does not answer.
pub async fn page(conn: &mut PgConnection, filter: &TaskFilter<'_>) -> Result<Vec<TaskView>, sqlx::Error> {
    sqlx::query_as(sqlx::AssertSqlSafe(format!(
        "SELECT {TASK} FROM task t LEFT JOIN creditor c USING (creditor_id)
         WHERE (t.closed_at IS NULL) = $1 AND ($2::text[] IS NULL OR c.code = ANY($2)) AND ($3::text IS NULL OR t.kind = $3)
           AND ($4::timestamptz IS NULL OR (t.raised_at, t.task_id) > ($4, $5))
         ORDER BY t.raised_at, t.task_id LIMIT $6"
    )))
    .bind(filter.open)
    .bind(filter.creditors)
    .bind(filter.kind)
    .bind(filter.after.map(|(at, _)| at))
    .bind(filter.after.map(|(_, id)| id))
    .bind(filter.limit)
    .fetch_all(conn)
    .await
}

/// Open tasks about gaps between an account's statements of one format that close within these days.
///
/// # Errors
/// When the database does not answer.
pub async fn open_gaps(
    conn: &mut PgConnection,
    bank_account: &str,
    channel: &str,
    (from, to): (NaiveDate, NaiveDate),
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar(
        "SELECT task_id FROM task
         WHERE closed_at IS NULL AND kind = 'statement-gap' AND matter->>'account' = $1 AND matter->>'channel' = $2
           AND (matter->>'on')::date BETWEEN $3 AND $4",
    )
    .bind(bank_account)
    .bind(channel)
    .bind(from)
    .bind(to)
    .fetch_all(conn)
    .await
}
