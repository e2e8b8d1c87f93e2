//! One run: the undisturbed world first, then the storm over the same plan, then the comparison.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::Serialize;
use stack::{Options, Stack};
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;

use crate::Arguments;
use crate::client::Outside;
use crate::cluster::{self, Cluster, Place, SERVICES};
use crate::days::{ALLOCATED, FUNDS, PAYMENTS, World};
use crate::oracle::{self, Findings, Verdict};
use crate::plan::{self, Plan};
use crate::proxy::{Proxies, Proxy};
use crate::storm::{Force, Storm, forecast};
use crate::watch::Markers;

/// What came of it.
#[derive(Debug, Default, Serialize)]
struct Report {
    seed: u64,
    payments: usize,
    kills: u64,
    other_faults: u64,
    full_disk_told: u64,
    fenced: u64,
    lost: u64,
    duplicated: u64,
    out_of_order: u64,
    behind_marker: u64,
    certificates: u64,
    certificates_hold: bool,
    days: usize,
    days_identical: bool,
    wrong: u64,
    republished: u64,
    records: u64,
    sent_again: u64,
    ended_by_themselves: u64,
    panics: u64,
    undisturbed_seconds: u64,
    storm_seconds: u64,
    findings: Vec<String>,
    run_again: String,
}

/// What one world came to.
struct Outcome {
    verdict: Verdict,
    kills: u64,
    others: u64,
    full: u64,
    fenced: u64,
    again: u64,
    ended: u64,
    panics: u64,
    seconds: u64,
}

/// Where the worlds happen.
struct Ground {
    stack: Stack,
    proxies: Proxies,
    kafka: Arc<Proxy>,
    programs: PathBuf,
    folder: PathBuf,
    clock: Option<PathBuf>,
}

/// Runs it all; false where something is wrong.
///
/// # Errors
/// It could not be run, or not to its end.
pub async fn run(arguments: &Arguments) -> anyhow::Result<bool> {
    let size = u64::from(arguments.payments) / 25 + u64::from(arguments.kills) * 15;
    let deadline = Duration::from_secs(arguments.deadline_seconds.unwrap_or(480 + size));
    let mut terminate = signal(SignalKind::terminate())?;
    let report = tokio::select! {
        report = tokio::time::timeout(deadline, both(arguments)) => {
            report.with_context(|| format!("given up after {} s", deadline.as_secs()))??
        }
        _ = tokio::signal::ctrl_c() => bail!("interrupted"),
        _ = terminate.recv() => bail!("asked to end"),
    };
    for finding in &report.findings {
        eprintln!("faults: {finding}");
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        eprintln!("faults: {report:#?}");
    }
    Ok(report.wrong == 0)
}

async fn both(arguments: &Arguments) -> anyhow::Result<Report> {
    let plan = plan::make(
        arguments.seed,
        usize::try_from(arguments.payments)?,
        usize::try_from(arguments.compared())?,
        arguments.first_on.map_or_else(plan::first_on, Ok)?,
    )?;
    let ground = Ground::prepare(arguments).await?;
    eprintln!("faults: the undisturbed world");
    let calm = ground
        .world(arguments, &plan, "calm", false)
        .await
        .context("the undisturbed world")?;
    eprintln!("faults: the same in a storm");
    let storm = ground
        .world(arguments, &plan, "storm", true)
        .await
        .context("the storm")?;
    Ok(report(arguments, &plan, calm, storm))
}

