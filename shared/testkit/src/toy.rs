//! A toy chain of three services: the runtime's rules without any service's business.
//!
//! `Clock` (writes billing's topics) → `Whole` (closes at once, ingestion's topics) → `Split` (closes partition by partition,
//! allocation's topics). An invoice is a number; `Whole` pays it, `Split` adds both up per account.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::catalogue::{ACCOUNTS, ALLOCATIONS, FUNDS, INVOICES};
use contracts::{
    AccountOpened, CertifiedSum, CreditHeld, Evidence, FundsAssigned, Instalment, InvoiceIssued, MessageKey,
};
use kernel::{
    AccountId, BusinessDate, CalendarId, CreditorId, Currency, DebtorId, FundsId, InvoiceId, MessageId, PaymentId,
    Timestamp,
};
use runtime::{
    Close, ClosePartition, CloseWhole, Context, Day, Definition, Failure, Handle, Handlers, Incoming, Migration,
    Outcome, Part, Rejection, Scope, Service, Stakes, Tx, digest,
};
use serde::{Deserialize, Serialize};

/// An amount that `Split` rejects until the row `mended` is in its table `toy_switch`.
pub const POISON_MINOR: i64 = 13;
/// The one calendar of most toy tests.
pub const CALENDAR: &str = "RO@17:00@Europe/Bucharest";
/// Another one.
pub const OTHER_CALENDAR: &str = "CO@17:00@America/Bogota";

/// No settings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoConfig {}

/// The day's clock and the source of accounts and invoices.
pub struct Clock;

impl Service for Clock {
    const NAME: &'static str = "billing";
    type Config = NoConfig;

    fn define(_: NoConfig) -> anyhow::Result<Definition> {
        Ok(definition(&[], Handlers::new(), Close::Clock))
    }
}

fn definition(migrations: &'static [Migration], handlers: Handlers, close: Close) -> Definition {
    Definition {
        migrations,
        handlers,
        close,
        routes: axum::Router::new(),
        public_routes: axum::Router::new(),
        openapi: serde_json::json!({ "openapi": "3.1.0" }),
        tasks: Vec::new(),
    }
}

/// The toy account of this name.
pub fn account(name: &str) -> AccountId {
    AccountId::derive(creditor(), name)
}

/// The one toy creditor.
pub fn creditor() -> CreditorId {
    CreditorId::derive("toy")
}

fn at() -> Timestamp {
    Timestamp::from_micros(1_767_225_600_000_000).unwrap_or(Timestamp::EPOCH)
}

/// Opens an account in a calendar.
///
/// # Errors
/// When the database does not answer.
pub async fn open(ctx: &Context, name: &str, calendar: &str) -> Result<(), Failure> {
    let event = AccountOpened {
        account_id: account(name),
        creditor_id: creditor(),
        debtor_id: DebtorId::derive(creditor(), name),
        external_id: name.to_owned(),
        number: name.to_owned(),
        version: 1,
        currency: Currency::RON,
        calendar: calendar.parse()?,
        kind: "B2C".to_owned(),
        segment: None,
        level: 1,
        portfolio: None,
        analyst: None,
        sales_consultant: None,
        co_debtors: Vec::new(),
        guarantors: Vec::new(),
        other_payer: None,
        payment_references: Vec::new(),
        virtual_accounts: Vec::new(),
        opened_on: at().date_in(kernel::Tz::UTC),
    };
    let mut tx = ctx.begin(Scope::Service).await?;
    tx.emit(&ACCOUNTS, &event, MessageId::derive_text(&format!("open {name}")), at())?;
    tx.commit().await
}

/// Issues an invoice: `number` makes it unique.
///
/// # Errors
/// When the database does not answer.
pub async fn issue(ctx: &Context, name: &str, number: &str, amount_minor: i64) -> Result<(), Failure> {
    let today: BusinessDate = at().date_in(kernel::Tz::UTC);
    let event = InvoiceIssued {
        invoice_id: InvoiceId::derive(creditor(), number),
        account_id: account(name),
        creditor_id: creditor(),
        external_id: number.to_owned(),
        number: number.to_owned(),
        version: 1,
        issued_on: today,
        currency: Currency::RON,
        total_minor: amount_minor,
        instalments: vec![Instalment {
            number: 1,
            due_on: today,
            amount_minor,
        }],
        lines: Vec::new(),
        interest: None,
        payment_references: Vec::new(),
        corrects: None,
        reason: None,
    };
    let mut tx = ctx.begin(Scope::Service).await?;
    tx.emit(
        &INVOICES,
        &event,
        MessageId::derive_text(&format!("issue {number}")),
        at(),
    )?;
    tx.commit().await
}

