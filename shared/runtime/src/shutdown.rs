//! A graceful stop: SIGTERM or Ctrl-C cancels a token, everything drains, a deadline ends what does not.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// The exit code after a second signal: 128 + SIGINT, as shells expect.
const IMPATIENT: i32 = 130;

/// A token that is cancelled by SIGTERM or SIGINT. A second signal ends the process at once: a person who presses
/// Ctrl-C twice means it, and nothing is lost (crash-only).
///
/// # Errors
/// When the process may not handle signals.
pub fn on_signals() -> std::io::Result<CancellationToken> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let token = CancellationToken::new();
    let stop = token.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if first {
                tracing::info!(signal = name, "stopping; a second signal ends at once");
                stop.cancel();
            }
        }
        std::process::exit(IMPATIENT);
    });
    Ok(token)
}

/// Waits for `work` at most `deadline`. `None`, and a log line that names `what`, when it did not end in time; `work` is
/// dropped then.
pub async fn within<T>(what: &'static str, deadline: Duration, work: impl Future<Output = T>) -> Option<T> {
    let ended = tokio::time::timeout(deadline, work).await.ok();
    if ended.is_none() {
        let millis = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
        tracing::warn!(what, deadline_ms = millis, "did not stop in time and was cut off");
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_in_time_is_returned_and_late_work_is_dropped() {
        assert_eq!(within("quick", Duration::from_secs(60), async { 7 }).await, Some(7));
        let late = within("slow", Duration::from_millis(5), std::future::pending::<()>()).await;
        assert_eq!(late, None);
    }

    #[tokio::test]
    async fn sigterm_cancels_the_token() {
        let token = on_signals().unwrap();
        assert!(!token.is_cancelled());
        let own = std::process::id().to_string();
        assert!(
            std::process::Command::new("kill")
                .args(["-TERM", &own])
                .status()
                .unwrap()
                .success()
        );
        tokio::time::timeout(Duration::from_secs(60), token.cancelled())
            .await
            .unwrap();
    }
}
