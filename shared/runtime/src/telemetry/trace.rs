//! W3C Trace Context (Recommendation of 23 November 2021): the `traceparent` header of HTTP and Kafka.

use std::fmt;
use std::future::Future;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::clock::nonce;

/// A trace and the step of it that causes what follows. Display is the header's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TraceContext {
    trace_id: [u8; 16],
    parent_id: [u8; 8],
    sampled: bool,
}

/// The text is not a `traceparent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a W3C traceparent")]
pub struct TraceParentError;

impl TraceContext {
    /// A new trace with random ids.
    #[must_use]
    pub fn root() -> Self {
        let (trace, parent) = (nonce(), nonce());
        Self {
            trace_id: *trace.as_bytes(),
            parent_id: first(*parent.as_bytes()),
            sampled: true,
        }
    }

    /// A new trace that is always the same for the same `seed`: what a day's run causes, what a timer causes.
    #[must_use]
    pub fn derived(seed: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(seed).into();
        let (trace_id, parent_id) = (first(digest), first(Sha256::digest(digest).into()));
        Self {
            trace_id,
            parent_id,
            sampled: true,
        }
    }

    /// A step of the same trace, always the same for the same `seed` (e.g. the id of the message emitted), so that a replay
    /// writes the same headers.
    #[must_use]
    pub fn child(&self, seed: &[u8]) -> Self {
        let digest = Sha256::new()
            .chain_update(self.trace_id)
            .chain_update(self.parent_id)
            .chain_update(seed)
            .finalize();
        Self {
            parent_id: first(digest.into()),
            ..*self
        }
    }

    /// The trace's id, 32 hexadecimal digits: also the id of an HTTP request.
    #[must_use]
    pub fn trace_id(&self) -> String {
        hex::encode(self.trace_id)
    }

    /// Reads a header; see [`FromStr`].
    ///
    /// # Errors
    /// [`TraceParentError`].
    pub fn parse(text: &str) -> Result<Self, TraceParentError> {
        text.parse()
    }
}

fn first<const N: usize, const M: usize>(bytes: [u8; N]) -> [u8; M] {
    let mut taken = [0; M];
    for (to, from) in taken.iter_mut().zip(bytes) {
        *to = from;
    }
    taken
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, parent, flags) = (
            hex::encode(self.trace_id),
            hex::encode(self.parent_id),
            u8::from(self.sampled),
        );
        write!(f, "00-{trace}-{parent}-{flags:02x}")
    }
}

impl FromStr for TraceContext {
    type Err = TraceParentError;

    /// Version 00 exactly; later versions by their first four fields, as section 4.3 asks; version ff and ids of zeros
    /// are invalid; hexadecimal digits are lower case.
    fn from_str(text: &str) -> Result<Self, TraceParentError> {
        let mut fields = text.splitn(5, '-');
        let mut field = || fields.next().ok_or(TraceParentError);
        let version: [u8; 1] = lower_hex(field()?)?;
        let trace_id: [u8; 16] = lower_hex(field()?)?;
        let parent_id: [u8; 8] = lower_hex(field()?)?;
        let [flags]: [u8; 1] = lower_hex(field()?)?;
        let more = fields.next().is_some();
        if version == [0xff] || (version == [0] && more) || trace_id == [0; 16] || parent_id == [0; 8] {
            return Err(TraceParentError);
        }
        Ok(Self {
            trace_id,
            parent_id,
            sampled: flags & 1 == 1,
        })
    }
}

fn lower_hex<const N: usize>(text: &str) -> Result<[u8; N], TraceParentError> {
    let mut bytes = [0; N];
    if text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Err(TraceParentError);
    }
    hex::decode_to_slice(text, &mut bytes).map_err(|_| TraceParentError)?;
    Ok(bytes)
}

tokio::task_local! {
    static CURRENT: TraceContext;
}

/// The trace of the request or message that is being handled in this task, if any.
#[must_use]
pub fn current() -> Option<TraceContext> {
    CURRENT.try_with(|trace| *trace).ok()
}

/// Runs `work` in a trace: [`current`] gives it there. It does not follow into spawned tasks.
pub async fn with_trace<T>(trace: TraceContext, work: impl Future<Output = T>) -> T {
    CURRENT.scope(trace, work).await
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn the_recommendations_example_and_its_rules() {
        let trace = TraceContext::parse(HEADER).unwrap();
        assert_eq!(trace.to_string(), HEADER);
        assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
        let later = "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-what-comes-later";
        let expected = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00";
        assert_eq!(TraceContext::parse(later).unwrap().to_string(), expected);
        for wrong in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(wrong), Err(TraceParentError), "{wrong}");
        }
    }

    #[test]
    fn children_stay_in_the_trace_and_a_replay_makes_the_same() {
        let trace = TraceContext::parse(HEADER).unwrap();
        let child = trace.child(b"m1");
        assert_eq!((child.trace_id(), child), (trace.trace_id(), trace.child(b"m1")));
        assert_ne!(child, trace);
        assert_ne!(child, trace.child(b"m2"));
        assert_eq!(TraceContext::derived(b"day 7"), TraceContext::derived(b"day 7"));
        assert_ne!(TraceContext::root(), TraceContext::root());
        assert_eq!(
            TraceContext::parse(&TraceContext::root().to_string())
                .unwrap()
                .to_string()
                .len(),
            HEADER.len()
        );
    }

    #[tokio::test]
    async fn the_current_trace_is_the_tasks() {
        assert_eq!(current(), None);
        let trace = TraceContext::root();
        assert_eq!(with_trace(trace, async { current() }).await, Some(trace));
    }
}
