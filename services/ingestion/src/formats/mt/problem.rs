//! What can be wrong with an MT940 or MT942, and with nothing else.

use kernel::{Currency, Money};

use crate::formats::problem::ProblemKind;

/// A problem or note. `Display` says what.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum MtProblem {
    #[error("no account (:25:) before the entries")]
    NoAccount,
    #[error("no opening balance (:60F: or :60M:) before the entries")]
    NoOpening,
    #[error("no closing balance (:62F: or :62M:): the message is cut off or not whole")]
    NoClosing,
    #[error("the balance {tag} is {text:?}, not C or D, date YYMMDD, currency, amount")]
    BadBalance { tag: &'static str, text: String },
    #[error("{tag} names no currency: {currency}, the statement's, taken")]
    BalanceCurrencyAssumed { tag: &'static str, currency: Currency },
    #[error("{tag} stands after entries of its statement or a second time")]
    WrongOrder { tag: &'static str },
    #[error("the entry {0:?} does not begin with a value date YYMMDD, C or D, and an amount")]
    BadEntry(String),
    #[error("the date {text} does not exist: read as {read}, the last day of its month")]
    DateClamped { text: String, read: String },
    #[error("the date {0:?} (YYMMDD or MMDD) does not exist")]
    BadDate(String),
    #[error("the amount {0:?} is no number with one decimal comma")]
    BadAmount(String),
    #[error("the amount {0:?} is larger than any sum of money (64 bits of the smallest unit)")]
    AmountTooLarge(String),
    #[error("the amount {text:?} has more decimal places than {currency} and they are not zero")]
    TooPrecise { text: String, currency: Currency },
    #[error("the amount {0:?} has a decimal point where the standard has a comma")]
    DecimalPoint(String),
    #[error("the statement's currency is not known before its first entry: its amounts are not read")]
    NoCurrency,
    #[error("the field {tag} is longer than {limit} bytes: not all of it is read")]
    FieldTooLong { tag: &'static str, limit: usize },
    #[error("{tag} tells {told} entries with a sum of {told_sum}, but {found} with {found_sum} are there")]
    SumFails {
        tag: &'static str,
        told: String,
        told_sum: String,
        found: u64,
        found_sum: String,
    },
    #[error("the message begins in an envelope, but its end (-}}) is missing: it is cut off")]
    NoEnd {
        /// Its closing balance is there: whatever is missing is no entry.
        closed: bool,
    },
    #[error("the page begins with {opening}, but the page before it ended with {closing}")]
    PagesBroken { opening: Money, closing: Money },
    #[error(
        "the proof would hold if reversals (RC, RD) counted the other way round: the bank writes them against the standard"
    )]
    ReversedReversals,
    #[error("the statement goes on on a page that is not in this file")]
    PageMissing,
    #[error(
        "it begins with {opening}, but the statement before it in the file ended with {closing}: one is missing between them, or the order is another"
    )]
    Gap { opening: Money, closing: Money },
    #[error("{0} is no tag of MT940 or MT942: read as text")]
    UnknownTag(String),
    #[error("the bytes are not UTF-8 and MT940 declares no encoding: read as {0}")]
    AssumedEncoding(&'static str),
    #[error("the setting of the dialect names {0:?}, which is none of MT940: the content decides")]
    UnknownDialect(String),
    #[error("more balances than {0}")]
    TooManyBalances(usize),
}

impl MtProblem {
    fn quarantines(&self) -> bool {
        !matches!(
            self,
            Self::DateClamped { .. }
                | Self::BalanceCurrencyAssumed { .. }
                | Self::DecimalPoint(_)
                | Self::ReversedReversals
                | Self::PageMissing
                | Self::Gap { .. }
                | Self::NoEnd { closed: true }
                | Self::UnknownTag(_)
                | Self::AssumedEncoding(_)
                | Self::UnknownDialect(_)
        )
    }

    fn remedy(&self) -> &'static str {
        match self {
            Self::NoAccount => "Ask the bank for statements that name their account in :25:.",
            Self::NoOpening | Self::NoClosing | Self::NoEnd { .. } => "Fetch the file from the bank again.",
            Self::BadBalance { .. } | Self::NoCurrency => {
                "Send the file as the bank made it; if it is, ask the bank for a corrected statement."
            }
            Self::WrongOrder { .. } | Self::BadEntry(_) | Self::BadDate(_) => {
                "Ask the bank for a corrected statement; nothing of it is booked."
            }
            Self::BadAmount(_) | Self::AmountTooLarge(_) | Self::TooPrecise { .. } => {
                "Ask the bank for a corrected statement; amounts are never rounded or guessed."
            }
            Self::DateClamped { .. } => "Nothing: banks that count 30 days in every month write such value dates.",
            Self::BalanceCurrencyAssumed { .. } | Self::DecimalPoint(_) => "Nothing, if the balance proof holds.",
            Self::FieldTooLong { .. } | Self::TooManyBalances(_) => {
                "This is no statement as SWIFT defines it: ask the bank."
            }
            Self::SumFails { .. } => "An entry is missing, doubled or wrong: fetch the report again.",
            Self::PagesBroken { .. } => "A page between them is missing: ask the bank for all pages of the statement.",
            Self::ReversedReversals => "Ask the bank whether RC takes a credit back, as SWIFT has it, or is one.",
            Self::PageMissing => "Send the file with the next page too.",
            Self::Gap { .. } => "Ask the bank for the statement between them.",
            Self::UnknownTag(_) => "Nothing, unless money or a reference stands there: then tell us of the bank.",
            Self::AssumedEncoding(_) => "Check a name with accents; ask the bank for UTF-8 or plain SWIFT characters.",
            Self::UnknownDialect(_) => "Correct the dialect in the settings of the source, or leave it out.",
        }
    }
}

impl From<MtProblem> for ProblemKind {
    fn from(problem: MtProblem) -> Self {
        Self::OfFormat {
            what: problem.to_string(),
            remedy: problem.remedy(),
            quarantines: problem.quarantines(),
        }
    }
}

/// Foreign text goes into a problem only as long as it helps.
pub(super) fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
