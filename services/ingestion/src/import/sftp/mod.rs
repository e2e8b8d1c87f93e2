//! Pulls by SFTP: what banks lay into a directory of their server is fetched, stored like an upload, and read like one.
//!
//! | module | does |
//! |---|---|
//! | [`keys`] | the server's keys that are pinned, the user's own |
//! | [`session`] | connects, logs in, lists, reads |
//! | [`fetch`] | one file, from where it was cut |
//! | [`fault`] | what fails, and who can mend it |
//!
//! One instance pulls at a time (a lease, renewed while it pulls). A file is known by name, size and time, and its bytes by
//! their SHA-256 as everywhere: nothing is booked twice.

mod fault;
mod fetch;
mod keys;
mod session;

use std::collections::BTreeSet;
use std::time::Duration;

use fault::{Fault, Reason};
use futures::future::BoxFuture;
use runtime::metrics::{Counter, Gauge};
use runtime::{CancellationToken, Context, Failure};
use session::Session;
use sha2::{Digest, Sha256};

use super::{folders, source};
use crate::api::statements::{self, StoreError};
use crate::config::{After, Config, Sftp};
use crate::domain::pull::{self, Remote, State, finished_name};
use crate::store::sftp::{self, Finished, Lease};

pub use keys::{Pin, load_key, load_secret};

/// How often an instance asks whether a pull is due.
const TICK: Duration = Duration::from_secs(1);
/// How often the lease of a running pull is renewed: a third of its length.
const RENEW: Duration = Duration::from_secs(10);
/// The check of health that shows pulls that fail; they never make the service unready.
const REMARK: &str = "sftp";

/// What is counted.
pub struct Numbers {
    files: Counter,
    bytes: Counter,
    failures: Counter,
    failing: Gauge,
    looked: Gauge,
}

impl Numbers {
    fn of(ctx: &Context) -> Self {
        let metrics = ctx.metrics();
        Self {
            files: metrics.counter(
                "incasso_sftp_files_total",
                "Files pulled by SFTP, by what they were: stored, seen-before (by SHA-256), too-large.",
                &["pull", "result"],
            ),
            bytes: metrics.counter("incasso_sftp_bytes_total", "Bytes pulled by SFTP.", &["pull"]),
            failures: metrics.counter(
                "incasso_sftp_failures_total",
                "Pulls that failed, by reason.",
                &["pull", "reason"],
            ),
            failing: metrics.gauge(
                "incasso_sftp_failing_tries",
                "How often in a row a pull has failed; 0 while all is well.",
                &["pull"],
            ),
            looked: metrics.gauge(
                "incasso_sftp_looked_at_seconds",
                "When a pull last saw its directory, in seconds since 1970.",
                &["pull"],
            ),
        }
    }
}

/// What a look came to.
struct Looked {
    /// Files are waited for that may be finished at the next look.
    waits: bool,
    /// What failed of single files.
    fault: Option<Fault>,
}

/// Pulls from all configured servers until cancelled.
pub fn watch(ctx: Context, stop: CancellationToken) -> BoxFuture<'static, anyhow::Result<()>> {
    Box::pin(async move {
        let pulls = ctx.config::<Config>().sftp.clone();
        if pulls.is_empty() {
            stop.cancelled().await;
            return Ok(());
        }
        let names: Vec<String> = pulls.iter().map(|pull| pull.name.clone()).collect();
        let each = pulls.into_iter().map(|pull| watch_one(&ctx, &stop, pull));
        tokio::join!(futures::future::join_all(each), tell(&ctx, &stop, &names));
        Ok(())
    })
}

async fn pause(stop: &CancellationToken) {
    tokio::select! {
        () = stop.cancelled() => {}
        () = tokio::time::sleep(TICK) => {}
    }
}

async fn watch_one(ctx: &Context, stop: &CancellationToken, pull: Sftp) {
    let numbers = Numbers::of(ctx);
    let settings = serde_json::to_vec(&pull).unwrap_or_default();
    let settings = hex::encode(Sha256::digest(settings));
    let mut registered = false;
    while !stop.is_cancelled() {
        let turn = async {
            let mut conn = ctx.pool().acquire().await?;
            if !registered {
                sftp::register(&mut conn, &pull.name, &settings).await?;
                registered = true;
            }
            let lease = sftp::lease(&mut conn, &pull.name).await?;
            drop(conn);
            match lease {
                Some(lease) => turn(ctx, stop, &pull, lease, &numbers).await,
                None => Ok(()),
            }
        };
        if let Err(failure) = turn.await {
            tracing::warn!(pull = pull.name, %failure, "whether a pull is due cannot be told, trying again");
        }
        pause(stop).await;
    }
}

