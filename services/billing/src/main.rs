//! The binary of the service `billing`.

use std::process::ExitCode;

fn main() -> ExitCode {
    runtime::main::<billing::Billing>()
}
