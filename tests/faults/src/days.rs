//! The protocol of days: what belongs to day D is acknowledged before billing closes D; what belongs to D + 1 is sent after
//! ingestion's marker of D was seen.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures::StreamExt as _;
use futures::stream;
use nix::sys::signal::Signal;
use tokio::time::sleep;

use crate::client::Outside;
use crate::cluster::{Cluster, LEASE};
use crate::plan::{PUBLISHER, Plan, RACER, UTILITY, Unit};
use crate::proxy::Proxies;
use crate::storm::{Fault, Storm, Weather};
use crate::watch::Markers;

/// Units on their way at a time.
const AT_ONCE: usize = 12;
/// Closes of the third creditor's days while it is paid: at least, and at most.
const RACES: usize = 8;
const MOST_RACES: usize = 300;
/// Topics of which the harness waits for markers.
pub const FUNDS: &str = "payments.funds.v1";
/// See [`FUNDS`].
pub const PAYMENTS: &str = "payments.payment.v1";
/// See [`FUNDS`].
pub const ALLOCATED: &str = "allocation.account.v1";

/// A world in which the plan happens.
pub struct World<'a> {
    /// The processes.
    pub cluster: &'a Cluster,
    /// How they are reached.
    pub outside: &'a Outside<'a>,
    /// The days on the topics.
    pub markers: &'a Markers,
    /// The plan.
    pub plan: &'a Plan,
    /// How long one step may take before something is wrong.
    pub patience: Duration,
    /// The faults, where there are any.
    pub storm: Option<(&'a Storm<'a>, &'a Proxies, Vec<Weather>)>,
}

