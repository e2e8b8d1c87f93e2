//! A running billing service, and what tests say to it.

use std::time::Duration;

use billing::{Billing, ClockMode, Config};
use contracts::Message;
use contracts::codec;
use kernel::{BusinessDate, CalendarId, Timestamp};
use reqwest::{Client, Method, StatusCode};
use runtime::{ManualClock, Overrides, Running, RuntimeConfig, Secret, Settings};
use serde_json::{Value, json};
use testkit::{Fixture, Record, eventually};

pub const PATIENCE: Duration = Duration::from_secs(30);

/// Tokens by what they may do; the file has their hashes.
pub const ERP: &str = "erp-token";
pub const READER: &str = "reader-token";
pub const ADMIN: &str = testkit::TOKEN;
pub const OTHER: &str = "other-token";

/// One or more instances over the same database and topics.
pub struct Bed {
    pub fixture: Fixture,
    pub clock: ManualClock,
    folder: tempfile::TempDir,
    mode: ClockMode,
}

pub struct Instance {
    running: Running,
    url: String,
    client: Client,
}

fn tokens() -> String {
    let token = |token: &str, role: &str, creditor: &str| {
        format!(
            "[[token]]\nsha256 = \"{}\"\nsubject = \"{token}\"\nname = \"{token}\"\nroles = [\"{role}\"]\ncreditors = [\"{creditor}\"]\n",
            sha256(token)
        )
    };
    [
        token(ERP, "integration", "*"),
        token(READER, "clerk", "*"),
        token(ADMIN, "admin", "*"),
        token(OTHER, "integration", "X"),
    ]
    .concat()
}

