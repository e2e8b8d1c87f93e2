//! Leases: partition p of all inputs belongs to one instance or to none (protocol.md rows 3 and 4).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use sqlx::PgConnection;
use sqlx::types::Json;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use uuid::Uuid;

use crate::positions::LeaseState;
use crate::reader::Reader;
use crate::worker::{Parts, Worker};
use crate::{Context, Failure};

/// Proof of ownership: who, of what, in which epoch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lease {
    pub partition: u32,
    pub owner: Uuid,
    pub epoch: i64,
}

impl Lease {
    fn column(self) -> i32 {
        i32::try_from(self.partition).unwrap_or(i32::MAX)
    }

    /// Locks the lease row and proves the epoch; a zombie gets [`Failure::fenced`] and commits nothing.
    pub(crate) async fn fence(self, conn: &mut PgConnection) -> Result<LeaseState, Failure> {
        let state: Option<LeaseState> = sqlx::query_as(
            "SELECT positions, marks, received, closing_sequence, closing_page, closing_cursor, halted
             FROM rt_lease WHERE partition = $1 AND owner = $2 AND epoch = $3 FOR UPDATE",
        )
        .bind(self.column())
        .bind(self.owner)
        .bind(self.epoch)
        .fetch_optional(conn)
        .await?;
        state.ok_or_else(|| {
            Failure::fenced(format!(
                "partition {} is no longer ours in epoch {}",
                self.partition, self.epoch
            ))
        })
    }

    /// Writes the row back under the lock that [`Lease::fence`] took, and extends the lease.
    pub(crate) async fn save(self, conn: &mut PgConnection, state: &LeaseState, seconds: u32) -> Result<(), Failure> {
        sqlx::query(
            "UPDATE rt_lease SET positions = $2, marks = $3, received = $4, closing_sequence = $5, closing_page = $6,
                    closing_cursor = $7, halted = $8, expires_at = now() + $9 * interval '1 second'
             WHERE partition = $1",
        )
        .bind(self.column())
        .bind(&state.positions)
        .bind(&state.marks)
        .bind(&state.received)
        .bind(state.closing_sequence)
        .bind(state.closing_page)
        .bind(&state.closing_cursor)
        .bind(&state.halted)
        .bind(seconds_column(seconds))
        .execute(conn)
        .await?;
        Ok(())
    }
}

/// Seconds as PostgreSQL's integer.
pub(crate) fn seconds_column(seconds: u32) -> i32 {
    i32::try_from(seconds).unwrap_or(i32::MAX)
}

struct Held {
    lease: Lease,
    stop: CancellationToken,
    /// Ends with its lease loop: an instance that crashes leaves no worker behind.
    task: AbortOnDropHandle<()>,
}

/// Shares the partitions evenly among live instances, and runs a worker for each that is ours.
pub(crate) struct Leases {
    pub ctx: Context,
    pub parts: Arc<Parts>,
    pub reader: Reader,
    pub instance: Uuid,
    held: BTreeMap<u32, Held>,
}

impl Leases {
    pub(crate) fn new(ctx: Context, parts: Arc<Parts>, reader: Reader, instance: Uuid) -> Self {
        Self {
            ctx,
            parts,
            reader,
            instance,
            held: BTreeMap::new(),
        }
    }

    /// Runs until cancelled; then drains the workers and gives the leases back.
    pub(crate) async fn run(mut self, stop: CancellationToken) -> anyhow::Result<()> {
        let every = Duration::from_millis(self.ctx.settings().worker.renew_ms);
        let woken = self.ctx.wake("leases");
        loop {
            if let Err(failure) = self.turn().await {
                tracing::warn!(%failure, "leases could not be renewed");
                self.ctx.health().note("leases", Some(failure.to_string()));
            } else {
                self.ctx.health().note("leases", None);
                self.ctx
                    .health()
                    .beat("lease-loop", every.saturating_mul(20).max(Duration::from_secs(30)));
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = woken.notified() => {}
                () = tokio::time::sleep(every) => {}
            }
        }
        self.give_back().await
    }

    fn lease_seconds(&self) -> u32 {
        self.ctx.settings().worker.lease_seconds
    }

