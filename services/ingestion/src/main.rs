//! The binary of ingestion.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<ingestion::Ingestion>()
}
