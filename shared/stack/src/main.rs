//! Holds a stack until it is interrupted: for `incasso run` on a developer's machine, and for looking at it by hand.
//!
//! `cargo run --package stack -- [NAME]` prints the addresses as `KEY=value` lines.

use std::io::{self, Write as _};

use stack::{Options, Stack};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let name = std::env::args().nth(1).unwrap_or_else(|| "manual".to_owned());
    let stack = Stack::start(Options::new(&name)).await?;
    for line in stack.started() {
        eprintln!("{line}");
    }
    // Whoever reads the addresses may close the pipe after them.
    let _ = writeln!(
        io::stdout(),
        "INCASSO_KAFKA={}\nDATABASE_URL={}",
        stack.kafka(),
        stack.postgres()
    );
    eprintln!("It ends with Ctrl-C.");
    tokio::signal::ctrl_c().await?;
    Ok(())
}
