//! The three services, and what people, banks and providers say to them.

use std::time::Duration;

use allocation::Allocation;
use billing::{Billing, ClockMode};
use contracts::{Message, codec};
use incasso::proof::{Report, Subject, prove};
use ingestion::Ingestion;
use ingestion::config::PayuMerchant;
use ingestion::payu::Algorithm;
use kernel::{AccountId, BusinessDate, CreditorId, InvoiceId, Timestamp};
use reqwest::{Client, Method};
use runtime::{ManualClock, Overrides, Running, RuntimeConfig, Secret, Service, Settings};
use serde_json::{Value, json};
use sqlx::PgPool;
use testkit::{Fixture, Record, TOKEN, eventually};

use crate::bank::{API_KEY, CO_ACCOUNT, MERCHANT, RO_ACCOUNT};

/// How long anything may take on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// The calendar of the utility.
pub const RO: &str = "RO@17:00@Europe/Bucharest";
/// The calendar of the publisher.
pub const CO: &str = "CO@17:00@America/Bogota";
/// The first day of both.
pub const FIRST: &str = "2026-01-05";

/// Settings of the three.
struct AllSettings {
    billing: Settings<billing::Config>,
    ingestion: Settings<ingestion::Config>,
    allocation: Settings<allocation::Config>,
}

/// The three services, running.
pub struct World {
    pub fixture: Fixture,
    clock: ManualClock,
    settings: AllSettings,
    billing: Running,
    ingestion: Option<Running>,
    allocation: Option<Running>,
    http: Client,
}

/// Ids that everybody can compute.
pub fn account_id(creditor: &str, account: &str) -> AccountId {
    AccountId::derive(CreditorId::derive(creditor), account)
}

/// The same of an invoice.
pub fn invoice_id(creditor: &str, invoice: &str) -> InvoiceId {
    InvoiceId::derive(CreditorId::derive(creditor), invoice)
}

async fn started<S: Service>(settings: &Settings<S::Config>, clock: &ManualClock) -> Running {
    let settings = Settings {
        runtime: settings.runtime.clone(),
        service: settings.service.clone(),
    };
    let overrides = Overrides {
        clock: Some(clock.shared()),
        ..Overrides::default()
    };
    let started = runtime::start::<S>(settings, overrides).await;
    started.unwrap_or_else(|error| panic!("{} does not start: {error:#}", S::NAME))
}

impl World {
    /// The settings that allocation runs with.
    pub fn allocation_settings(&self) -> &Settings<allocation::Config> {
        &self.settings.allocation
    }

    /// A world on the morning of its first day, with two creditors: `RO`, a utility, and `CO`, a publisher.
    pub async fn new(name: &str) -> Self {
        let fixture = Fixture::new(name).await;
        let clock = ManualClock::new(Timestamp::parse(&format!("{FIRST}T08:00:00Z")).unwrap());
        let mut settings = AllSettings {
            billing: fixture.settings("billing").await,
            ingestion: fixture.settings("ingestion").await,
            allocation: fixture.settings("allocation").await,
        };
        settings.billing.service.clock = ClockMode::Manual;
        settings.ingestion.service.payer_key = Secret::new("a key for payers' accounts, long enough");
        settings.ingestion.service.payu_latam = vec![PayuMerchant {
            merchant_id: MERCHANT.to_owned(),
            algorithm: Algorithm::Sha256,
            api_key: Secret::new(API_KEY),
            hmac_secret: Secret::default(),
            books_test_transactions: false,
        }];
        let billing = started::<Billing>(&settings.billing, &clock).await;
        let ingestion = Some(started::<Ingestion>(&settings.ingestion, &clock).await);
        let allocation = Some(started::<Allocation>(&settings.allocation, &clock).await);
        let world = Self {
            fixture,
            clock,
            settings,
            billing,
            ingestion,
            allocation,
            http: Client::new(),
        };
        world.creditors().await;
        world
    }

