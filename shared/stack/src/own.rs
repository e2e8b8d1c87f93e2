//! Servers of one's own ([`crate::Options::own`]) as tests of outages need them: killed as by a crash, and started again on
//! the same data at the same address.

use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;

use crate::shared::{Ending, Share};
use crate::{Stack, kafka, postgres};

/// A server of the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The broker.
    Kafka,
    /// The database server.
    Postgres,
}

/// How long a server that was killed may take to start: PostgreSQL replays its log, Kafka looks its segments over.
const PATIENCE: Duration = Duration::from_secs(90);

impl Stack {
    fn share(&self, part: Part) -> anyhow::Result<&Share> {
        let server = match part {
            Part::Kafka => &self.kafka,
            Part::Postgres => &self.postgres,
        };
        server
            .share
            .as_ref()
            .context("this server was found, not started: it is not ours to kill")
    }

    /// Kills a server as a crash would: the broker by SIGKILL, PostgreSQL by its immediate shutdown, after which it recovers
    /// from its log.
    ///
    /// # Errors
    /// The server was not started here, or is gone.
    pub fn kill(&self, part: Part) -> anyhow::Result<()> {
        let signal = match part {
            Part::Kafka => Signal::SIGKILL,
            Part::Postgres => Signal::SIGQUIT,
        };
        self.share(part)?.signal(signal)
    }

    /// Starts a server that was killed, on the data that it left and at its old address, and waits until it answers.
    ///
    /// # Errors
    /// The server was not started here, or does not start: the message ends with its log.
    pub async fn restart(&self, part: Part) -> anyhow::Result<()> {
        let share = self.share(part)?;
        let signal = match part {
            Part::Kafka => "TERM",
            Part::Postgres => "INT",
        };
        share.relaunch(&Ending { signal, extra: None }).await?;
        let url = share.running.url.clone();
        share
            .until(PATIENCE, async || match part {
                Part::Kafka => kafka::has_broker(&url).await,
                Part::Postgres => postgres::answers(&url).await,
            })
            .await
    }
}
