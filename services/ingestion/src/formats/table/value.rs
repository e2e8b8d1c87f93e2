//! Cells as values: amounts and dates by the rules of a map, never by a guess.

use kernel::{BusinessDate, Currency, Money, MoneyError};

use super::map::Map;
use crate::formats::records::problem::RecordProblem;
use crate::formats::records::record::short;

/// One cell of a row.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Cell {
    /// A text, as every cell of a text table.
    Text(String),
    /// A number of a workbook, as a plain decimal with a point.
    Number(String),
    /// A date of a workbook.
    Date(BusinessDate),
}

impl Cell {
    /// As a person reads it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Text(text) => text.trim().to_owned(),
            Self::Number(number) => number.clone(),
            Self::Date(on) => on.to_string(),
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Text(text) if text.trim().is_empty())
    }
}

/// A signed amount in minor units; nothing where the cell is blank.
pub(super) fn amount(cell: &Cell, map: &Map, currency: Currency) -> Result<Option<i64>, RecordProblem> {
    let written = cell.text();
    if written.is_empty() {
        return Ok(None);
    }
    let bad = || RecordProblem::BadAmount(short(&written));
    let plain = match cell {
        Cell::Number(number) => number.clone(),
        Cell::Text(text) => plain(text, map, currency).ok_or_else(bad)?,
        Cell::Date(_) => return Err(bad()),
    };
    match Money::parse(&plain, currency) {
        Ok(money) => Ok(Some(money.minor())),
        Err(MoneyError::TooPrecise(_)) => Err(RecordProblem::TooPrecise {
            text: short(&written),
            currency,
        }),
        Err(MoneyError::Overflow) => Err(RecordProblem::Overflow(short(&written))),
        Err(_) => Err(bad()),
    }
}