    async fn turn(&mut self) -> Result<(), Failure> {
        self.reap().await?;
        let mut tx = self.ctx.pool().begin().await?;
        let live = announce(&mut tx, self.instance, self.lease_seconds()).await?;
        let mine = renew(&mut tx, self.instance, self.lease_seconds()).await?;
        tx.commit().await?;
        let lost: Vec<u32> = self
            .held
            .values()
            .filter(|held| mine.get(&held.lease.partition) != Some(&held.lease.epoch))
            .map(|h| h.lease.partition)
            .collect();
        for partition in lost {
            self.stop_worker(partition).await;
        }
        self.pass_redrives().await?;
        let fair = self.ctx.partitions().div_ceil(live.max(1));
        let have = u32::try_from(self.held.len()).unwrap_or(u32::MAX);
        for _ in fair..have {
            if let Some((&partition, _)) = self.held.last_key_value() {
                self.release(partition).await?;
            }
        }
        if have < fair {
            self.acquire(fair.saturating_sub(have)).await?;
        }
        Ok(())
    }

    /// A redrive is asked for at any instance and done by the partition's own worker.
    async fn pass_redrives(&self) -> Result<(), Failure> {
        let asked: Vec<i32> = sqlx::query_scalar("SELECT DISTINCT partition FROM rt_parked_key WHERE redrive")
            .fetch_all(self.ctx.pool())
            .await?;
        for partition in asked {
            if let Ok(partition) = u32::try_from(partition) {
                self.reader.ask_redrive(partition);
            }
        }
        Ok(())
    }

    /// Workers that ended by themselves were fenced: where the row is still ours, they stood elsewhere than it (a commit whose
    /// answer was lost), and a new epoch starts where it stands. A panic takes the process down.
    async fn reap(&mut self) -> Result<(), Failure> {
        let ended: Vec<u32> = self
            .held
            .iter()
            .filter(|(_, held)| held.task.is_finished())
            .map(|(p, _)| *p)
            .collect();
        for partition in ended {
            if let Some(held) = self.held.remove(&partition) {
                self.reader.unassign(partition);
                if let Err(error) = held.task.await
                    && error.is_panic()
                {
                    std::panic::resume_unwind(error.into_panic());
                }
                self.ctx.metrics().lease(partition, false);
                self.let_go(partition).await?;
            }
        }
        Ok(())
    }

    async fn stop_worker(&mut self, partition: u32) {
        if let Some(held) = self.held.remove(&partition) {
            held.stop.cancel();
            self.reader.unassign(partition);
            if let Err(error) = held.task.await
                && error.is_panic()
            {
                std::panic::resume_unwind(error.into_panic());
            }
            self.ctx.metrics().lease(partition, false);
        }
    }

    async fn release(&mut self, partition: u32) -> Result<(), Failure> {
        self.stop_worker(partition).await;
        self.let_go(partition).await
    }

    async fn let_go(&self, partition: u32) -> Result<(), Failure> {
        sqlx::query("UPDATE rt_lease SET owner = NULL, expires_at = '-infinity' WHERE partition = $1 AND owner = $2")
            .bind(i32::try_from(partition).unwrap_or(i32::MAX))
            .bind(self.instance)
            .execute(self.ctx.pool())
            .await?;
        Ok(())
    }

    async fn acquire(&mut self, wanted: u32) -> Result<(), Failure> {
        let inputs: Vec<String> = self.parts.inputs.iter().map(|topic| topic.name.to_owned()).collect();
        let mut tx = self.ctx.pool().begin().await?;
        let rows: Vec<(i32, i64, Json<crate::positions::Offsets>)> = sqlx::query_as(
            "UPDATE rt_lease SET owner = $1, epoch = epoch + 1, expires_at = now() + $2 * interval '1 second', inputs = $4
             WHERE partition IN (SELECT partition FROM rt_lease
                                 WHERE (owner IS NULL OR expires_at < now()) AND inputs <@ $4
                                 ORDER BY partition LIMIT $3 FOR UPDATE SKIP LOCKED)
             RETURNING partition, epoch, positions",
        )
        .bind(self.instance)
        .bind(seconds_column(self.lease_seconds()))
        .bind(i64::from(wanted))
        .bind(&inputs)
        .fetch_all(&mut *tx)
        .await?;
        tx.commit().await?;
        if !rows.is_empty() {
            self.ctx.point("lease.taken").await;
        }
        for (partition, epoch, positions) in rows {
            let Ok(partition) = u32::try_from(partition) else {
                continue;
            };
            self.reap_one(partition).await;
            let lease = Lease {
                partition,
                owner: self.instance,
                epoch,
            };
            let buffers = self.reader.assign(partition, epoch, &self.parts.inputs, &positions)?;
            let stop = CancellationToken::new();
            let worker = Worker::new(
                self.ctx.clone(),
                Arc::clone(&self.parts),
                lease,
                buffers,
                self.reader.clone(),
                stop.clone(),
            );
            let task = AbortOnDropHandle::new(tokio::spawn(worker.run()));
            self.held.insert(partition, Held { lease, stop, task });
            self.ctx.metrics().lease(partition, true);
            tracing::info!(partition, epoch, "partition taken");
        }
        Ok(())
    }

