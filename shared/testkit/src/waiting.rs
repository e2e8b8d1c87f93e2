//! Waiting for what another task or process does.

use std::fmt::Debug;
use std::panic::Location;
use std::time::{Duration, Instant};

/// What a question to [`eventually`] may answer.
pub trait Attempt {
    /// What is there when the wait is over.
    type Value;

    /// The value, or in words what is still missing.
    ///
    /// # Errors
    /// It is not there yet.
    fn settle(self) -> Result<Self::Value, String>;
}

impl Attempt for bool {
    type Value = ();

    fn settle(self) -> Result<(), String> {
        if self { Ok(()) } else { Err("still false".to_owned()) }
    }
}

impl<T> Attempt for Option<T> {
    type Value = T;

    fn settle(self) -> Result<T, String> {
        self.ok_or_else(|| "still none".to_owned())
    }
}

impl<T, E: Debug> Attempt for Result<T, E> {
    type Value = T;

    fn settle(self) -> Result<T, String> {
        self.map_err(|error| format!("{error:?}"))
    }
}

/// Asks `question` again and again, after 5 ms and then ever less often up to four times a second, until it answers
/// `true`, `Some` or `Ok`. The value is returned.
///
/// # Panics
/// After `patience`, naming the caller's line and the last answer.
#[track_caller]
pub fn eventually<A, F>(patience: Duration, mut question: F) -> impl Future<Output = A::Value>
where
    A: Attempt,
    F: AsyncFnMut() -> A,
{
    let caller = Location::caller();
    async move {
        let began = Instant::now();
        let mut pause = Duration::from_millis(5);
        loop {
            match question().await.settle() {
                Ok(value) => return value,
                Err(missing) => assert!(
                    began.elapsed() < patience,
                    "{caller}: not within {patience:?}: {missing}"
                ),
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(250));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_until_it_is_there() {
        let mut asked = 0;
        let value = eventually(Duration::from_secs(5), async || {
            asked += 1;
            (asked == 3).then_some(asked)
        });
        assert_eq!(value.await, 3);
    }

    #[tokio::test]
    #[should_panic(expected = "waiting.rs")]
    async fn gives_up_and_names_the_line() {
        eventually(Duration::from_millis(20), async || false).await;
    }
}
