//! A billing that says what the test wants, an ingestion, and its door.

use std::sync::Arc;
use std::time::Duration;

use contracts::catalogue::{ACCOUNTS, CREDITORS, INVOICES};
use contracts::{
    AccountOpened, CreditorBankAccount, CreditorRegistered, DayCertified, FundsAssigned, FundsWithdrawn, Instalment,
    InvoiceIssued, Message, ProviderMerchant, codec,
};
use ingestion::{Config, Ingestion};
use kernel::{AccountId, BusinessDate, CreditorId, Currency, DebtorId, InvoiceId, MessageId, Timestamp};
use runtime::{ManualClock, Overrides, Running, Scope, Secret};
use serde_json::Value;
use sqlx::PgPool;
use testkit::toy::{self, Clock, NoConfig};
use testkit::{Fixture, TOKEN, eventually};

pub use testkit::toy::CALENDAR;

pub const PATIENCE: Duration = Duration::from_secs(30);
pub const MERCHANT: &str = "508029";
pub const API_KEY: &str = "4Vj8eK4rloUd272L48hsrarnUA";

pub struct World {
    pub fixture: Fixture,
    pub clock: ManualClock,
    pub billing: Running,
    pub ingestion: Running,
    pub http: reqwest::Client,
}

pub fn creditor() -> CreditorId {
    CreditorId::derive("RO-ENERGY")
}

pub fn account(number: &str) -> AccountId {
    AccountId::derive(creditor(), number)
}

pub fn invoice(number: &str) -> InvoiceId {
    InvoiceId::derive(creditor(), number)
}

pub fn on(text: &str) -> BusinessDate {
    text.parse().unwrap()
}

pub fn config() -> Config {
    let merchant = serde_json::json!({"merchant_id": MERCHANT, "algorithm": "md5", "api_key": API_KEY});
    Config {
        payu_latam: vec![serde_json::from_value(merchant).unwrap()],
        payer_key: Secret::new("a key of the tests"),
        ..Config::default()
    }
}

impl World {
    pub async fn new(name: &str) -> Self {
        Self::with(name, config()).await
    }

    pub async fn with(name: &str, config: Config) -> Self {
        let fixture = Fixture::new(name).await;
        // Monday, 15:00 in Bucharest.
        let clock = ManualClock::new("2026-11-02T13:00:00Z".parse().unwrap());
        let settings = fixture.settings::<NoConfig>("billing").await;
        let billing = runtime::start::<Clock>(settings, overrides(&clock)).await.unwrap();
        let mut world = Self {
            ingestion: second(&fixture, &clock, config).await,
            fixture,
            clock,
            billing,
            http: reqwest::Client::new(),
        };
        world.http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        world
    }

    /// Another instance of the same ingestion.
    pub async fn another(&self, config: Config) -> Running {
        second(&self.fixture, &self.clock, config).await
    }

    pub fn pool(&self) -> &PgPool {
        self.ingestion.ctx().pool()
    }

    pub async fn finish(self) {
        self.ingestion.stop().await.unwrap();
        self.billing.stop().await.unwrap();
        self.fixture.finish().await;
    }

    async fn say<M: Message>(&self, topic: &'static contracts::catalogue::Topic, message: &M, id: &str) {
        let mut tx = self.billing.ctx().begin(Scope::Service).await.unwrap();
        tx.emit(topic, message, MessageId::derive_text(id), self.clock_now())
            .unwrap();
        tx.commit().await.unwrap();
    }

    fn clock_now(&self) -> Timestamp {
        self.billing.ctx().now()
    }

    pub async fn creditor(&self) {
        self.creditor_with(super::camt::IBAN).await;
    }

    /// The creditor with this bank account.
    pub async fn creditor_with(&self, iban: &str) {
        let bank = |number: &str| CreditorBankAccount {
            number: number.into(),
            currency: Currency::RON,
            bank_name: None,
            first_on: on("2026-11-02"),
            banking_calendar: "RO".into(),
            lag_days: 1,
            virtual_prefix: None,
        };
        let message = CreditorRegistered {
            creditor_id: creditor(),
            code: "RO-ENERGY".into(),
            version: 1,
            name: "Energy".into(),
            jurisdiction: "RO".into(),
            region: None,
            time_zone: "Europe/Bucharest".into(),
            cut_off: "17:00".into(),
            currency: Currency::RON,
            calendar: CALENDAR.parse().unwrap(),
            first_on: on("2026-11-02"),
            bank_accounts: vec![bank(iban)],
            merchants: vec![ProviderMerchant {
                provider: "payu-latam".into(),
                merchant_id: MERCHANT.into(),
                currency: Currency::RON,
            }],
            letterhead: None,
        };
        self.say(&CREDITORS, &message, "creditor").await;
        self.known("SELECT count(*) FROM creditor", 1).await;
    }

    pub async fn account(&self, number: &str, references: &[&str], virtual_accounts: &[&str]) {
        let message = AccountOpened {
            account_id: account(number),
            creditor_id: creditor(),
            debtor_id: DebtorId::derive(creditor(), number),
            external_id: number.into(),
            number: number.into(),
            version: 1,
            currency: Currency::RON,
            calendar: CALENDAR.parse().unwrap(),
            kind: "B2C".into(),
            segment: None,
            level: 3,
            portfolio: None,
            analyst: None,
            sales_consultant: None,
            co_debtors: Vec::new(),
            guarantors: Vec::new(),
            other_payer: None,
            payment_references: references.iter().map(|text| (*text).to_owned()).collect(),
            virtual_accounts: virtual_accounts.iter().map(|text| (*text).to_owned()).collect(),
            opened_on: on("2026-01-01"),
        };
        self.say(&ACCOUNTS, &message, &format!("account {number}")).await;
        self.indexed(account(number).as_uuid()).await;
    }

