//! Names of formats, their dialects, and what a statement of a format stands for.

use std::fmt;

/// A family of bank files that are read by the same rules.
#[derive(Copy, Clone, Debug, Eq, Hash, PartialEq)]
pub enum Family {
    /// ISO 20022 account report within the day.
    Camt052,
    /// ISO 20022 statement.
    Camt053,
    /// ISO 20022 debit and credit notification.
    Camt054,
    /// ISO 20022 payment status report: rejects before settlement.
    Pain002,
    /// SWIFT customer statement.
    Mt940,
    /// SWIFT interim report.
    Mt942,
    /// Spain: Cuaderno 43.
    Norma43,
    /// Colombia: collection file 98/2001, or the older one of 1998.
    Asobancaria,
    /// Italy: CBI account statement `RH`.
    CbiRh,
    /// Text with separators, read by a column map.
    Csv,
    /// A workbook, read by a column map.
    Xlsx,
    /// An archive of files of more than one family.
    Several,
}

impl Family {
    /// The word for tables, topics and metrics: `camt053`, `mt940`, …
    #[must_use]
    pub fn channel(self) -> &'static str {
        match self {
            Self::Camt052 => "camt052",
            Self::Camt053 => "camt053",
            Self::Camt054 => "camt054",
            Self::Pain002 => "pain002",
            Self::Mt940 => "mt940",
            Self::Mt942 => "mt942",
            Self::Norma43 => "norma43",
            Self::Asobancaria => "asobancaria",
            Self::CbiRh => "cbi-rh",
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::Several => "several",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Camt052 => "camt.052",
            Self::Camt053 => "camt.053",
            Self::Camt054 => "camt.054",
            Self::Pain002 => "pain.002",
            Self::Mt940 => "MT940",
            Self::Mt942 => "MT942",
            Self::Norma43 => "NORMA43",
            Self::Asobancaria => "ASOBANCARIA",
            Self::CbiRh => "CBI-RH",
            Self::Csv => "CSV",
            Self::Xlsx => "XLSX",
            Self::Several => "several formats",
        }
    }
}

/// Kind and version of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Format {
    /// Its family.
    pub family: Family,
    /// Of ISO 20022 the version by the namespace (`01` to `14`), of Asobancaria the year, of a table the name of its
    /// map; empty where there is none.
    pub variant: String,
}

impl Format {
    /// A format that has no variants.
    #[must_use]
    pub fn plain(family: Family) -> Self {
        Self {
            family,
            variant: String::new(),
        }
    }

    /// What a statement of it stands for, where the statement itself does not say otherwise.
    #[must_use]
    pub fn kind(&self) -> StatementKind {
        match self.family {
            Family::Camt053 | Family::Mt940 | Family::Norma43 | Family::CbiRh | Family::Several => StatementKind::Final,
            Family::Camt052 | Family::Mt942 => StatementKind::Intraday,
            Family::Camt054 => StatementKind::Notification,
            Family::Asobancaria => StatementKind::Collection,
            Family::Pain002 => StatementKind::Rejects,
            Family::Csv | Family::Xlsx => StatementKind::Table,
        }
    }
}

impl fmt::Display for Format {
    /// As `inspect --json` has it: `camt.053.001.08`, `MT940`, `ASOBANCARIA2001`, `CSV:name`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = self.family.title();
        match self.family {
            _ if self.variant.is_empty() => f.write_str(title),
            Family::Camt052 | Family::Camt053 | Family::Camt054 | Family::Pain002 => {
                write!(f, "{title}.001.{}", self.variant)
            }
            Family::Csv | Family::Xlsx => write!(f, "{title}:{}", self.variant),
            _ => write!(f, "{title}{}", self.variant),
        }
    }
}

/// Whose way of writing a format was taken, and why. For people: nothing decides by it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Dialect {
    /// Such as `ISO 20022`, `ING Romania`.
    pub name: String,
    /// What in the content, or in the settings, said so.
    pub why: String,
}

/// What a statement stands for: whether it may be booked.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum StatementKind {
    /// The books of the bank for a closed period: what is booked.
    Final,
    /// Within the day: may still vanish.
    Intraday,
    /// A notification: it tells of money that the statement tells too, or explains a batch of it.
    Notification,
    /// A file of collected payments whose money the bank's statement tells too, as a sum or one by one.
    Collection,
    /// Payments of ours that were rejected before any money moved.
    Rejects,
    /// A table by a map: the map says what it is; without a word it explains, and books nothing.
    Table,
}

impl StatementKind {
    /// Whether its booked entries are final by themselves. All else is shown and kept as provisional: by itself it never
    /// books money, so that the same money is not booked twice.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Final)
    }
}
