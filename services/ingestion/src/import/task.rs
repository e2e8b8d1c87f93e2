//! The two loops that process what was stored: woken in-process, and every second for what other instances stored.

use std::time::Duration;

use futures::future::BoxFuture;
use runtime::{CancellationToken, Context, Failure};

use super::{WAKE_STATEMENTS, WAKE_WEBHOOKS, book, prove};
use crate::payu;
use crate::store::raw;

/// How long an idle loop sleeps without being woken.
const IDLE: Duration = Duration::from_secs(1);
/// Bodies per transaction, and after a failure, until this many have passed one by one.
const BATCH: i64 = 500;
const CAREFUL: u32 = 50;

/// Processes stored statement files until cancelled.
pub fn statements(ctx: Context, stop: CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        let woken = ctx.wake(WAKE_STATEMENTS);
        while !stop.is_cancelled() {
            let worked = match next_statement(&ctx).await {
                Ok(worked) => worked,
                Err(failure) => {
                    tracing::warn!(%failure, "a statement file was not processed, trying again");
                    false
                }
            };
            if !worked {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = woken.notified() => {}
                    () = tokio::time::sleep(IDLE) => {}
                }
            }
        }
        Ok(())
    })
}

async fn next_statement(ctx: &Context) -> Result<bool, Failure> {
    let mut conn = ctx.pool().acquire().await?;
    let Some(item) = raw::lease_statement(&mut conn).await? else {
        return Ok(false);
    };
    drop(conn);
    let done = async {
        if item.state == "received" {
            prove(ctx, &item).await?;
        }
        let mut conn = ctx.pool().acquire().await?;
        let now = raw::find(&mut conn, item.raw_id).await?;
        drop(conn);
        match now.filter(|now| now.state == "proved") {
            Some(now) => book(ctx, &now).await.map(|_| ()),
            None => Ok(()),
        }
    };
    let result = done.await;
    let mut conn = ctx.pool().acquire().await?;
    match result {
        Ok(()) => raw::release(&mut conn, item.raw_id, 0).await?,
        Err(failure) => {
            let text = failure.to_string();
            let attempts = if is_the_databases(failure) {
                raw::release(&mut conn, item.raw_id, 1).await?;
                item.attempts
            } else {
                raw::count_attempt(&mut conn, item.raw_id).await?
            };
            tracing::warn!(raw = %item.raw_id, attempts, failure = text, "a statement file failed, it will be tried again");
        }
    }
    Ok(true)
}

/// Lock time-outs, deadlocks and lost connections say nothing about the file and are not counted.
fn is_the_databases(failure: Failure) -> bool {
    let source = failure.into_source();
    match source.downcast_ref::<sqlx::Error>() {
        Some(sqlx::Error::Database(error)) => {
            let class = error.code().unwrap_or_default();
            ["55P03", "40P01", "40001", "57014"].contains(&class.as_ref())
                || class.starts_with("57P")
                || class.starts_with("08")
        }
        Some(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed | sqlx::Error::Tls(_)) => true,
        _ => false,
    }
}

/// Processes stored confirmations until cancelled.
pub fn webhooks(ctx: Context, stop: CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        let woken = ctx.wake(WAKE_WEBHOOKS);
        let mut careful = 0_u32;
        while !stop.is_cancelled() {
            let limit = if careful > 0 { 1 } else { BATCH };
            let worked = match payu::process(&ctx, limit).await {
                Ok(count) => {
                    careful = careful.saturating_sub(1);
                    ctx.gather(count).await;
                    count > 0
                }
                Err(failure) => {
                    tracing::warn!(%failure, limit, "stored confirmations were not processed, trying again");
                    if careful > 0 {
                        pause_oldest(&ctx).await;
                    }
                    careful = CAREFUL;
                    false
                }
            };
            if !worked {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = woken.notified() => {}
                    () = tokio::time::sleep(IDLE) => {}
                }
            }
        }
        Ok(())
    })
}

/// The oldest one failed alone: it is counted and paused, so that the others go on.
async fn pause_oldest(ctx: &Context) {
    let paused = async {
        let mut conn = ctx.pool().acquire().await?;
        raw::pause_oldest_webhook(&mut conn).await
    };
    if let Err(error) = paused.await {
        tracing::warn!(%error, "a failing confirmation could not be paused");
    }
}
