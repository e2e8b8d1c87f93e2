//! What the files of fixed positions cannot tell themselves, or what their standards leave open.
//!
//! Where a fact could not be verified in a primary source, the doc of its setting says UNVERIFIED: compare the first
//! files of a bank with its own view, and set it.

use kernel::Currency;
use serde::{Deserialize, Serialize};

use crate::formats::charset::Charset;

/// Settings of Norma 43, Asobancaria and CBI.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RecordSettings {
    /// Encoding of lines that are not UTF-8; without it, the one that makes more letters of them.
    pub charset: Option<Charset>,
    /// Whether a file without its last record (Norma 43: 88; CBI: EF) may be booked.
    pub file_end: FileEnd,
    /// Number of the account, where the file writes another one than the creditor's.
    pub account: Option<String>,
    /// Currency of formats that name none (Asobancaria: COP without it).
    pub currency: Option<Currency>,
    /// Norma 43: what the records 23 hold.
    pub concepts: ConceptLayout,
    /// Asobancaria: what returned collections add to the totals of records 08 and 09. UNVERIFIED.
    pub totals: Totals,
    /// Asobancaria: means of payment that are money only once they are cleared (02 is a cheque); shown as pending.
    pub conditional_means: Vec<String>,
    /// Asobancaria: what the 48 digits of the user's reference are made of.
    pub slices: Vec<Slice>,
    /// CBI.
    pub cbi: CbiSettings,
}

impl Default for RecordSettings {
    fn default() -> Self {
        Self {
            charset: None,
            file_end: FileEnd::default(),
            account: None,
            currency: None,
            concepts: ConceptLayout::default(),
            totals: Totals::default(),
            conditional_means: vec!["02".to_owned()],
            slices: Vec::new(),
            cbi: CbiSettings::default(),
        }
    }
}

/// Whether the record that ends a file must be there.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileEnd {
    /// Without it the last statement is quarantined: the file may be cut off.
    #[default]
    Required,
    /// The bank leaves it out.
    Optional,
}

/// What the records 23 of Norma 43 hold.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConceptLayout {
    /// Two texts of 38 characters each, joined.
    #[default]
    Plain,
    /// Annex 4 of the Cuaderno: name, references and concept of SEPA payments. Banks mix it with the plain one
    /// (Bankinter and Santander differ), so that it is never taken without being set.
    Sepa,
}

/// What a returned collection adds to a total of Asobancaria.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Totals {
    /// Its amount, like any other.
    #[default]
    Gross,
    /// Nothing.
    WithoutReturns,
    /// It is subtracted.
    Net,
}

/// One part of the 48 characters of Asobancaria's user reference.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Slice {
    /// What it is, such as `contract`.
    pub name: String,
    /// First character, from 1.
    pub from: usize,
    /// Last character.
    pub to: usize,
    /// Zeros in front belong to it.
    #[serde(default)]
    pub keep_zeros: bool,
    /// Only for batches of this service code (record 05); without it, for all.
    #[serde(default)]
    pub agreement: Option<String>,
}

/// What is not sure of CBI RH. Positions count from 1 at the record's mark.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CbiSettings {
    /// Record 62 writes the booking date before the value date. UNVERIFIED: the standard is said to write the value date
    /// first, which is the default.
    pub booking_date_first: bool,
    /// Where the bank's reference begins in record 62 (it ends at 60). UNVERIFIED: a working parser has 44; where the
    /// internal code beside the causal has two digits, it is 45.
    pub reference_at: usize,
}

impl Default for CbiSettings {
    fn default() -> Self {
        Self {
            booking_date_first: false,
            reference_at: 44,
        }
    }
}
