//! The service's own binary: `allocation --config FILE`.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<allocation::Allocation>()
}
