//! Rows of a workbook's sheet. What a workbook unpacks to is bounded before it is opened: its texts are held in memory.

use std::io::{self, Cursor, Read};

use calamine::{Data, DataRef, DataType, Reader, Xlsx};
use kernel::BusinessDate;

use super::map::Map;
use super::value::Cell;
use super::{Cells, MAX_COLUMNS, Row};
use crate::formats::problem::{Place, ReadError, Refusal, RefusalReason};
use crate::formats::records::record::short;

/// Largest workbook, packed.
const MAX_PACKED: u64 = 8 * 1024 * 1024;
/// Largest shared texts and styles of it, unpacked: they are held in memory.
const MAX_HELD: u64 = 16 * 1024 * 1024;
/// Largest sheet of it, unpacked: it is streamed.
const MAX_SHEET: u64 = 512 * 1024 * 1024;

fn refused<E>(what: String, remedy: &'static str) -> ReadError<E> {
    let at = Place::on_line(1);
    ReadError::Refused(Box::new(Refusal {
        at,
        reason: RefusalReason::OfFormat { what, remedy },
        format: Some("XLSX".to_owned()),
    }))
}

/// Hands the rows of the map's sheet to `each`. The answer is the number of bytes read.
pub(super) fn rows<E>(input: impl Read, map: &Map, each: &mut dyn Cells<E>) -> Result<u64, ReadError<E>> {
    let mut bytes = Vec::new();
    input.take(MAX_PACKED + 1).read_to_end(&mut bytes)?;
    let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size > MAX_PACKED {
        let what = format!("the workbook is larger than {} MiB", MAX_PACKED / 1024 / 1024);
        return Err(refused(what, "Save it as CSV: text of any size is read."));
    }
    bounded(&bytes)?;
    let broken = |error: calamine::XlsxError| {
        let what = format!("the workbook cannot be read: {}", short(&error.to_string()));
        refused(what, "Save it again as XLSX, or as CSV.")
    };
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes.as_slice())).map_err(broken)?;
    let names = workbook.sheet_names();
    let sheet = match &map.sheet {
        Some(wanted) => names.iter().find(|name| *name == wanted),
        None => names.first(),
    };
    let Some(sheet) = sheet.cloned() else {
        let what = format!(
            "the workbook has no sheet {:?}; it has: {}",
            map.sheet.as_deref().unwrap_or_default(),
            short(&names.join(", "))
        );
        return Err(refused(what, "Correct the setting sheet of the map."));
    };
    let mut cells = workbook.worksheet_cells_reader(&sheet).map_err(broken)?;
    let mut row = Row {
        cells: Vec::new(),
        line: 0,
    };
    while let Some(found) = cells.next_cell().map_err(broken)? {
        let (number, column) = found.get_position();
        let line = u64::from(number).saturating_add(1);
        if line != row.line {
            if row.line > 0 {
                each.row(&row)?;
            }
            row.line = line;
            row.cells.clear();
        }
        let column = usize::try_from(column).unwrap_or(usize::MAX);
        if column < MAX_COLUMNS {
            while row.cells.len() < column {
                row.cells.push(Cell::Text(String::new()));
            }
            row.cells.push(cell(found.get_value()));
        }
    }
    if row.line > 0 {
        each.row(&row)?;
    }
    Ok(size)
}

/// Unpacks every part once into nothing, and counts: what a ZIP file says of its sizes may be a lie.
fn bounded<E>(bytes: &[u8]) -> Result<(), ReadError<E>> {
    let broken = |error: zip::result::ZipError| {
        let what = format!(
            "the workbook is no ZIP archive that can be read: {}",
            short(&error.to_string())
        );
        refused(what, "Fetch the file again, or save it as CSV.")
    };
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let mut held = 0_u64;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(broken)?;
        let is_sheet = part.name().is_ok_and(|name| name.starts_with("xl/worksheets/"));
        let most = if is_sheet { MAX_SHEET } else { MAX_HELD };
        let size = match io::copy(&mut part.take(most + 1), &mut io::sink()) {
            Ok(size) => size,
            Err(error) => {
                let what = format!(
                    "a part of the workbook cannot be unpacked: {}",
                    short(&error.to_string())
                );
                return Err(refused(what, "Fetch the file again, or save it as CSV."));
            }
        };
        held = held.saturating_add(if is_sheet { 0 } else { size });
        if size > most || held > MAX_HELD {
            let what = "the workbook unpacks to more than is read of one".to_owned();
            return Err(refused(what, "Save it as CSV: text of any size is read."));
        }
    }
    Ok(())
}

fn cell(value: &DataRef<'_>) -> Cell {
    match value {
        DataRef::Float(number) => decimal(&format!("{number:.14e}")),
        DataRef::Int(number) => Cell::Number(number.to_string()),
        DataRef::DateTime(at) if at.is_datetime() => {
            let (year, month, day, ..) = at.to_ymd_hms_milli();
            let on = BusinessDate::from_ymd(i32::from(year), u32::from(month), u32::from(day));
            on.map_or_else(|_| Cell::Text(format!("{year}-{month}-{day}")), Cell::Date)
        }
        DataRef::DateTimeIso(text) => {
            let on = text.get(..10).and_then(|date| BusinessDate::parse(date).ok());
            on.map_or_else(|| Cell::Text(text.clone()), Cell::Date)
        }
        other => Cell::Text(Data::from(other.clone()).as_string().unwrap_or_default()),
    }
}

/// A workbook keeps numbers in binary: fifteen digits are what it shows, and what a person typed. As a plain decimal
/// from `1.23456789012345e2`.
fn decimal(scientific: &str) -> Cell {
    let text = || Cell::Text(scientific.to_owned());
    let Some((mantissa, exponent)) = scientific.split_once('e') else {
        return text();
    };
    let Ok(exponent) = exponent.parse::<i32>() else {
        return text();
    };
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    if !(-20..=20).contains(&exponent) || digits.is_empty() {
        return text();
    }
    let point = exponent + 1;
    let plain = match usize::try_from(point) {
        Ok(point) if point >= digits.len() => format!("{digits:0<point$}"),
        Ok(point) if point > 0 => {
            let (whole, fraction) = digits.split_at_checked(point).unwrap_or((&digits, ""));
            format!("{whole}.{fraction}")
        }
        _ => {
            let zeros = usize::try_from(-point).unwrap_or_default();
            format!("0.{}{digits}", "0".repeat(zeros))
        }
    };
    let short = match plain.contains('.') {
        true => plain.trim_end_matches('0').trim_end_matches('.'),
        false => plain.as_str(),
    };
    Cell::Number(format!("{sign}{short}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_what_the_workbook_shows() {
        for (scientific, expected) in [
            ("1.23456000000000e2", "123.456"),
            ("3.00000000000000e-1", "0.3"),
            ("-5.00000000000000e-3", "-0.005"),
            ("0.00000000000000e0", "0"),
            ("1.00000000000000e0", "1"),
            ("1.00000000000000e16", "10000000000000000"),
            ("1.23456789012345e13", "12345678901234.5"),
        ] {
            assert_eq!(decimal(scientific), Cell::Number(expected.into()), "{scientific}");
        }
        assert_eq!(decimal("NaN"), Cell::Text("NaN".into()));
        assert_eq!(decimal("1.0e300"), Cell::Text("1.0e300".into()));
    }
}
