//! The outside world: it sends the month over loopback HTTP, as ERP, bank and provider would.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use contracts::DayCertified;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use super::model::{File, Notice};
use super::place::TOKEN;

/// Notices on their way at a time.
const NOTICES_AT_ONCE: usize = 24;

/// Pauses before a notice that could not be stored is sent again.
const PAUSES_SECONDS: [u64; 5] = [1, 2, 4, 8, 16];

/// Sends and asks.
#[derive(Clone)]
pub struct Outside {
    http: Client,
    billing: String,
    ingestion: String,
    allocation: String,
}

/// What became of things sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Files refused as a whole.
    pub refused: i64,
    /// Files whose very bytes came before.
    pub files_again: i64,
    /// Notices with a wrong signature.
    pub wrongly_signed: i64,
}

impl Answers {
    /// Both together.
    pub fn add(&mut self, other: Self) {
        self.refused += other.refused;
        self.files_again += other.files_again;
        self.wrongly_signed += other.wrongly_signed;
    }
}

impl Outside {
    /// Against these addresses.
    ///
    /// # Errors
    /// The client cannot be made.
    pub fn new(billing: SocketAddr, ingestion: SocketAddr, allocation: SocketAddr) -> anyhow::Result<Self> {
        let url = |address: SocketAddr| format!("http://{address}");
        let http = Client::builder().no_proxy().build()?;
        Ok(Self {
            http,
            billing: url(billing),
            ingestion: url(ingestion),
            allocation: url(allocation),
        })
    }

    /// Registers a creditor.
    ///
    /// # Errors
    /// Any other answer than 2xx.
    pub async fn put_creditor(&self, code: &str, body: &Value) -> anyhow::Result<()> {
        let request = self
            .http
            .put(format!("{}/v1/creditors/{code}", self.billing))
            .bearer_auth(TOKEN)
            .json(body);
        good(request.send().await?, "the creditor").await.map(|_| ())
    }

    /// Sends lines to billing; gives how many were refused.
    ///
    /// # Errors
    /// Any other answer than a report.
    pub async fn batch(&self, code: &str, lines: Vec<u8>) -> anyhow::Result<usize> {
        let url = format!("{}/v1/creditors/{code}/batch", self.billing);
        let request = self
            .http
            .post(url)
            .bearer_auth(TOKEN)
            .header("content-type", "application/x-ndjson")
            .body(lines);
        let report = good(request.send().await?, "a batch").await?.text().await?;
        let refused: Vec<&str> = report.lines().filter(|line| !line.contains("\"status\":20")).collect();
        if refused.len() > 20 {
            bail!(
                "billing refused {} lines, the first: {}",
                refused.len(),
                refused.first().copied().unwrap_or_default()
            );
        }
        Ok(refused.len())
    }

    /// Sends a statement file. A refused one (422) is kept there and counted.
    ///
    /// # Errors
    /// Any unexpected answer.
    pub async fn statement(&self, file: File) -> anyhow::Result<Answers> {
        let request = self
            .http
            .post(format!("{}/v1/statements", self.ingestion))
            .bearer_auth(TOKEN);
        let answer = request
            .header("content-type", "application/xml")
            .body(file.bytes)
            .send()
            .await?;
        let mut answers = Answers::default();
        match answer.status() {
            StatusCode::UNPROCESSABLE_ENTITY => answers.refused = 1,
            // Finished without waiting: its bytes came before.
            StatusCode::OK if file.name.starts_with("again-") => answers.files_again = 1,
            status if status.is_success() => {}
            status => bail!("{}: {status} {}", file.name, answer.text().await.unwrap_or_default()),
        }
        Ok(answers)
    }

    /// Sends PayU's notices, several at a time.
    ///
    /// # Errors
    /// Any unexpected answer.
    pub async fn notices(&self, notices: Vec<Notice>) -> anyhow::Result<Answers> {
        let sent = stream::iter(notices).map(|notice| self.notice(notice));
        let wrongly_signed: Vec<i64> = sent.buffered(NOTICES_AT_ONCE).try_collect().await?;
        Ok(Answers {
            wrongly_signed: wrongly_signed.iter().sum(),
            ..Answers::default()
        })
    }

