//! What can be wrong with a file, said so that the person who sent it can act: where, what, and what to do.

use std::fmt;
use std::io;

use kernel::{Currency, Money};

/// A place in a file.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Place {
    /// Line, counted from 1 in the file as it was received.
    pub line: u64,
    /// Local names from the root, with the running numbers of statement and entry: `Document/BkToCstmrStmt/Stmt[1]/Ntry[4]/Amt`.
    /// Empty where the place is not inside an element.
    pub path: String,
}

impl Place {
    /// A line, inside of no element.
    #[must_use]
    pub fn on_line(line: u64) -> Self {
        Self {
            line,
            path: String::new(),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if self.path.is_empty() {
            Ok(())
        } else {
            write!(f, ", {}", self.path)
        }
    }
}

/// Something worth telling about a file that is read nevertheless.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// Where it was met.
    pub at: Place,
    /// What it is.
    pub kind: ProblemKind,
}

impl Problem {
    /// Whether the statement in which it stands may not be booked. A file-level note never quarantines.
    #[must_use]
    pub fn quarantines(&self) -> bool {
        self.kind.quarantines()
    }
}

/// What is wrong with a statement, or was assumed about it. `Display` says what; [`ProblemKind::remedy`] what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ProblemKind {
    /// Note: no encoding declared, bytes are not UTF-8.
    #[error("no encoding is declared and the bytes are not UTF-8 (first at line {line}): read as Windows-1252")]
    AssumedWindows1252 {
        /// Line of the first byte that is not UTF-8.
        line: u64,
    },
    /// Note: the byte order mark or the bytes contradict the declared encoding.
    #[error("the file declares the encoding {declared:?} but its bytes are {actual}: read as {actual}")]
    EncodingContradicted {
        /// What the XML declaration says.
        declared: String,
        /// What the bytes say.
        actual: &'static str,
    },
    /// Note: a version of a message that did not exist when this was written.
    #[error("{0} is newer than what Incasso was tested with (.001.14): read by the same rules")]
    UnknownVersion(String),
    /// Note: `Acct/Ccy` is missing (it is optional).
    #[error("the account names no currency: {currency} taken from the {source_element}")]
    CurrencyAssumed {
        /// The currency assumed.
        currency: Currency,
        /// `balance` or `entry`.
        source_element: &'static str,
    },
    /// Note: a balance without direction held only as a debit.
    #[error("a balance names no direction: the entries prove that it is a debit")]
    SignProven,
    /// The statement names no account before its entries.
    #[error("the statement names no account (Acct/Id) before its entries")]
    NoAccount,
    /// A currency code that is not one.
    #[error("{0:?} is not a currency code of ISO 4217")]
    UnknownCurrency(String),
    /// An entry in another currency than the account's.
    #[error("the entry is in {entry}, the account in {account}")]
    ForeignEntry {
        /// Currency of the entry.
        entry: Currency,
        /// Currency of the account.
        account: Currency,
    },
    /// The account's currency, known only later, is not the one its entries were read in.
    #[error("the account's currency is {stated}, but entries before it were read in {assumed}")]
    CurrencyContradicted {
        /// What `Acct/Ccy` says.
        stated: Currency,
        /// What was assumed from balances or entries.
        assumed: Currency,
    },
    /// The opening or closing balance is in another currency than the account's.
    #[error("the balance {code} is in {balance}, the account in {account}")]
    ForeignBalance {
        /// `OPBD`, `PRCD` or `CLBD`.
        code: String,
        /// Currency of the balance.
        balance: Currency,
        /// Currency of the account.
        account: Currency,
    },
    /// No amount.
    #[error("there is no amount")]
    NoAmount,
    /// Not a decimal amount.
    #[error("{0:?} is not an amount: digits with one decimal point, no sign, no separators")]
    BadAmount(String),
    /// More decimal places than the currency has, and they are not zero.
    #[error("{text:?} has more decimal places than {currency} and they are not zero")]
    TooPrecise {
        /// The amount as written.
        text: String,
        /// Its currency.
        currency: Currency,
    },
    /// Neither `CRDT` nor `DBIT`.
    #[error("the direction (CdtDbtInd) is {0:?}, not CRDT or DBIT")]
    BadDirection(String),
    /// A status that is not one.
    #[error("the status (Sts) is {0:?}: whether the entry is booked cannot be told")]
    BadStatus(String),
    /// A reversal indicator that is not a boolean.
    #[error("the reversal indicator (RvslInd) is {0:?}, not true or false")]
    BadReversal(String),
    /// A date that is not one.
    #[error("{0:?} is not a date")]
    BadDate(String),
    /// More in one entry than is kept in memory at once.
    #[error("one entry holds more than {limit} MiB of details")]
    EntryTooLarge {
        /// The limit in MiB.
        limit: usize,
    },
    /// More balances than are kept.
    #[error("the statement has more than {0} balances")]
    TooManyBalances(usize),
    /// A page that does not prove itself, and whose neighbour is not here.
    #[error(
        "this is page {number} of several whose balances are of the whole statement, and page {missing} is not here"
    )]
    PageWaits {
        /// Its number.
        number: u64,
        /// A page that is missing.
        missing: u64,
    },
    /// The balance proof fails.
    #[error("the balance proof fails: {0}")]
    ProofFails(ProofFailure),
    /// A rule of one format alone: each format has its own typed problems, and tells them so.
    #[error("{what}")]
    OfFormat {
        /// What: the value and the rule.
        what: String,
        /// What the person who sent the file can do.
        remedy: &'static str,
        /// Whether the statement may not be booked.
        quarantines: bool,
    },
}

