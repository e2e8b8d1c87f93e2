//! How each fault is done.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;
use stack::{Part, Stack};
use tokio::process::Command;
use tokio::time::sleep;

use super::Fault;
use crate::client::Outside;
use crate::cluster::{Cluster, LEASE};
use crate::proxy::Proxies;
use crate::rng::Rng;

/// Stopped for longer than the lease, and then some: somebody else has the partitions.
const PAST_THE_LEASE: Duration = Duration::from_millis(2_000);

/// Does faults and counts them.
pub struct Storm<'a> {
    stack: &'a Stack,
    cluster: &'a Cluster,
    outside: &'a Outside<'a>,
    proxies: &'a Proxies,
    /// How long a line stays cut.
    cut: Duration,
    rng: Mutex<Rng>,
    /// SIGKILLs that met a process.
    pub kills: AtomicU64,
    /// Other faults.
    pub others: AtomicU64,
    /// Files that were refused with 5xx because they could not be stored.
    pub full: AtomicU64,
}

impl<'a> Storm<'a> {
    /// A storm over these.
    pub fn new(
        stack: &'a Stack,
        (cluster, outside): (&'a Cluster, &'a Outside<'a>),
        proxies: &'a Proxies,
        seed: u64,
        cut: Duration,
    ) -> Self {
        Self {
            stack,
            cluster,
            outside,
            proxies,
            cut,
            rng: Mutex::new(Rng::new(seed, "strike")),
            kills: AtomicU64::new(0),
            others: AtomicU64::new(0),
            full: AtomicU64::new(0),
        }
    }

    fn between(&self, low: u64, high: u64) -> u64 {
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .between(low, high)
    }

    async fn a_moment(&self, most_ms: u64) {
        sleep(Duration::from_millis(self.between(0, most_ms))).await;
    }

    /// Does one fault, from its beginning to its end.
    ///
    /// # Errors
    /// The harness cannot do it; what the services make of it is not looked at here.
    pub async fn strike(&self, fault: Fault) -> anyhow::Result<()> {
        self.a_moment(600).await;
        if !matches!(fault, Fault::Kill(..)) {
            eprintln!("faults: {fault:?}");
            self.others.fetch_add(1, Ordering::Relaxed);
        }
        match fault {
            Fault::Kill(service, which) => self.kill(service, which).await,
            Fault::Zombie(service, which) => self.zombie(service, which).await,
            Fault::Kafka => self.outage(Part::Kafka).await?,
            Fault::Postgres => self.outage(Part::Postgres).await?,
            Fault::CutKafka { reset } => self.cut("kafka", reset).await,
            Fault::CutPostgres { reset } => self.cut("postgres/", reset).await,
            Fault::CutOne(service, which, reset) => {
                let name = self
                    .cluster
                    .of(service)
                    .get(which)
                    .map(|instance| instance.name.clone());
                if let Some(name) = name {
                    self.cut(&format!("postgres/{name}"), reset).await;
                }
            }
            Fault::DiskFull => self.disk_full().await?,
            Fault::Clock(service, which, seconds) => {
                if let Some(instance) = self.cluster.of(service).get(which)
                    && self.cluster.place().clock.is_some()
                {
                    self.cluster.place().set_clock(&instance.name, seconds)?;
                }
            }
            Fault::Rolling(service) => self.rolling(service).await?,
        }
        Ok(())
    }

    /// Kills an instance that runs; its keeper starts it again. Waits a little where none runs just now.
    async fn kill(&self, service: &str, which: usize) {
        for _ in 0..100 {
            let instances = self.cluster.of(service);
            let up = |instance: &&std::sync::Arc<crate::cluster::Instance>| instance.address().is_some();
            let chosen = instances.get(which).filter(up).or_else(|| instances.iter().find(up));
            if let Some(instance) = chosen
                && instance.signal(Signal::SIGKILL)
            {
                let number = self.kills.fetch_add(1, Ordering::Relaxed) + 1;
                eprintln!("faults: kill {number}: {}", instance.name);
                self.a_moment(800).await;
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    async fn zombie(&self, service: &str, which: usize) {
        if let Some(instance) = self.cluster.of(service).get(which) {
            instance.signal(Signal::SIGSTOP);
            sleep(LEASE + PAST_THE_LEASE).await;
            instance.signal(Signal::SIGCONT);
        }
    }

    async fn outage(&self, part: Part) -> anyhow::Result<()> {
        self.stack.kill(part).with_context(|| format!("killing {part:?}"))?;
        self.a_moment(2_000).await;
        self.stack
            .restart(part)
            .await
            .with_context(|| format!("starting {part:?} again"))
    }

    async fn cut(&self, name: &str, reset: bool) {
        let proxies = self.proxies.of(name);
        proxies.iter().for_each(|proxy| proxy.cut());
        sleep(self.cut).await;
        proxies.iter().for_each(|proxy| proxy.mend(reset));
    }

    /// No file of ingestion may grow past 16 KiB: what is stored in the blob store fails while it is written, as on a full disk.
    /// Lasts until a file was refused for it, which the sender must be told.
    async fn disk_full(&self) -> anyhow::Result<()> {
        for serial in 0..20 {
            self.limit_files("16384:").await?;
            sleep(Duration::from_millis(500)).await;
            if self
                .outside
                .offer_nonsense(serial)
                .await
                .is_some_and(|status| status.is_server_error())
            {
                self.full.fetch_add(1, Ordering::Relaxed);
                sleep(Duration::from_secs(1)).await;
                break;
            }
        }
        self.limit_files("unlimited:").await
    }

    async fn limit_files(&self, limit: &str) -> anyhow::Result<()> {
        for instance in self.cluster.of("ingestion") {
            let Some(pid) = instance.pid() else { continue };
            // A process that ended meanwhile has nothing to be limited.
            Command::new("prlimit")
                .args(["--pid", &pid.to_string(), &format!("--fsize={limit}")])
                .stderr(std::process::Stdio::null())
                .status()
                .await
                .context("cannot run prlimit (package util-linux)")?;
        }
        Ok(())
    }

    /// A new instance joins, an old one leaves.
    async fn rolling(&self, service: &'static str) -> anyhow::Result<()> {
        let old = self.cluster.of(service);
        self.cluster.add(service);
        self.a_moment(1_500).await;
        match old.first() {
            Some(instance) => self.cluster.remove(instance).await,
            None => Ok(()),
        }
    }
}