    /// Sends one notice; again where it could not be stored, as PayU does. 1 for one that is wrongly signed.
    async fn notice(&self, notice: Notice) -> anyhow::Result<i64> {
        let url = format!("{}{}", self.ingestion, notice.path);
        for pause in PAUSES_SECONDS {
            let request = self.http.post(&url).header("content-type", notice.content_type);
            match request.body(notice.body.clone()).send().await?.status() {
                StatusCode::UNAUTHORIZED => return Ok(1),
                StatusCode::SERVICE_UNAVAILABLE => tokio::time::sleep(Duration::from_secs(pause)).await,
                status if status.is_success() => return Ok(0),
                status => bail!("a notice of PayU: {status}"),
            }
        }
        bail!("a notice of PayU could not be stored")
    }

    /// Closes a calendar's day; gives its number.
    ///
    /// # Errors
    /// It was not closed.
    pub async fn close(&self, calendar: &str, through: &str) -> anyhow::Result<i64> {
        let body = json!({"calendar": calendar, "through": through});
        let request = self
            .http
            .post(format!("{}/v1/clock/close", self.billing))
            .bearer_auth(TOKEN)
            .json(&body);
        let answer: Value = good(request.send().await?, "closing a day").await?.json().await?;
        answer
            .pointer("/closed/0/sequence")
            .and_then(Value::as_i64)
            .with_context(|| format!("{calendar} {through} was not open"))
    }

    /// Certificates of ingestion with a higher number.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn ingestion_certificates(&self, after: i64) -> anyhow::Result<Vec<DayCertified>> {
        self.certificates(&self.ingestion, after).await
    }

    /// Certificates of allocation with a higher number.
    ///
    /// # Errors
    /// It does not answer.
    pub async fn allocation_certificates(&self, after: i64) -> anyhow::Result<Vec<DayCertified>> {
        self.certificates(&self.allocation, after).await
    }

    async fn certificates(&self, service: &str, after: i64) -> anyhow::Result<Vec<DayCertified>> {
        let mut answer = self
            .get(&format!("{service}/v1/operations/certificates?after={after}"))
            .await?;
        Ok(serde_json::from_value(
            answer.get_mut("certificates").map(Value::take).unwrap_or_default(),
        )?)
    }

    /// How many statements, files and notices are in quarantine.
    ///
    /// # Errors
    /// Ingestion does not answer.
    pub async fn quarantined(&self) -> anyhow::Result<i64> {
        let answer = self.get(&format!("{}/v1/quarantine?limit=500", self.ingestion)).await?;
        let items = answer.get("items").and_then(Value::as_array).map_or(0, Vec::len);
        Ok(i64::try_from(items)?)
    }

    /// What allocation says of a path below `/v1`.
    ///
    /// # Errors
    /// It does not answer, or not with 2xx.
    pub async fn allocation(&self, path: &str) -> anyhow::Result<Value> {
        self.get(&format!("{}/v1/{path}", self.allocation)).await
    }

    /// What ingestion says of a path below `/v1`.
    ///
    /// # Errors
    /// It does not answer, or not with 2xx.
    pub async fn ingestion(&self, path: &str) -> anyhow::Result<Value> {
        self.get(&format!("{}/v1/{path}", self.ingestion)).await
    }

    async fn get(&self, url: &str) -> anyhow::Result<Value> {
        let answer = self.http.get(url).bearer_auth(TOKEN).send().await?;
        Ok(good(answer, url).await?.json().await?)
    }

    /// Addresses for a person to look at.
    #[must_use]
    pub fn addresses(&self) -> [(&'static str, &str); 3] {
        [
            ("billing", &self.billing),
            ("ingestion", &self.ingestion),
            ("allocation", &self.allocation),
        ]
    }
}

async fn good(answer: Response, what: &str) -> anyhow::Result<Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    bail!("{what}: {status} {}", answer.text().await.unwrap_or_default())
}
