//! `incasso demo`: a made-up month of a Romanian utility and a Colombian publisher, through the real doors.
//!
//! | room | what it holds |
//! |---|---|
//! | `model`, `rng`, `people`, `books`, `fates`, `month` | who owes, who pays, and what goes wrong; what it must come to |
//! | `camt`, `statements`, `payu`, `erp` | the bytes that banks, PayU and ERPs send |
//! | `inputs`, `place` | the folder for outsiders; databases, topics, settings of this run |
//! | `client`, `days`, `progress` | the month goes by, day after day |
//! | `outcome`, `tell` | the certificates' sums, and words for people |

mod books;
mod camt;
mod client;
mod days;
mod erp;
mod fates;
mod inputs;
mod model;
mod month;
mod outcome;
mod payu;
mod people;
mod place;
mod progress;
mod rng;
mod statements;
mod tell;

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use kernel::Timestamp;
use runtime::terminal::{complain, say};
use runtime::{CancellationToken, Clock as _, ManualClock, RuntimeConfig, SystemClock};
use stack::{Options, Stack};

use crate::cli::FAILED;
use crate::run::Services;
use client::Outside;
use model::{Month, Size};
use outcome::Outcome;
use place::Place;
use progress::Progress;

/// Finds or starts Kafka and PostgreSQL, sends a month of bank files and PayU confirmations, and shows where every cent went.
///
/// Exit code 0: every certificate holds and the sums are those that were made up. 1: not, or it could not run.
#[derive(Debug, Clone, clap::Args)]
#[command(
    after_help = "Examples:\n  incasso demo\n  incasso demo --once --json | jq .currencies\n\nWhat was sent lies in target/incasso-demo/<run>/inputs afterwards."
)]
pub struct DemoArgs {
    /// Ends after the table; without it the services keep serving until Ctrl-C.
    #[arg(long)]
    pub once: bool,
    /// Prints one JSON document on standard output instead of the table.
    #[arg(long)]
    pub json: bool,
}

/// Runs the command.
pub async fn command(args: DemoArgs) -> ExitCode {
    let started = Instant::now();
    let stop = match runtime::shutdown::on_signals() {
        Ok(stop) => stop,
        Err(error) => return failed(&error.into()),
    };
    let ended = tokio::select! {
        ended = demo(&args, started, &stop) => ended,
        () = interrupted(&stop, &args) => Err(anyhow::anyhow!("interrupted")),
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FAILED),
        Err(error) => failed(&error),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    complain(format!("incasso: {error:#}"));
    ExitCode::from(FAILED)
}

/// Cut off while the month runs; while it serves, the demo ends by itself on the same signal.
async fn interrupted(stop: &CancellationToken, args: &DemoArgs) {
    stop.cancelled().await;
    let grace = if args.once { 0 } else { 30 };
    tokio::time::sleep(std::time::Duration::from_secs(grace)).await;
}

/// `true` when everything came out as it must.
async fn demo(args: &DemoArgs, started: Instant, stop: &CancellationToken) -> anyhow::Result<bool> {
    let place = Place::new(SystemClock.now())?;
    let inputs = place.inputs();
    let made = tokio::task::spawn_blocking(move || {
        let month = month::month(Size::DEMO, month::SEED)?;
        inputs::write(&month, &inputs)?;
        anyhow::Ok(month)
    });
    let (stack, month) = tokio::join!(Stack::start(Options::new("demo")), made);
    let (stack, mut month) = (stack?, month??);
    for line in stack.started() {
        complain(format!("demo: {line}"));
    }
    let all = place.settings(&stack, &month).await?;
    let settings = all.billing.runtime.clone();
    let clock = ManualClock::new(Timestamp::parse("2026-01-01T00:00:00Z")?);
    runtime::telemetry::init(&settings.log)?;
    let mut services = place.start(all, &clock).await?;
    let outside = Outside::new(
        services.billing.http(),
        services.ingestion.http(),
        services.allocation.http(),
    )?;
    let came = tokio::select! {
        came = through(args, started, &place, &mut month, &outside, &clock) => came,
        ended = services.wait() => Err(ended.err().unwrap_or_else(|| anyhow::anyhow!("a service ended by itself"))),
    };
    let good = match came {
        Ok(outcome) => {
            let good = tell_all(args, &outside, &place, &month, &outcome).await?;
            if !args.once {
                tokio::select! {
                    () = stop.cancelled() => {}
                    ended = services.wait() => ended?,
                }
            }
            Ok(good)
        }
        Err(error) => Err(error),
    };
    end(services, &place, &stack, &settings).await;
    good
}

/// The month, from its first day to its certificates.
async fn through(
    args: &DemoArgs,
    started: Instant,
    place: &Place,
    month: &mut Month,
    outside: &Outside,
    clock: &ManualClock,
) -> anyhow::Result<Outcome> {
    let progress = Progress::new(month.days.len());
    progress.say(&format!(
        "{} accounts, {} invoices, one month",
        month.accounts, month.invoices
    ));
    let answers = days::run(outside, clock, month, &progress).await;
    progress.finish();
    let (answers, _) = answers.context("the month broke off")?;
    let outcome = outcome::read(outside, answers, started.elapsed().as_secs(), place.inputs()).await?;
    if !args.json {
        complain(format!("demo: done after {} s", outcome.seconds));
    }
    Ok(outcome)
}

/// Table or JSON on standard output; what is wrong on standard error.
async fn tell_all(
    args: &DemoArgs,
    outside: &Outside,
    place: &Place,
    month: &Month,
    outcome: &Outcome,
) -> anyhow::Result<bool> {
    let problems = outcome.problems(&month.expected);
    if args.json {
        say(serde_json::to_string_pretty(outcome)?);
    } else {
        say(format!("{}\nThree payments in words", tell::table(outcome)));
        for shown in &month.shown {
            say(format!("\n{}", tell::explain(outside, shown).await?.trim_end()));
        }
        say(tell::further(outside, place, !args.once));
    }
    for problem in &problems {
        complain(format!("demo: NOT AS IT MUST BE: {problem}"));
    }
    Ok(problems.is_empty())
}

/// Stops the services and removes what the run left on the servers.
async fn end(services: Services, place: &Place, stack: &Stack, settings: &RuntimeConfig) {
    if let Err(error) = services.stop().await {
        complain(format!("demo: while stopping: {error:#}"));
    }
    place.clean(stack, settings).await;
}
