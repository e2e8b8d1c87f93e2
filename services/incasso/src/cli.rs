//! The arguments of `incasso`.

use std::ffi::OsString;
use std::future::Future;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::proof::ProofArgs;
use crate::replay::ReplayArgs;
use crate::{demo, inspect, proof, replay, run, topics};

/// Exit code of a command that could not do its work for a reason outside of it.
pub const FAILED: u8 = 1;

/// Exit code of wrong arguments or settings.
pub const WRONG_SETTINGS: u8 = 2;

/// Incasso: every cent that comes in finds what it is owed for, and the day closes with a proof.
#[derive(Debug, Parser)]
#[command(
    name = "incasso",
    version,
    after_help = "Examples:\n  incasso demo\n  incasso inspect statement.xml\n  incasso run --config incasso.toml"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a made-up month of a utility and a publisher, and shows where every cent went.
    Demo(demo::DemoArgs),
    /// Runs every service in one process against a given Kafka and PostgreSQL.
    Run(run::RunArgs),
    /// Shows how a camt.053 file is read, with its balance proof, or why it is refused. Needs no broker or database.
    ///
    /// Exit code 0: read. 1: at least one statement would be quarantined. 2: the file is refused.
    #[command(after_help = "Example:\n  incasso inspect statement.xml --json")]
    Inspect {
        /// The file.
        file: PathBuf,
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Shows the topics: who writes them, who waits for them, what they carry.
    #[command(after_help = "Example:\n  incasso topics --json | jq '.topics[].name'")]
    Topics {
        /// Prints one JSON document.
        #[arg(long)]
        json: bool,
    },
    /// Checks that no cent was lost: certificates, their chain, and the rows behind them.
    Proof(ProofArgs),
    /// Runs allocation's recorded days again from the topics, and compares byte for byte.
    Replay(ReplayArgs),
}

/// Runs the command that the arguments name.
#[must_use]
pub fn main() -> ExitCode {
    match Cli::parse_from(without_separator(std::env::args_os())).command {
        Command::Demo(args) => wait_for(demo::command(args)),
        Command::Run(args) => run::command(&args),
        Command::Inspect { file, json } => written(|out| inspect::run(&file, json, out)),
        Command::Topics { json } => written(|out| topics::run(json, out).map(|()| 0)),
        Command::Proof(args) => wait_for(proof::command(args)),
        Command::Replay(args) => wait_for(replay::command(args)),
    }
}

/// `cargo demo -- --once` arrives as `demo -- --once`: the alias has a separator of its own. Only after `demo`, which takes
/// no file whose name could begin with a hyphen.
fn without_separator(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    if arguments.get(1).is_some_and(|command| command == "demo") && arguments.get(2).is_some_and(|next| next == "--") {
        arguments.remove(2);
    }
    arguments
}

/// Runs a command that needs the network. Whatever still blocks a thread at its end is left behind.
pub fn wait_for(command: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(tokio) => {
            let code = tokio.block_on(command);
            tokio.shutdown_timeout(std::time::Duration::from_millis(200));
            code
        }
        Err(error) => {
            eprintln!("incasso: {error}");
            ExitCode::from(FAILED)
        }
    }
}

/// Runs a command that only writes. A reader that has seen enough (`| head`) is no failure.
fn written(command: impl FnOnce(&mut dyn io::Write) -> io::Result<u8>) -> ExitCode {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let told = command(&mut out).and_then(|code| out.flush().map(|()| code));
    match told {
        Ok(code) => ExitCode::from(code),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("incasso: {error}");
            ExitCode::from(FAILED)
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn every_command_has_json_and_an_example() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        for command in cli.get_subcommands() {
            let name = command.get_name();
            assert!(
                command.get_arguments().any(|argument| argument.get_id() == "json"),
                "{name}"
            );
            assert!(
                command
                    .get_after_help()
                    .is_some_and(|help| help.to_string().contains("Example")),
                "{name}"
            );
        }
    }

    #[test]
    fn arguments_are_read() {
        for line in [
            "incasso demo --once --json",
            "incasso run --config incasso.toml --check",
            "incasso inspect a.xml --json",
            "incasso topics",
            "incasso proof --topics-only",
            "incasso replay --calendar RO --day 2026-01-05",
        ] {
            assert!(Cli::try_parse_from(line.split_whitespace()).is_ok(), "{line}");
        }
        assert!(Cli::try_parse_from(["incasso"]).is_err());
        let from_alias = ["incasso", "demo", "--", "--once", "--json"].map(OsString::from);
        assert!(Cli::try_parse_from(without_separator(from_alias.into_iter())).is_ok());
    }
}
