//! The day's clock: closes each day of each calendar once, in order, at its cut-off.
//!
//! A close is two transactions. The runtime's `announce_day` takes the next number of the one sequence and puts the
//! markers; then the day is noted, certified, and the next one opens. A crash between the two is mended by doing both
//! again: a day that was announced keeps its number. Where several instances run, one holds the clock's lease; it only
//! spares the others the work, for a day that two announce is announced once.

use std::time::Duration;

use contracts::CertifiedSum;
use kernel::{BusinessDate, CalendarId, Timestamp};
use runtime::{CancellationToken, Context, Day, Failure, Part, Scope, certificate};
use uuid::Uuid;

use crate::config::{ClockMode, Config};
use crate::store::calendars::{self, CalendarRow};

/// Wakes the clock: a creditor was registered, perhaps with a new calendar.
pub const WAKE: &str = "clock";

/// How long the clock waits after a failure, and for an instance that holds the lease.
const PAUSE: Duration = Duration::from_secs(2);

/// Closes days until `stop`; with a manual clock it only waits.
///
/// # Errors
/// Never: what fails is tried again.
pub async fn run(ctx: Context, stop: CancellationToken) -> anyhow::Result<()> {
    let config = ctx.config::<Config>();
    if config.clock == ClockMode::Manual {
        stop.cancelled().await;
        return Ok(());
    }
    let wake = ctx.wake(WAKE);
    let longest = Duration::from_secs(config.clock_sleep_seconds);
    let late = ctx.metrics().gauge(
        "incasso_billing_clock_late_seconds",
        "How long the earliest open day's cut-off has passed; 0 when no day waits to be closed.",
        &[],
    );
    let mut owner = None;
    loop {
        let pause = match close_due(&ctx, &mut owner).await {
            Ok(next) => {
                late.set(&[], 0);
                next.map_or(longest, |cut_off| until(ctx.now(), cut_off).min(longest))
            }
            Err(Wait::Leased) => PAUSE,
            Err(Wait::Failed { since, failure }) => {
                late.set(
                    &[],
                    since.map_or(0, |since| ctx.now().micros().saturating_sub(since.micros()) / 1_000_000),
                );
                tracing::error!(error = %failure, "a day could not be closed and will be tried again");
                PAUSE
            }
        };
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }
}

fn until(now: Timestamp, later: Timestamp) -> Duration {
    let micros = u64::try_from(later.micros().saturating_sub(now.micros())).unwrap_or(0);
    Duration::from_micros(micros)
}

/// Why the clock pauses before its time.
enum Wait {
    /// Another instance closes.
    Leased,
    /// Something did not answer; the cut-off that has passed since.
    Failed { since: Option<Timestamp>, failure: Failure },
}

impl From<Failure> for Wait {
    fn from(failure: Failure) -> Self {
        Self::Failed { since: None, failure }
    }
}

/// The calendar whose open day ends first: by cut-off, then by id, so that every machine closes in the same order.
fn next_due(calendars: Vec<CalendarRow>) -> Option<(Timestamp, CalendarRow)> {
    let due = calendars
        .into_iter()
        .map(|row| (row.calendar.cut_off_at(row.open_on), row));
    due.min_by(|(one, a), (other, b)| one.cmp(other).then_with(|| a.calendar.cmp(&b.calendar)))
}

/// Closes every day whose cut-off has passed; returns the next cut-off.
async fn close_due(ctx: &Context, owner: &mut Option<Uuid>) -> Result<Option<Timestamp>, Wait> {
    loop {
        let Some((cut_off, row)) = next_due(calendars::all(ctx.pool()).await?) else {
            return Ok(None);
        };
        if cut_off > ctx.now() {
            return Ok(Some(cut_off));
        }
        if !calendars::lease(ctx.pool(), owner).await? {
            return Err(Wait::Leased);
        }
        let closed = close_day(ctx, &row.calendar, row.open_on).await;
        closed.map_err(|failure| Wait::Failed {
            since: Some(cut_off),
            failure,
        })?;
    }
}

/// Closes one day: markers, then the certificate. Its number.
async fn close_day(ctx: &Context, calendar: &CalendarId, closed_on: BusinessDate) -> Result<i64, Failure> {
    let sequence = ctx.announce_day(calendar, closed_on, closed_on.succ()).await?;
    certify(ctx, calendar, closed_on, sequence).await?;
    Ok(sequence)
}