/// The arithmetic of a balance proof that fails.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProofFailure {
    /// Opening balance, where it could be read.
    pub opening: Option<Money>,
    /// Signed sum of the booked entries in minor units.
    pub booked_minor: i128,
    /// Closing balance, where it could be read.
    pub closing: Option<Money>,
    /// Booked entries that are not in the sum: no readable amount, or another currency.
    pub left_out: u64,
    /// It would hold if every reversal counted the other way round (the bank writes the direction of the original).
    pub holds_if_reversals_flip: bool,
    /// The sum is over all pages of the statement.
    pub paged: bool,
}

impl fmt::Display for ProofFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Some(opening), Some(closing)) = (self.opening, self.closing) else {
            return f.write_str("opening or closing balance cannot be read in the account's currency");
        };
        let currency = opening.currency();
        let found = i128::from(opening.minor()).saturating_add(self.booked_minor);
        write!(
            f,
            "opening {} + booked {} = {}, but the closing balance is {}",
            opening.to_decimal_string(),
            decimal(self.booked_minor, currency),
            decimal(found, currency),
            closing
        )?;
        if self.paged {
            f.write_str(" (over all pages)")?;
        }
        if self.left_out > 0 {
            write!(f, " ({} booked entries are not in the sum)", self.left_out)?;
        }
        Ok(())
    }
}

/// Minor units as a decimal text: -150 RON is `-1.50`. For sums that may exceed 64 bits.
#[must_use]
pub fn decimal(minor: i128, currency: Currency) -> String {
    let places = usize::try_from(currency.exponent()).unwrap_or_default();
    let digits = format!("{:0width$}", minor.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits
        .split_at_checked(digits.len().saturating_sub(places))
        .unwrap_or((&digits, ""));
    let sign = if minor < 0 { "-" } else { "" };
    if fraction.is_empty() {
        format!("{sign}{whole}")
    } else {
        format!("{sign}{whole}.{fraction}")
    }
}

impl ProblemKind {
    /// Whether the statement may not be booked.
    #[must_use]
    pub fn quarantines(&self) -> bool {
        !matches!(
            self,
            Self::AssumedWindows1252 { .. }
                | Self::EncodingContradicted { .. }
                | Self::UnknownVersion(_)
                | Self::CurrencyAssumed { .. }
                | Self::SignProven
                | Self::PageWaits { .. }
                | Self::OfFormat { quarantines: false, .. }
        )
    }

    /// What the person who sent the file can do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::AssumedWindows1252 { .. } | Self::EncodingContradicted { .. } => {
                "Check a name with accents below; ask the bank to declare the file's encoding."
            }
            Self::UnknownVersion(_) => {
                "Nothing, if the balance proof holds; compare a few entries with the bank's own view."
            }
            Self::CurrencyAssumed { .. } => {
                "Nothing, if it is the account's currency; else ask the bank to send Acct/Ccy."
            }
            Self::SignProven => "Nothing: the arithmetic is unambiguous.",
            Self::PageWaits { .. } => {
                "Send the missing pages, too, in whatever order: all are booked as soon as they prove each other."
            }
            Self::OfFormat { remedy, .. } => remedy,
            Self::NoAccount => "Ask the bank for a statement with Acct/Id before its entries.",
            Self::UnknownCurrency(_) => "Ask the bank for a corrected statement.",
            Self::ForeignEntry { .. } | Self::CurrencyContradicted { .. } => {
                "Ask the bank for one statement per account and currency; nothing of this statement is booked."
            }
            Self::ForeignBalance { .. } => "Ask the bank for the balances in the account's currency.",
            Self::NoAmount | Self::BadAmount(_) | Self::TooPrecise { .. } => {
                "Ask the bank for a corrected statement; amounts are never rounded or guessed."
            }
            Self::BadDirection(_) | Self::BadStatus(_) | Self::BadReversal(_) | Self::BadDate(_) => {
                "Ask the bank for a corrected statement; nothing of it is booked."
            }
            Self::EntryTooLarge { .. } => "Ask the bank to split the batch, or to send its details in a camt.054.",
            Self::TooManyBalances(_) => "Ask the bank for one statement per day.",
            Self::ProofFails(failure) if failure.opening.is_none() || failure.closing.is_none() => {
                "Ask the bank for opening and closing balance in the account's currency."
            }
            Self::ProofFails(failure) if failure.holds_if_reversals_flip => {
                "It would hold if reversals counted the other way round: ask the bank to write the real direction in CdtDbtInd."
            }
            Self::ProofFails(failure) if failure.paged => {
                "All pages are here and an entry is missing, doubled or wrong on one of them: ask the bank for a corrected statement."
            }
            Self::ProofFails(_) => "An entry is missing, doubled or wrong: ask the bank for a corrected statement.",
        }
    }
}

