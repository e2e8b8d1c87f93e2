//! One record: a line's text, read by positions.

use kernel::{BusinessDate, Currency, Money};

use super::problem::RecordProblem;

/// A line as text. Blanks that were cut off at its end are as good as written.
#[derive(Copy, Clone, Debug)]
pub(crate) struct Record<'a> {
    text: &'a str,
    ascii: bool,
}

impl<'a> Record<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self {
            text,
            ascii: text.is_ascii(),
        }
    }

    /// The whole text.
    pub(crate) fn text(&self) -> &'a str {
        self.text
    }

    /// Length in characters, without blanks at the end.
    pub(crate) fn length(&self) -> usize {
        let text = self.text.trim_end();
        if self.ascii { text.len() } else { text.chars().count() }
    }

    /// Characters `from` to `to`, both included and counted from 1; shorter where the line ends before.
    pub(crate) fn field(&self, from: usize, to: usize) -> &'a str {
        let start = self.byte_of(from.saturating_sub(1));
        let end = self.byte_of(to);
        self.text.get(start..end).unwrap_or_default()
    }

    /// As [`Record::field`], without blanks around it.
    pub(crate) fn word(&self, from: usize, to: usize) -> &'a str {
        self.field(from, to).trim()
    }

    /// A word that says something: not empty, not all zeros.
    pub(crate) fn reference(&self, from: usize, to: usize) -> Option<&'a str> {
        Some(self.word(from, to)).filter(|word| word.bytes().any(|byte| byte != b'0'))
    }

    fn byte_of(&self, characters: usize) -> usize {
        if self.ascii {
            return characters.min(self.text.len());
        }
        self.text
            .char_indices()
            .nth(characters)
            .map_or(self.text.len(), |(at, _)| at)
    }

    /// A number of exactly so many digits; blanks in front stand for zeros.
    pub(crate) fn number(&self, from: usize, to: usize) -> Result<u64, RecordProblem> {
        let field = self.field(from, to);
        let whole = field.chars().count() == to + 1 - from;
        let digits = field.trim_start();
        let good = whole && !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let bad = || RecordProblem::BadNumber(short(field));
        if good {
            digits.parse().map_err(|_| bad())
        } else {
            Err(bad())
        }
    }

    /// An amount without sign whose last two digits are decimals, in the minor units of `currency`.
    pub(crate) fn amount(&self, from: usize, to: usize, currency: Currency) -> Result<i64, RecordProblem> {
        let hundredths = self
            .number(from, to)
            .map_err(|_| RecordProblem::BadAmount(short(self.field(from, to))))?;
        from_hundredths(hundredths, currency).map_err(|kind| match kind {
            Scale::TooPrecise => RecordProblem::TooPrecise {
                text: short(self.field(from, to)),
                currency,
            },
            Scale::Overflow => RecordProblem::Overflow(short(self.field(from, to))),
        })
    }

    /// `YYMMDD`; the years 80 to 99 are of the last century.
    pub(crate) fn short_date(&self, from: usize) -> Result<BusinessDate, RecordProblem> {
        let text = self.field(from, from + 5);
        two_digits(text)
            .and_then(|[year, month, day]| date(year, month, day))
            .ok_or_else(|| RecordProblem::BadDate(short(text)))
    }

    /// `DDMMYY`, as [`Record::short_date`] otherwise.
    pub(crate) fn day_first_date(&self, from: usize) -> Result<BusinessDate, RecordProblem> {
        let text = self.field(from, from + 5);
        two_digits(text)
            .and_then(|[day, month, year]| date(year, month, day))
            .ok_or_else(|| RecordProblem::BadDate(short(text)))
    }

    /// `YYYYMMDD`.
    pub(crate) fn long_date(&self, from: usize) -> Result<BusinessDate, RecordProblem> {
        let text = self.field(from, from + 7);
        let bad = || RecordProblem::BadDate(short(text));
        let (year, rest) = text.split_at_checked(4).ok_or_else(bad)?;
        let (month, day) = rest.split_at_checked(2).ok_or_else(bad)?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(bad());
        }
        BusinessDate::parse(&format!("{year}-{month}-{day}")).map_err(|_| bad())
    }
}

/// Why hundredths are no minor units.
enum Scale {
    TooPrecise,
    Overflow,
}

