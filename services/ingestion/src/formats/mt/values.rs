//! Dates, amounts and balances of MT940 and MT942.

use kernel::{BusinessDate, Currency, Money, MoneyError};

use super::problem::{MtProblem, short};

/// Years from this one on are of the twentieth century: euro and SEPA files are younger, files in DEM are not.
const CENTURY: i32 = 80;

/// `YYMMDD`; nothing where no such day exists.
pub(super) fn date(text: &str) -> Option<BusinessDate> {
    let (year, month, day) = year_month_day(text)?;
    BusinessDate::from_ymd(year, month, day).ok()
}

fn year_month_day(text: &str) -> Option<(i32, u32, u32)> {
    let number = |from: usize| digits(text.get(from..from + 2)?);
    if text.len() != 6 {
        return None;
    }
    let year = i32::try_from(number(0)?).ok()?;
    let century = if year >= CENTURY { 1900 } else { 2000 };
    Some((century + year, number(2)?, number(4)?))
}

fn digits(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

/// A value date. Banks that count 30 days in every month write 30 February: read as the last day of the month, with a
/// note (payment-feeds.md 5).
pub(super) fn value_date(text: &str) -> (Option<BusinessDate>, Option<MtProblem>) {
    if let Some(found) = date(text) {
        return (Some(found), None);
    }
    let last = year_month_day(text)
        .filter(|(_, _, day)| (29..=31).contains(day))
        .and_then(|(year, month, _)| {
            (28..=30)
                .rev()
                .find_map(|day| BusinessDate::from_ymd(year, month, day).ok())
        });
    match last {
        Some(last) => {
            let problem = MtProblem::DateClamped {
                text: text.to_owned(),
                read: last.to_string(),
            };
            (Some(last), Some(problem))
        }
        None => (None, Some(MtProblem::BadDate(short(text)))),
    }
}

/// The entry date `MMDD` in the year that puts it nearest to the value date; where that is months away, nearest to the
/// opening balance (both directions across new year occur).
pub(super) fn entry_date(
    text: &str,
    value_on: Option<BusinessDate>,
    opening_on: Option<BusinessDate>,
) -> Result<BusinessDate, MtProblem> {
    const FAR: i64 = 92;
    let bad = || MtProblem::BadDate(short(text));
    let month = text.get(..2).and_then(digits).ok_or_else(bad)?;
    let day = text.get(2..).and_then(digits).ok_or_else(bad)?;
    let nearest = |anchor: BusinessDate| {
        (-1..=1)
            .filter_map(|year| BusinessDate::from_ymd(anchor.year() + year, month, day).ok())
            .min_by_key(|found| anchor.days_until(*found).abs())
    };
    let anchor = value_on.or(opening_on).ok_or_else(bad)?;
    let found = nearest(anchor).ok_or_else(bad)?;
    match opening_on {
        Some(opening) if anchor.days_until(found).abs() > FAR => nearest(opening).ok_or_else(bad),
        _ => Ok(found),
    }
}

/// An amount without sign: digits with one decimal comma, which may stand last (`10,`) or be missing (`500`). A decimal
/// point is taken for the comma, with a note.
pub(super) fn amount(text: &str, currency: Currency) -> (Option<Money>, Option<MtProblem>) {
    let separators = text.bytes().filter(|byte| matches!(byte, b',' | b'.')).count();
    if separators > 1 {
        return (None, Some(MtProblem::BadAmount(short(text))));
    }
    match Money::parse(&text.replace(',', "."), currency) {
        Ok(money) => {
            let point = text.contains('.').then(|| MtProblem::DecimalPoint(short(text)));
            (Some(money), point)
        }
        Err(MoneyError::TooPrecise(currency)) => {
            let text = short(text);
            (None, Some(MtProblem::TooPrecise { text, currency }))
        }
        Err(MoneyError::Overflow) => (None, Some(MtProblem::AmountTooLarge(short(text)))),
        Err(_) => (None, Some(MtProblem::BadAmount(short(text)))),
    }
}

/// A balance as written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct RawBalance<'a> {
    pub(super) credit: bool,
    /// `YYMMDD`.
    pub(super) date: &'a str,
    pub(super) currency: Option<Currency>,
    pub(super) amount: &'a str,
}

/// `C` or `D`, date, currency (some banks leave it out), amount.
pub(super) fn balance<'a>(tag: &'static str, text: &'a str) -> Result<RawBalance<'a>, MtProblem> {
    let bad = || MtProblem::BadBalance { tag, text: short(text) };
    let written = text.trim();
    let (credit, rest) = match (written.strip_prefix(['C', 'c']), written.strip_prefix(['D', 'd'])) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err(bad()),
    };
    // `CR` and `DR` are `C` and `D`; blanks part what the standard writes together.
    let rest = rest.strip_prefix(['R', 'r']).unwrap_or(rest).trim_start();
    let (date, rest) = rest.split_at_checked(6).ok_or_else(bad)?;
    digits(date).ok_or_else(bad)?;
    let rest = rest.trim_start();
    let (currency, amount) = match rest.split_at_checked(3) {
        Some((code, amount)) if code.bytes().all(|byte| byte.is_ascii_alphabetic()) => (
            Some(Currency::parse(&code.to_ascii_uppercase()).map_err(|_| bad())?),
            amount,
        ),
        _ => (None, rest),
    };
    let amount = amount.trim();
    let plain = amount
        .bytes()
        .all(|byte| byte.is_ascii_digit() || matches!(byte, b',' | b'.'));
    if amount.is_empty() || !plain {
        return Err(bad());
    }
    Ok(RawBalance {
        credit,
        date,
        currency,
        amount,
    })
}

