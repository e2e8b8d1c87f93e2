//! Three services in one process, and what a test says through them.

use std::sync::Arc;
use std::time::Duration;

use allocation::Allocation;
use async_trait::async_trait;
use contracts::catalogue::{ACCOUNTS, CREDITORS, FUNDS, INVOICES, Topic};
use contracts::{
    AccountOpened, CreditNoteIssued, CreditorRegistered, DayCertified, Evidence, FundsAssigned, FundsWithdrawn,
    Instalment, InvoiceCancelled, InvoiceIssued, Message,
};
use kernel::{
    AccountId, BusinessDate, CreditNoteId, CreditorId, Currency, DebtorId, FundsId, InvoiceId, MessageId, PaymentId,
    Timestamp,
};
use runtime::{
    Close, CloseWhole, Context, Day, Definition, Failure, Handle, Handlers, Incoming, ManualClock, Outcome, Overrides,
    Part, Running, Scope, Service, Tx,
};
use serde_json::Value;
use sqlx::PgPool;
use testkit::toy::{self, CALENDAR};
use testkit::{Fixture, TOKEN, eventually};

const PATIENCE: Duration = Duration::from_secs(60);
pub const CODE: &str = "RO-ENERGY";

/// An ingestion that handles nothing, says what the test says, and closes with billing's day.
pub struct Feed;

impl Service for Feed {
    const NAME: &'static str = "ingestion";
    type Config = toy::NoConfig;

    fn define(_: toy::NoConfig) -> anyhow::Result<Definition> {
        Ok(Definition {
            migrations: &[],
            handlers: Handlers::new()
                .on::<AccountOpened>(&ACCOUNTS, Ignore)
                .on::<InvoiceIssued>(&INVOICES, Ignore),
            close: Close::Whole(Arc::new(Ignore)),
            routes: axum::Router::new(),
            public_routes: axum::Router::new(),
            openapi: serde_json::json!({ "openapi": "3.1.0" }),
            tasks: Vec::new(),
        })
    }
}

struct Ignore;

#[async_trait]
impl<M: Message> Handle<M> for Ignore {
    async fn handle(&self, batch: &[Incoming<M>], _: &mut Tx) -> Result<Vec<Outcome>, Failure> {
        Ok(vec![Outcome::Done; batch.len()])
    }
}

#[async_trait]
impl CloseWhole for Ignore {
    async fn prepare(&self, _: &Day, _: &Context) -> Result<(), Failure> {
        Ok(())
    }
    async fn unfinished(&self, _: &Day, _: &mut Tx) -> Result<Vec<String>, Failure> {
        Ok(Vec::new())
    }
    async fn quarantine(&self, _: &[String], _: &Context) -> Result<(), Failure> {
        Ok(())
    }
    async fn part(&self, _: &Day, _: &mut Tx) -> Result<Part, Failure> {
        Ok(Part::default())
    }
    fn judge(&self, _: &[contracts::CertifiedSum]) -> Vec<String> {
        Vec::new()
    }
}

/// What feeds allocation.
pub struct Upstream {
    pub billing: Running,
    pub ingestion: Running,
}

impl Upstream {
    pub async fn start(fixture: &Fixture) -> Self {
        Self {
            billing: start::<toy::Clock>(fixture).await,
            ingestion: start::<Feed>(fixture).await,
        }
    }

    /// Says something on a topic of billing or ingestion.
    pub async fn say<M: Message>(&self, topic: &'static Topic, message: &M) {
        let from = if topic.writer == "billing" {
            &self.billing
        } else {
            &self.ingestion
        };
        let mut tx = from.ctx().begin(Scope::Service).await.unwrap();
        let id = MessageId::derive_text(&format!("{message:?}"));
        tx.emit(topic, message, id, at()).unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn close(&self, day: &str) -> i64 {
        toy::close(self.billing.ctx(), CALENDAR, day).await.unwrap()
    }

    /// Waits until ingestion has closed so many days and everything has left both outboxes.
    pub async fn quiet(&self, days: i64) {
        eventually(PATIENCE, async || {
            let closed: i64 = count(self.ingestion.ctx().pool(), "SELECT count(*) FROM rt_certificate").await;
            let mut left = 0;
            for service in [&self.billing, &self.ingestion] {
                left += count(service.ctx().pool(), "SELECT count(*) FROM rt_outbox").await;
            }
            if (closed, left) == (days, 0) {
                Ok(())
            } else {
                Err((closed, left))
            }
        })
        .await;
    }

    pub async fn stop(self) {
        self.billing.stop().await.unwrap();
        self.ingestion.stop().await.unwrap();
    }
}

async fn count(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.unwrap()
}

pub async fn start<S: Service>(fixture: &Fixture) -> Running {
    let settings = fixture.settings(S::NAME).await;
    // A clock that stands: what is dated by it is the same in every run.
    let overrides = Overrides {
        clock: Some(ManualClock::new(at()).shared()),
        ..Overrides::default()
    };
    runtime::start::<S>(settings, overrides)
        .await
        .unwrap_or_else(|error| panic!("{}: {error:#}", S::NAME))
}

/// The whole world of a test.
pub struct World {
    pub fixture: Fixture,
    pub upstream: Upstream,
    pub allocation: Running,
    pub pool: PgPool,
}

impl World {
    pub async fn new(name: &str) -> Self {
        let fixture = Fixture::new(name).await;
        let upstream = Upstream::start(&fixture).await;
        let allocation = start::<Allocation>(&fixture).await;
        let pool = PgPool::connect(&fixture.database("allocation").await).await.unwrap();
        Self {
            fixture,
            upstream,
            allocation,
            pool,
        }
    }

