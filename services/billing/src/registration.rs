//! A creditor's put: its calendar begins with it.

use contracts::Message as _;
use contracts::catalogue::CREDITORS;
use kernel::{BusinessDate, CalendarId, CreditorId, MessageId, Timestamp};
use runtime::{Context, Failure, Scope, Tx};

use crate::bodies::fields::Version;
use crate::bodies::{CreditorBody, canonical};
use crate::clock;
use crate::domain::creditor::{Registration, check_first_day, first_day};
use crate::domain::upsert::{Verdict, judge};
use crate::domain::{Content, Creditor, Findings, Outcome, Refusal};
use crate::store::creditors::{self, CreditorRow, NewCreditor};
use crate::store::{self, calendars};

/// Why a creditor was not put.
#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// It changes nothing although it should.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// To be tried again.
    #[error("{0}")]
    Failure(Failure),
}

impl From<Failure> for RegisterError {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// Puts a creditor.
///
/// # Errors
/// [`RegisterError`]; then nothing was put.
pub async fn put(ctx: &Context, code: &str, mut body: CreditorBody) -> Result<Outcome, RegisterError> {
    let version = std::mem::replace(&mut body.version, Version::ANY);
    let (text, content) = canonical(&body, version.get()).map_err(|error| RegisterError::Failure(error.into()))?;
    body.version = version;
    let creditor = body.state(code);

    let at = ctx.now();
    let mut tx = ctx.begin(Scope::Service).await?;
    store::creditor_exclusive(&mut tx, creditor.id()).await?;
    let stored = creditors::find(tx.conn(), code).await?;
    let outcome = match judge(stored.as_ref().map(|stored| &stored.content), &content)? {
        Verdict::Settled(outcome) => return Ok(outcome),
        Verdict::Create => Outcome::Created,
        Verdict::Change | Verdict::Renumber => Outcome::Updated,
    };
    let (calendar, first_on) = check(&mut tx, &creditor, stored.as_ref(), at).await?;
    let collectors = creditor
        .collectors()
        .into_iter()
        .map(|(_, collector)| collector)
        .collect();
    let new = NewCreditor {
        creditor_id: creditor.id(),
        code,
        content,
        body: &text,
        calendar: &calendar,
        first_on,
        collectors,
        at,
    };
    creditors::save(&mut tx, new).await?;
    // The same content under a newer version says nothing new.
    if stored.is_none_or(|stored| stored.content.digest != content.digest) {
        let event = creditor.event(&calendar, first_on);
        tx.emit(
            &CREDITORS,
            &event,
            message_id(code, content, contracts::CreditorRegistered::TYPE),
            at,
        )?;
    }
    tx.commit().await?;
    ctx.wake(clock::WAKE).notify_one();
    Ok(outcome)
}

fn message_id(code: &str, content: Content, kind: &str) -> MessageId {
    MessageId::derive_text(&format!("billing/{code}/creditor/{code}/{}/{kind}/0", content.version))
}

/// The rules of a new state; what holds for it where it keeps them.
async fn check(
    tx: &mut Tx,
    creditor: &Creditor,
    stored: Option<&CreditorRow>,
    at: Timestamp,
) -> Result<(CalendarId, BusinessDate), RegisterError> {
    let mut findings = Findings::default();
    creditor.check(&mut findings);
    if let Some(stored) = stored {
        let has_accounts = creditors::has_accounts(tx, stored.creditor_id).await?;
        let registration = Registration {
            calendar: stored.calendar.clone(),
            first_on: stored.first_on,
            has_accounts,
        };
        creditor.check_change(&registration, &mut findings);
    }
    check_collectors(tx, creditor, creditor.id(), &mut findings).await?;
    findings.into_result().map_err(Refusal::Invalid)?;

    let calendar = creditor.calendar().map_err(Failure::new)?;
    // The source's first day is the creditor's, not that of a calendar that it joins later.
    let asked = creditor.first_on.filter(|_| stored.is_none());
    let mut findings = Findings::default();
    check_first_day(asked, at.date_in(calendar.tz()), &mut findings);
    findings.into_result().map_err(Refusal::Invalid)?;
    let begins_on = asked.unwrap_or_else(|| at.date_in(calendar.tz()));
    let open_on = calendars::register(tx, &calendar, begins_on, at).await?;
    if let Some(stored) = stored {
        return Ok((calendar, stored.first_on));
    }
    let first_on = first_day(creditor.first_on, open_on).map_err(|open_on| {
        let mut findings = Findings::default();
        findings.add(
            "/first_on",
            "closed",
            format!("that day of {calendar} is closed already; {open_on} is open"),
        );
        Refusal::Invalid(findings.into_errors())
    })?;
    Ok((calendar, first_on))
}

async fn check_collectors(
    tx: &mut Tx,
    creditor: &Creditor,
    id: CreditorId,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let collectors = creditor.collectors();
    let names: Vec<String> = collectors.iter().map(|(_, collector)| collector.clone()).collect();
    let taken = creditors::taken(tx, id, &names).await?;
    for (pointer, collector) in collectors {
        let free = !taken.contains(&collector);
        findings.require(
            free,
            pointer,
            "taken",
            "money that comes in there is another creditor's already",
        );
    }
    Ok(())
}