/// Says in metrics and health how pulls stand, whichever instance runs them.
async fn tell(ctx: &Context, stop: &CancellationToken, names: &[String]) {
    let numbers = Numbers::of(ctx);
    while !stop.is_cancelled() {
        let standing = async {
            let mut conn = ctx.pool().acquire().await?;
            sftp::standing(&mut conn, names).await
        };
        if let Ok(pulls) = standing.await {
            let mut failing = Vec::new();
            for pull in &pulls {
                numbers.failing.set(&[&pull.name], i64::from(pull.failures));
                let looked = pull.looked_at.map_or(0, |at| at.timestamp());
                numbers.looked.set(&[&pull.name], looked);
                if let Some(reason) = &pull.reason {
                    failing.push(format!("{} ({reason})", pull.name));
                }
            }
            let words = format!("pulls that fail, see the log or GET /v1/feeds: {}", failing.join(", "));
            ctx.health().remark(REMARK, (!failing.is_empty()).then_some(words));
        }
        pause(stop).await;
    }
}

/// One look, under a lease that is renewed meanwhile.
async fn turn(
    ctx: &Context,
    stop: &CancellationToken,
    pull: &Sftp,
    lease: Lease,
    numbers: &Numbers,
) -> Result<(), Failure> {
    let looked = tokio::select! {
        looked = look(ctx, pull, lease.look, numbers) => looked,
        fault = hold(ctx, pull, lease.epoch) => Err(fault),
        () = stop.cancelled() => Err(Fault::new(Reason::Lost, "the service stops")),
    };
    let (listed, waits, fault) = match looked {
        Ok(Looked { waits, fault }) => (true, waits, fault),
        Err(fault) => (false, false, Some(fault)),
    };
    let failures = match &fault {
        Some(fault) if fault.reason == Reason::Lost => lease.failures,
        Some(_) => lease.failures.saturating_add(1),
        None => 0,
    };
    let pause_seconds = match &fault {
        Some(fault) if fault.reason == Reason::Lost => 0,
        Some(fault) => {
            numbers.failures.inc(&[&pull.name, fault.reason.as_str()]);
            let seconds = pull::pause_seconds(failures, fault.reason.needs_a_person());
            tracing::warn!(pull = pull.name, reason = fault.reason.as_str(), failures, again_in_seconds = seconds, problem = %fault, "a pull by SFTP failed");
            seconds
        }
        None => next_in(ctx, pull, waits),
    };
    let told = fault.as_ref().filter(|fault| fault.reason != Reason::Lost);
    let finished = Finished {
        pause_seconds,
        looked: listed,
        failures,
        reason: told.map(|fault| fault.reason.as_str()),
        problem: told.map(|fault| fault.text.as_str()),
        at: ctx.now().utc(),
    };
    let mut conn = ctx.pool().acquire().await?;
    sftp::finish(&mut conn, &pull.name, lease.epoch, &finished).await?;
    Ok(())
}

/// Seconds until the next look.
fn next_in(ctx: &Context, pull: &Sftp, waits: bool) -> i64 {
    let seconds = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let scheduled = pull::seconds_until_next(ctx.now().utc(), &pull.times(), pull.zone());
    let regular = scheduled.unwrap_or(seconds(pull.poll_seconds));
    if waits {
        regular.min(seconds(pull.settle_seconds))
    } else {
        regular
    }
}

/// Ends when the lease is lost.
async fn hold(ctx: &Context, pull: &Sftp, epoch: i64) -> Fault {
    loop {
        tokio::time::sleep(RENEW).await;
        let renewed = async {
            let mut conn = ctx.pool().acquire().await?;
            sftp::renew(&mut conn, &pull.name, epoch).await
        };
        match renewed.await {
            Ok(true) => {}
            Ok(false) => return Fault::new(Reason::Lost, "another instance pulls"),
            Err(error) => return Fault::ours(error),
        }
    }
}

async fn look(ctx: &Context, pull: &Sftp, look: i64, numbers: &Numbers) -> Result<Looked, Fault> {
    let session = Session::open(pull).await?;
    let looked = look_with(ctx, &session, pull, look, numbers).await;
    session.close().await;
    looked
}