    async fn creditors(&self) {
        let ro = json!({"version": 1, "name": "Energie SA", "jurisdiction": "RO", "time_zone": "Europe/Bucharest", "cut_off": "17:00",
            "currency": "RON", "first_on": FIRST, "bank_accounts": [{"number": RO_ACCOUNT, "currency": "RON", "first_on": FIRST}]});
        let co = json!({"version": 1, "name": "Editorial SAS", "jurisdiction": "CO", "time_zone": "America/Bogota", "cut_off": "17:00",
            "currency": "COP", "first_on": FIRST, "bank_accounts": [{"number": CO_ACCOUNT, "currency": "COP", "first_on": FIRST}],
            "merchants": [{"provider": "payu-latam", "merchant_id": MERCHANT, "currency": "COP"}]});
        self.put("/v1/creditors/RO", &ro).await;
        self.put("/v1/creditors/CO", &co).await;
        // A statement of a bank account that is not known yet is quarantined and tried again: stories begin after that.
        let pool = self.ingestion().ctx().pool();
        eventually(PATIENCE, async || {
            let known: i64 =
                sqlx::query_scalar("SELECT (SELECT count(*) FROM bank_account) + (SELECT count(*) FROM merchant)")
                    .fetch_one(pool)
                    .await
                    .unwrap();
            known == 3
        })
        .await;
    }

    pub fn ingestion(&self) -> &Running {
        self.ingestion.as_ref().unwrap()
    }

    pub fn allocation(&self) -> &Running {
        self.allocation.as_ref().unwrap()
    }

    pub fn billing(&self) -> &Running {
        &self.billing
    }

    /// Puts the clock of all services.
    pub fn set(&self, at: &str) {
        self.clock.set(Timestamp::parse(at).unwrap());
    }