    pub async fn say<M: Message>(&self, topic: &'static Topic, message: &M) {
        self.upstream.say(topic, message).await;
    }

    /// Waits until an account has so many facts.
    pub async fn facts(&self, account: AccountId, count: i64) {
        eventually(PATIENCE, async || {
            let facts: Option<i64> = sqlx::query_scalar("SELECT facts FROM accounts WHERE account_id = $1")
                .bind(account.as_uuid())
                .fetch_optional(&self.pool)
                .await
                .unwrap();
            facts.is_some_and(|facts| facts >= count).then_some(()).ok_or(facts)
        })
        .await;
    }

    /// Closes a day and waits for allocation's certificate.
    pub async fn close(&self, day: &str) -> DayCertified {
        let sequence = self.upstream.close(day).await;
        let text = eventually(PATIENCE, async || {
            let found: Option<String> =
                sqlx::query_scalar("SELECT certificate::text FROM rt_certificate WHERE sequence = $1")
                    .bind(sequence)
                    .fetch_optional(&self.pool)
                    .await
                    .unwrap();
            found
        })
        .await;
        let certificate: DayCertified = serde_json::from_str(&text).unwrap();
        assert!(certificate.hash_is_right());
        certificate
    }

    /// Asks allocation's API: the status and the body.
    pub async fn ask(&self, path: &str, token: &str) -> (u16, Value) {
        let url = format!("http://{}{path}", self.allocation.http());
        let answer = reqwest::Client::new().get(url).bearer_auth(token).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap())
    }

    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask(path, TOKEN).await;
        assert_eq!(status, 200, "{body}");
        body
    }

    /// All events of one type that allocation has written, in their order per account.
    pub async fn events<M: Message>(&self, topic: &Topic, account: AccountId) -> Vec<M> {
        let mut events = Vec::new();
        for record in self.fixture.read_topic(topic.name).await {
            let of_account = record.key_text() == Some(account.to_string().as_str());
            if of_account && record.header("ce_type") == Some(M::TYPE) {
                events.push(contracts::codec::decode(record.payload.as_deref().unwrap()).unwrap());
            }
        }
        events
    }

    pub async fn stop(self) {
        self.pool.close().await;
        self.allocation.stop().await.unwrap();
        self.upstream.stop().await;
        self.fixture.finish().await;
    }
}

pub fn at() -> Timestamp {
    Timestamp::parse("2026-01-20T09:00:00Z").unwrap()
}

pub fn on(text: &str) -> BusinessDate {
    BusinessDate::parse(text).unwrap()
}

pub fn creditor() -> CreditorId {
    CreditorId::derive(CODE)
}

pub fn account_id(name: &str) -> AccountId {
    AccountId::derive(creditor(), name)
}

pub fn invoice_id(name: &str) -> InvoiceId {
    InvoiceId::derive(creditor(), name)
}

pub fn payment_id(name: &str) -> PaymentId {
    PaymentId::derive("test", name)
}

pub fn funds_id(name: &str, account: &str) -> FundsId {
    FundsId::derive(payment_id(name), account_id(account), 0)
}

pub fn registered() -> CreditorRegistered {
    CreditorRegistered {
        creditor_id: creditor(),
        code: CODE.to_owned(),
        version: 1,
        name: "Energie".to_owned(),
        jurisdiction: "RO".parse().unwrap(),
        region: None,
        time_zone: "Europe/Bucharest".to_owned(),
        cut_off: "17:00".to_owned(),
        currency: Currency::RON,
        calendar: CALENDAR.parse().unwrap(),
        first_on: on("2026-01-01"),
        bank_accounts: Vec::new(),
        merchants: Vec::new(),
        letterhead: None,
    }
}

pub fn opened(name: &str) -> AccountOpened {
    AccountOpened {
        account_id: account_id(name),
        creditor_id: creditor(),
        debtor_id: DebtorId::derive(creditor(), name),
        external_id: name.to_owned(),
        number: name.to_owned(),
        version: 1,
        currency: Currency::RON,
        calendar: CALENDAR.parse().unwrap(),
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
        opened_on: on("2026-01-01"),
    }
}

/// Each instalment is (due, amount).
pub fn issued(account: &str, name: &str, issued_on: &str, instalments: &[(&str, i64)]) -> InvoiceIssued {
    InvoiceIssued {
        invoice_id: invoice_id(name),
        account_id: account_id(account),
        creditor_id: creditor(),
        external_id: name.to_owned(),
        number: name.to_owned(),
        version: 1,
        issued_on: on(issued_on),
        currency: Currency::RON,
        total_minor: instalments.iter().map(|(_, amount)| amount).sum(),
        instalments: (1..)
            .zip(instalments)
            .map(|(number, (due_on, amount_minor))| Instalment {
                number,
                due_on: on(due_on),
                amount_minor: *amount_minor,
            })
            .collect(),
        lines: Vec::new(),
        interest: None,
        payment_references: Vec::new(),
        corrects: None,
        reason: None,
    }
}