fn from_hundredths(hundredths: u64, currency: Currency) -> Result<i64, Scale> {
    let whole = i64::try_from(hundredths).map_err(|_| Scale::Overflow)?;
    let exponent = currency.exponent();
    if let Some(more) = exponent.checked_sub(2) {
        let factor = 10_i64.checked_pow(more).ok_or(Scale::Overflow)?;
        return whole.checked_mul(factor).ok_or(Scale::Overflow);
    }
    let divisor = 10_i64.checked_pow(2 - exponent).ok_or(Scale::Overflow)?;
    if whole % divisor == 0 {
        Ok(whole / divisor)
    } else {
        Err(Scale::TooPrecise)
    }
}

fn two_digits(text: &str) -> Option<[u32; 3]> {
    let bytes: &[u8; 6] = text.as_bytes().try_into().ok()?;
    if !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let [a, b, c, d, e, f] = bytes.map(|byte| u32::from(byte - b'0'));
    Some([a * 10 + b, c * 10 + d, e * 10 + f])
}

fn date(year: u32, month: u32, day: u32) -> Option<BusinessDate> {
    let century = if year >= 80 { 1900 } else { 2000 };
    BusinessDate::from_ymd(i32::try_from(century + year).ok()?, month, day).ok()
}

/// The money of minor units and a direction.
pub(crate) fn signed(minor: i64, credit: bool, currency: Currency) -> Money {
    // An amount without sign is never the one number that has no negative.
    Money::new(if credit { minor } else { minor.saturating_neg() }, currency)
}

/// Foreign text goes into a message only as long as a field could plausibly be.
pub(crate) fn short(text: &str) -> String {
    text.chars().take(48).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_count_characters_from_one() {
        let record = Record::new("23MUÑOZ  B");
        assert_eq!(record.field(1, 2), "23");
        assert_eq!(record.field(3, 7), "MUÑOZ");
        assert_eq!(record.word(8, 99), "B");
        assert_eq!(record.field(11, 20), "");
        assert_eq!(record.length(), 10);
        assert_eq!(Record::new("88   ").length(), 2);
        assert_eq!(Record::new("0000000").reference(1, 7), None);
        assert_eq!(Record::new("   ").reference(1, 3), None);
        assert_eq!(Record::new("0070").reference(1, 4), Some("0070"));
    }

    #[test]
    fn amounts_keep_every_cent_of_every_currency() {
        let currency = |code| Currency::parse(code).unwrap();
        let read = |text: &str, code| Record::new(text).amount(1, text.chars().count(), currency(code));
        assert_eq!(read("00000000001234", "EUR"), Ok(1234));
        assert_eq!(read("          1234", "EUR"), Ok(1234));
        assert_eq!(read("00000000001200", "JPY"), Ok(12));
        assert_eq!(read("00000000001234", "KWD"), Ok(12_340));
        assert!(matches!(
            read("00000000001234", "JPY"),
            Err(RecordProblem::TooPrecise { .. })
        ));
        assert!(matches!(
            read("0000000000123A", "EUR"),
            Err(RecordProblem::BadAmount(_))
        ));
        assert!(matches!(
            read("-0000000000123", "EUR"),
            Err(RecordProblem::BadAmount(_))
        ));
        assert!(matches!(
            read("              ", "EUR"),
            Err(RecordProblem::BadAmount(_))
        ));
        assert!(matches!(
            read("999999999999999999", "KWD"),
            Err(RecordProblem::Overflow(_))
        ));
        // Cut.
        assert!(matches!(
            Record::new("123").amount(1, 14, currency("EUR")),
            Err(RecordProblem::BadAmount(_))
        ));
    }

    #[test]
    fn dates_exist_or_are_a_problem() {
        let date = |text| BusinessDate::parse(text).unwrap();
        assert_eq!(Record::new("260228").short_date(1), Ok(date("2026-02-28")));
        assert_eq!(Record::new("991231").short_date(1), Ok(date("1999-12-31")));
        assert_eq!(Record::new("280226").day_first_date(1), Ok(date("2026-02-28")));
        assert_eq!(Record::new("20240229").long_date(1), Ok(date("2024-02-29")));
        for text in ["260229", "261301", "260100", "26010", "2601+1", ""] {
            assert!(Record::new(text).short_date(1).is_err(), "{text}");
        }
        for text in ["20230229", "2023022", "2023+229", "ÑÑÑÑ"] {
            assert!(Record::new(text).long_date(1).is_err(), "{text}");
        }
    }
}