    async fn send(&self, service: &Running, method: Method, path: &str, body: Option<&Value>) -> (u16, Value) {
        let mut request = self
            .http
            .request(method, format!("http://{}{path}", service.http()))
            .bearer_auth(TOKEN);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// The ERP puts something.
    pub async fn put(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.send(&self.billing, Method::PUT, path, Some(body)).await;
        assert!(status < 300, "PUT {path}: {status} {answer}");
        answer
    }

    /// The same with a trace of the caller's.
    pub async fn put_traced(&self, path: &str, body: &Value, traceparent: &str) {
        let request = self
            .http
            .put(format!("http://{}{path}", self.billing.http()))
            .bearer_auth(TOKEN);
        let response = request
            .header("traceparent", traceparent)
            .json(body)
            .send()
            .await
            .unwrap();
        assert!(response.status().is_success(), "{}", response.status());
    }

    /// A debtor with one account; `references` are its payment references.
    pub async fn account(&self, creditor: &str, account: &str, references: &[&str]) -> AccountId {
        let debtor = json!({"version": 1, "kind": "person", "names": ["Ana Pop"], "language": "ro"});
        self.put(&format!("/v1/creditors/{creditor}/debtors/D-{account}"), &debtor)
            .await;
        let body = json!({"version": 1, "debtor": format!("D-{account}"), "number": account, "kind": "B2C", "opened_on": "2025-01-01",
            "payment_references": references});
        self.put(&format!("/v1/creditors/{creditor}/accounts/{account}"), &body)
            .await;
        account_id(creditor, account)
    }

    /// An invoice with instalments (due on, minor units).
    pub async fn invoice(
        &self,
        creditor: &str,
        account: &str,
        invoice: &str,
        version: i64,
        instalments: &[(&str, i64)],
    ) -> InvoiceId {
        let body = invoice_body(creditor, account, invoice, version, instalments);
        self.put(&format!("/v1/creditors/{creditor}/invoices/{invoice}"), &body)
            .await;
        invoice_id(creditor, invoice)
    }

    /// The bank sends a file; waits until it is booked.
    pub async fn file(&self, file: &str) -> Value {
        let (status, answer) = self.upload(file).await;
        assert!(status < 300, "{status} {answer}");
        assert_eq!(answer["state"], "done", "{answer}");
        answer
    }

    /// The bank sends a file; the answer.
    pub async fn upload(&self, file: &str) -> (u16, Value) {
        let url = format!("http://{}/v1/statements?wait=30", self.ingestion().http());
        let request = self
            .http
            .post(url)
            .bearer_auth(TOKEN)
            .header("content-type", "application/xml");
        let response = request.body(file.to_owned()).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    /// PayU calls; the status.
    pub async fn payu(&self, form: &str) -> u16 {
        let url = format!("http://{}/v1/webhooks/payu-latam/{MERCHANT}", self.ingestion().http());
        let request = self
            .http
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded");
        request.body(form.to_owned()).send().await.unwrap().status().as_u16()
    }

    /// Asks ingestion.
    pub async fn ask_ingestion(&self, path: &str) -> Value {
        let (status, answer) = self.send(self.ingestion(), Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Asks allocation.
    pub async fn ask_allocation(&self, path: &str) -> Value {
        let (status, answer) = self.send(self.allocation(), Method::GET, path, None).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// A person decides about unidentified money.
    pub async fn assign(&self, deposit: &str, body: &Value) -> (u16, Value) {
        self.send(
            self.ingestion(),
            Method::POST,
            &format!("/v1/deposits/{deposit}/assignments"),
            Some(body),
        )
        .await
    }

    /// What is open and what is credit on an account, once it is known.
    pub async fn balance(&self, account: AccountId) -> Option<(i64, i64)> {
        let (status, answer) = self
            .send(self.allocation(), Method::GET, &format!("/v1/accounts/{account}"), None)
            .await;
        (status == 200).then(|| {
            (
                answer["open_minor"].as_i64().unwrap(),
                answer["credit_minor"].as_i64().unwrap(),
            )
        })
    }

    /// Waits until so much is open and so much is credit.
    #[track_caller]
    pub fn comes_to(&self, account: AccountId, open_minor: i64, credit_minor: i64) -> impl Future<Output = ()> {
        eventually(PATIENCE, async move || {
            let balance = self.balance(account).await;
            if balance == Some((open_minor, credit_minor)) {
                Ok(())
            } else {
                Err(balance)
            }
        })
    }

    /// Open deposits whose text holds this, as ingestion lists them.
    pub async fn deposits(&self, text: &str) -> Vec<Value> {
        let answer = self.ask_ingestion("/v1/deposits?limit=500").await;
        let all = answer["deposits"].as_array().unwrap();
        all.iter()
            .filter(|deposit| deposit["remittance"].as_str().is_some_and(|found| found.contains(text)))
            .cloned()
            .collect()
    }

    /// Closes this day of both calendars; returns when all services have closed it and the next morning has come.
    pub async fn close(&self, day: &str) {
        let on: BusinessDate = day.parse().unwrap();
        self.set(&format!("{day}T22:30:00Z"));
        let mut last = 0;
        for calendar in [RO, CO] {
            let body = json!({"calendar": calendar, "through": day});
            let (status, answer) = self
                .send(&self.billing, Method::POST, "/v1/clock/close", Some(&body))
                .await;
            assert_eq!(status, 200, "{answer}");
            last = answer["closed"].as_array().unwrap().last().unwrap()["sequence"]
                .as_i64()
                .unwrap();
        }
        let pool = self.allocation().ctx().pool();
        eventually(PATIENCE, async || {
            let done: Option<i64> = sqlx::query_scalar("SELECT max(sequence) FROM rt_certificate")
                .fetch_one(pool)
                .await
                .unwrap();
            if done == Some(last) {
                Ok(())
            } else {
                Err(format!("{done:?} of {last} closed"))
            }
        })
        .await;
        self.set(&format!("{}T08:00:00Z", on.succ()));
    }

    /// Waits until nothing is on its way any more: outboxes are empty and every input is read to its end.
    pub async fn at_rest(&self) {
        for service in [Some(&self.billing), self.ingestion.as_ref(), self.allocation.as_ref()]
            .into_iter()
            .flatten()
        {
            let pool = service.ctx().pool();
            eventually(PATIENCE, async || {
                let left: i64 = sqlx::query_scalar("SELECT count(*) FROM rt_outbox")
                    .fetch_one(pool)
                    .await
                    .unwrap();
                left == 0
            })
            .await;
        }
    }

    /// Waits until everything that is decided by now is on its topic.
    async fn published(&self) {
        for service in [Some(&self.billing), self.ingestion.as_ref(), self.allocation.as_ref()]
            .into_iter()
            .flatten()
        {
            let pool = service.ctx().pool();
            let last: Option<i64> = sqlx::query_scalar("SELECT max(id) FROM rt_outbox")
                .fetch_one(pool)
                .await
                .unwrap();
            let Some(last) = last else { continue };
            eventually(PATIENCE, async || {
                let left: i64 = sqlx::query_scalar("SELECT count(*) FROM rt_outbox WHERE id <= $1")
                    .bind(last)
                    .fetch_one(pool)
                    .await
                    .unwrap();
                left == 0
            })
            .await;
        }
    }

    /// The events of a type on a topic, in order of partition and offset, with their records: all that were decided by now.
    pub async fn events<M: Message>(&self, topic: &str) -> Vec<(Record, M)> {
        self.published().await;
        let records = self.fixture.read_topic(topic).await.into_iter();
        let of_type = records.filter(|record| record.header("ce_type") == Some(M::TYPE));
        of_type
            .map(|record| {
                (
                    record.clone(),
                    codec::decode::<M>(record.payload.as_ref().unwrap()).unwrap(),
                )
            })
            .collect()
    }

    /// `incasso proof`.
    pub async fn prove(&self) -> Report {
        self.at_rest().await;
        self.prove_rows_of(&["ingestion", "allocation"]).await
    }

    /// The same with the rows of some services only.
    pub async fn prove_rows_of(&self, services: &[&str]) -> Report {
        let database =
            |service: &str, runtime: &RuntimeConfig| services.contains(&service).then(|| runtime.database.url.clone());
        let subject = Subject {
            kafka: self.settings.ingestion.runtime.kafka.clone(),
            ingestion: database("ingestion", &self.settings.ingestion.runtime),
            allocation: database("allocation", &self.settings.allocation.runtime),
        };
        prove(&subject).await.unwrap()
    }

    /// `incasso proof` holds.
    #[track_caller]
    pub fn holds(&self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            let report = self.prove().await;
            assert!(report.holds, "{caller}: {}", report.words());
        }
    }

    /// Stops the services that read.
    pub async fn stop_readers(&mut self) {
        self.ingestion.take().unwrap().stop().await.unwrap();
        self.allocation.take().unwrap().stop().await.unwrap();
    }

    /// Starts them again.
    pub async fn start_readers(&mut self) {
        self.ingestion = Some(started::<Ingestion>(&self.settings.ingestion, &self.clock).await);
        self.allocation = Some(started::<Allocation>(&self.settings.allocation, &self.clock).await);
    }

    /// A connection of a test's own to a service's database.
    pub async fn pool(&self, service: &str) -> PgPool {
        PgPool::connect(&self.fixture.database(service).await).await.unwrap()
    }

    /// Stops everything and removes databases and topics.
    pub async fn finish(mut self) {
        for running in [self.ingestion.take(), self.allocation.take()].into_iter().flatten() {
            running.stop().await.unwrap();
        }
        self.billing.stop().await.unwrap();
        self.fixture.finish().await;
    }
}

/// An invoice's body; its number is its id.
pub fn invoice_body(creditor: &str, account: &str, invoice: &str, version: i64, instalments: &[(&str, i64)]) -> Value {
    let total: i64 = instalments.iter().map(|(_, minor)| minor).sum();
    let instalments: Vec<Value> = instalments
        .iter()
        .map(|(due_on, amount_minor)| json!({"due_on": due_on, "amount_minor": amount_minor}))
        .collect();
    let currency = if creditor == "CO" { "COP" } else { "RON" };
    json!({"version": version, "account": account, "number": invoice, "issued_on": FIRST, "currency": currency,
        "total_minor": total, "instalments": instalments})
}
