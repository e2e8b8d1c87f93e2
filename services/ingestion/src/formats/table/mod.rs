//! Tables read by a column map: CSV and XLSX.

pub mod map;
mod value;

use std::io::Read;

use super::lines::Lines;
use super::model::{Event, Summary};
use super::problem::{ReadError, RefusalReason};
use super::settings::Settings;
use super::source::{Sniffed, Source};

/// Reads one file; see [`super::read`].
pub(super) fn read<E>(
    input: impl Read,
    sniffed: &Sniffed,
    _settings: &Settings,
    _sink: &mut dyn FnMut(Event) -> Result<(), E>,
) -> Result<Summary, ReadError<E>> {
    let mut lines = Lines::new(Source::of_text(input, sniffed));
    lines.next()?;
    Err(ReadError::Refused(Box::new(lines.refusal(RefusalReason::NoMap))))
}
