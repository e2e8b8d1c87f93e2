//! How long the inbox remembers, and what follows from its forgetting (DESIGN section 4, protocol.md row 21).
//!
//! Age alone is no reason to forget an id: its message may come again from a relay that died before it deleted, to a reader
//! that was away meanwhile. So each day where the inputs stand and end is noted, and the ids of a day are forgotten when
//! everything that a relay may still have sent of that day's messages has been read. What lies before the positions of that
//! day is then refused: nothing could tell whether it was handled.

use std::collections::BTreeMap;

use contracts::catalogue::Topic;
use sqlx::PgConnection;
use sqlx::types::Json;

use crate::batch::Owner;
use crate::heads::{self, Place};
use crate::positions::LeaseState;
use crate::{Context, Failure, inbox};

/// Days after which a relay no longer sends a row of its own accord: less than any inbox remembers (`worker.inbox_days`).
pub(crate) const RELAY_DAYS: i32 = 7;

/// Notes today, and forgets what may be forgotten.
pub(crate) async fn keep(ctx: &Context, inputs: &[&'static Topic]) -> Result<(), Failure> {
    if inputs.is_empty() {
        return Ok(());
    }
    note(ctx, inputs).await?;
    let days = i32::try_from(ctx.settings().worker.inbox_days).unwrap_or(i32::MAX);
    let mut conn = ctx.pool().acquire().await?;
    if let Some(day) = forgettable(&mut conn, days).await? {
        while inbox::prune(&mut conn, day, 10_000).await? == 10_000 {}
    }
    Ok(())
}

/// Once a day: where each input stands and ends. Some minutes into the day, when no transaction of the day before is open:
/// what such a one received then lies before these positions.
async fn note(ctx: &Context, inputs: &[&'static Topic]) -> Result<(), Failure> {
    let due: bool = sqlx::query_scalar(
        "SELECT now() - interval '5 minutes' >= CURRENT_DATE AND NOT EXISTS (SELECT FROM rt_inbox_day WHERE day = CURRENT_DATE)",
    )
    .fetch_one(ctx.pool())
    .await?;
    if !due {
        return Ok(());
    }
    let places: Vec<Place> = inputs
        .iter()
        .flat_map(|topic| (0..ctx.partitions()).map(|partition| (topic.name.to_owned(), partition)))
        .collect();
    let extents = heads::extents(ctx.settings(), places).await?;
    let ends: BTreeMap<String, i64> = extents
        .into_iter()
        .map(|((topic, partition), extent)| (format!("{topic}/{partition}"), extent.next))
        .collect();
    sqlx::query(
        "INSERT INTO rt_inbox_day (day, positions, ends)
         SELECT CURRENT_DATE, coalesce(jsonb_object_agg(p.key || '/' || l.partition, p.value) FILTER (WHERE p.key IS NOT NULL), '{}'), $1
         FROM rt_lease l LEFT JOIN LATERAL jsonb_each(l.positions) p ON true
         ON CONFLICT DO NOTHING",
    )
    .bind(Json(ends))
    .execute(ctx.pool())
    .await?;
    Ok(())
}

/// The newest noted day, at least `days` ago, of whose ids none can come again: everything that was on the inputs when no
/// relay sent rows of that day any more has been read. It is marked, and older notes go.
async fn forgettable(conn: &mut PgConnection, days: i32) -> Result<Option<chrono::NaiveDate>, Failure> {
    let day: Option<chrono::NaiveDate> = sqlx::query_scalar(
        "WITH stands AS (SELECT p.key || '/' || l.partition AS place, p.value::bigint AS next
                         FROM rt_lease l, jsonb_each_text(l.positions) p)
         SELECT max(d.day) FROM rt_inbox_day d
         WHERE d.day <= CURRENT_DATE - $1
           AND EXISTS (SELECT FROM rt_inbox_day n WHERE n.day > d.day + $2
                         AND NOT EXISTS (SELECT FROM jsonb_each_text(n.ends) e LEFT JOIN stands s ON s.place = e.key
                                         WHERE coalesce(s.next, 0) < e.value::bigint))",
    )
    .bind(days)
    .bind(RELAY_DAYS)
    .fetch_one(&mut *conn)
    .await?;
    let Some(day) = day else { return Ok(None) };
    // Marked before the first id goes: whoever reads an old record meanwhile refuses it.
    sqlx::query("UPDATE rt_inbox_day SET pruned = true WHERE day = $1")
        .bind(day)
        .execute(&mut *conn)
        .await?;
    sqlx::query("DELETE FROM rt_inbox_day WHERE day < $1")
        .bind(day)
        .execute(conn)
        .await?;
    Ok(Some(day))
}

/// The first offset per topic of a partition whose ids the inbox remembers; empty while it has forgotten nothing.
pub(crate) async fn floors(ctx: &Context, partition: u32) -> Result<BTreeMap<String, i64>, Failure> {
    let positions: Option<Json<BTreeMap<String, i64>>> =
        sqlx::query_scalar("SELECT positions FROM rt_inbox_day WHERE pruned ORDER BY day DESC LIMIT 1")
            .fetch_optional(ctx.pool())
            .await?;
    let end = format!("/{partition}");
    let floors = positions.map(|positions| positions.0).unwrap_or_default();
    Ok(floors
        .into_iter()
        .filter_map(|(place, next)| Some((place.strip_suffix(&end)?.to_owned(), next)))
        .collect())
}

/// Stops the partition: a record lies before everything that the inbox remembers.
pub(crate) async fn refuse(owner: &Owner<'_>, topic: &Topic, offset: i64, floor: i64) -> Result<LeaseState, Failure> {
    let (mut tx, mut state) = owner.begin(crate::tx::CloseLock::Shared).await?;
    let halted = format!(
        "{}/{}: offset {offset} lies before offset {floor}, the first whose id the inbox remembers ({} days): nothing could tell \
         whether it was handled, so it is not. The position was set back, or the topic was made anew. To go on behind it, at \
         offset {floor}, release the partition; if the records are new to this service, have them sent again by their writer",
        topic.name,
        owner.lease.partition,
        owner.ctx.settings().worker.inbox_days,
    );
    tracing::error!(partition = owner.lease.partition, halted, "an old record is refused");
    owner.ctx.metrics().failure("old-record");
    state.halted = Some(halted);
    owner.save(&mut tx, &state).await?;
    tx.commit().await?;
    Ok(state)
}

/// A person released a halted partition: where it stands before what the inbox remembers, it goes on behind it. Its owner
/// starts anew, with fresh buffers.
pub(crate) async fn skip_forgotten(conn: &mut PgConnection, partition: i32) -> Result<(), sqlx::Error> {
    sqlx::query(
        "WITH floors AS (
             SELECT left(f.key, -length('/' || $1::text)) AS topic, f.value::bigint AS floor
             FROM (SELECT positions FROM rt_inbox_day WHERE pruned ORDER BY day DESC LIMIT 1) n, jsonb_each_text(n.positions) f
             WHERE f.key LIKE '%/' || $1::text),
         low AS (
             SELECT jsonb_object_agg(f.topic, f.floor) AS positions FROM floors f, rt_lease l
             WHERE l.partition = $1 AND coalesce((l.positions ->> f.topic)::bigint, 0) < f.floor)
         UPDATE rt_lease l SET positions = l.positions || low.positions, owner = NULL, epoch = epoch + 1, expires_at = '-infinity'
         FROM low WHERE l.partition = $1 AND low.positions IS NOT NULL",
    )
    .bind(partition)
    .execute(conn)
    .await?;
    Ok(())
}

