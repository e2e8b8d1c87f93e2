//! What a service says of itself.

use std::sync::Arc;

use async_trait::async_trait;
use contracts::{BankCoverage, CertifiedSum, JournalPosted};
use futures::future::BoxFuture;
use kernel::{BusinessDate, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::{Context, Failure, Handlers, Tx};

/// A service: everything that the runtime needs to run one instance of it.
pub trait Service: Send + Sync + 'static {
    /// `allocation`: lease tables, metrics label, and the writer of its topics in the catalogue.
    const NAME: &'static str;
    /// The service's own settings; names end in units.
    type Config: DeserializeOwned + Serialize + Default + Clone + Send + Sync + 'static;

    /// The service with these settings.
    ///
    /// # Errors
    /// When the settings contradict each other.
    fn define(config: Self::Config) -> anyhow::Result<Definition>;
}

/// A service's parts.
pub struct Definition {
    /// Plain SQL, run once each, in order of version.
    pub migrations: &'static [Migration],
    /// What it does with each message.
    pub handlers: Handlers,
    /// How its day closes.
    pub close: Close,
    /// Routes that need a bearer token.
    pub routes: axum::Router<Context>,
    /// Routes without a token (provider webhooks).
    pub public_routes: axum::Router<Context>,
    /// The OpenAPI 3.1 document of these routes; the door completes it ([`crate::openapi`]).
    pub openapi: serde_json::Value,
    /// Loops that run beside the workers; one that ends takes the process down.
    pub tasks: Vec<BackgroundTask>,
}

/// One migration file.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Order; never reused.
    pub version: i64,
    /// The file's name without number.
    pub name: &'static str,
    /// Its text.
    pub sql: &'static str,
}

/// What a background task runs: until the token is cancelled.
pub type TaskFn = Box<dyn Fn(Context, CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> + Send + Sync>;

/// A loop beside the workers.
pub struct BackgroundTask {
    /// For logs and health.
    pub name: &'static str,
    /// Runs until the token is cancelled.
    pub run: TaskFn,
}

/// How a service's day closes.
#[derive(Clone)]
pub enum Close {
    /// It takes no part in days.
    None,
    /// It is the clock: it announces days ([`Context::announce_day`]).
    Clock,
    /// Its work is not split by account: all partitions close at once.
    Whole(Arc<dyn CloseWhole>),
    /// Each partition closes by itself.
    Partitioned(Arc<dyn ClosePartition>),
}

/// The day that is being closed. Its rows: `calendar = day.calendar AND segment >= day.previous AND segment < day.sequence`.
#[derive(Debug, Clone, PartialEq)]
pub struct Day {
    /// The calendar's id.
    pub calendar: String,
    /// The accounting day.
    pub closed_on: BusinessDate,
    /// Its number over all calendars.
    pub sequence: i64,
    /// This calendar's last closed sequence in this scope, 0 if none.
    pub previous: i64,
    /// The day that opens.
    pub next_on: BusinessDate,
    /// The partition, where partitions close one by one.
    pub partition: Option<u32>,
    /// The marker's time.
    pub at: Timestamp,
    /// A certificate before this service did not hold.
    pub upstream_held: bool,
}

/// What a service certifies of a day, or of its partition's part.
#[derive(Debug, Clone, Default)]
pub struct Part {
    /// Amounts and counts by scope, currency and name.
    pub sums: Vec<CertifiedSum>,
    /// Append-only rows of the day.
    pub rows: i64,
    /// Digest of those rows, independent of their order ([`crate::digest`]).
    pub digest: [u8; 32],
    /// Totals of the day per ledger account.
    pub journal: Vec<JournalPosted>,
    /// Through which day each bank account is covered.
    pub coverage: Vec<BankCoverage>,
}

/// The close of a service whose work is split by account.
#[async_trait]
pub trait ClosePartition: Send + Sync + 'static {
    /// One page of the day's run, at most 50 ms, in a transaction of its own. `cursor` is what the page before returned;
    /// `None` back means done.
    async fn page(&self, day: &Day, cursor: Option<String>, tx: &mut Tx) -> Result<Option<String>, Failure>;
    /// This partition's part of the certificate, under the partition's exclusive lock.
    async fn part(&self, day: &Day, tx: &mut Tx) -> Result<Part, Failure>;
    /// What does not hold in these sums; empty when all does.
    fn judge(&self, sums: &[CertifiedSum]) -> Vec<String>;
}

/// The close of a service whose work is not split by account.
#[async_trait]
pub trait CloseWhole: Send + Sync + 'static {
    /// Matching before the lock, in pages with transactions of their own.
    async fn prepare(&self, day: &Day, ctx: &Context) -> Result<(), Failure>;
    /// Raw items received before the cut-off and neither processed nor quarantined. When there are any, the lock is let go
    /// and the close tried again.
    async fn unfinished(&self, day: &Day, tx: &mut Tx) -> Result<Vec<String>, Failure>;
    /// After five failed tries: these are quarantined with an alarm, so that a close never waits for ever.
    async fn quarantine(&self, ids: &[String], ctx: &Context) -> Result<(), Failure>;
    /// Under the exclusive lock: what changed since `prepare`, then the day's sums.
    async fn part(&self, day: &Day, tx: &mut Tx) -> Result<Part, Failure>;
    /// What does not hold in these sums; empty when all does.
    fn judge(&self, sums: &[CertifiedSum]) -> Vec<String>;
}
