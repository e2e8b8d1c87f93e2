//! Runs billing, ingestion and allocation as processes, two of each, in a storm of faults, and looks from outside whether
//! anything was lost, done twice, or decided otherwise than without the storm.
//!
//! `cargo run --release -p faults -- --payments 100000 --kills 100 --seed 1 --json`

mod client;
mod cluster;
mod days;
mod oracle;
mod paper;
mod plan;
mod proxy;
mod rng;
mod run;
mod storm;
mod topics;
mod watch;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

/// Kills, stops, cuts and restarts everything while money comes in, and proves from outside that every cent is there once.
///
/// Exit codes: 0 all is right, 1 something is wrong (the last line says how to run it again), 2 wrong arguments.
#[derive(Clone, Debug, Parser)]
#[command(
    name = "faults",
    after_help = "Example:\n  cargo run --release -p faults -- --payments 100000 --kills 100 --seed 1 --json"
)]
pub struct Arguments {
    /// Payments that are made up and sent.
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(200..=5_000_000))]
    payments: u32,
    /// SIGKILLs; everything else happens at least once.
    #[arg(long, default_value_t = 10)]
    kills: u32,
    /// Of the plan: what is sent and what goes wrong.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The first compared day; by default a Monday in two months.
    #[arg(long)]
    pub first_on: Option<kernel::BusinessDate>,
    /// Compared days; by default 3, and 6 from 50,000 payments on.
    #[arg(long)]
    days: Option<u32>,
    /// Seconds that a network stays cut; by default 30 from 50,000 payments on, else 6.
    #[arg(long)]
    cut_seconds: Option<u64>,
    /// Seconds after which the run is given up; by default as its size demands.
    #[arg(long)]
    deadline_seconds: Option<u64>,
    /// Seconds that one step (a day's close, a request with all its tries) may take.
    #[arg(long, default_value_t = 120)]
    patience_seconds: u64,
    /// One JSON document on standard output.
    #[arg(long)]
    json: bool,
    /// Folder of the programs billing, ingestion and allocation; built by cargo in this profile where none is named.
    #[arg(long)]
    programs: Option<PathBuf>,
}

impl Arguments {
    /// How many days are compared.
    pub fn compared(&self) -> u32 {
        let usual = if self.payments < 50_000 { 3 } else { 6 };
        self.days.unwrap_or(usual).max(2)
    }

    /// How to run this again.
    pub fn again(&self) -> String {
        let release = if cfg!(debug_assertions) { "" } else { "--release " };
        let mut line = format!(
            "cargo run {release}-p faults -- --payments {} --kills {} --seed {}",
            self.payments, self.kills, self.seed
        );
        if let Some(on) = self.first_on.map_or_else(|| plan::first_on().ok(), Some) {
            line.push_str(&format!(" --first-on {on}"));
        }
        if let Some(days) = self.days {
            line.push_str(&format!(" --days {days}"));
        }
        if let Some(seconds) = self.cut_seconds {
            line.push_str(&format!(" --cut-seconds {seconds}"));
        }
        line
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let tokio = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(tokio) => tokio,
        Err(error) => {
            eprintln!("faults: {error}");
            return ExitCode::FAILURE;
        }
    };
    let right = tokio.block_on(run::run(&arguments));
    // Threads that read topics may still wait for a broker.
    tokio.shutdown_background();
    match right {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("faults: something is wrong. Run it again: {}", arguments.again());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("faults: {error:#}\nfaults: run it again: {}", arguments.again());
            ExitCode::FAILURE
        }
    }
}
