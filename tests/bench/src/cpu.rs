//! Who spent how much CPU: processes by name, PostgreSQL's backends by the service that they serve.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use sqlx::PgPool;

/// Linux counts CPU time in hundredths of a second, for every process that asks.
const TICK_MICROS: u64 = 10_000;

/// Processes to be watched.
pub struct Watched {
    /// Our own: name and process id.
    pub own: Vec<(String, u32)>,
    /// The broker's.
    pub kafka: Option<u32>,
    /// A pool of the server whose backends are counted.
    pub postgres: PgPool,
}

/// CPU microseconds so far, by process id, with the name it goes by.
pub struct Sample(BTreeMap<u32, (String, u64)>);

impl Watched {
    /// What everybody spent until now.
    ///
    /// # Errors
    /// PostgreSQL does not answer, or this is not Linux.
    pub async fn sample(&self) -> anyhow::Result<Sample> {
        let mut found = BTreeMap::new();
        for (name, pid) in &self.own {
            found.insert(*pid, (name.clone(), stat(*pid)?.own));
        }
        if let Some(pid) = self.kafka {
            found.insert(pid, ("kafka".to_owned(), stat(pid)?.own));
        }
        let backends: Vec<(i32, String, String)> = sqlx::query_as(
            "SELECT pid, coalesce(application_name, ''), coalesce(backend_type, '') FROM pg_stat_activity",
        )
        .fetch_all(&self.postgres)
        .await?;
        let mut server = None;
        for (pid, application, kind) in backends {
            let pid = u32::try_from(pid)?;
            let Ok(spent) = stat(pid) else { continue };
            server = Some(spent.parent);
            let name = match application.strip_prefix("incasso-") {
                Some(service) => format!("postgres for {service}"),
                None if kind == "client backend" => "postgres for bench".to_owned(),
                None => "postgres, background".to_owned(),
            };
            found.insert(pid, (name, spent.own));
        }
        if let Some(server) = server {
            let spent = stat(server)?;
            let ended = spent.own.saturating_add(spent.children);
            found.insert(server, ("postgres, background".to_owned(), ended));
        }
        Ok(Sample(found))
    }
}

impl Sample {
    /// Microseconds by name since an earlier sample.
    pub fn since(&self, earlier: &Self) -> BTreeMap<String, u64> {
        let mut spent: BTreeMap<String, u64> = BTreeMap::new();
        for (pid, (name, now)) in &self.0 {
            let before = earlier.0.get(pid).map_or(0, |(_, before)| *before);
            let sum = spent.entry(name.clone()).or_default();
            *sum = sum.saturating_add(now.saturating_sub(before));
        }
        spent
    }
}

struct Spent {
    parent: u32,
    own: u64,
    /// Of children that ended.
    children: u64,
}

fn stat(pid: u32) -> anyhow::Result<Spent> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("process {pid}"))?;
    let (_, fields) = text.rsplit_once(')').context("no /proc/…/stat")?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    // proc(5), counted from the state: 1 is the parent, 11 to 14 are utime, stime, cutime, cstime.
    let field = |at: usize| -> anyhow::Result<u64> {
        let text = fields.get(at).context("a short /proc/…/stat")?;
        Ok(text.parse::<i64>()?.unsigned_abs())
    };
    let micros = |ticks: u64| ticks.saturating_mul(TICK_MICROS);
    Ok(Spent {
        parent: u32::try_from(field(1)?)?,
        own: micros(field(11)?.saturating_add(field(12)?)),
        children: micros(field(13)?.saturating_add(field(14)?)),
    })
}

/// Highest resident memory of a process so far, in KiB.
///
/// # Errors
/// It is gone, or this is not Linux.
pub fn peak_memory_kib(pid: u32) -> anyhow::Result<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .context("no VmHWM")?;
    let number = line.split_whitespace().next().context("no VmHWM")?;
    Ok(number.parse()?)
}
