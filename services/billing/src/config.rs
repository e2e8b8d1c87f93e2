//! Billing's settings.

use serde::{Deserialize, Serialize};

/// Section `[billing]`; names end in their unit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Who closes days.
    pub clock: ClockMode,
    /// Longest sleep of the clock, in seconds: how late it notices that the machine's clock was set.
    pub clock_sleep_seconds: u64,
    /// Lines that one batch may have; the rest is reported and not put.
    pub batch_lines_max: u64,
    /// Size of one line of a batch, in bytes.
    pub batch_line_max_bytes: usize,
    /// Lines in one transaction of a batch.
    pub batch_chunk_lines: usize,
    /// How long a batch tries a chunk again while the database does not answer, in seconds.
    pub batch_patience_seconds: u64,
}

/// Who closes days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockMode {
    /// Billing, at each calendar's cut-off by its clock.
    #[default]
    System,
    /// `POST /v1/clock/close`, and nobody else: tests, the demo, simulations.
    Manual,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            clock: ClockMode::System,
            clock_sleep_seconds: 60,
            batch_lines_max: 1_000_000,
            batch_line_max_bytes: 262_144,
            batch_chunk_lines: 1_000,
            batch_patience_seconds: 20,
        }
    }
}

impl Config {
    /// Whether the settings make sense.
    ///
    /// # Errors
    /// What to change.
    pub fn check(&self) -> anyhow::Result<()> {
        anyhow::ensure!(
            self.clock_sleep_seconds > 0,
            "billing.clock_sleep_seconds must be more than 0"
        );
        anyhow::ensure!(self.batch_lines_max > 0, "billing.batch_lines_max must be more than 0");
        anyhow::ensure!(
            self.batch_line_max_bytes >= 1_024,
            "billing.batch_line_max_bytes must be at least 1024"
        );
        anyhow::ensure!(
            (1..=2_000).contains(&self.batch_chunk_lines),
            "billing.batch_chunk_lines must be 1 to 2000: a transaction must be over before the lock time-out of others"
        );
        Ok(())
    }
}
