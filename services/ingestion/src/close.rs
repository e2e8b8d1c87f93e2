//! The day of ingestion closes as a whole: its work is not split by account (protocol.md rows 8, 13 and 14).

use std::time::Duration;

use async_trait::async_trait;
use chrono::NaiveDate;
use contracts::{CertifiedSum, JournalPosted};
use kernel::{CalendarId, Timestamp};
use runtime::{CloseWhole, Context, Day, Failure, Part, Scope, Service, Tx};
use uuid::Uuid;

use crate::Ingestion;
use crate::booking::{Session, claim, known_payers, retry_unmatched};
use crate::config::Config;
use crate::domain::certificate;
use crate::feeds;
use crate::import::{WAKE_STATEMENTS, WAKE_WEBHOOKS};
use crate::store::{day, deposits, raw};

/// Deposits per page of the matching: well under 50 ms.
const PAGE: i64 = 200;
/// How long a close waits for raw items before it takes the lock to look.
const PATIENCE: Duration = Duration::from_millis(500);

/// Closes the day.
pub struct CloseDay;

fn cut_off(day: &Day) -> Result<Timestamp, Failure> {
    let calendar = CalendarId::parse(&day.calendar).map_err(anyhow::Error::new)?;
    Ok(calendar.cut_off_at(day.closed_on))
}

#[async_trait]
impl CloseWhole for CloseDay {
    /// Lets the importer finish, then matches open deposits in pages: reversals whose payment was late, exact references
    /// again, known payers in canonical order.
    async fn prepare(&self, day: &Day, ctx: &Context) -> Result<(), Failure> {
        let cut_off = cut_off(day)?;
        for _ in 0..10 {
            let mut conn = ctx.pool().acquire().await?;
            if raw::unfinished(&mut conn, cut_off.utc()).await?.is_empty() {
                break;
            }
            drop(conn);
            ctx.wake(WAKE_STATEMENTS).notify_one();
            ctx.wake(WAKE_WEBHOOKS).notify_one();
            tokio::time::sleep(PATIENCE / 10).await;
        }
        match_reversals(ctx, day).await?;
        match_named(ctx, day).await?;
        match_payers(ctx, day).await
    }

    async fn unfinished(&self, day: &Day, tx: &mut Tx) -> Result<Vec<String>, Failure> {
        let cut_off = cut_off(day)?;
        let open = raw::unfinished(tx.conn(), cut_off.utc()).await?;
        Ok(open.iter().map(Uuid::to_string).collect())
    }

    /// Only items that failed often enough by themselves: a large file that is being booked is waited for.
    async fn quarantine(&self, ids: &[String], ctx: &Context) -> Result<(), Failure> {
        let ids: Vec<Uuid> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut tx = ctx.begin(Scope::Service).await?;
        let attempts = ctx.config::<Config>().max_attempts;
        let count = raw::quarantine_failing(tx.conn(), &ids, attempts, ctx.now().utc()).await?;
        tx.commit().await?;
        if count > 0 {
            tracing::error!(
                count,
                "raw items that failed again and again are quarantined, so that the day can close"
            );
        }
        Ok(())
    }

    /// What changed since [`Self::prepare`], then the day's running sums.
    async fn part(&self, day: &Day, tx: &mut Tx) -> Result<Part, Failure> {
        let mut session = Session::begin(tx);
        retry_unmatched(tx, &mut session, &day.calendar).await?;
        session.finish(tx).await?;
        let mut after = Some(first());
        while let Some(from) = after {
            let mut session = Session::begin(tx);
            after = known_payers(tx, &mut session, &day.calendar, from, PAGE, day.at).await?;
            session.finish(tx).await?;
        }
        let (rows, digest) = day::digest_of(tx.conn(), &day.calendar, day.previous, day.sequence).await?;
        let sums = day::sums(tx.conn(), &day.calendar, day.previous, day.sequence).await?;
        let coverage = feeds::close(tx, day).await?;
        Ok(Part {
            sums: certified(&sums)?,
            rows,
            digest,
            journal: posted(day, &sums)?,
            coverage,
        })
    }

    fn judge(&self, sums: &[CertifiedSum]) -> Vec<String> {
        certificate::judge(sums)
    }
}

/// Before the first deposit in canonical order (no bank books before 1970).
fn first() -> (NaiveDate, Uuid) {
    (NaiveDate::default(), Uuid::nil())
}

async fn match_reversals(ctx: &Context, day: &Day) -> Result<(), Failure> {
    let mut tx = ctx.begin(Scope::Service).await?;
    let mut session = Session::begin(&tx);
    retry_unmatched(&mut tx, &mut session, &day.calendar).await?;
    session.finish(&mut tx).await?;
    tx.commit().await
}

async fn match_named(ctx: &Context, day: &Day) -> Result<(), Failure> {
    let mut after = Uuid::nil();
    loop {
        let mut tx = ctx.begin(Scope::Service).await?;
        let page = deposits::page_of_named(tx.conn(), after, PAGE).await?;
        let Some(last) = page.last().copied() else {
            return tx.rollback().await;
        };
        let mut session = Session::begin(&tx);
        claim(&mut tx, &mut session, &page.into_iter().collect(), day.at).await?;
        session.finish(&mut tx).await?;
        tx.commit().await?;
        after = last;
    }
}

async fn match_payers(ctx: &Context, day: &Day) -> Result<(), Failure> {
    let mut after = Some(first());
    while let Some(from) = after {
        let mut tx = ctx.begin(Scope::Service).await?;
        let mut session = Session::begin(&tx);
        after = known_payers(&mut tx, &mut session, &day.calendar, from, PAGE, day.at).await?;
        session.finish(&mut tx).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// The certificate's sums, without those of the journal.
///
/// # Errors
/// When a currency cannot be read.
pub fn certified(sums: &[day::DaySum]) -> Result<Vec<CertifiedSum>, Failure> {
    let of_money = sums.iter().filter(|sum| !sum.journal);
    of_money
        .map(|sum| {
            Ok(CertifiedSum {
                creditor_id: Some(sum.creditor()),
                scope: sum.scope.clone(),
                partition: (sum.partition_no >= 0).then_some(sum.partition_no),
                currency: sum.currency()?,
                name: sum.name.clone(),
                amount_minor: sum.amount_minor,
                count: sum.lines,
            })
        })
        .collect()
}

/// The journal's totals.
fn posted(day: &Day, sums: &[day::DaySum]) -> Result<Vec<JournalPosted>, Failure> {
    let calendar = CalendarId::parse(&day.calendar).map_err(anyhow::Error::new)?;
    let of_journal = sums.iter().filter(|sum| sum.journal);
    of_journal
        .map(|sum| {
            Ok(JournalPosted {
                service: Ingestion::NAME.to_owned(),
                calendar: calendar.clone(),
                day_on: day.closed_on,
                sequence: day.sequence,
                partition: -1,
                creditor_id: sum.creditor(),
                ledger_account: sum.name.clone(),
                currency: sum.currency()?,
                debit_minor: sum.amount_minor,
                credit_minor: sum.credit_minor,
                lines: sum.lines,
            })
        })
        .collect()
}