/// A decision on an account, as HTTP would take it: locks the row, thinks for a while, emits the new balance.
///
/// # Errors
/// When the database does not answer.
pub async fn credit(ctx: &Context, name: &str, n: u64, thinks: std::time::Duration) -> Result<(), Failure> {
    let account_id = account(name);
    let key = MessageKey::from(account_id);
    let mut tx = ctx.begin(Scope::Partition(ctx.partition_of(key))).await?;
    let balance: i64 =
        sqlx::query_scalar("UPDATE toy_balance SET received = received + 1 WHERE account = $1 RETURNING received")
            .bind(account_id.as_uuid())
            .fetch_one(tx.conn())
            .await?;
    let payment_id = PaymentId::derive("toy", &n.to_string());
    let event = CreditHeld {
        account_id,
        creditor_id: creditor(),
        funds_id: FundsId::derive(payment_id, account_id, 0),
        payment_id,
        currency: Currency::RON,
        amount_minor: balance,
        held_at: at(),
    };
    tx.emit(
        &ALLOCATIONS,
        &event,
        MessageId::derive_text(&format!("credit {n}")),
        at(),
    )?;
    tokio::time::sleep(thinks).await;
    tx.commit().await
}

/// Closes a day of a calendar by hand.
///
/// # Errors
/// When the database does not answer.
pub async fn close(ctx: &Context, calendar: &str, day: &str) -> Result<i64, Failure> {
    let calendar: CalendarId = calendar.parse()?;
    let day: BusinessDate = day.parse()?;
    ctx.announce_day(&calendar, day, day.succ()).await
}

/// Pays every invoice; closes at once.
pub struct Whole;

impl Service for Whole {
    const NAME: &'static str = "ingestion";
    type Config = NoConfig;

    fn define(_: NoConfig) -> anyhow::Result<Definition> {
        let handlers = Handlers::new()
            .on::<AccountOpened>(&ACCOUNTS, Learn)
            .on::<InvoiceIssued>(&INVOICES, Pay);
        Ok(definition(&WHOLE, handlers, Close::Whole(Arc::new(WholeDay))))
    }
}

static WHOLE: [Migration; 1] = [Migration {
    version: 1,
    name: "toy",
    sql: "CREATE TABLE toy_account (account uuid PRIMARY KEY, calendar text NOT NULL);
          CREATE TABLE toy_paid (invoice uuid PRIMARY KEY, account uuid NOT NULL, calendar text NOT NULL, amount bigint NOT NULL,
                                 segment bigint NOT NULL);
          CREATE TABLE toy_raw (id text PRIMARY KEY, done boolean NOT NULL)",
}];

struct Learn;