fn sha256(text: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(text.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Bed {
    pub async fn new(name: &str, mode: ClockMode) -> Self {
        let fixture = Fixture::new(name).await;
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("tokens.toml"), tokens()).unwrap();
        let clock = ManualClock::new(Timestamp::parse("2026-01-05T09:00:00Z").unwrap());
        Self {
            fixture,
            clock,
            folder,
            mode,
        }
    }

    pub fn set(&self, at: &str) {
        self.clock.set(Timestamp::parse(at).unwrap());
    }

    pub async fn start(&self) -> Instance {
        let mut runtime = RuntimeConfig::default();
        runtime.kafka.bootstrap = self.fixture.kafka().to_owned();
        runtime.kafka.topic_prefix = self.fixture.prefix().to_owned();
        runtime.kafka.partitions = 2;
        runtime.database.url = Secret::new(self.fixture.database("billing").await);
        runtime.blobs.folder = self.folder.path().join("blobs");
        runtime.tokens.file = Some(self.folder.path().join("tokens.toml"));
        let service = Config {
            clock: self.mode,
            clock_sleep_seconds: 1,
            ..Config::default()
        };
        let overrides = Overrides {
            clock: Some(self.clock.shared()),
            ..Overrides::default()
        };
        let running = runtime::start::<Billing>(Settings { runtime, service }, overrides)
            .await
            .unwrap();
        // A broker shows a topic a moment after it was made.
        eventually(PATIENCE, async || {
            self.fixture
                .topics()
                .await
                .contains(&"billing.certificate.v1".to_owned())
        })
        .await;
        let url = format!("http://{}", running.http());
        // A connection on which a body was refused unread is closed: none is used twice.
        let client = Client::builder().pool_max_idle_per_host(0).build().unwrap();
        Instance { running, url, client }
    }

    /// The events of a type on a topic, in order of partition and offset, with their records.
    pub async fn events<M: Message>(&self, topic: &str) -> Vec<(Record, M)> {
        let records = self.fixture.read_topic(topic).await;
        records
            .into_iter()
            .filter(|record| record.header("ce_type") == Some(M::TYPE))
            .map(|record| {
                let event = codec::decode::<M>(record.payload.as_ref().unwrap()).unwrap();
                (record, event)
            })
            .collect()
    }

    /// The same once there are `count` of them.
    pub async fn expect<M: Message>(&self, topic: &str, count: usize) -> Vec<M> {
        let found = eventually(PATIENCE, async || {
            let found = self.events::<M>(topic).await;
            if found.len() >= count {
                Ok(found)
            } else {
                Err(format!("{} of {count} {}", found.len(), M::TYPE))
            }
        })
        .await;
        assert_eq!(found.len(), count, "{}", M::TYPE);
        found.into_iter().map(|(_, event)| event).collect()
    }

    /// Types on a topic for one key, in order.
    pub async fn types(&self, topic: &str, key: &str) -> Vec<String> {
        let records = self.fixture.read_topic(topic).await;
        let of_key = records.iter().filter(|record| record.key_text() == Some(key));
        of_key
            .map(|record| record.header("ce_type").unwrap().to_owned())
            .collect()
    }
}

impl Instance {
    pub fn http(&self) -> std::net::SocketAddr {
        self.running.http()
    }

    pub fn pool(&self) -> &sqlx::PgPool {
        self.running.ctx().pool()
    }

    /// Only the first half of a close: what a crash leaves.
    pub async fn announce(&self, calendar: &str, closed_on: &str) -> i64 {
        let (calendar, closed_on): (CalendarId, BusinessDate) = (calendar.parse().unwrap(), closed_on.parse().unwrap());
        self.running
            .ctx()
            .announce_day(&calendar, closed_on, closed_on.succ())
            .await
            .unwrap()
    }

    pub async fn stop(self) {
        self.running.stop().await.unwrap();
    }

    pub async fn crash(self) {
        self.running.crash().await;
    }

    pub async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let mut request = self.client.request(method, format!("{}{path}", self.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let status = response.status();
        let media_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        let expected = if status.is_success() {
            "application/json"
        } else {
            "application/problem+json"
        };
        assert_eq!(media_type, expected, "{status}");
        (status, response.json().await.unwrap())
    }

    pub async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        let (status, answer) = self.send(Method::PUT, path, Some(ERP), Some(body)).await;
        (status.as_u16(), answer)
    }

    /// Puts what must be taken; the outcome.
    pub async fn ok(&self, path: &str, body: Value) -> String {
        let (status, answer) = self.put(path, body).await;
        assert!(status < 300, "{path}: {status} {answer}");
        answer["outcome"].as_str().unwrap().to_owned()
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let (status, answer) = self.send(Method::GET, path, Some(READER), None).await;
        (status.as_u16(), answer)
    }

    /// Sends NDJSON; the report's lines.
    pub async fn batch(&self, creditor: &str, lines: String) -> Vec<Value> {
        let response = self
            .client
            .post(format!("{}/v1/creditors/{creditor}/batch", self.url))
            .bearer_auth(ERP)
            .header("content-type", "application/x-ndjson")
            .body(lines)
            .send()
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "application/x-ndjson");
        response
            .text()
            .await
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub async fn raw(
        &self,
        method: Method,
        path: &str,
        media_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> (u16, Value) {
        let request = self
            .client
            .request(method, format!("{}{path}", self.url))
            .bearer_auth(ERP);
        let response = request
            .header("content-type", media_type)
            .body(body)
            .send()
            .await
            .unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    pub async fn close(&self, calendar: &str, through: &str) -> (u16, Value) {
        let body = json!({"calendar": calendar, "through": through});
        let (status, answer) = self
            .send(Method::POST, "/v1/clock/close", Some(ADMIN), Some(body))
            .await;
        (status.as_u16(), answer)
    }
}

pub fn creditor(version: i64) -> Value {
    json!({
        "version": version, "name": "Energie SA", "jurisdiction": "RO", "time_zone": "Europe/Bucharest",
        "cut_off": "17:00", "currency": "RON",
        "bank_accounts": [{"number": "RO49 AAAA 1B31 0075 9384 0000", "currency": "RON", "first_on": "2026-01-05"}],
    })
}

pub fn publisher(version: i64) -> Value {
    json!({
        "version": version, "name": "Editorial SAS", "jurisdiction": "CO", "time_zone": "America/Bogota",
        "cut_off": "17:00", "currency": "COP",
        "merchants": [{"provider": "payu-latam", "merchant_id": "508029", "currency": "COP"}],
    })
}

pub fn debtor(version: i64, name: &str) -> Value {
    json!({"version": version, "kind": "person", "names": [name], "language": "ro",
        "contact_points": [{"kind": "email", "value": "ana@example.com"}]})
}

pub fn account(version: i64, debtor: &str) -> Value {
    json!({"version": version, "debtor": debtor, "number": "100", "kind": "B2C", "opened_on": "2025-01-01"})
}

pub fn invoice(version: i64, account: &str, total_minor: i64) -> Value {
    json!({"version": version, "account": account, "number": format!("F-{version}"), "issued_on": "2026-01-05",
        "currency": "RON", "total_minor": total_minor,
        "instalments": [{"due_on": "2026-02-05", "amount_minor": total_minor}]})
}

pub fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}
