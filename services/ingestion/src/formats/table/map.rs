//! The column map: how a table of a bank or of a settlement report is read. A small TOML file; README shows one.

use kernel::{Currency, Iban};
use serde::{Deserialize, Serialize};

use crate::formats::charset::Charset;
use crate::formats::format::StatementKind;
use crate::formats::records::settings::FileEnd;

/// A column: its name in the header row, or its number from 1.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    /// Number, from 1.
    Number(usize),
    /// Name as in the header row; case and blanks around it do not count.
    Name(String),
}

impl std::fmt::Display for Column {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Number(number) => write!(f, "{number}"),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

/// What the table is of.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It explains money that another feed tells of: shown, never booked.
    #[default]
    Explains,
    /// It is the account's statement: its rows are booked.
    Statement,
}

impl Kind {
    pub(super) fn statement(self) -> StatementKind {
        match self {
            Self::Explains => StatementKind::Table,
            Self::Statement => StatementKind::Final,
        }
    }
}

/// Which row comes first.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// The oldest.
    #[default]
    OldestFirst,
    /// The newest: matters for the balance column alone.
    NewestFirst,
}

/// What a plus in the amount column is.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sign {
    /// Money to us.
    #[default]
    AsWritten,
    /// Money that leaves us.
    Inverted,
}

/// How debits are written where they have a column of their own.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DebitSign {
    /// Without sign.
    #[default]
    Unsigned,
    /// With a minus.
    Negative,
}

/// Which columns hold what.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Columns {
    /// Booking date; needed.
    pub booked_on: Option<Column>,
    /// Value date.
    pub value_on: Option<Column>,
    /// Amount; else `debit` and `credit`.
    pub amount: Option<Column>,
    /// Money that leaves us.
    pub debit: Option<Column>,
    /// Money to us.
    pub credit: Option<Column>,
    /// Direction of `amount`, by `credit_words` and `debit_words`.
    pub direction: Option<Column>,
    /// Currency of the row.
    pub currency: Option<Column>,
    /// Account of the row: a new statement begins where it changes.
    pub account: Option<Column>,
    /// Balance after the row: proves the table.
    pub balance: Option<Column>,
    /// Name of the other side.
    pub name: Option<Column>,
    /// IBAN, or account, of the other side.
    pub iban: Option<Column>,
    /// References of the bank or the payer.
    pub references: Vec<Column>,
    /// The payer's own reference.
    pub end_to_end: Option<Column>,
    /// The bank's number of the row: first key against duplicates.
    pub bank_reference: Option<Column>,
    /// Texts, joined in this order.
    pub remittance: Vec<Column>,
}

/// A column map.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Map {
    /// Its name, for people; without one, the name of its file.
    pub name: String,
    /// What the table is of.
    pub kind: Kind,
    /// `utf-8`, `windows-1252`, `windows-1250`, `iso-8859-2`, `cp850` or `cp852` for bytes that are not UTF-8; without it,
    /// whichever of Western Europe makes more letters of them.
    pub encoding: Option<String>,
    /// Between columns: one character, or `tab`.
    pub separator: String,
    /// Around texts: one character, or `none`.
    pub quote: String,
    /// The decimal mark.
    pub decimal: String,
    /// Characters between groups of three digits; empty for none.
    pub thousands: String,
    /// `DD.MM.YYYY`, `YYYY-MM-DD`, `D/M/YY`: what stands behind it, such as a time, is passed over.
    pub date_format: String,
    /// Rows before the data; the last of them names the columns.
    pub header_rows: usize,
    /// Rows of which a cell begins with one of these are passed over: totals, page ends.
    pub skip_rows_with: Vec<String>,
    /// Name of a workbook's sheet; without it, the first.
    pub sheet: Option<String>,
    /// ISO 4217, where no column holds it.
    pub currency: Option<String>,
    /// IBAN or number of the account, where no column holds it.
    pub account: Option<String>,
    /// Which row comes first.
    pub order: Order,
    /// What a plus in the amount column is.
    pub sign: Sign,
    /// How the debit column is written.
    pub debit_sign: DebitSign,
    /// Words of the direction column for money to us.
    pub credit_words: Vec<String>,
    /// Words of the direction column for money that leaves us.
    pub debit_words: Vec<String>,
    /// Whether the last row of a text must end with a line end: without one the file may be cut off.
    pub last_line_end: FileEnd,
    /// Which columns hold what.
    pub columns: Columns,
}

