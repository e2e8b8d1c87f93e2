//! What handlers, routes and tasks of one instance share.

use std::any::Any;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use contracts::MessageKey;
use kernel::Timestamp;
use sqlx::PgPool;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::auth::Tokens;
use crate::clock::SharedClock;
use crate::config::RuntimeConfig;
use crate::faults::SharedFaults;
use crate::tx::CloseLock;
use crate::{Blobs, Clock, Failure, Health, Metrics, Tx};

/// Whose days a writing transaction belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The whole service closes at once.
    Service,
    /// One partition, where partitions close one by one.
    Partition(u32),
}

impl Scope {
    /// The `scope` column: -1 for the whole service.
    pub(crate) fn column(self) -> i32 {
        match self {
            Self::Service => -1,
            Self::Partition(partition) => i32::try_from(partition).unwrap_or(i32::MAX),
        }
    }
}

pub(crate) struct Inner {
    pub service: &'static str,
    pub settings: RuntimeConfig,
    pub pool: PgPool,
    pub clock: SharedClock,
    pub blobs: Blobs,
    pub tokens: Tokens,
    pub metrics: Metrics,
    pub health: Health,
    pub config: Arc<dyn Any + Send + Sync>,
    pub faults: Option<SharedFaults>,
    /// Cancelled by a simulated crash: everything stops where it stands.
    pub crashed: CancellationToken,
    pub wakes: Mutex<HashMap<&'static str, Arc<Notify>>>,
}

/// Shared by everything in one instance of a service; cheap to clone.
#[derive(Clone)]
pub struct Context(pub(crate) Arc<Inner>);

impl Context {
    /// The service's name.
    pub fn service(&self) -> &'static str {
        self.0.service
    }

    /// The effective settings of the runtime.
    pub fn settings(&self) -> &RuntimeConfig {
        &self.0.settings
    }

    /// The service's own settings.
    ///
    /// # Panics
    /// When asked for another service's type of settings.
    pub fn config<C: Send + Sync + 'static>(&self) -> Arc<C> {
        #[expect(
            clippy::expect_used,
            reason = "the type is fixed by Service::Config; another one is a bug that no caller can mend"
        )]
        Arc::clone(&self.0.config)
            .downcast()
            .expect("Context::config is asked for Service::Config")
    }

    /// For reads; writes go through [`Context::begin`].
    pub fn pool(&self) -> &PgPool {
        &self.0.pool
    }

    /// The instance's clock; only edges ask it.
    pub fn clock(&self) -> &dyn Clock {
        &*self.0.clock
    }

    /// The clock's time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Documents, by their SHA-256.
    pub fn blobs(&self) -> &Blobs {
        &self.0.blobs
    }

    /// Who may call.
    pub fn tokens(&self) -> &Tokens {
        &self.0.tokens
    }

    /// Counters and gauges.
    pub fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// Liveness and readiness.
    pub fn health(&self) -> &Health {
        &self.0.health
    }

    /// How many partitions every topic has.
    pub fn partitions(&self) -> u32 {
        self.0.settings.kafka.partitions
    }

    /// The partition of a key.
    pub fn partition_of(&self, key: MessageKey) -> u32 {
        kernel::partition_of(key.text().as_bytes(), self.partitions())
    }

    /// A writing transaction of HTTP or polling: takes the close lock shared before anything else, and says which day is open.
    ///
    /// # Errors
    /// When the database does not answer, or a close holds the lock for longer than the lock time-out.
    pub async fn begin(&self, scope: Scope) -> Result<Tx, Failure> {
        let tx = Tx::begin(self, scope, CloseLock::Shared).await?;
        self.point("tx.begun").await;
        Ok(tx)
    }

    /// An in-process wake-up between a service's routes and its tasks.
    pub fn wake(&self, name: &'static str) -> Arc<Notify> {
        let mut wakes = self.0.wakes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(wakes.entry(name).or_default())
    }

    /// After a batch of so many: where they were few, the next batch gathers for a moment (`worker.gather_ms`), because each costs
    /// the same statements and requests, however little is in it.
    pub async fn gather(&self, handled: usize) {
        const FEW: usize = 100;
        let pause = self.settings().worker.gather_ms;
        if (1..FEW).contains(&handled) && pause > 0 {
            tokio::time::sleep(Duration::from_millis(pause)).await;
        }
    }

    /// Stops here when a test asks for a crash at this point.
    pub(crate) async fn point(&self, point: &'static str) {
        if let Some(faults) = &self.0.faults
            && faults.crash_at(point)
        {
            self.0.crashed.cancel();
            std::future::pending::<()>().await;
        }
    }
}