    /// A worker of an older epoch of the same partition must be gone before its successor starts.
    async fn reap_one(&mut self, partition: u32) {
        if self.held.contains_key(&partition) {
            self.stop_worker(partition).await;
        }
    }

    async fn give_back(&mut self) -> anyhow::Result<()> {
        let partitions: Vec<u32> = self.held.keys().copied().collect();
        for held in self.held.values() {
            held.stop.cancel();
        }
        for partition in partitions {
            if let Err(failure) = self.release(partition).await {
                tracing::warn!(partition, %failure, "lease not given back; it expires by itself");
            }
        }
        let gone = sqlx::query("DELETE FROM rt_instance WHERE instance = $1")
            .bind(self.instance)
            .execute(self.ctx.pool())
            .await;
        if let Err(error) = gone {
            tracing::warn!(%error, "instance not removed; it expires by itself");
        }
        Ok(())
    }
}

async fn announce(conn: &mut PgConnection, instance: Uuid, seconds: u32) -> Result<u32, sqlx::Error> {
    sqlx::query(
        "INSERT INTO rt_instance (instance, expires_at) VALUES ($1, now() + $2 * interval '1 second')
         ON CONFLICT (instance) DO UPDATE SET expires_at = excluded.expires_at",
    )
    .bind(instance)
    .bind(seconds_column(seconds))
    .execute(&mut *conn)
    .await?;
    sqlx::query("DELETE FROM rt_instance WHERE instance IN (SELECT instance FROM rt_instance WHERE expires_at < now() FOR UPDATE SKIP LOCKED)")
        .execute(&mut *conn)
        .await?;
    let live: i64 = sqlx::query_scalar("SELECT count(*) FROM rt_instance WHERE expires_at >= now()")
        .fetch_one(conn)
        .await?;
    Ok(u32::try_from(live).unwrap_or(1))
}

/// Extends our leases; rows that a batch holds locked extend themselves when it commits. Returns partition → epoch of what is ours.
async fn renew(conn: &mut PgConnection, instance: Uuid, seconds: u32) -> Result<BTreeMap<u32, i64>, sqlx::Error> {
    sqlx::query(
        "UPDATE rt_lease SET expires_at = now() + $2 * interval '1 second'
         WHERE partition IN (SELECT partition FROM rt_lease WHERE owner = $1 ORDER BY partition FOR UPDATE SKIP LOCKED)",
    )
    .bind(instance)
    .bind(seconds_column(seconds))
    .execute(&mut *conn)
    .await?;
    let rows: Vec<(i32, i64)> = sqlx::query_as("SELECT partition, epoch FROM rt_lease WHERE owner = $1")
        .bind(instance)
        .fetch_all(conn)
        .await?;
    Ok(rows
        .into_iter()
        .filter_map(|(partition, epoch)| Some((u32::try_from(partition).ok()?, epoch)))
        .collect())
}

/// One row per partition, made at start.
pub(crate) async fn prepare(ctx: &Context, inputs: &[String]) -> anyhow::Result<()> {
    let partitions = i32::try_from(ctx.partitions())?;
    sqlx::query("INSERT INTO rt_lease (partition) SELECT generate_series(0, $1 - 1) ON CONFLICT DO NOTHING")
        .bind(partitions)
        .execute(ctx.pool())
        .await?;
    let (rows, newer): (i64, i64) =
        sqlx::query_as("SELECT count(*), count(*) FILTER (WHERE NOT inputs <@ $1) FROM rt_lease")
            .bind(inputs)
            .fetch_one(ctx.pool())
            .await?;
    anyhow::ensure!(
        rows == i64::from(partitions),
        "the database was made for {rows} partitions, the settings say {partitions}: kafka.partitions cannot be changed in place"
    );
    if newer > 0 {
        tracing::error!(
            "this version reads fewer inputs than the one that ran before: it takes no partition; deploy the newer version"
        );
    }
    Ok(())
}