impl Default for Map {
    fn default() -> Self {
        Self {
            name: String::new(),
            kind: Kind::default(),
            encoding: None,
            separator: ";".to_owned(),
            quote: "\"".to_owned(),
            decimal: ".".to_owned(),
            thousands: String::new(),
            date_format: "YYYY-MM-DD".to_owned(),
            header_rows: 1,
            skip_rows_with: Vec::new(),
            sheet: None,
            currency: None,
            account: None,
            order: Order::default(),
            sign: Sign::default(),
            debit_sign: DebitSign::default(),
            credit_words: Vec::new(),
            debit_words: Vec::new(),
            last_line_end: FileEnd::default(),
            columns: Columns::default(),
        }
    }
}

impl Map {
    /// What is wrong with it: one sentence each, beginning with the setting's name.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut ensure = |holds: bool, what: &str| {
            if !holds {
                faults.push(what.to_owned());
            }
        };
        ensure(
            self.separator_byte().is_some(),
            "separator: one ASCII character, or \"tab\"",
        );
        ensure(self.quote_byte().is_ok(), "quote: one ASCII character, or \"none\"");
        let mut decimal = self.decimal.chars();
        ensure(
            matches!((decimal.next(), decimal.next()), (Some('.' | ','), None)),
            "decimal: \".\" or \",\"",
        );
        ensure(
            !self.thousands.contains(self.decimal.as_str()),
            "thousands: it must not hold the decimal mark",
        );
        ensure(
            !self.thousands.chars().any(|mark| mark.is_ascii_digit()),
            "thousands: no digits",
        );
        let letters = |letter: char| self.date_format.contains(letter);
        ensure(
            letters('D') && letters('M') && letters('Y'),
            "date_format: D, M and Y, such as \"DD.MM.YYYY\"",
        );
        self.column_faults(&mut faults);
        faults
    }

    fn column_faults(&self, faults: &mut Vec<String>) {
        let mut ensure = |holds: bool, what: &str| {
            if !holds {
                faults.push(what.to_owned());
            }
        };
        let columns = &self.columns;
        ensure(
            columns.booked_on.is_some(),
            "columns.booked_on: every table needs its date",
        );
        let two = columns.debit.is_some() && columns.credit.is_some();
        let one = columns.amount.is_some();
        let half = columns.debit.is_some() != columns.credit.is_some();
        ensure(one != two && !half, "columns: either amount, or debit and credit");
        let words = !self.credit_words.is_empty() && !self.debit_words.is_empty();
        ensure(
            columns.direction.is_none() || (one && words),
            "columns.direction: it needs amount, credit_words and debit_words",
        );
        ensure(
            self.currency.is_some() || columns.currency.is_some(),
            "currency: as a setting, or columns.currency",
        );
        ensure(
            self.currency.as_ref().is_none_or(|code| Currency::parse(code).is_ok()),
            "currency: three capitals of ISO 4217",
        );
        ensure(
            self.account.is_some() || columns.account.is_some(),
            "account: as a setting, or columns.account",
        );
        ensure(
            self.encoding.as_ref().is_none_or(|name| Charset::named(name).is_some()),
            &format!("encoding: {}", Charset::NAMES),
        );
        for column in self.all_columns() {
            let good = match column {
                Column::Number(number) => *number > 0,
                Column::Name(name) => self.header_rows > 0 && !name.trim().is_empty(),
            };
            ensure(
                good,
                "columns: numbers count from 1; names need header_rows of at least 1",
            );
        }
    }

    fn all_columns(&self) -> impl Iterator<Item = &Column> {
        let columns = &self.columns;
        [
            &columns.booked_on,
            &columns.value_on,
            &columns.amount,
            &columns.debit,
            &columns.credit,
            &columns.direction,
            &columns.currency,
            &columns.account,
            &columns.balance,
            &columns.name,
            &columns.iban,
            &columns.end_to_end,
            &columns.bank_reference,
        ]
        .into_iter()
        .flatten()
        .chain(&columns.references)
        .chain(&columns.remittance)
    }

    pub(super) fn separator_byte(&self) -> Option<u8> {
        match self.separator.as_bytes() {
            b"tab" => Some(b'\t'),
            [one] if one.is_ascii() && !one.is_ascii_alphanumeric() => Some(*one),
            _ => None,
        }
    }

    /// Nothing where texts are not quoted.
    pub(super) fn quote_byte(&self) -> Result<Option<u8>, ()> {
        match self.quote.as_bytes() {
            b"none" => Ok(None),
            [one] if one.is_ascii_punctuation() => Ok(Some(*one)),
            _ => Err(()),
        }
    }

    pub(super) fn charset(&self) -> Option<Charset> {
        self.encoding.as_deref().and_then(Charset::named)
    }

    pub(super) fn own_currency(&self) -> Option<Currency> {
        self.currency.as_deref().and_then(|code| Currency::parse(code).ok())
    }

    /// The account as a setting, in the form that tables of accounts have.
    pub(super) fn own_account(&self) -> Option<(String, bool)> {
        self.account.as_deref().map(as_account)
    }
}

