//! The outside world: it sends until it is told that what it sent is safe, to whichever instance answers.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};

use crate::cluster::{Cluster, TOKEN};
use crate::plan::{Fate, Unit};

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(150);

/// Sends and asks.
pub struct Outside<'a> {
    cluster: &'a Cluster,
    http: Client,
    turn: AtomicUsize,
    /// Requests that were not acknowledged and sent again.
    pub again: AtomicU64,
    /// Those of them that were answered 5xx.
    pub unavailable: AtomicU64,
}

impl<'a> Outside<'a> {
    /// Against these processes.
    pub fn new(cluster: &'a Cluster) -> anyhow::Result<Self> {
        Ok(Self {
            cluster,
            http: Client::builder()
                .no_proxy()
                .connect_timeout(Duration::from_secs(2))
                .build()?,
            turn: AtomicUsize::new(0),
            again: AtomicU64::new(0),
            unavailable: AtomicU64::new(0),
        })
    }

    /// One try at one of the service's instances; `None` where none answers or the answer is worth another try.
    async fn attempt(&self, request: &Request<'_>) -> Option<(StatusCode, Vec<u8>)> {
        let addresses = self.cluster.addresses(request.service);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let address = addresses.get(turn.checked_rem(addresses.len())?)?;
        let mut sent = self
            .http
            .request(request.method.clone(), format!("http://{address}{}", request.path))
            .timeout(request.patience)
            .header("content-type", request.media)
            .body(request.body.to_vec());
        if request.token {
            sent = sent.bearer_auth(TOKEN);
        }
        let answer = sent.send().await.ok()?;
        let status = answer.status();
        if status.is_server_error() {
            self.unavailable.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let body = answer.bytes().await.ok()?;
        Some((status, body.to_vec()))
    }

    /// Tries until somebody answers.
    async fn until_answered(&self, request: &Request<'_>) -> (StatusCode, Vec<u8>) {
        loop {
            if let Some(answer) = self.attempt(request).await {
                return answer;
            }
            self.again.fetch_add(1, Ordering::Relaxed);
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Sends a unit until it is acknowledged or refused as it must be.
    ///
    /// # Errors
    /// Another answer than its fate.
    pub async fn send(&self, unit: &Unit) -> anyhow::Result<()> {
        match unit {
            Unit::Creditor { code, body } => {
                let path = format!("/v1/creditors/{code}");
                let (status, body) = self.until_answered(&Request::put(&path, body.as_bytes())).await;
                expect(status.is_success(), "a creditor", status, &body)
            }
            Unit::Batch { code, lines, refused } => self.batch(code, lines, *refused).await,
            Unit::Statement { name, bytes, fate } => {
                let (status, body) = self.until_answered(&Request::statement(bytes)).await;
                let right = match fate {
                    Fate::Accepted => status.is_success(),
                    Fate::Refused => status == StatusCode::UNPROCESSABLE_ENTITY,
                };
                expect(right, name, status, &body)
            }
            Unit::Dropped { name, bytes } => self.drop_file(name, bytes).await,
            Unit::Notice { merchant, body, fate } => {
                let path = format!("/v1/webhooks/payu-latam/{merchant}");
                let (status, answer) = self.until_answered(&Request::notice(&path, body.as_bytes())).await;
                let right = match fate {
                    Fate::Accepted => status == StatusCode::OK,
                    Fate::Refused => status == StatusCode::UNAUTHORIZED,
                };
                expect(right, "a notice of PayU", status, &answer)
            }
        }
    }

    /// Offers a large file that is no statement to one instance: 422 when it was stored and read, 5xx when it could not be stored.
    pub async fn offer_nonsense(&self, serial: u64) -> Option<StatusCode> {
        let bytes = format!("<Document>{serial}{}</Document>", " ".repeat(300_000));
        let request = Request::statement(bytes.as_bytes());
        let addresses = self.cluster.addresses("ingestion");
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let address = addresses.get(turn.checked_rem(addresses.len())?)?;
        let sent = self
            .http
            .post(format!("http://{address}{}", request.path))
            .timeout(Duration::from_secs(5))
            .header("content-type", request.media)
            .bearer_auth(TOKEN)
            .body(bytes);
        Some(sent.send().await.ok()?.status())
    }

    /// A batch is sent again until every line but those that must be refused is put.
    async fn batch(&self, code: &str, lines: &[u8], refused: usize) -> anyhow::Result<()> {
        let path = format!("/v1/creditors/{code}/batch");
        loop {
            let (status, body) = self.until_answered(&Request::batch(&path, lines)).await;
            expect(status.is_success(), "a batch", status, &body)?;
            let report = String::from_utf8_lossy(&body);
            let mut wrong = 0;
            let mut later = false;
            for line in report.lines() {
                let line: Value = serde_json::from_str(line).context("a line of the report")?;
                match line["status"].as_u64().unwrap_or(0) {
                    200..300 => {}
                    500.. => later = true,
                    _ => wrong += 1,
                }
            }
            if later {
                self.again.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            if wrong != refused {
                bail!(
                    "billing refused {wrong} lines of a batch instead of {refused}: {}",
                    head(&report)
                );
            }
            return Ok(());
        }
    }

    /// Puts a file into the watched folder; it is acknowledged when it was moved to `done`.
    async fn drop_file(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let folder = self.cluster.place().watched();
        let unfinished = folder.join(format!("{name}.part"));
        tokio::fs::write(&unfinished, bytes).await?;
        tokio::fs::rename(&unfinished, folder.join(name)).await?;
        loop {
            tokio::time::sleep(PAUSE).await;
            if tokio::fs::try_exists(folder.join("done").join(name)).await? {
                return Ok(());
            }
            if tokio::fs::try_exists(folder.join("refused").join(name)).await? {
                bail!("{name}: refused from the watched folder");
            }
        }
    }

    /// Closes a calendar's day; done when a billing says so.
    ///
    /// # Errors
    /// Another answer.
    pub async fn close(&self, calendar: &str, through: &str) -> anyhow::Result<()> {
        let body = json!({"calendar": calendar, "through": through}).to_string();
        let request = Request {
            method: Method::POST,
            service: "billing",
            path: "/v1/clock/close",
            media: "application/json",
            body: body.as_bytes(),
            token: true,
            patience: Duration::from_secs(10),
        };
        let (status, body) = self.until_answered(&request).await;
        expect(status.is_success(), "closing a day", status, &body)
    }

    /// What a service says of a path, once one of its instances answers.
    ///
    /// # Errors
    /// Another status than 200.
    pub async fn ask(&self, service: &'static str, path: &str) -> anyhow::Result<Value> {
        let (status, body) = self.until_answered(&Request::get(service, path)).await;
        expect(status == StatusCode::OK, path, status, &body)?;
        Ok(serde_json::from_slice(&body)?)
    }

    /// Partitions that were stopped with an alarm; `None` where nobody answers now.
    pub async fn halted(&self, service: &'static str) -> Option<String> {
        let (_, body) = self.attempt(&Request::get(service, "/v1/operations/halted")).await?;
        let answer: Value = serde_json::from_slice(&body).ok()?;
        let why = answer.pointer("/halted/0/why")?.as_str()?;
        Some(format!("{service}: {why}"))
    }

    /// A metric of each instance that answers, summed over the samples that begin so.
    pub async fn metric(&self, service: &str, starts: &str) -> Vec<u64> {
        let mut each = Vec::new();
        for address in self.cluster.addresses(service) {
            let asked = self
                .http
                .get(format!("http://{address}/metrics"))
                .timeout(Duration::from_secs(2));
            let Ok(answer) = asked.send().await else { continue };
            let text = answer.text().await.unwrap_or_default();
            let samples = text.lines().filter(|line| line.starts_with(starts));
            each.push(
                samples
                    .filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok())
                    .sum(),
            );
        }
        each
    }
}

fn head(text: &str) -> String {
    text.chars().take(400).collect()
}

fn expect(right: bool, what: &str, status: StatusCode, body: &[u8]) -> anyhow::Result<()> {
    if right {
        return Ok(());
    }
    bail!("{what}: answered {status} {}", head(&String::from_utf8_lossy(body)))
}

/// A request to whichever instance of a service.
struct Request<'a> {
    method: Method,
    service: &'static str,
    path: &'a str,
    media: &'a str,
    body: &'a [u8],
    token: bool,
    patience: Duration,
}

impl<'a> Request<'a> {
    fn put(path: &'a str, body: &'a [u8]) -> Self {
        Self {
            method: Method::PUT,
            service: "billing",
            path,
            media: "application/json",
            body,
            token: true,
            patience: Duration::from_secs(10),
        }
    }

    fn batch(path: &'a str, body: &'a [u8]) -> Self {
        Self {
            method: Method::POST,
            media: "application/x-ndjson",
            patience: Duration::from_secs(60),
            ..Self::put(path, body)
        }
    }

    fn statement(body: &'a [u8]) -> Self {
        Self {
            method: Method::POST,
            service: "ingestion",
            path: "/v1/statements",
            media: "application/xml",
            body,
            token: true,
            patience: Duration::from_secs(30),
        }
    }

    fn notice(path: &'a str, body: &'a [u8]) -> Self {
        Self {
            path,
            media: "application/x-www-form-urlencoded",
            token: false,
            patience: Duration::from_secs(5),
            ..Self::statement(body)
        }
    }

    fn get(service: &'static str, path: &'a str) -> Self {
        Self {
            method: Method::GET,
            service,
            path,
            media: "application/json",
            body: &[],
            token: true,
            patience: Duration::from_secs(5),
        }
    }
}
