//! What can be wrong with files of records and tables, said so that the person who sent the file can act.

use kernel::Currency;

use crate::formats::problem::decimal;

/// What is wrong with a record, or with how records fit together. `Display` says what; [`RecordProblem::remedy`] what
/// to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RecordProblem {
    /// Not digits, or fewer than the field has.
    #[error("{0:?} is not a number of the field's length")]
    BadNumber(String),
    /// Not an amount as the format writes it.
    #[error("{0:?} is not an amount as this format writes it")]
    BadAmount(String),
    /// More decimal places than the currency has, and they are not zero.
    #[error("{text:?} has more decimal places than {currency} and they are not zero")]
    TooPrecise {
        /// The amount as written.
        text: String,
        /// Its currency.
        currency: Currency,
    },
    /// More than 64 bits of minor units.
    #[error("{0:?} is larger than any amount can be")]
    Overflow(String),
    /// A date that does not exist.
    #[error("{0:?} is not a date")]
    BadDate(String),
    /// A debit or credit code that is neither.
    #[error("the debit or credit code is {text:?}, not {expected}")]
    BadDirection {
        /// As written.
        text: String,
        /// The codes of the format.
        expected: &'static str,
    },
    /// No currency by ISO 4217.
    #[error("{0:?} is not a currency of ISO 4217")]
    UnknownCurrency(String),
    /// Two records of one statement name different currencies.
    #[error("the currency is {stated} here, but {account} at the beginning of the account")]
    CurrencyContradicted {
        /// What this record says.
        stated: Currency,
        /// What the account's first record says.
        account: Currency,
    },
    /// A movement in another currency than the account's.
    #[error("the amount is in {stated}, the account in {account}")]
    ForeignAmount {
        /// Currency of the amount.
        stated: Currency,
        /// Currency of the account.
        account: Currency,
    },
    /// Records of a statement whose first record is missing.
    #[error("records without an account: {0} is missing before them")]
    NoAccount(&'static str),
    /// An account number that is none.
    #[error("{0:?} is not an account number")]
    BadAccount(String),
    /// The last record of a statement names another account than its first.
    #[error("the account is {stated} here, but {account} at its beginning")]
    AccountContradicted {
        /// What this record says.
        stated: String,
        /// What the first record says.
        account: String,
    },
    /// A record where it may not stand.
    #[error("record {record} where it may not stand: {rule}")]
    OutOfOrder {
        /// Code of the record.
        record: String,
        /// The rule that is broken.
        rule: &'static str,
    },
    /// The statement has no last record: the file was cut off, or records are missing.
    #[error("the statement ends without its record {0}")]
    NoEnd(&'static str),
    /// The file has no last record.
    #[error("the file ends without its record {0}: it may be cut off")]
    NoFileEnd(&'static str),
    /// A count that is not the number of what was counted.
    #[error("{what}: {stated} stated, {found} found")]
    CountDiffers {
        /// What is counted.
        what: &'static str,
        /// As the file says.
        stated: u64,
        /// As the file holds.
        found: u64,
    },
    /// A total that is not the sum of its parts.
    #[error("{what}: {} stated, {} found, difference {}", decimal(*stated, *currency), decimal(*found, *currency),
        decimal(found.saturating_sub(*stated), *currency))]
    TotalDiffers {
        /// What is summed.
        what: &'static str,
        /// As the file says, in minor units.
        stated: i128,
        /// Sum of what the file holds, in minor units.
        found: i128,
        /// The currency of both.
        currency: Currency,
    },
    /// More of something than is kept.
    #[error("more than {limit} {what}: the rest is not kept")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// How much is kept.
        limit: usize,
    },
    /// Note: a record code that the format does not have.
    #[error("record {0:?} is unknown and was passed over")]
    UnknownRecord(String),
    /// Note: a code that the format does not have; kept as it is.
    #[error("{what} {code:?} is unknown and was kept as it is")]
    UnknownCode {
        /// What it is a code of.
        what: &'static str,
        /// As written.
        code: String,
    },
    /// Note: a value date of blanks or zeros.
    #[error("there is no value date: the operation date counts")]
    NoValueDate,
    /// Note: text after the last position.
    #[error("the record has {found} characters, the format has {limit}: what is behind them was passed over")]
    TooWide {
        /// As written.
        found: usize,
        /// By the standard.
        limit: usize,
    },
    /// Note: bytes that are not UTF-8 in a file that declares no encoding.
    #[error("the bytes are not UTF-8: read as {0}, in which more of them are letters")]
    AssumedCharset(&'static str),
    /// A row without what every row must have.
    #[error("the row has no {0}")]
    Missing(&'static str),
    /// A row whose two amount columns contradict each other.
    #[error("both the debit and the credit column hold an amount ({debit:?}, {credit:?})")]
    TwoAmounts {
        /// Of the debit column.
        debit: String,
        /// Of the credit column.
        credit: String,
    },
    /// The last row has no line end.
    #[error("the last row has no line end: the file may be cut off in it")]
    UnfinishedRow,
    /// Note: rows that hold neither a date nor an amount.
    #[error("the row has neither date nor amount and was passed over, like others of the kind")]
    PassedOver,
    /// The balance column does not follow from the row before.
    #[error("the balance is {}, but by the row before it would be {}", decimal(*stated, *currency), decimal(*found, *currency))]
    BalanceBreaks {
        /// As written, in minor units.
        stated: i128,
        /// By the row before, in minor units.
        found: i128,
        /// The currency of both.
        currency: Currency,
    },
}

impl RecordProblem {
    /// Whether the statement may not be booked.
    #[must_use]
    pub fn quarantines(&self) -> bool {
        !matches!(
            self,
            Self::UnknownRecord(_)
                | Self::UnknownCode { .. }
                | Self::NoValueDate
                | Self::TooWide { .. }
                | Self::AssumedCharset(_)
                | Self::PassedOver
        )
    }

    /// What the person who sent the file can do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::BadNumber(_) | Self::BadAmount(_) | Self::TooPrecise { .. } | Self::Overflow(_) => {
                "Ask the bank for a corrected file; amounts and counts are never rounded or guessed."
            }
            Self::BadDate(_) | Self::BadDirection { .. } => {
                "Ask the bank for a corrected file; nothing of this statement is booked."
            }
            Self::UnknownCurrency(_) | Self::CurrencyContradicted { .. } | Self::ForeignAmount { .. } => {
                "Ask the bank for one statement per account and currency, with its code of ISO 4217."
            }
            Self::NoAccount(_) => "Fetch the file again: its beginning, or a record in the middle, was lost.",
            Self::BadAccount(_) | Self::AccountContradicted { .. } => {
                "Ask the bank for a corrected file: whose movements these are cannot be told."
            }
            Self::OutOfOrder { .. } => "Send the file as the bank made it: do not sort, join or edit its lines.",
            Self::NoEnd(_) => "Fetch the file again: it was cut off, or the download was not complete.",
            Self::NoFileEnd(_) => {
                "Fetch the file again; if the bank always leaves it out, set file_end = \"optional\" for this source."
            }
            Self::CountDiffers { .. } | Self::TotalDiffers { .. } => {
                "A record is missing, doubled or changed: fetch the file again, or ask the bank for a corrected one."
            }
            Self::TooMany { .. } => "Ask the bank for the file as its standard has it.",
            Self::UnknownRecord(_) => "Nothing, if counts and totals agree; else ask the bank what the record means.",
            Self::UnknownCode { .. } => "Nothing; tell us what the code means, so that it can be named.",
            Self::NoValueDate => "Nothing, unless interest depends on it.",
            Self::TooWide { .. } => "Nothing, if the text is complete; else send the file as the bank made it.",
            Self::AssumedCharset(_) => "Check a name with accents below; set the source's encoding if it is wrong.",
            Self::Missing(_) | Self::TwoAmounts { .. } => {
                "Correct the map (header_rows, skip_rows_with), or ask for a corrected file."
            }
            Self::BalanceBreaks { .. } => {
                "A row is missing, doubled or changed; if the newest row comes first, set order = \"newest-first\" in the map."
            }
            Self::UnfinishedRow => {
                "Fetch the file again; if it always ends so, set last_line_end = \"optional\" in the map."
            }
            Self::PassedOver => "Nothing, if they are headings or totals.",
        }
    }
}

/// Where in a record: `record 22, positions 29-42 (amount)`.
pub(crate) fn place(record: &str, from: usize, to: usize, what: &str) -> String {
    format!("record {record}, positions {from}-{to} ({what})")
}
