//! `incasso --help` says everything.

use std::process::ExitCode;

fn main() -> ExitCode {
    incasso::cli::main()
}
