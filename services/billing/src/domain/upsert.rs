//! Upsert by the source's version: the ERP may send anything again, in any order, and nothing happens twice.

use super::findings::FieldError;

/// Which state of a thing it is: the source's version and the SHA-256 of its canonical body (without the version).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// The source's version, from 1; it only rises.
    pub version: i64,
    /// SHA-256 of the body in canonical form.
    pub digest: [u8; 32],
}

/// What became of an accepted put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Not known before.
    Created,
    /// A newer version.
    Updated,
    /// The version and content that are stored already.
    Unchanged,
    /// Older than what is stored: nothing happens, and never an event.
    Superseded,
}

impl Outcome {
    /// The word in answers.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Superseded => "superseded",
        }
    }

    /// The HTTP status: 201 for what was not known before, else 200.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Self::Created => 201,
            Self::Updated | Self::Unchanged | Self::Superseded => 200,
        }
    }
}

/// Why a put changes nothing although it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The version is stored with other content: the source contradicts itself (409).
    #[error("version {version} is stored with other content")]
    Conflict {
        /// The version of both.
        version: i64,
    },
    /// A rule is broken (422).
    #[error("{} rule(s) broken", .0.len())]
    Invalid(Vec<FieldError>),
}

/// What the versions alone say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Not known before: to be checked and created.
    Create,
    /// Newer, with other content: to be checked and changed.
    Change,
    /// Newer, with the same content: only the version is noted, there is nothing to say to others.
    Renumber,
    /// Nothing to do.
    Settled(Outcome),
}

/// Compares an incoming state with the stored one.
///
/// # Errors
/// [`Refusal::Conflict`].
pub fn judge(stored: Option<&Content>, incoming: &Content) -> Result<Verdict, Refusal> {
    let Some(stored) = stored else {
        return Ok(Verdict::Create);
    };
    let same = stored.digest == incoming.digest;
    match incoming.version.cmp(&stored.version) {
        std::cmp::Ordering::Less => Ok(Verdict::Settled(Outcome::Superseded)),
        std::cmp::Ordering::Equal if same => Ok(Verdict::Settled(Outcome::Unchanged)),
        std::cmp::Ordering::Equal => Err(Refusal::Conflict {
            version: incoming.version,
        }),
        std::cmp::Ordering::Greater if same => Ok(Verdict::Renumber),
        std::cmp::Ordering::Greater => Ok(Verdict::Change),
    }
}
