//! Alive and ready. Alive: no background task has ended. Ready: the database answers, topics exist, loops turn, no stop.
//!
//! Kafka and PostgreSQL are never part of being alive: a restart would not bring them back.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use futures::future::{BoxFuture, join_all};
use serde::Serialize;
use utoipa::ToSchema;

/// How long a probe may take before it counts as failed.
const PROBE: Duration = Duration::from_secs(2);

/// Asks something outside, e.g. the database, whether it answers. The text of an error is shown to anybody.
pub type Probe = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// Asks a database for nothing; what it answers beside is in the log, since it may name hosts.
#[must_use]
pub fn database(pool: sqlx::PgPool) -> Probe {
    Arc::new(move || {
        let pool = pool.clone();
        Box::pin(async move {
            let answer = sqlx::query("SELECT 1").execute(&pool).await;
            answer.map(drop).map_err(|error| {
                tracing::warn!(%error, "the database does not answer");
                "the database does not answer".to_owned()
            })
        })
    })
}

/// The service's health; clones share it.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Why the process must end, if it must.
    dead: Option<String>,
    stopping: bool,
    /// What was said last of each condition.
    conditions: BTreeMap<&'static str, Result<(), String>>,
    /// What people should know and what is no reason to send no work here.
    remarks: BTreeMap<&'static str, String>,
    /// When each loop turned last, and how old that may become.
    beats: BTreeMap<&'static str, (Instant, Duration)>,
    probes: BTreeMap<&'static str, Probe>,
}

/// The answer to a probe of health.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Report {
    /// All checks are good.
    pub ok: bool,
    /// Sorted by name.
    pub checks: Vec<Check>,
}

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Check {
    /// `database`, `topics`, `leases` …
    pub name: &'static str,
    /// It holds.
    pub ok: bool,
    /// Why not; of one that holds, what people should know all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
}

impl Check {
    fn of(name: &'static str, result: Result<(), String>) -> Self {
        Self {
            name,
            ok: result.is_ok(),
            detail: result.err(),
        }
    }
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says of a condition that it must still come true, e.g. `topics` before they are there. Call once for each before
    /// the door opens.
    pub fn expect(&self, name: &'static str) {
        self.state()
            .conditions
            .entry(name)
            .or_insert_with(|| Err("not yet".to_owned()));
    }

    /// A condition holds (`None`), or not and why. The text is shown to anybody.
    pub fn note(&self, name: &'static str, problem: Option<String>) {
        self.state().conditions.insert(name, problem.map_or(Ok(()), Err));
    }

    /// Something outside goes wrong that this instance can do nothing about, e.g. a bank's server: shown, and the service stays
    /// ready. The text is shown to anybody.
    pub fn remark(&self, name: &'static str, problem: Option<String>) {
        let mut state = self.state();
        match problem {
            Some(problem) => state.remarks.insert(name, problem),
            None => state.remarks.remove(name),
        };
    }

    /// A loop turned, and will turn again within `at_most`.
    pub fn beat(&self, name: &'static str, at_most: Duration) {
        self.state().beats.insert(name, (Instant::now(), at_most));
    }

    /// A loop ended as it should: it beats no more.
    pub fn rest(&self, name: &'static str) {
        self.state().beats.remove(name);
    }

    /// Asked at each [`Health::ready`].
    pub fn probe(&self, name: &'static str, probe: Probe) {
        self.state().probes.insert(name, probe);
    }

    /// A stop was asked for: no new work, please.
    pub fn stopping(&self) {
        self.state().stopping = true;
    }

    /// A background task ended by itself: the process must end too. The first reason stays.
    pub fn died(&self, why: impl Into<String>) {
        self.state().dead.get_or_insert(why.into());
    }

    /// Whether the process is worth keeping.
    #[must_use]
    pub fn live(&self) -> Report {
        let dead = self.state().dead.clone();
        report(vec![Check::of("tasks", dead.map_or(Ok(()), Err))])
    }

