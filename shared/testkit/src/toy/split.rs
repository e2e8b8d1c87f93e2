//! The toy service that closes partition by partition.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::catalogue::{ACCOUNTS, ALLOCATIONS, FUNDS, INVOICES};
use contracts::{AccountOpened, CertifiedSum, CreditHeld, FundsAssigned, InvoiceIssued, MessageKey};
use kernel::MessageId;
use runtime::{
    Close, ClosePartition, Day, Definition, Failure, Handle, Handlers, Incoming, Migration, Outcome, Part, Rejection,
    Service, Stakes, Tx,
};

use super::{NoConfig, POISON_MINOR, creditor, definition, part};

/// Adds up invoices and funds per account; closes partition by partition.
pub struct Split;

impl Service for Split {
    const NAME: &'static str = "allocation";
    type Config = NoConfig;

    fn define(_: NoConfig) -> anyhow::Result<Definition> {
        let handlers = Handlers::new()
            .on::<AccountOpened>(&ACCOUNTS, Start)
            .on::<InvoiceIssued>(&INVOICES, Owe)
            .on::<FundsAssigned>(&FUNDS, Receive);
        Ok(definition(&SPLIT, handlers, Close::Partitioned(Arc::new(SplitDay))))
    }
}

static SPLIT: [Migration; 1] = [Migration {
    version: 1,
    name: "toy",
    sql: "CREATE TABLE toy_balance (account uuid PRIMARY KEY, partition bigint NOT NULL, calendar text NOT NULL, owed bigint NOT NULL,
                                    received bigint NOT NULL);
          CREATE TABLE toy_log (message uuid PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY, account uuid NOT NULL,
                                partition bigint NOT NULL, calendar text NOT NULL, what text NOT NULL, amount bigint NOT NULL,
                                segment bigint NOT NULL);
          CREATE TABLE toy_page (sequence bigint NOT NULL, partition bigint NOT NULL, page text NOT NULL,
                                 PRIMARY KEY (sequence, partition, page));
          CREATE TABLE toy_switch (name text PRIMARY KEY)",
}];

struct Start;

#[async_trait]
impl Handle<AccountOpened> for Start {
    async fn handle(&self, batch: &[Incoming<AccountOpened>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        for incoming in batch {
            sqlx::query("INSERT INTO toy_balance VALUES ($1, $2, $3, 0, 0)")
                .bind(incoming.message.account_id.as_uuid())
                .bind(i64::from(incoming.partition))
                .bind(incoming.message.calendar.as_str())
                .execute(tx.conn())
                .await?;
            tx.release(incoming.key);
        }
        Ok(vec![Outcome::Done; batch.len()])
    }
}

/// One fact about an account, as the log keeps it.
struct Entry<'a> {
    id: MessageId,
    key: MessageKey,
    what: &'a str,
    owed: i64,
    received: i64,
}