/// Sign, digits and a point. The minus may stand before or behind, or be brackets; the account's currency may stand
/// before or behind; marks of thousands must part groups of three.
fn plain(text: &str, map: &Map, currency: Currency) -> Option<String> {
    let mut rest = text.trim();
    for code in [currency.code(), "€", "$"] {
        rest = rest.strip_prefix(code).unwrap_or(rest).trim();
        rest = rest.strip_suffix(code).unwrap_or(rest).trim();
    }
    let mut negative = false;
    if let Some(inner) = rest.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
        negative = true;
        rest = inner.trim();
    } else if let Some(inner) = rest.strip_prefix(['-', '\u{2212}']) {
        negative = true;
        rest = inner.trim_start();
    } else if let Some(inner) = rest.strip_prefix('+') {
        rest = inner.trim_start();
    } else if let Some(inner) = rest.strip_suffix(['-', '\u{2212}']) {
        negative = true;
        rest = inner.trim_end();
    }
    let (whole, fraction) = rest.split_once(map.decimal.as_str()).unwrap_or((rest, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let is_mark = |letter: char| {
        map.thousands.contains(letter) || (map.thousands.contains(' ') && matches!(letter, '\u{a0}' | '\u{202f}'))
    };
    let groups: Vec<&str> = whole.split(is_mark).collect();
    let (first, others) = groups.split_first()?;
    let grouped = others.is_empty() || (matches!(first.len(), 1..=3) && others.iter().all(|group| group.len() == 3));
    if !grouped || !groups.iter().all(|group| digits(group)) || !digits(fraction) {
        return None;
    }
    let sign = if negative { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    Some(format!("{sign}{}{point}{fraction}", groups.concat()))
}

/// A date; nothing where the cell is blank.
pub(super) fn date(cell: &Cell, map: &Map) -> Result<Option<BusinessDate>, RecordProblem> {
    let bad = || RecordProblem::BadDate(short(&cell.text()));
    match cell {
        Cell::Date(on) => Ok(Some(*on)),
        Cell::Number(number) => serial(number).map(Some).ok_or_else(bad),
        Cell::Text(text) if text.trim().is_empty() => Ok(None),
        Cell::Text(text) => by_pattern(text.trim(), &map.date_format).map(Some).ok_or_else(bad),
    }
}

/// A workbook's day number where the cell has no date format: only of this and the last half century.
fn serial(number: &str) -> Option<BusinessDate> {
    let days: i64 = number.split('.').next()?.parse().ok()?;
    let epoch = BusinessDate::from_ymd(1899, 12, 30).ok()?;
    (20_000..80_000).contains(&days).then(|| epoch.plus_days(days))
}

/// `D`, `M` and `Y` stand for digits (one letter: one or two of them), everything else for itself.
fn by_pattern(text: &str, pattern: &str) -> Option<BusinessDate> {
    let mut rest = text;
    let mut parts = [None, None, None];
    let mut letters = pattern.chars().peekable();
    while let Some(letter) = letters.next() {
        let Some(slot) = ['Y', 'M', 'D'].iter().position(|known| *known == letter) else {
            rest = rest.strip_prefix(letter)?;
            continue;
        };
        let mut width = 1;
        while letters.next_if_eq(&letter).is_some() {
            width += 1;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let taken = match width {
            1 => digits.min(2),
            _ => width,
        };
        let (number, behind) = rest.split_at_checked(taken)?;
        if taken == 0 || digits < taken || (digits > taken && letters.peek().is_none()) {
            return None;
        }
        let mut value: i32 = number.parse().ok()?;
        if letter == 'Y' && width == 2 {
            value += if value >= 80 { 1900 } else { 2000 };
        }
        *parts.get_mut(slot)? = Some(value);
        rest = behind;
    }
    let [Some(year), Some(month), Some(day)] = parts else {
        return None;
    };
    if !(rest.is_empty() || rest.starts_with([' ', 'T', ','])) {
        return None;
    }
    BusinessDate::from_ymd(year, u32::try_from(month).ok()?, u32::try_from(day).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(decimal: &str, thousands: &str) -> Map {
        Map {
            decimal: decimal.into(),
            thousands: thousands.into(),
            ..Map::default()
        }
    }

    #[test]
    fn amounts_by_the_marks_of_the_map() {
        let cases = [
            (",", ".", "1.234,56", Some(123_456)),
            (",", ".", "-1.234.567,8", Some(-123_456_780)),
            (",", ".", "12.50", None),
            (",", ".", "1234,56", Some(123_456)),
            (",", "", "1.234,56", None),
            (".", ",", "1,234.56 RON", Some(123_456)),
            (".", " ", "1\u{a0}234.56", Some(123_456)),
            (".", "", "(7.00)", Some(-700)),
            (".", "", "7.00-", Some(-700)),
            (".", "", "\u{2212}7", Some(-700)),
            (".", "", "+7", Some(700)),
            (".", "", "--7", None),
            (".", "", "7.001", None),
            (".", "", "7.000", Some(700)),
            (".", "", "1e3", None),
            (".", "", "99999999999999999999", None),
        ];
        for (decimal, thousands, text, expected) in cases {
            let found = amount(&Cell::Text(text.into()), &map(decimal, thousands), Currency::RON);
            assert_eq!(
                found.ok().flatten(),
                expected,
                "{text:?} with {decimal:?} and {thousands:?}"
            );
        }
        assert_eq!(amount(&Cell::Text("  ".into()), &map(".", ""), Currency::RON), Ok(None));
        assert_eq!(
            amount(&Cell::Number("-7.5".into()), &map(",", "."), Currency::RON),
            Ok(Some(-750))
        );
    }

    #[test]
    fn dates_by_the_pattern_of_the_map() {
        let cases = [
            ("DD.MM.YYYY", "01.02.2026", Some("2026-02-01")),
            ("DD.MM.YYYY", "01.02.2026 10:00", Some("2026-02-01")),
            ("DD.MM.YYYY", "01.02.20260", None),
            ("DD.MM.YYYY", "1.2.2026", None),
            ("D.M.YYYY", "1.2.2026", Some("2026-02-01")),
            ("D/M/YY", "31/12/99", Some("1999-12-31")),
            ("YYYYMMDD", "20260201", Some("2026-02-01")),
            ("YYYY-MM-DD", "2026-02-01T10:00:00Z", Some("2026-02-01")),
            ("YYYY-MM-DD", "2026-02-30", None),
            ("YYYY-MM-DD", "ñ026-02-01", None),
        ];
        for (pattern, text, expected) in cases {
            let found = by_pattern(text, pattern).map(|on| on.to_string());
            assert_eq!(found.as_deref(), expected, "{text:?} by {pattern:?}");
        }
        assert_eq!(serial("45322").map(|on| on.to_string()).as_deref(), Some("2024-01-31"));
        assert_eq!(serial("7"), None);
    }
}