/// Notes the closed day and publishes its certificate: what was issued and credited, and the digest of the rows that say so.
async fn certify(ctx: &Context, calendar: &CalendarId, closed_on: BusinessDate, sequence: i64) -> Result<(), Failure> {
    let at = ctx.now();
    let mut tx = ctx.begin(Scope::Service).await?;
    let Some(previous) = calendars::note_closed(&mut tx, calendar, closed_on, sequence, at).await? else {
        return tx.rollback().await;
    };
    let day = Day {
        calendar: calendar.to_string(),
        closed_on,
        sequence,
        previous,
        next_on: closed_on.succ(),
        partition: None,
        at,
        upstream_held: false,
    };
    let sums = calendars::sums(&mut tx, calendar, previous, sequence).await?;
    let rows = sums.iter().map(|sum| sum.count).sum();
    let sums = sums
        .into_iter()
        .map(|sum| CertifiedSum {
            creditor_id: Some(sum.creditor_id),
            scope: String::new(),
            partition: None,
            currency: sum.currency,
            // Movements that take off are negative; the sum says how much was credited.
            amount_minor: if sum.kind == "credited" {
                sum.amount_minor.saturating_neg()
            } else {
                sum.amount_minor
            },
            name: sum.kind,
            count: sum.count,
        })
        .collect();
    let digest = calendars::day_digest(&mut tx, calendar, previous, sequence).await?;
    let part = Part {
        sums,
        rows,
        digest,
        journal: Vec::new(),
        coverage: Vec::new(),
    };
    certificate::add_part(&mut tx, &day, &part, Vec::new(), 1, &|_| Vec::new()).await?;
    tx.commit().await
}

/// A day that was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClosedDay {
    /// The day.
    pub closed_on: BusinessDate,
    /// Its number over all calendars.
    pub sequence: i64,
}

/// Closes the calendar's days from the open one through `through`, by hand. `None` where the calendar is not known.
///
/// # Errors
/// When a day could not be closed; those before it are.
pub async fn close_through(
    ctx: &Context,
    calendar: &CalendarId,
    through: BusinessDate,
) -> Result<Option<Vec<ClosedDay>>, Failure> {
    let mut closed = Vec::new();
    loop {
        let mut conn = ctx.pool().acquire().await?;
        let open_on = calendars::open_day(&mut conn, calendar).await?;
        drop(conn);
        let Some(open_on) = open_on else { return Ok(None) };
        if open_on > through {
            return Ok(Some(closed));
        }
        let sequence = close_day(ctx, calendar, open_on).await?;
        closed.push(ClosedDay {
            closed_on: open_on,
            sequence,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(calendar: &str, open_on: &str) -> CalendarRow {
        let open_on = open_on.parse().unwrap();
        CalendarRow {
            calendar: calendar.parse().unwrap(),
            first_on: open_on,
            open_on,
            last_sequence: None,
        }
    }

    #[test]
    fn days_close_by_cut_off_then_by_calendar() {
        let order = |rows: Vec<CalendarRow>| {
            let (cut_off, row) = next_due(rows).unwrap();
            (cut_off.to_string(), row.calendar.to_string())
        };
        // 17:00 in Bucharest is 15:00 UTC, 17:00 in Bogota 22:00 UTC.
        let rows = vec![
            row("CO@17:00@America/Bogota", "2026-01-05"),
            row("RO@17:00@Europe/Bucharest", "2026-01-05"),
        ];
        assert_eq!(order(rows).1, "RO@17:00@Europe/Bucharest");
        let rows = vec![
            row("CO@17:00@America/Bogota", "2026-01-04"),
            row("RO@17:00@Europe/Bucharest", "2026-01-05"),
        ];
        assert_eq!(order(rows).1, "CO@17:00@America/Bogota");
        let rows = vec![
            row("RO@17:00@Europe/Bucharest", "2026-01-05"),
            row("BG@17:00@Europe/Sofia", "2026-01-05"),
        ];
        assert_eq!(order(rows).1, "BG@17:00@Europe/Sofia");
        assert!(next_due(Vec::new()).is_none());
    }

    #[test]
    fn a_pause_is_never_negative() {
        let early = Timestamp::parse("2026-01-05T15:00:00Z").unwrap();
        let late = Timestamp::parse("2026-01-05T15:00:02Z").unwrap();
        assert_eq!(until(early, late), Duration::from_secs(2));
        assert_eq!(until(late, early), Duration::ZERO);
    }
}