fn report(arguments: &Arguments, plan: &Plan, calm: Outcome, storm: Outcome) -> Report {
    let mut findings = Findings::default();
    oracle::differences(&calm.verdict.days, &storm.verdict.days, &mut findings);
    let differing = findings.all();
    let days = storm.verdict.days.len();
    findings.absorb(storm.verdict.findings);
    // What is wrong without any fault is no less wrong.
    findings.absorb(calm.verdict.findings);
    if arguments.kills > 0 && storm.fenced == 0 {
        findings.add("not_fenced", || {
            "no zombie was refused: the scripted one must be".to_owned()
        });
    }
    if storm.full == 0 {
        findings.add("not_told", || "the blob store was full and nobody was told".to_owned());
    }
    if storm.panics + calm.panics > 0 {
        findings.add("panic", || {
            format!("{} panics, see the logs", storm.panics + calm.panics)
        });
    }
    Report {
        seed: arguments.seed,
        payments: plan.payments.len(),
        kills: storm.kills,
        other_faults: storm.others,
        full_disk_told: storm.full,
        fenced: storm.fenced,
        lost: findings.of("lost"),
        duplicated: findings.of("duplicated"),
        out_of_order: findings.of("out_of_order"),
        behind_marker: findings.of("behind_marker"),
        certificates: storm.verdict.certificates,
        certificates_hold: findings.of("certificate") == 0 && findings.of("held") == 0,
        days,
        days_identical: differing == 0,
        wrong: findings.all(),
        republished: storm.verdict.republished,
        records: storm.verdict.records,
        sent_again: storm.again,
        ended_by_themselves: storm.ended,
        panics: storm.panics,
        undisturbed_seconds: calm.seconds,
        storm_seconds: storm.seconds,
        findings: findings.told,
        run_again: arguments.again(),
    }
}

impl Ground {
    async fn prepare(arguments: &Arguments) -> anyhow::Result<Self> {
        let programs = match &arguments.programs {
            Some(folder) => std::path::absolute(folder)?,
            None => build().await?,
        };
        let kafka = Proxy::listen().await?;
        let stack = Stack::start(Options {
            own: true,
            proxy: Some(kafka.port()),
            // A stack of one's own for each run: two runs of one build do not kill each other's servers.
            ..Options::new(&format!("faults-{}", std::process::id()))
        })
        .await?;
        let behind = stack
            .kafka_behind()
            .context("the broker has no listener for the proxy")?;
        kafka.lead_to(behind.parse()?);
        let proxies = Proxies::default();
        let kafka = proxies.add("kafka", kafka);
        let postgres = server_of(stack.postgres())?;
        for name in SERVICES
            .iter()
            .flat_map(|service| (1..=6).map(move |n| format!("{service}-{n}")))
        {
            let proxy = Proxy::listen().await?;
            proxy.lead_to(postgres.parse()?);
            proxies.add(&format!("postgres/{name}"), proxy);
        }
        let folder = stack::target_dir()
            .join("incasso-faults")
            .join(std::process::id().to_string());
        tidy_up();
        std::fs::create_dir_all(&folder)?;
        let clock = cluster::build_clock(&folder).await;
        Ok(Self {
            stack,
            proxies,
            kafka,
            programs,
            folder,
            clock,
        })
    }