/// `:34F:` and `:90D:`: the currency, and in the latter number and amount.
pub(super) fn sum(text: &str) -> Option<(String, Currency, &str)> {
    let text = text.trim();
    let at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
    let (count, rest) = text.split_at_checked(at)?;
    let (code, amount) = rest.split_at_checked(3)?;
    let currency = Currency::parse(code).ok()?;
    Some((
        count.trim().to_owned(),
        currency,
        amount.trim_start_matches(['C', 'D']).trim(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(text: &str) -> BusinessDate {
        BusinessDate::parse(text).unwrap()
    }

    #[test]
    fn dates() {
        assert_eq!(date("240229"), Some(on("2024-02-29")));
        assert_eq!(date("991231"), Some(on("1999-12-31")));
        for bad in ["230229", "241301", "24013", "2401x1", "240100", "２４0101"] {
            assert_eq!(date(bad), None, "{bad}");
        }
        assert_eq!(value_date("160230").0, Some(on("2016-02-29")));
        assert_eq!(value_date("230431").0, Some(on("2023-04-30")));
        assert!(matches!(value_date("160230").1, Some(MtProblem::DateClamped { .. })));
        for bad in ["160232", "161331", "160200"] {
            assert!(matches!(value_date(bad), (None, Some(MtProblem::BadDate(_)))), "{bad}");
        }
    }

    #[test]
    fn the_year_of_an_entry_date() {
        let cases = [
            ("0102", "2023-12-31", None, "2024-01-02"),
            ("1231", "2024-01-02", None, "2023-12-31"),
            ("0716", "2018-07-16", None, "2018-07-16"),
            ("0301", "2016-02-29", None, "2016-03-01"),
            ("0229", "2024-03-01", None, "2024-02-29"),
            // Value dates far from the booking: the statement's day decides.
            ("0330", "2024-10-05", Some("2024-03-29"), "2024-03-30"),
        ];
        for (text, value, opening, expected) in cases {
            let found = entry_date(text, Some(on(value)), opening.map(on));
            assert_eq!(found, Ok(on(expected)), "{text} {value}");
        }
        assert_eq!(entry_date("0105", None, Some(on("2023-12-30"))), Ok(on("2024-01-05")));
        for bad in ["0230", "1301", "01", "01x1", ""] {
            assert!(entry_date(bad, Some(on("2024-02-01")), None).is_err(), "{bad}");
        }
        assert!(entry_date("0105", None, None).is_err());
    }

    #[test]
    fn amounts() {
        let eur = Currency::parse("EUR").unwrap();
        let jpy = Currency::parse("JPY").unwrap();
        for (text, currency, minor) in [
            ("1000,00", eur, 100_000),
            ("10,", eur, 1_000),
            ("500", eur, 50_000),
            ("000000001000,5", eur, 100_050),
            (",07", eur, 7),
            ("1,000", eur, 100),
            ("700,", jpy, 700),
            ("12.50", eur, 1_250),
        ] {
            assert_eq!(
                amount(text, currency).0.map(|money| money.minor()),
                Some(minor),
                "{text}"
            );
        }
        let problem = |text: &str, currency| amount(text, currency).1;
        assert!(matches!(problem("1,001", eur), Some(MtProblem::TooPrecise { .. })));
        assert!(matches!(problem("1,5", jpy), Some(MtProblem::TooPrecise { .. })));
        assert!(matches!(problem("1.234,50", eur), Some(MtProblem::BadAmount(_))));
        assert!(matches!(problem("", eur), Some(MtProblem::BadAmount(_))));
        assert!(matches!(problem(",", eur), Some(MtProblem::BadAmount(_))));
        assert!(matches!(
            problem("92233720368547758,08", eur),
            Some(MtProblem::AmountTooLarge(_))
        ));
    }

    #[test]
    fn balances() {
        let found = balance(":60F:", "C110522EUR3236,28").unwrap();
        assert_eq!((found.credit, found.date, found.amount), (true, "110522", "3236,28"));
        assert_eq!(balance(":60F:", " D031002PLN40000,00 ").unwrap().amount, "40000,00");
        assert_eq!(balance(":62M:", "C020315105000,00").unwrap().currency, None);
        let found = balance(":60F:", "CR 110522 EUR 3236,28").unwrap();
        assert_eq!((found.credit, found.date, found.amount), (true, "110522", "3236,28"));
        for bad in [
            "Dnullnull7414,3",
            "",
            "X110522EUR1,",
            "C110522EUR",
            "C110522EU",
            "C110522EUR1,0 2",
            "C110522XXQ1,",
        ] {
            assert!(balance(":62F:", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sums() {
        let (count, currency, amount) = sum("2EUR123,45").unwrap();
        assert_eq!((count.as_str(), currency.code(), amount), ("2", "EUR", "123,45"));
        assert_eq!(sum("EURD0,00").unwrap().2, "0,00");
        assert_eq!(sum("12").map(|_| ()), None);
    }
}
