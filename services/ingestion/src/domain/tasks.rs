//! Which matters people decide, and what they may say.

/// What is to be decided.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum TaskKind {
    /// Two sightings that may be the same money.
    DoubtfulPair,
    /// A bank account's statements do not follow one another.
    StatementGap,
    /// A bank account's statements are late by its own calendar.
    FeedLate,
}

/// What a person says.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// Both sightings are the same money.
    Same,
    /// They are different money.
    Different,
    /// It stays as it is; nothing more will come.
    Accepted,
}

impl TaskKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::DoubtfulPair, Self::StatementGap, Self::FeedLate];

    /// The word of tables, events and the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::DoubtfulPair => "doubtful-pair",
            Self::StatementGap => "statement-gap",
            Self::FeedLate => "feed-late",
        }
    }

    /// The queue of people it belongs to.
    #[must_use]
    pub const fn queue(self) -> &'static str {
        match self {
            Self::DoubtfulPair => "deposits",
            Self::StatementGap | Self::FeedLate => "feeds",
        }
    }

    /// The kind of this word.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// What may be said of it.
    #[must_use]
    pub const fn decisions(self) -> &'static [Decision] {
        match self {
            Self::DoubtfulPair => &[Decision::Same, Decision::Different],
            Self::StatementGap | Self::FeedLate => &[Decision::Accepted],
        }
    }
}

impl Decision {
    /// The word of tables and the API.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Different => "different",
            Self::Accepted => "accepted",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_word_of_its_own_and_something_to_decide() {
        for kind in TaskKind::ALL {
            assert_eq!(TaskKind::of(kind.word()), Some(kind));
            assert!(!kind.decisions().is_empty() && !kind.queue().is_empty());
        }
        assert_eq!(TaskKind::of("parked-key"), None);
        assert!(!TaskKind::StatementGap.decisions().contains(&Decision::Same));
    }
}