/// Why a file is refused as a whole: nothing of it is read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// Where it was met.
    pub at: Place,
    /// Why.
    pub reason: RefusalReason,
    /// What the file seems to be, such as `camt.053.001.08`, where that is known.
    pub format: Option<String>,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.reason)
    }
}

impl std::error::Error for Refusal {}

/// The reasons for a refusal. `Display` says what; [`RefusalReason::remedy`] what to do.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum RefusalReason {
    /// No bytes, or only blanks.
    #[error("the file is empty")]
    Empty,
    /// No bank file at all.
    #[error("this is no bank file that Incasso reads: it looks like {0}")]
    NotABankFile(&'static str),
    /// A table for which there is no column map.
    #[error("this is plain text of no known bank format, and no column map is given that fits it")]
    NoMap,
    /// Of one format alone: it is recognised, but no statement can be read.
    #[error("{what}")]
    OfFormat {
        /// What: the value and the rule.
        what: String,
        /// What the person who sent the file can do.
        remedy: &'static str,
    },
    /// Larger than 4 GiB.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// Not well-formed.
    #[error("malformed XML: {0}")]
    Malformed(String),
    /// Ends inside an element.
    #[error("the file ends before its elements are closed: it was cut off")]
    Truncated,
    /// A document type definition, with or without entities.
    #[error("the file has a document type definition (DOCTYPE), which bank files never have")]
    Doctype,
    /// An entity that XML itself does not define.
    #[error("the entity &{0}; is not defined: only the five of XML and character numbers are read")]
    Entity(String),
    /// Elements nested too deep.
    #[error("elements are nested deeper than {0}")]
    TooDeep(usize),
    /// One tag, text or comment is too long.
    #[error("one piece of text or one tag is longer than {0} bytes")]
    TooLong(usize),
    /// A character that XML forbids.
    #[error("the character U+{0:04X} is not allowed in XML")]
    ForbiddenCharacter(u32),
    /// An encoding that is not known.
    #[error("the encoding {0:?} is not known")]
    UnknownEncoding(String),
    /// Bytes that are not what the declaration says.
    #[error("the bytes are not {0}, as the file declares")]
    BadEncoding(&'static str),
    /// XML, but no message that tells of money on an account.
    #[error(
        "there is no bank statement in it (BkToCstmrStmt, BkToCstmrAcctRpt, BkToCstmrDbtCdtNtfctn); its root is {0:?}"
    )]
    NoBankMessage(String),
    /// A message without any statement.
    #[error("the message holds no statement (Stmt, Rpt or Ntfctn)")]
    NoStatement,
}

impl RefusalReason {
    /// What the person who sent the file can do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Empty | Self::Truncated => "Fetch the file from the bank again.",
            Self::NotABankFile(_) | Self::NoBankMessage(_) => {
                "Send the account statement: camt.053, MT940, Norma 43, Asobancaria, CBI, or a table with its column map."
            }
            Self::NoMap => "Name the source whose column map fits, or ask the bank for camt.053 or MT940.",
            Self::OfFormat { remedy, .. } => remedy,
            Self::TooLarge(_) => "Ask the bank for smaller files, for instance one per account and day.",
            Self::Malformed(_) | Self::ForbiddenCharacter(_) => {
                "Send the file as the bank made it; if it is, ask the bank for a well-formed one."
            }
            Self::Doctype | Self::Entity(_) => {
                "Ask the bank for a file without DOCTYPE and entities; they are refused for safety."
            }
            Self::TooDeep(_) | Self::TooLong(_) => "This is no bank statement as the standard knows it: ask the bank.",
            Self::UnknownEncoding(_) | Self::BadEncoding(_) => {
                "Ask the bank to write UTF-8, or to declare the encoding that it writes."
            }
            Self::NoStatement => {
                "Ask the bank for a file with at least one Stmt; an empty day is a Stmt without entries."
            }
        }
    }
}

/// Why reading stopped. `E` is the error of the receiver of the events.
#[derive(Debug, thiserror::Error)]
pub enum ReadError<E> {
    /// The file is refused: permanent, nothing of it may be booked.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// The bytes could not be read: transient, says nothing about the file.
    #[error("the file could not be read: {0}")]
    Io(io::Error),
    /// The receiver of the events stopped.
    #[error("{0}")]
    Receiver(E),
}

impl<E> From<io::Error> for ReadError<E> {
    /// A refusal that a transcoding input could only tell as an error of reading is one.
    fn from(error: io::Error) -> Self {
        match error.downcast::<Refusal>() {
            Ok(refusal) => Self::Refused(Box::new(refusal)),
            Err(error) => Self::Io(error),
        }
    }
}