    /// Whether work may be sent here.
    pub async fn ready(&self) -> Report {
        let (mut checks, probes) = {
            let state = self.state();
            let mut checks = vec![Check::of("tasks", state.dead.clone().map_or(Ok(()), Err))];
            checks.push(Check::of(
                "running",
                if state.stopping {
                    Err("stopping".to_owned())
                } else {
                    Ok(())
                },
            ));
            checks.extend(
                state
                    .conditions
                    .iter()
                    .map(|(name, result)| Check::of(name, result.clone())),
            );
            checks.extend(state.remarks.iter().map(|(name, problem)| Check {
                name,
                ok: true,
                detail: Some(problem.clone()),
            }));
            checks.extend(
                state
                    .beats
                    .iter()
                    .map(|(name, (last, at_most))| Check::of(name, fresh(*last, *at_most))),
            );
            (checks, state.probes.clone())
        };
        let asked = probes.into_iter().map(|(name, probe)| async move {
            let answer = tokio::time::timeout(PROBE, probe()).await;
            Check::of(
                name,
                answer.unwrap_or_else(|_| Err(format!("no answer within {} s", PROBE.as_secs()))),
            )
        });
        checks.extend(join_all(asked).await);
        report(checks)
    }
}

fn fresh(last: Instant, at_most: Duration) -> Result<(), String> {
    let age = last.elapsed();
    if age <= at_most {
        Ok(())
    } else {
        Err(format!("no turn for {} s", age.as_secs()))
    }
}

fn report(mut checks: Vec<Check>) -> Report {
    checks.sort_by_key(|check| check.name);
    Report {
        ok: checks.iter().all(|check| check.ok),
        checks,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(report: &Report) -> Vec<(&str, &str)> {
        assert_eq!(report.ok, report.checks.iter().all(|check| check.ok));
        let bad = report.checks.iter().filter(|check| !check.ok);
        bad.map(|check| (check.name, check.detail.as_deref().unwrap()))
            .collect()
    }

    #[tokio::test]
    async fn ready_needs_every_condition_and_probe() {
        let health = Health::default();
        assert!(health.ready().await.ok);
        health.expect("topics");
        health.probe(
            "database",
            Arc::new(|| Box::pin(async { Err("does not answer".to_owned()) })),
        );
        assert_eq!(
            failed(&health.ready().await),
            [("database", "does not answer"), ("topics", "not yet")]
        );
        assert!(health.live().ok, "what is outside never makes the process dead");
        health.note("topics", None);
        health.expect("topics");
        health.probe("database", Arc::new(|| Box::pin(async { Ok(()) })));
        assert!(health.ready().await.ok, "to expect again forgets nothing");
        health.clone().stopping();
        assert_eq!(failed(&health.ready().await), [("running", "stopping")]);
    }

    #[tokio::test]
    async fn a_loop_that_stands_still_is_not_ready_and_one_that_ended_is_dead() {
        let health = Health::default();
        health.beat("leases", Duration::ZERO);
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(failed(&health.ready().await), [("leases", "no turn for 0 s")]);
        health.rest("leases");
        assert!(health.ready().await.ok);
        health.died("relay ended: boom");
        health.died("worker ended");
        assert_eq!(failed(&health.live()), [("tasks", "relay ended: boom")]);
    }

    #[tokio::test]
    async fn a_remark_is_shown_and_leaves_the_service_ready() {
        let health = Health::default();
        health.remark("sftp", Some("bcr (host-key)".to_owned()));
        let report = health.ready().await;
        let shown = report.checks.iter().find(|check| check.name == "sftp");
        assert_eq!(
            (report.ok, shown.and_then(|check| check.detail.as_deref())),
            (true, Some("bcr (host-key)"))
        );
        health.remark("sftp", None);
        assert!(health.ready().await.checks.iter().all(|check| check.name != "sftp"));
    }

    #[tokio::test]
    async fn a_probe_that_hangs_fails() {
        let health = Health::default();
        health.probe("database", Arc::new(|| Box::pin(std::future::pending())));
        assert_eq!(failed(&health.ready().await), [("database", "no answer within 2 s")]);
    }
}