pub fn cancelled(account: &str, name: &str, cancelled_on: &str) -> InvoiceCancelled {
    InvoiceCancelled {
        invoice_id: invoice_id(name),
        account_id: account_id(account),
        creditor_id: creditor(),
        version: 2,
        cancelled_on: on(cancelled_on),
        reason: None,
    }
}

pub fn noted(account: &str, name: &str, number: &str, amount_minor: i64) -> CreditNoteIssued {
    CreditNoteIssued {
        credit_note_id: CreditNoteId::derive(creditor(), number),
        invoice_id: invoice_id(name),
        account_id: account_id(account),
        creditor_id: creditor(),
        external_id: number.to_owned(),
        number: number.to_owned(),
        version: 1,
        issued_on: on("2026-01-12"),
        currency: Currency::RON,
        amount_minor,
        lines: Vec::new(),
        reason: None,
    }
}

pub fn assigned(account: &str, name: &str, value_on: &str, amount_minor: i64, named: &[&str]) -> FundsAssigned {
    let evidence = |invoice: &&str| Evidence {
        rule: "invoice_number".to_owned(),
        reference: (*invoice).to_owned(),
        invoice_id: Some(invoice_id(invoice)),
        strength: "exact".to_owned(),
    };
    FundsAssigned {
        funds_id: funds_id(name, account),
        payment_id: payment_id(name),
        creditor_id: creditor(),
        account_id: account_id(account),
        calendar: CALENDAR.parse().unwrap(),
        channel: "camt053".to_owned(),
        collector: "RO49AAAA1B31007593840000".to_owned(),
        currency: Currency::RON,
        amount_minor,
        value_on: on(value_on),
        received_at: at(),
        invoice_ids: named.iter().map(|name| invoice_id(name)).collect(),
        evidence: named.iter().map(evidence).collect(),
        decided_by: None,
        decided_reason: None,
        assigned_at: at(),
    }
}

pub fn withdrawn(account: &str, name: &str, value_on: &str, amount_minor: i64) -> FundsWithdrawn {
    FundsWithdrawn {
        withdrawal_id: MessageId::derive_text(&format!("withdrawal {name} {amount_minor}")).to_string(),
        funds_id: funds_id(name, account),
        payment_id: payment_id(name),
        creditor_id: creditor(),
        account_id: account_id(account),
        calendar: CALENDAR.parse().unwrap(),
        currency: Currency::RON,
        amount_minor,
        value_on: on(value_on),
        reason: "reversal".to_owned(),
        decided_by: None,
        withdrawn_at: at(),
    }
}

/// The creditor and two accounts.
pub async fn begin(upstream: &Upstream) {
    upstream.say(&CREDITORS, &registered()).await;
    for name in ["A", "B"] {
        upstream.say(&ACCOUNTS, &opened(name)).await;
    }
}

/// A day with everything in it: named and unnamed money, credit, a credit note, a correction by cancelling, a reversal.
/// Account A has nine facts then, account B four.
pub async fn busy_day(upstream: &Upstream) {
    upstream
        .say(&INVOICES, &issued("A", "F1", "2026-01-02", &[("2026-01-15", 12_050)]))
        .await;
    upstream
        .say(
            &INVOICES,
            &issued("A", "F2", "2026-01-03", &[("2026-01-18", 4_000), ("2026-02-18", 4_000)]),
        )
        .await;
    upstream
        .say(&INVOICES, &issued("A", "F3", "2026-01-04", &[("2026-01-20", 1_000)]))
        .await;
    upstream
        .say(&FUNDS, &assigned("A", "P1", "2026-01-10", 15_000, &["F2"]))
        .await;
    upstream
        .say(&FUNDS, &assigned("A", "P2", "2026-01-11", 5_000, &[]))
        .await;
    upstream.say(&INVOICES, &noted("A", "F2", "N1", 1_500)).await;
    upstream.say(&INVOICES, &cancelled("A", "F3", "2026-01-13")).await;
    upstream
        .say(&FUNDS, &assigned("A", "P3", "2026-01-14", 2_500, &[]))
        .await;
    upstream.say(&FUNDS, &withdrawn("A", "P2", "2026-01-16", 2_000)).await;
    upstream
        .say(&INVOICES, &issued("B", "F4", "2026-01-05", &[("2026-01-25", 700)]))
        .await;
    upstream
        .say(&FUNDS, &assigned("B", "P4", "2026-01-12", 1_000, &[]))
        .await;
    upstream.say(&FUNDS, &assigned("B", "P5", "2026-01-11", 50, &[])).await;
    upstream
        .say(&INVOICES, &issued("B", "F5", "2026-01-06", &[("2026-01-20", 100)]))
        .await;
}
