//! Why a message was not handled: rejected for good, or to be tried again.

use std::fmt;

/// The message breaks a rule: its key is parked, in order, until a person redrives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The rule's stable name, e.g. `currency-mismatch`.
    pub rule: &'static str,
    /// What is wrong and what the sender should change; no personal data.
    pub detail: String,
}

impl Rejection {
    /// A rejection by `rule`.
    pub fn new(rule: &'static str, detail: impl Into<String>) -> Self {
        Self {
            rule,
            detail: detail.into(),
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

/// Something outside the message failed (database, broker, bug): tried again with back-off, never dropped, never reordered.
#[derive(Debug)]
pub struct Failure {
    kind: FailureKind,
    source: anyhow::Error,
}

/// What the worker does about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FailureKind {
    /// Try again with back-off.
    Retry,
    /// The lease row says that somebody else owns the partition, or stands elsewhere: let go.
    Fenced,
    /// A schema that this version does not know: wait and alarm, readers deploy first.
    UnknownSchema,
}

impl Failure {
    /// A failure to be tried again.
    pub fn new(source: impl Into<anyhow::Error>) -> Self {
        Self {
            kind: FailureKind::Retry,
            source: source.into(),
        }
    }

    pub(crate) fn fenced(why: impl fmt::Display) -> Self {
        Self {
            kind: FailureKind::Fenced,
            source: anyhow::anyhow!("fenced: {why}"),
        }
    }

    pub(crate) fn unknown_schema(why: impl fmt::Display) -> Self {
        Self {
            kind: FailureKind::UnknownSchema,
            source: anyhow::anyhow!("unknown schema: {why}"),
        }
    }

    pub(crate) fn kind(&self) -> FailureKind {
        self.kind
    }

    /// The error beneath, if it is of this type or hides one.
    pub(crate) fn cause<E: fmt::Display + fmt::Debug + Send + Sync + 'static>(&self) -> Option<&E> {
        self.source.downcast_ref()
    }

    /// The error beneath.
    pub fn into_source(self) -> anyhow::Error {
        self.source
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#}", self.source)
    }
}

macro_rules! failure_from {
    ($($source:ty),+ $(,)?) => {$(
        impl From<$source> for Failure {
            fn from(source: $source) -> Self {
                Self::new(source)
            }
        }
    )+};
}

failure_from!(
    anyhow::Error,
    crate::blobs::GetError,
    crate::blobs::PutError,
    kernel::CalendarIdError,
    kernel::CurrencyError,
    kernel::DateError,
    kernel::MoneyError,
    kernel::TimestampError,
    serde_json::Error,
    sqlx::Error,
    std::io::Error,
    std::num::TryFromIntError,
);