/// An account's number without blanks, and whether it is an IBAN.
pub(super) fn as_account(text: &str) -> (String, bool) {
    match Iban::parse(text) {
        Ok(iban) => (iban.as_str().to_owned(), true),
        Err(_) => (text.split_whitespace().collect(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Map {
        Map {
            currency: Some("RON".into()),
            account: Some("RO49AAAA1B31007593840000".into()),
            columns: Columns {
                booked_on: Some(Column::Name("Data".into())),
                amount: Some(Column::Number(3)),
                ..Columns::default()
            },
            ..Map::default()
        }
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn wrong_settings_are_named() {
        assert_eq!(good().faults(), Vec::<String>::new());
        let cases: [(Map, &str); 9] = [
            (
                Map {
                    separator: "||".into(),
                    ..good()
                },
                "separator",
            ),
            (
                Map {
                    quote: "''".into(),
                    ..good()
                },
                "quote",
            ),
            (
                Map {
                    decimal: ";".into(),
                    ..good()
                },
                "decimal",
            ),
            (
                Map {
                    thousands: ".".into(),
                    ..good()
                },
                "thousands",
            ),
            (
                Map {
                    date_format: "%d.%m.%y".into(),
                    ..good()
                },
                "date_format",
            ),
            (
                Map {
                    currency: Some("lei".into()),
                    ..good()
                },
                "currency",
            ),
            (
                Map {
                    account: None,
                    ..good()
                },
                "account",
            ),
            (
                Map {
                    encoding: Some("EBCDIC".into()),
                    ..good()
                },
                "encoding",
            ),
            (
                Map {
                    header_rows: 0,
                    ..good()
                },
                "columns",
            ),
        ];
        for (map, setting) in cases {
            let faults = map.faults();
            assert!(
                faults.len() == 1 && faults[0].starts_with(setting),
                "{setting}: {faults:?}"
            );
        }
        let columns = [
            Columns {
                booked_on: None,
                ..good().columns
            },
            Columns {
                amount: None,
                ..good().columns
            },
            Columns {
                debit: Some(Column::Number(4)),
                ..good().columns
            },
            Columns {
                direction: Some(Column::Number(4)),
                ..good().columns
            },
            Columns {
                balance: Some(Column::Number(0)),
                ..good().columns
            },
        ];
        for columns in columns {
            let map = Map { columns, ..good() };
            assert_eq!(map.faults().len(), 1, "{map:?}");
        }
    }
}