impl World<'_> {
    /// Runs all days; gives the number of the last close.
    ///
    /// # Errors
    /// An unexpected answer, a partition that was stopped with an alarm, a day that does not close.
    pub async fn run(&self) -> anyhow::Result<i64> {
        let mut last = 0;
        for (day, plan) in self.plan.days.iter().enumerate() {
            let began = Instant::now();
            self.send_in_order(&plan.first).await?;
            if day == 0 {
                self.know_creditors().await?;
            }
            if day < self.plan.compared() {
                self.send(&plan.rest, day)
                    .await
                    .with_context(|| format!("sending day {day}"))?;
                let sent = began.elapsed().as_secs();
                last = self.close(day).await.with_context(|| format!("closing day {day}"))?;
                eprintln!(
                    "faults: day {day}: sent in {sent} s, closed after {} s",
                    began.elapsed().as_secs()
                );
            } else {
                last = self
                    .race(&plan.rest, last)
                    .await
                    .context("while days close that are not waited for")?;
                eprintln!(
                    "faults: days closed while money came in, through marker {last}, in {} s",
                    began.elapsed().as_secs()
                );
            }
        }
        self.until_closed(ALLOCATED, last).await?;
        Ok(last)
    }

    fn weather(&self, day: usize) -> Weather {
        let storm = self.storm.as_ref();
        storm
            .and_then(|(_, _, days)| days.get(day).cloned())
            .unwrap_or_default()
    }

    async fn send_in_order(&self, units: &[Unit]) -> anyhow::Result<()> {
        for unit in units {
            self.guarded(self.outside.send(unit)).await?;
        }
        Ok(())
    }

    /// Confirmations for a merchant that ingestion does not know yet would be kept aside first.
    async fn know_creditors(&self) -> anyhow::Result<()> {
        let wanted = u64::try_from(self.plan.firms.len())?;
        let handled = "incasso_messages_handled_total{outcome=\"done\",topic=\"creditors.creditor.v1\"";
        self.eventually("ingestion knows the creditors", async || {
            self.outside.metric("ingestion", handled).await.iter().sum::<u64>() >= wanted
        })
        .await
    }

    /// Sends everything, a part of it with each fault of the day.
    async fn send(&self, units: &[Unit], day: usize) -> anyhow::Result<()> {
        let faults = self.weather(day).sending;
        let part = units.len().div_ceil(faults.len() + 1).max(1);
        let mut faults = faults.into_iter();
        for units in units.chunks(part) {
            let strike = async {
                match (faults.next(), &self.storm) {
                    (Some(fault), Some((storm, _, _))) => storm.strike(fault).await,
                    _ => Ok(()),
                }
            };
            tokio::try_join!(self.send_all(units), strike)?;
        }
        for fault in faults {
            if let Some((storm, _, _)) = &self.storm {
                storm.strike(fault).await?;
            }
        }
        Ok(())
    }

    async fn send_all(&self, units: &[Unit]) -> anyhow::Result<()> {
        let mut sending = stream::iter(units)
            .map(|unit| self.guarded(self.outside.send(unit)))
            .buffer_unordered(AT_ONCE);
        while let Some(sent) = sending.next().await {
            sent?;
        }
        Ok(())
    }

    /// Closes a compared day of both creditors and waits for ingestion's markers; gives the number of the last one.
    async fn close(&self, day: usize) -> anyhow::Result<i64> {
        let last = i64::try_from(2 * (day + 1))?;
        let closing = async {
            for firm in [UTILITY, PUBLISHER] {
                let firm = &self.plan.firms[firm];
                let on = firm.first_on.plus_days(i64::try_from(day)?).to_string();
                self.guarded(self.outside.close(&firm.calendar(), &on)).await?;
            }
            self.until_closed(FUNDS, last).await
        };
        let striking = async {
            if let Some((storm, _, _)) = &self.storm {
                for fault in self.weather(day).closing {
                    storm.strike(fault).await?;
                }
            }
            anyhow::Ok(())
        };
        tokio::try_join!(closing, striking)?;
        Ok(last)
    }

    /// The third creditor is paid while its days close: nobody waits for anything.
    async fn race(&self, units: &[Unit], last: i64) -> anyhow::Result<i64> {
        let firm = &self.plan.firms[RACER];
        let scripted = units.len() / 4;
        let (quiet, racing) = units.split_at(scripted);
        self.be_a_zombie(quiet).await?;
        let sent = AtomicBool::new(false);
        let sending = async {
            self.send_racing(racing).await?;
            sent.store(true, Ordering::Relaxed);
            anyhow::Ok(())
        };
        let close = async |n: usize| {
            let on = firm.first_on.plus_days(i64::try_from(n)?).to_string();
            self.guarded(self.outside.close(&firm.calendar(), &on)).await?;
            anyhow::Ok(last + i64::try_from(n)? + 1)
        };
        let closing = async {
            let mut n = 0;
            while n < RACES || !sent.load(Ordering::Relaxed) && n < MOST_RACES {
                sleep(Duration::from_millis(400)).await;
                let sequence = close(n).await?;
                self.until_closed(FUNDS, sequence).await?;
                n += 1;
            }
            anyhow::Ok(n)
        };
        let ((), closed) = tokio::try_join!(sending, closing)?;
        // What came in last belongs to one day more; this time what was acknowledged is waited for.
        self.all_handled().await;
        close(closed).await
    }

    async fn send_racing(&self, units: &[Unit]) -> anyhow::Result<()> {
        let weather = self.weather(self.plan.compared());
        let faults: Vec<Fault> = weather.sending.into_iter().chain(weather.closing).collect();
        let part = units.len().div_ceil(RACES).max(1);
        for (n, units) in units.chunks(part).enumerate() {
            let strike = async {
                if let Some((storm, _, _)) = &self.storm {
                    for fault in faults.iter().skip(n).step_by(RACES) {
                        storm.strike(*fault).await?;
                    }
                }
                anyhow::Ok(())
            };
            tokio::try_join!(self.send_all(units), strike)?;
        }
        Ok(())
    }

    /// Until every payment is on its topic, for the third creditor's close does not wait for what was acknowledged; one that
    /// is lost is not waited for for ever.
    async fn all_handled(&self) {
        for _ in 0..300 {
            if self.markers.payments() >= self.plan.payments.len() {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// The scripted zombie: an instance whose transaction is on its way to the database when it is stopped past its lease.
    async fn be_a_zombie(&self, units: &[Unit]) -> anyhow::Result<()> {
        let Some((_, proxies, _)) = &self.storm else {
            return self.send_all(units).await;
        };
        let part = units.len().div_ceil(4).max(1);
        let mut refused = false;
        for units in units.chunks(part) {
            if refused {
                self.send_all(units).await?;
                continue;
            }
            let before = self.cluster.told().fenced.load(Ordering::Relaxed);
            self.eventually("two allocations with a partition each", async || {
                self.outside.metric("allocation", "incasso_partition_lease").await == [1, 1]
            })
            .await?;
            sleep(Duration::from_secs(2)).await;
            let allocations = self.cluster.of("allocation");
            let Some(chosen) = allocations.first() else { continue };
            let lines = proxies.of(&format!("postgres/{}", chosen.name));
            lines.iter().for_each(|line| line.cut());
            self.send_all(units).await?;
            sleep(Duration::from_millis(1_500)).await;
            chosen.signal(Signal::SIGSTOP);
            sleep(LEASE + Duration::from_secs(2)).await;
            lines.iter().for_each(|line| line.mend(false));
            chosen.signal(Signal::SIGCONT);
            sleep(Duration::from_millis(1_500)).await;
            let fenced = self.cluster.told().fenced.load(Ordering::Relaxed) - before;
            refused = fenced > 0;
            eprintln!("faults: the scripted zombie {} was refused {fenced} times", chosen.name);
        }
        Ok(())
    }

    async fn until_closed(&self, topic: &str, sequence: i64) -> anyhow::Result<()> {
        let what = format!("the marker {sequence} on all partitions of {topic}");
        self.eventually(&what, async || self.markers.closed(topic) >= sequence)
            .await
    }

    async fn eventually(&self, what: &str, there: impl AsyncFn() -> bool) -> anyhow::Result<()> {
        let waiting = async {
            while !there().await {
                sleep(Duration::from_millis(50)).await;
            }
            Ok(())
        };
        self.guarded(waiting)
            .await
            .with_context(|| format!("waiting for {what}"))
    }

    /// Lets something happen, but not for ever, and not when a partition has stopped with an alarm.
    async fn guarded<T>(&self, happening: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        let alarm = async {
            loop {
                sleep(Duration::from_secs(2)).await;
                for service in ["ingestion", "allocation"] {
                    if let Some(why) = self.outside.halted(service).await {
                        return why;
                    }
                }
            }
        };
        tokio::select! {
            happened = tokio::time::timeout(self.patience, happening) => {
                happened.with_context(|| format!("nothing more happened for {} s", self.patience.as_secs()))?
            }
            why = alarm => bail!("a partition stopped with an alarm: {why}"),
        }
    }
}