    async fn world(&self, arguments: &Arguments, plan: &Plan, name: &str, stormy: bool) -> anyhow::Result<Outcome> {
        let began = Instant::now();
        let place = Place {
            folder: self.folder.join(name),
            prefix: format!("{name}."),
            programs: self.programs.clone(),
            clock: self.clock.clone(),
        };
        let kafka = format!("127.0.0.1:{}", self.kafka.port());
        place.prepare(&self.stack, &kafka, name).await?;
        eprintln!("faults: logs in {}", place.folder.display());
        let cluster = Cluster::start(place.clone(), self.proxies.clone(), 2);
        self.all_up(&cluster).await?;
        let outside = Outside::new(&cluster)?;
        let markers = Markers::follow(self.stack.kafka(), &place.prefix, &[PAYMENTS, FUNDS, ALLOCATED])?;
        let usual = if arguments.payments < 50_000 { 6 } else { 30 };
        let cut = Duration::from_secs(arguments.cut_seconds.unwrap_or(usual));
        let storm = Storm::new(&self.stack, (&cluster, &outside), &self.proxies, arguments.seed, cut);
        let force = Force {
            kills: usize::try_from(arguments.kills)?,
            rounds: 1 + usize::try_from(arguments.payments / 50_000)?,
        };
        let weather = forecast(arguments.seed, plan.days.len(), force);
        let world = World {
            cluster: &cluster,
            outside: &outside,
            markers: &markers,
            plan,
            patience: Duration::from_secs(arguments.patience_seconds),
            storm: stormy.then_some((&storm, &self.proxies, weather)),
        };
        let last = world.run().await?;
        self.await_certificate(&place, last).await?;
        let (mut verdict, books) = oracle::judge(self.stack.kafka(), &place.prefix, plan)?;
        verdict.findings.absorb(oracle::ask(&outside, &books).await?);
        for slow in cluster.stop().await {
            verdict.findings.add("does_not_stop", || slow);
        }
        let told = cluster.told();
        Ok(Outcome {
            verdict,
            kills: storm.kills.load(Ordering::Relaxed),
            others: storm.others.load(Ordering::Relaxed),
            full: storm.full.load(Ordering::Relaxed),
            fenced: told.fenced.load(Ordering::Relaxed),
            again: outside.again.load(Ordering::Relaxed),
            ended: told.ended.load(Ordering::Relaxed),
            panics: told.panics.load(Ordering::Relaxed),
            seconds: began.elapsed().as_secs(),
        })
    }

    async fn all_up(&self, cluster: &Cluster) -> anyhow::Result<()> {
        let began = Instant::now();
        while cluster.all().iter().any(|instance| instance.address().is_none()) {
            if began.elapsed() > Duration::from_secs(90) {
                bail!("not all instances start; see their logs");
            }
            sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// The last certificates leave with the last markers, perhaps a moment later.
    async fn await_certificate(&self, place: &Place, last: i64) -> anyhow::Result<()> {
        let topic = format!("{}allocation.certificate.v1", place.prefix);
        for _ in 0..100 {
            let mut found = false;
            crate::topics::read(self.stack.kafka(), &topic, |record| {
                let certificate = contracts::codec::decode::<contracts::DayCertified>(record.payload)?;
                found |= certificate.sequence >= last;
                Ok(())
            })?;
            if found {
                return Ok(());
            }
            sleep(Duration::from_millis(300)).await;
        }
        bail!("allocation did not certify day {last}")
    }
}

/// Removes what runs that have ended left behind: their logs, and what is left of their servers.
fn tidy_up() {
    let gone = |pid: &str| pid.parse::<u32>().is_ok() && !Path::new("/proc").join(pid).exists();
    for (folder, before) in [("incasso-faults", ""), ("incasso-stack", "faults-")] {
        let entries = std::fs::read_dir(stack::target_dir().join(folder))
            .into_iter()
            .flatten()
            .flatten();
        for entry in entries {
            let name = entry.file_name();
            let ended = name
                .to_str()
                .and_then(|name| name.strip_prefix(before))
                .is_some_and(gone);
            // A server that is still stopping keeps its state until then.
            if ended && !entry.path().join("postgres").exists() && !entry.path().join("kafka").exists() {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// `host:port` of a database's address.
fn server_of(url: &str) -> anyhow::Result<String> {
    let after = url.rsplit_once('@').map_or(url, |(_, after)| after);
    let server = after.split('/').next().unwrap_or_default();
    anyhow::ensure!(server.contains(':'), "the database's address has no port");
    Ok(server.to_owned())
}

/// Builds the services in the profile of this program; gives the folder of their programs.
async fn build() -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let folder = own
        .parent()
        .map(Path::to_owned)
        .context("this program lies in no folder")?;
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.arg("build").current_dir(env!("CARGO_MANIFEST_DIR"));
    if !cfg!(debug_assertions) {
        command.arg("--release");
    }
    for service in SERVICES {
        command.args(["-p", service]);
    }
    let built = command.kill_on_drop(true).status().await.context("cannot run cargo")?;
    anyhow::ensure!(built.success(), "the services do not build");
    Ok(folder)
}