    pub async fn invoice(&self, number: &str, of: &str, total_minor: i64) {
        let message = InvoiceIssued {
            invoice_id: invoice(number),
            account_id: account(of),
            creditor_id: creditor(),
            external_id: number.into(),
            number: number.into(),
            version: 1,
            issued_on: on("2026-10-01"),
            currency: Currency::RON,
            total_minor,
            instalments: vec![Instalment {
                number: 1,
                due_on: on("2026-11-15"),
                amount_minor: total_minor,
            }],
            lines: Vec::new(),
            interest: None,
            payment_references: Vec::new(),
            corrects: None,
            reason: None,
        };
        self.say(&INVOICES, &message, &format!("invoice {number}")).await;
        self.indexed(invoice(number).as_uuid()).await;
    }

    async fn indexed(&self, id: uuid::Uuid) {
        eventually(PATIENCE, async || {
            let known: i64 =
                sqlx::query_scalar("SELECT count(*) FROM reference WHERE account_id = $1 OR invoice_id = $1")
                    .bind(id)
                    .fetch_one(self.pool())
                    .await
                    .unwrap();
            known > 0
        })
        .await;
    }

    pub async fn known(&self, sql: &'static str, expected: i64) {
        eventually(PATIENCE, async || {
            let found = self.count(sql).await;
            if found == expected { Ok(()) } else { Err(found) }
        })
        .await;
    }

    pub async fn count(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(self.pool()).await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.ingestion.http())
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.http.get(self.url(path)).bearer_auth(TOKEN).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{path}");
        answer.json().await.unwrap()
    }

    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> (u16, Value) {
        let answer = self
            .http
            .post(self.url(path))
            .bearer_auth(TOKEN)
            .body(body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn decide(&self, path: &str, key: &str, body: &Value) -> (u16, Value) {
        let answer = self
            .http
            .post(self.url(path))
            .bearer_auth(TOKEN)
            .header("Idempotency-Key", key)
            .json(body)
            .send()
            .await
            .unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    /// Sends a statement and waits until it is booked.
    pub async fn upload(&self, statement: &super::camt::Statement) -> Value {
        let (status, body) = self.post("/v1/statements?wait=30", statement.xml()).await;
        assert!(status == 200 || status == 202, "{status}: {body}");
        body
    }

    pub async fn webhook(&self, form: &[(&str, &str)]) -> u16 {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let url = self.url(&format!("/v1/webhooks/payu-latam/{MERCHANT}"));
        let request = self
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(body);
        request.send().await.unwrap().status().as_u16()
    }

    /// Closes a day and waits for its certificate.
    pub async fn close(&self, day: &str) -> DayCertified {
        let sequence = toy::close(self.billing.ctx(), CALENDAR, day).await.unwrap();
        eventually(PATIENCE, async || {
            let found: i64 = sqlx::query_scalar("SELECT count(*) FROM rt_closed WHERE scope = -1 AND sequence >= $1")
                .bind(sequence)
                .fetch_one(self.pool())
                .await
                .unwrap();
            found == 1
        })
        .await;
        eventually(PATIENCE, async || {
            self.events::<DayCertified>("ingestion.certificate.v1")
                .await
                .into_iter()
                .find(|c| c.sequence == sequence)
        })
        .await
    }

    /// All events of a kind on a topic.
    pub async fn events<M: Message>(&self, topic: &str) -> Vec<M> {
        let records = self.fixture.read_topic(topic).await;
        let ours = records
            .iter()
            .filter(|record| record.header("ce_type") == Some(M::TYPE));
        ours.map(|record| codec::decode::<M>(record.payload.as_deref().unwrap()).unwrap())
            .collect()
    }

    pub async fn assigned(&self, expected: usize) -> Vec<FundsAssigned> {
        eventually(PATIENCE, async || {
            let all = self.events::<FundsAssigned>("payments.funds.v1").await;
            if all.len() == expected {
                Ok(all)
            } else {
                Err(format!("{all:?}"))
            }
        })
        .await
    }

    pub async fn withdrawn(&self, expected: usize) -> Vec<FundsWithdrawn> {
        eventually(PATIENCE, async || {
            let all = self.events::<FundsWithdrawn>("payments.funds.v1").await;
            if all.len() == expected {
                Ok(all)
            } else {
                Err(format!("{all:?}"))
            }
        })
        .await
    }
}

fn overrides(clock: &ManualClock) -> Overrides {
    Overrides {
        clock: Some(Arc::new(clock.clone())),
        ..Overrides::default()
    }
}

async fn second(fixture: &Fixture, clock: &ManualClock, config: Config) -> Running {
    let mut settings = fixture.settings::<Config>("ingestion").await;
    settings.service = config;
    runtime::start::<Ingestion>(settings, overrides(clock)).await.unwrap()
}

/// The amount of a sum over all partitions.
pub fn sum(certificate: &DayCertified, name: &str) -> i64 {
    certificate
        .sums
        .iter()
        .filter(|sum| sum.name == name)
        .map(|sum| sum.amount_minor)
        .sum()
}