async fn look_with(
    ctx: &Context,
    session: &Session,
    pull: &Sftp,
    look: i64,
    numbers: &Numbers,
) -> Result<Looked, Fault> {
    let listing = session.list(pull).await?;
    let mut conn = ctx.pool().acquire().await?;
    let known = sftp::known(&mut conn, &pull.name, &listing).await?;
    let verdict = pull::judge(&listing, &known, look, &pull.pattern);
    let listed = [&verdict.wait[..], &verdict.take[..]].concat();
    let waited = known.iter().filter(|(_, state)| matches!(state, State::Seen(_)));
    let there: BTreeSet<&Remote> = listing.iter().collect();
    let gone: Vec<Remote> = waited
        .map(|(file, _)| file)
        .filter(|file| !there.contains(file))
        .cloned()
        .collect();
    sftp::note(&mut conn, &pull.name, look, &listed, &gone).await?;
    drop(conn);
    for file in &gone {
        // Where nothing of it was fetched, there is nothing.
        let _ = tokio::fs::remove_file(fetch::partial(ctx, pull, file)).await;
    }
    let mut fault = None;
    for file in &verdict.take {
        match take(ctx, session, pull, file, numbers).await {
            Err(of_file) if of_file.of_file => fault = Some(of_file),
            other => other?,
        }
    }
    for file in &verdict.stored {
        match after(session, pull, file).await {
            Err(of_file) if of_file.of_file => fault = Some(of_file),
            other => other?,
        }
    }
    let waits = verdict.wait.iter().any(|file| finished_name(&file.name).is_none());
    Ok(Looked { waits, fault })
}

/// Fetches and stores one file, then has it read.
async fn take(ctx: &Context, session: &Session, pull: &Sftp, file: &Remote, numbers: &Numbers) -> Result<(), Fault> {
    let limit = ctx.config::<Config>().statement_limit_bytes;
    if u64::try_from(file.size_bytes).is_ok_and(|size| size > limit) {
        return refuse(ctx, pull, file, limit, numbers).await;
    }
    let target = fetch::partial(ctx, pull, file);
    if !fetch::fetch(ctx, session, pull, file, &target, numbers).await? {
        // It is another file now, which the next look finds.
        let _ = tokio::fs::remove_file(&target).await;
        let mut conn = ctx.pool().acquire().await?;
        sftp::note(&mut conn, &pull.name, 0, &[], std::slice::from_ref(file)).await?;
        return Ok(());
    }
    let bytes = tokio::fs::File::open(&target).await.map_err(Fault::ours)?;
    let origin = source::origin("sftp", pull.source.as_deref());
    let stored = match statements::store(ctx, bytes, &["*".to_owned()], &origin).await {
        Ok(stored) => stored,
        Err(StoreError::TooLarge(limit)) => return refuse(ctx, pull, file, limit, numbers).await,
        Err(StoreError::Source(error)) => return Err(Fault::ours(error)),
        Err(StoreError::Failure(failure)) => return Err(failure.into()),
    };
    let mut conn = ctx.pool().acquire().await?;
    sftp::settle(&mut conn, &pull.name, file, Some(stored.item.raw_id), ctx.now().utc()).await?;
    drop(conn);
    let _ = tokio::fs::remove_file(&target).await;
    let (result, raw) = (if stored.new { "stored" } else { "seen-before" }, stored.item.raw_id);
    numbers.files.inc(&[&pull.name, result]);
    tracing::info!(pull = pull.name, file = file.name, bytes = file.size_bytes, %raw, result, "a file was pulled");
    if folders::take_in(ctx, stored).await?.is_some() {
        tracing::warn!(pull = pull.name, file = file.name, %raw, "a file that was pulled is refused: GET /v1/raw/{{id}} says why");
    }
    after(session, pull, file).await
}

/// A file that is too large is not fetched; it stays on the server.
async fn refuse(ctx: &Context, pull: &Sftp, file: &Remote, limit: u64, numbers: &Numbers) -> Result<(), Fault> {
    numbers.files.inc(&[&pull.name, "too-large"]);
    tracing::error!(
        pull = pull.name,
        file = file.name,
        bytes = file.size_bytes,
        limit,
        "a file on the server is too large and is not pulled: ask the bank for smaller files"
    );
    let mut conn = ctx.pool().acquire().await?;
    sftp::settle(&mut conn, &pull.name, file, None, ctx.now().utc()).await?;
    Ok(())
}

/// What becomes of a stored file on the server. One that was written anew meanwhile stays.
async fn after(session: &Session, pull: &Sftp, file: &Remote) -> Result<(), Fault> {
    let path = pull.path(&file.name);
    if pull.after == After::Leave || session.look_at(&path, &file.name).await?.as_ref() != Some(file) {
        return Ok(());
    }
    match &pull.after {
        After::Leave => Ok(()),
        After::Delete => session.remove(&path).await,
        After::Move(directory) if directory.starts_with('/') => session.move_to(&path, directory, &file.name).await,
        After::Move(directory) => session.move_to(&path, &pull.path(directory), &file.name).await,
    }
}
