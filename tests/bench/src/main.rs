//! Measurements on real parts: every figure beside a baseline taken in the same run, and beside the CPU it cost.
//!
//! | command | what it measures |
//! |---|---|
//! | `pipeline` | bank file → ingestion → Kafka → allocation → Kafka, against the bare allocation transaction |
//! | `latency` | PayU confirmation accepted → allocation published, at a steady rate |
//! | `day-close` | a day over accounts with nothing to do, from the ERP's call to allocation's certificate |
//! | `reader` | a large file of each format: the reader alone; a large camt.053: the importing process' peak memory |
//! | `idle` | what all processes take while nothing happens |
//!
//! `cargo run --release -p bench -- pipeline --payments 200000 --json`

mod bare;
mod cpu;
mod day_close;
mod idle;
mod inputs;
mod latency;
mod number;
mod pipeline;
mod place;
mod reader;
mod readers;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use serde_json::Value;

#[derive(Parser)]
#[command(about = "Measures Incasso on a real Kafka and PostgreSQL.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// One JSON document on standard output.
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Bank file to published allocations, against the bare PostgreSQL transaction.
    Pipeline {
        /// Payments, one per open item.
        #[arg(long, default_value_t = 200_000)]
        payments: usize,
        /// Further open items that are there already and that nobody pays.
        #[arg(long, default_value_t = 0)]
        items: usize,
    },
    /// From an accepted confirmation to the published allocation.
    Latency {
        /// Confirmations a second.
        #[arg(long, default_value_t = 300)]
        rate: usize,
        /// For how long.
        #[arg(long, default_value_t = 60)]
        seconds: usize,
    },
    /// A day with nothing to do.
    DayClose {
        /// Accounts.
        #[arg(long, default_value_t = 100_000)]
        accounts: usize,
    },
    /// A large bank file of each format.
    Reader {
        /// Size of each file.
        #[arg(long, default_value_t = 500)]
        megabytes: usize,
    },
    /// Nothing happens.
    Idle {
        /// For how long.
        #[arg(long, default_value_t = 30)]
        seconds: u64,
    },
    /// Reads one file: what `reader` starts for each.
    #[command(hide = true)]
    Read {
        /// The file.
        path: std::path::PathBuf,
    },
    /// One service as a process of its own: what the other commands start.
    #[command(hide = true)]
    Serve {
        /// Its name.
        service: String,
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Serve { service, arguments } = cli.command {
        end_with_the_bench();
        return match service.as_str() {
            "billing" => runtime::main_with::<billing::Billing>(arguments),
            "ingestion" => runtime::main_with::<ingestion::Ingestion>(arguments),
            "allocation" => runtime::main_with::<allocation::Allocation>(arguments),
            other => {
                eprintln!("bench: there is no service {other}");
                ExitCode::from(2)
            }
        };
    }
    if let Command::Read { path } = cli.command {
        return match readers::read(path) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("bench: {error:#}");
                ExitCode::FAILURE
            }
        };
    }
    let measured = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(anyhow::Error::from)
        .and_then(|tokio| tokio.block_on(measure(cli.command)));
    match measured {
        Ok(figures) => {
            print(&figures, cli.json);
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The bench holds the other end of standard input and never writes: when it ends, however it ends, so does the service.
fn end_with_the_bench() {
    std::thread::spawn(|| {
        let ended = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(i32::from(ended.is_err()));
    });
}

async fn measure(command: Command) -> anyhow::Result<Value> {
    match command {
        Command::Pipeline { payments, items } => pipeline::run(payments, items).await,
        Command::Latency { rate, seconds } => latency::run(rate, seconds).await,
        Command::DayClose { accounts } => day_close::run(accounts).await,
        Command::Reader { megabytes } => reader::run(megabytes).await,
        Command::Idle { seconds } => idle::run(seconds).await,
        Command::Serve { .. } | Command::Read { .. } => anyhow::bail!("what other commands start is not measured"),
    }
}

/// One line per figure, nested ones indented.
fn print(figures: &Value, json: bool) {
    if json {
        println!("{figures:#}");
        return;
    }
    for (name, value) in figures.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(inner) => {
                println!("{name}");
                for (name, value) in inner {
                    println!("    {name:28} {value}");
                }
            }
            None => println!("{name:32} {value}"),
        }
    }
}