/// Outbox rows older than the relay sends of its own accord, at start: `published` are on Kafka already and go; the rest was
/// never sent and is as good as new. Of `unseen` partitions nobody can tell: their rows stay refused.
pub(crate) async fn settle_old_rows(ctx: &Context, published: &[i64], unseen: &[Place]) -> anyhow::Result<()> {
    let mut tx = ctx.pool().begin().await?;
    let gone = sqlx::query("DELETE FROM rt_outbox WHERE id = ANY($1) AND created_at < now() - $2 * interval '1 day'")
        .bind(published)
        .bind(RELAY_DAYS)
        .execute(&mut *tx)
        .await?
        .rows_affected();
    let renewed = sqlx::query(
        "UPDATE rt_outbox o SET created_at = now() WHERE created_at < now() - $1 * interval '1 day'
           AND NOT EXISTS (SELECT FROM UNNEST($2::text[], $3::int[]) AS u(topic, partition)
                           WHERE u.topic = o.topic AND u.partition = o.partition)",
    )
    .bind(RELAY_DAYS)
    .bind(unseen.iter().map(|(topic, _)| topic.clone()).collect::<Vec<_>>())
    .bind(
        unseen
            .iter()
            .map(|(_, partition)| i32::try_from(*partition).unwrap_or(i32::MAX))
            .collect::<Vec<_>>(),
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    tx.commit().await?;
    if gone > 0 || renewed > 0 {
        tracing::warn!(
            gone,
            renewed,
            "outbox rows older than the relay sends: those on Kafka are gone, the others are sent"
        );
    }
    Ok(())
}
