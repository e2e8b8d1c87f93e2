//! What is configured of a source, and cannot be told from the content of its files.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::patterns::Pattern;
use super::records::settings::RecordSettings;
use super::table::map::Map;

/// Settings of one source; the default is what holds for a file of which nothing is known.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// Name of the dialect to take, instead of the one that the content suggests.
    pub dialect: Option<String>,
    /// What the direction of a reversal is.
    pub reversals: Reversals,
    /// Of formats of fixed positions.
    pub records: RecordSettings,
    /// Patterns of the creditor's own references in free texts.
    pub patterns: Vec<Pattern>,
    /// How its tables are read.
    pub map: Option<Arc<Map>>,
}

/// Sign rule of entries that are marked as reversals.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reversals {
    /// The direction written is the real one (ISO 20022, SIX implementation guide).
    #[default]
    AsWritten,
    /// The direction written is that of the entry that is undone (a German export does so: OCA #375).
    OfTheOriginal,
}
