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
    Close, CloseWhole, Context, Day, Definition, Failure, Handle, Handlers, Incoming, Migration, Outcome, Part, Scope,
    Service, Tx, digest,
};
use serde::{Deserialize, Serialize};

mod split;

pub use split::Split;

/// An amount that `Split` rejects until the row `mended` is in its table `toy_switch`.
pub const POISON_MINOR: i64 = 13;
/// An amount at which `Split` takes its process down.
pub const ABORT_MINOR: i64 = 666;
/// An account whose opening mends `Split` as the switch does, for accounts of the same partition: in the order of the topics.
pub const MENDER: &str = "mender";
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
