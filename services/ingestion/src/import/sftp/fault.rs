//! Why a pull failed.

use russh_sftp::client::error::Error;
use russh_sftp::protocol::StatusCode;

/// What failed, for metrics and for the next try.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reason {
    /// No connection, or it was cut.
    Unreachable,
    /// The server shows another key than the pinned ones.
    HostKey,
    /// The user is refused.
    Login,
    /// The directory cannot be read.
    Directory,
    /// A file cannot be read.
    Transfer,
    /// A file that was stored can be neither moved nor removed.
    After,
    /// Ours: disk or database.
    Storage,
    /// Another instance pulls.
    Lost,
}

impl Reason {
    /// The label in metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::HostKey => "host-key",
            Self::Login => "login",
            Self::Directory => "directory",
            Self::Transfer => "transfer",
            Self::After => "after",
            Self::Storage => "storage",
            Self::Lost => "lease-lost",
        }
    }

    /// Whether only a person can mend it.
    #[must_use]
    pub const fn needs_a_person(self) -> bool {
        matches!(self, Self::HostKey | Self::Login)
    }
}

/// A failure, for people: what, with whose words.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub struct Fault {
    /// What failed.
    pub reason: Reason,
    /// In words, without secrets.
    pub text: String,
    /// Whether it is of one file alone: the others go on.
    pub of_file: bool,
}

impl Fault {
    /// A failure of the whole pull.
    pub fn new(reason: Reason, text: impl Into<String>) -> Self {
        Self {
            reason,
            text: text.into(),
            of_file: false,
        }
    }

    /// Of what a server said. What it refuses is of the file; that it says nothing is of the connection.
    #[must_use]
    pub fn of_sftp(error: &Error, reason: Reason, what: &str) -> Self {
        let refused = match error {
            Error::Status(status) => !matches!(
                status.status_code,
                StatusCode::NoConnection | StatusCode::ConnectionLost
            ),
            _ => false,
        };
        Self {
            reason: if refused { reason } else { Reason::Unreachable },
            text: format!("{what}: {error}"),
            of_file: refused && matches!(reason, Reason::Transfer | Reason::After),
        }
    }

    /// Of our own disk or database.
    pub fn ours(error: impl std::fmt::Display) -> Self {
        Self::new(Reason::Storage, error.to_string())
    }
}

impl From<runtime::Failure> for Fault {
    fn from(failure: runtime::Failure) -> Self {
        Self::ours(failure)
    }
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::ours(error)
    }
}
