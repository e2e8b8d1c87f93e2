//! The month goes by: each day everything is sent and acknowledged, then the day closes, then the next one begins.

use std::time::{Duration, Instant};

use anyhow::bail;
use kernel::{BusinessDate, CalendarId, Timestamp};
use runtime::ManualClock;

use super::client::{Answers, Outside};
use super::erp;
use super::model::{DayInputs, Firm, Month};
use super::progress::Progress;

/// How long a day's close may take before the demo gives up.
const PATIENCE: Duration = Duration::from_secs(120);

/// Between two looks for a certificate.
const PAUSE: Duration = Duration::from_millis(10);

/// The hour of UTC at which a day's inputs are sent: before every cut-off.
const MORNING: &str = "07:00:00";

/// Runs the month; gives what was answered, and the number of the last close.
///
/// # Errors
/// An unexpected answer, or a day that does not close.
pub async fn run(
    outside: &Outside,
    clock: &ManualClock,
    month: &mut Month,
    progress: &Progress,
) -> anyhow::Result<(Answers, i64)> {
    let (mut answers, mut last) = (Answers::default(), 0);
    let days = std::mem::take(&mut month.days);
    for (at, (on, day)) in days.into_iter().enumerate() {
        clock.set(Timestamp::parse(&format!("{on}T{MORNING}Z"))?);
        if at == 0 {
            for firm in &month.firms {
                outside.put_creditor(firm.code, &erp::creditor(firm)).await?;
            }
        }
        progress.day(on, &day);
        let began = Instant::now();
        answers.add(send(outside, day).await?);
        let sent = began.elapsed();
        for (calendar, firm) in by_cut_off(&month.firms, on)? {
            clock.set(calendar.cut_off_at(on));
            last = outside.close(&firm.calendar(), &on.to_string()).await?;
        }
        // Only the money's own service must be through: what is sent from now on belongs to the next day.
        closed("ingestion", last, async |after| {
            outside.ingestion_certificates(after).await
        })
        .await?;
        tracing::info!(%on, sent_ms = sent.as_millis(), closed_ms = began.elapsed().as_millis(), "a day of the demo");
    }
    progress.closing();
    closed("allocation", last, async |after| {
        outside.allocation_certificates(after).await
    })
    .await?;
    Ok((answers, last))
}

/// Creditors in the order in which their days end.
fn by_cut_off(firms: &[Firm], on: BusinessDate) -> anyhow::Result<Vec<(CalendarId, &Firm)>> {
    let mut order = Vec::with_capacity(firms.len());
    for firm in firms {
        order.push((CalendarId::parse(&firm.calendar())?, firm));
    }
    order.sort_by_key(|(calendar, _)| calendar.cut_off_at(on));
    Ok(order)
}

/// Sends a day: the ERPs, the provider and the banks side by side, each in its own order.
async fn send(outside: &Outside, day: DayInputs) -> anyhow::Result<Answers> {
    let batches = futures::future::try_join_all(day.erp.into_iter().map(|(code, lines)| outside.batch(code, lines)));
    let statements = async {
        let mut answers = Answers::default();
        for file in day.files {
            answers.add(outside.statement(file).await?);
        }
        Ok(answers)
    };
    let (_, notices, statements) = tokio::try_join!(batches, outside.notices(day.notices), statements)?;
    let mut answers = notices;
    answers.add(statements);
    Ok(answers)
}

/// Waits for the certificate of this close.
async fn closed(
    service: &str,
    sequence: i64,
    certificates: impl AsyncFn(i64) -> anyhow::Result<Vec<contracts::DayCertified>>,
) -> anyhow::Result<()> {
    let started = Instant::now();
    loop {
        let found = certificates(sequence.saturating_sub(1)).await?;
        if found.iter().any(|certificate| certificate.sequence >= sequence) {
            return Ok(());
        }
        if started.elapsed() > PATIENCE {
            bail!("{service} did not close day {sequence} within {} s", PATIENCE.as_secs());
        }
        tokio::time::sleep(PAUSE).await;
    }
}
