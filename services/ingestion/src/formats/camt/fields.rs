//! What single fields of camt and pain mean: directions, dates, amounts, currencies, with the liberties that banks take.

use kernel::{BusinessDate, Currency, Money, MoneyError};

use super::raw::{Field, RawAmount};
use crate::formats::problem::ProblemKind;

pub(super) fn word(field: &Field) -> &str {
    field.as_ref().map_or("", |(text, _)| text)
}

/// Foreign text goes into a problem only as long as it helps.
pub(super) fn short(text: &str) -> String {
    text.chars().take(32).collect()
}

/// `CRDT` is true, `DBIT` false, in whatever case; nothing written is none.
pub(super) fn direction(field: &Field) -> Result<Option<bool>, ProblemKind> {
    match word(field) {
        "" if field.is_none() => Ok(None),
        text if text.eq_ignore_ascii_case("CRDT") => Ok(Some(true)),
        text if text.eq_ignore_ascii_case("DBIT") => Ok(Some(false)),
        other => Err(ProblemKind::BadDirection(short(other))),
    }
}

/// The date of a `Dt` or `DtTm` as written, in its own offset: its first ten characters. A `Dt` may hold a `DtTm` and
/// the other way round.
pub(super) fn written_date(field: &Field) -> Result<Option<BusinessDate>, ProblemKind> {
    let text = word(field);
    if text.is_empty() {
        return Ok(None);
    }
    let bad = || ProblemKind::BadDate(short(text));
    if let (8, Some((year, Some((month, day))))) = (
        text.len(),
        text.split_at_checked(4)
            .map(|(year, rest)| (year, rest.split_at_checked(2))),
    ) {
        // ISO 8601's basic form, which XML does not know and some banks write.
        return BusinessDate::parse(&format!("{year}-{month}-{day}"))
            .map(Some)
            .map_err(|_| bad());
    }
    let (date, rest) = text.split_at_checked(10).ok_or_else(bad)?;
    if !rest.is_empty() && !rest.starts_with(['T', 't', ' ', 'Z', 'z', '+', '-']) {
        return Err(bad());
    }
    BusinessDate::parse(date).map(Some).map_err(|_| bad())
}

/// The amount as written, in its own currency or, where it names none, in the account's. It has no sign in good files.
pub(super) fn read_amount(written: &RawAmount, account: Option<Currency>) -> Result<Money, ProblemKind> {
    let currency = match &written.currency {
        Some(code) => read_currency(code).ok_or_else(|| ProblemKind::UnknownCurrency(short(code)))?,
        None => account.ok_or_else(|| ProblemKind::UnknownCurrency(String::new()))?,
    };
    let text = &written.text;
    if text.is_empty() {
        return Err(ProblemKind::NoAmount);
    }
    Money::parse(text, currency).map_err(|error| match error {
        MoneyError::TooPrecise(currency) => ProblemKind::TooPrecise {
            text: short(text),
            currency,
        },
        _ => ProblemKind::BadAmount(short(text)),
    })
}

/// A currency code, in whatever case.
pub(super) fn read_currency(code: &str) -> Option<Currency> {
    Currency::parse(&code.to_ascii_uppercase()).ok()
}

/// The signed amount; the opposite exists but for the smallest number of all.
pub(super) fn signed(money: Money, credit: bool) -> Money {
    if credit {
        money
    } else {
        money.checked_neg().unwrap_or(money)
    }
}