async fn add(tx: &mut Tx, entry: &Entry<'_>) -> Result<Outcome, Failure> {
    let row: Option<(i64, String)> = sqlx::query_as(
        "UPDATE toy_balance SET owed = owed + $2, received = received + $3 WHERE account = $1 RETURNING partition, calendar",
    )
    .bind(entry.key.uuid())
    .bind(entry.owed)
    .bind(entry.received)
    .fetch_optional(tx.conn())
    .await?;
    let Some((partition, calendar)) = row else {
        return Ok(Outcome::Wait);
    };
    let segment = tx.segment();
    sqlx::query(
        "INSERT INTO toy_log (message, account, partition, calendar, what, amount, segment) VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(entry.id.as_uuid())
    .bind(entry.key.uuid())
    .bind(partition)
    .bind(calendar)
    .bind(entry.what)
    .bind(entry.owed.saturating_add(entry.received))
    .bind(segment)
    .execute(tx.conn())
    .await?;
    Ok(Outcome::Done)
}

struct Owe;

#[async_trait]
impl Handle<InvoiceIssued> for Owe {
    async fn handle(&self, batch: &[Incoming<InvoiceIssued>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for incoming in batch {
            let owed = incoming.message.total_minor;
            let entry = Entry {
                id: incoming.id,
                key: incoming.key,
                what: "owed",
                owed,
                received: 0,
            };
            outcomes.push(add(tx, &entry).await?);
        }
        Ok(outcomes)
    }
}

struct Receive;

#[async_trait]
impl Handle<FundsAssigned> for Receive {
    async fn handle(&self, batch: &[Incoming<FundsAssigned>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for incoming in batch {
            let funds = &incoming.message;
            let (known, mended): (bool, bool) = sqlx::query_as(
                "SELECT EXISTS (SELECT FROM toy_balance WHERE account = $1),
                        EXISTS (SELECT FROM toy_switch WHERE name = 'mended')
                        OR EXISTS (SELECT FROM toy_balance b JOIN toy_balance m USING (partition)
                                   WHERE b.account = $1 AND m.account = $2)",
            )
            .bind(incoming.key.uuid())
            .bind(super::account(super::MENDER).as_uuid())
            .fetch_one(tx.conn())
            .await?;
            // Before any rule: a fact that waits must not be overtaken by one that parks the key.
            if !known {
                outcomes.push(Outcome::Wait);
                continue;
            }
            if funds.amount_minor == super::ABORT_MINOR {
                std::process::abort();
            }
            if funds.amount_minor == POISON_MINOR && !mended {
                outcomes.push(Outcome::Reject(Rejection::new("unlucky", "13 is not an amount")));
                continue;
            }
            let entry = Entry {
                id: incoming.id,
                key: incoming.key,
                what: "received",
                owed: 0,
                received: funds.amount_minor,
            };
            let outcome = add(tx, &entry).await?;
            if outcome == Outcome::Done {
                let event = CreditHeld {
                    account_id: funds.account_id,
                    creditor_id: funds.creditor_id,
                    funds_id: funds.funds_id,
                    payment_id: funds.payment_id,
                    currency: funds.currency,
                    amount_minor: funds.amount_minor,
                    held_at: incoming.time,
                };
                tx.emit(
                    &ALLOCATIONS,
                    &event,
                    MessageId::derive(incoming.id, "toy.receive", 0),
                    incoming.time,
                )?;
            }
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    fn stakes(&self, funds: &FundsAssigned) -> Option<Stakes> {
        let calendar = funds.calendar.to_string();
        Some(Stakes {
            calendar,
            currency: funds.currency,
            amount_minor: funds.amount_minor,
        })
    }
}

struct SplitDay;

#[async_trait]
impl ClosePartition for SplitDay {
    /// Three pages, each leaving a row that a page run twice would double.
    async fn page(&self, day: &Day, cursor: Option<String>, tx: &mut Tx) -> Result<Option<String>, Failure> {
        let page = cursor.unwrap_or_else(|| "1".to_owned());
        sqlx::query("INSERT INTO toy_page VALUES ($1, $2, $3)")
            .bind(day.sequence)
            .bind(day.partition.map(i64::from))
            .bind(&page)
            .execute(tx.conn())
            .await?;
        Ok(match page.as_str() {
            "1" => Some("2".to_owned()),
            "2" => Some("3".to_owned()),
            _ => None,
        })
    }

    async fn part(&self, day: &Day, tx: &mut Tx) -> Result<Part, Failure> {
        let sql = "SELECT message::text || amount::text, amount FROM toy_log
                   WHERE calendar = $1 AND segment >= $2 AND segment < $3 AND partition = $4 AND what = 'received'";
        let mut part = part(tx, day, sql, "received").await?;
        for (currency, amount_minor) in tx.parked_sums(day).await? {
            let sum = CertifiedSum {
                creditor_id: Some(creditor()),
                scope: String::new(),
                partition: None,
                currency: currency.parse()?,
                name: "parked".to_owned(),
                amount_minor,
                count: 0,
            };
            part.sums.push(sum);
        }
        Ok(part)
    }

    fn judge(&self, _: &[CertifiedSum]) -> Vec<String> {
        Vec::new()
    }
}
