//! The day closes: touched accounts are decided again, then their rows are summed and certified.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use contracts::catalogue::ALLOCATION_TASKS;
use contracts::{CertifiedSum, Fact, JournalPosted, TaskRaised};
use kernel::{AccountId, Currency, MessageId, TaskId};
use runtime::{ClosePartition, Day, Failure, Part, Tx};

use crate::domain::certificate;
use crate::domain::policy::Policy;
use crate::settle;
use crate::store::day::{self, Rows};
use crate::store::{Account, load};

/// Closes a partition's day.
pub(crate) struct CloseDay {
    pub policy: Arc<Policy>,
    pub page_accounts: u32,
}

/// The rows of a partition's day.
fn rows(day: &Day) -> Rows {
    Rows {
        partition: Some(
            day.partition
                .and_then(|partition| i32::try_from(partition).ok())
                .unwrap_or(-1),
        ),
        calendar: day.calendar.clone(),
        previous: day.previous,
        sequence: day.sequence,
    }
}

#[async_trait]
impl ClosePartition for CloseDay {
    /// Decides the next accounts again. As arrival decides with the same function over the same facts, nothing changes
    /// normally; this is what makes it certain, and what makes the day's decisions final.
    async fn page(&self, day: &Day, cursor: Option<String>, tx: &mut Tx) -> Result<Option<String>, Failure> {
        let after: Option<AccountId> = cursor.map(|text| text.parse()).transpose().map_err(Failure::new)?;
        let touched = day::touched(tx.conn(), &rows(day), after, i64::from(self.page_accounts)).await?;
        let Some(last) = touched.last().copied() else {
            return Ok(None);
        };
        let ids: BTreeSet<AccountId> = touched.into_iter().collect();
        let accounts = load::accounts(tx.conn(), &ids).await?;
        let contradicting = settle::again(tx, &self.policy, &accounts, day.sequence, day.at).await?;
        for (account_id, unsettled) in contradicting {
            tracing::error!(account = %account_id, sequence = day.sequence, %unsettled, "an account's tables contradict themselves");
            let Some(account) = accounts.get(&account_id) else {
                continue;
            };
            raise(tx, day, account, &unsettled.to_string())?;
        }
        Ok(Some(last.to_string()))
    }

    async fn part(&self, day: &Day, tx: &mut Tx) -> Result<Part, Failure> {
        let rows = rows(day);
        let partition = rows.partition.unwrap_or(-1);
        let mut sums = day::sums(tx.conn(), &rows).await?;
        for (currency, amount_minor) in tx.parked_sums(day).await? {
            let currency = Currency::parse(&currency).map_err(Failure::new)?;
            sums.extend(day::parked(partition, currency, amount_minor));
        }
        let calendar: kernel::CalendarId = day.calendar.parse().map_err(Failure::new)?;
        let totals = day::journal(tx.conn(), &rows).await?;
        let posted = |total: day::LedgerTotal| JournalPosted {
            service: "allocation".to_owned(),
            calendar: calendar.clone(),
            day_on: day.closed_on,
            sequence: day.sequence,
            partition: total.partition,
            creditor_id: total.creditor_id,
            ledger_account: total.ledger_account,
            currency: total.currency,
            debit_minor: total.debit_minor,
            credit_minor: total.credit_minor,
            lines: total.lines,
        };
        let journal = totals.into_iter().map(posted).collect();
        let (count, digest) = day::digest(tx.conn(), &rows).await?;
        day::note_closed(tx.conn(), &rows, day.closed_on.naive()).await?;
        Ok(Part {
            sums,
            rows: count,
            digest,
            journal,
            coverage: Vec::new(),
        })
    }

    fn judge(&self, sums: &[CertifiedSum]) -> Vec<String> {
        certificate::judge(sums)
    }
}

/// Work for a person: the account's tables were changed by something that is not this service.
fn raise(tx: &mut Tx, day: &Day, account: &Account, what: &str) -> Result<(), Failure> {
    let task_id = TaskId::derive(&["books-contradict", &account.account_id.to_string()]);
    let id = MessageId::derive_text(&format!(
        "allocation/books-contradict/{}/{}",
        day.sequence, account.account_id
    ));
    let task = TaskRaised {
        task_id,
        queue: "operations".to_owned(),
        account_id: Some(account.account_id),
        creditor_id: Some(account.creditor_id),
        kind: "books_contradict".to_owned(),
        due_on: None,
        evidence: vec![Fact {
            name: "what".to_owned(),
            value: what.to_owned(),
        }],
        raised_at: day.at,
    };
    tx.emit(&ALLOCATION_TASKS, &task, id, day.at)
}