#[async_trait]
impl Handle<AccountOpened> for Learn {
    async fn handle(&self, batch: &[Incoming<AccountOpened>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        for incoming in batch {
            sqlx::query("INSERT INTO toy_account VALUES ($1, $2)")
                .bind(incoming.message.account_id.as_uuid())
                .bind(incoming.message.calendar.as_str())
                .execute(tx.conn())
                .await?;
            tx.release(incoming.key);
        }
        Ok(vec![Outcome::Done; batch.len()])
    }
}

struct Pay;

#[async_trait]
impl Handle<InvoiceIssued> for Pay {
    async fn handle(&self, batch: &[Incoming<InvoiceIssued>], tx: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::with_capacity(batch.len());
        for incoming in batch {
            let invoice = &incoming.message;
            let calendar: Option<String> =
                sqlx::query_scalar("SELECT calendar FROM toy_account WHERE account = $1 FOR UPDATE")
                    .bind(invoice.account_id.as_uuid())
                    .fetch_optional(tx.conn())
                    .await?;
            let Some(calendar) = calendar else {
                outcomes.push(Outcome::Wait);
                continue;
            };
            let segment = tx.segment();
            sqlx::query("INSERT INTO toy_paid VALUES ($1, $2, $3, $4, $5)")
                .bind(invoice.invoice_id.as_uuid())
                .bind(invoice.account_id.as_uuid())
                .bind(&calendar)
                .bind(invoice.total_minor)
                .bind(segment)
                .execute(tx.conn())
                .await?;
            let id = MessageId::derive(incoming.id, "toy.pay", 0);
            tx.emit(&FUNDS, &funds(invoice, &calendar, incoming.time)?, id, incoming.time)?;
            outcomes.push(Outcome::Done);
        }
        Ok(outcomes)
    }
}

fn funds(invoice: &InvoiceIssued, calendar: &str, at: Timestamp) -> Result<FundsAssigned, Failure> {
    let payment_id = PaymentId::derive("toy", &invoice.number);
    Ok(FundsAssigned {
        funds_id: FundsId::derive(payment_id, invoice.account_id, 0),
        payment_id,
        creditor_id: invoice.creditor_id,
        account_id: invoice.account_id,
        calendar: calendar.parse()?,
        channel: "toy".to_owned(),
        collector: "toy".to_owned(),
        currency: invoice.currency,
        amount_minor: invoice.total_minor,
        value_on: invoice.issued_on,
        received_at: at,
        invoice_ids: vec![invoice.invoice_id],
        evidence: Vec::<Evidence>::new(),
        decided_by: None,
        decided_reason: None,
        assigned_at: at,
    })
}

struct WholeDay;

/// The rows of a table's day as a certificate part.
async fn part(tx: &mut Tx, day: &Day, sql: &'static str, name: &str) -> Result<Part, Failure> {
    let partition = day.partition.map(i64::from).unwrap_or(-1);
    let rows: Vec<(String, i64)> = sqlx::query_as(sql)
        .bind(&day.calendar)
        .bind(day.previous)
        .bind(day.sequence)
        .bind(partition)
        .fetch_all(tx.conn())
        .await?;
    let sum = CertifiedSum {
        creditor_id: Some(creditor()),
        scope: String::new(),
        partition: None,
        currency: Currency::RON,
        name: name.to_owned(),
        amount_minor: rows.iter().map(|(_, amount)| amount).sum(),
        count: i64::try_from(rows.len())?,
    };
    Ok(Part {
        sums: vec![sum],
        rows: i64::try_from(rows.len())?,
        digest: digest::digest(rows.iter().map(|(row, _)| row.as_str())),
        ..Part::default()
    })
}

#[async_trait]
impl CloseWhole for WholeDay {
    async fn prepare(&self, _: &Day, _: &Context) -> Result<(), Failure> {
        Ok(())
    }

    async fn unfinished(&self, _: &Day, tx: &mut Tx) -> Result<Vec<String>, Failure> {
        Ok(sqlx::query_scalar("SELECT id FROM toy_raw WHERE NOT done ORDER BY id")
            .fetch_all(tx.conn())
            .await?)
    }

    async fn quarantine(&self, ids: &[String], ctx: &Context) -> Result<(), Failure> {
        sqlx::query("UPDATE toy_raw SET done = true WHERE id = ANY($1)")
            .bind(ids)
            .execute(ctx.pool())
            .await?;
        Ok(())
    }

    async fn part(&self, day: &Day, tx: &mut Tx) -> Result<Part, Failure> {
        let sql = "SELECT invoice::text || amount::text, amount FROM toy_paid
                   WHERE calendar = $1 AND segment >= $2 AND segment < $3 AND $4::bigint = -1";
        part(tx, day, sql, "assigned").await
    }

    fn judge(&self, _: &[CertifiedSum]) -> Vec<String> {
        Vec::new()
    }
}

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
            let mended: bool = sqlx::query_scalar("SELECT EXISTS (SELECT FROM toy_switch WHERE name = 'mended')")
                .fetch_one(tx.conn())
                .await?;
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
