//! `:25:`: an IBAN, a bank code and an account number, or a number alone; some banks add the currency.

use kernel::Currency;

use super::details::{is_iban_form, is_iban_shaped};
use crate::formats::model::StatementAccount;

/// The account, and the currency that its text ends with.
pub(super) fn read(text: &str) -> (StatementAccount, Option<Currency>) {
    let compact: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let number = compact.trim_matches('/');
    // Romanian IBANs may end with RON by themselves.
    if is_iban_form(number) {
        return (of(number, None), None);
    }
    let (number, currency) = without_currency(number);
    match number.rsplit_once('/') {
        Some((bank, account)) if is_iban_form(account) => (of(account, Some(bank)), currency),
        Some((bank, _)) => (of(number, Some(bank)), currency),
        None => (of(number, None), currency),
    }
}

fn of(number: &str, bank: Option<&str>) -> StatementAccount {
    StatementAccount {
        number: number.to_owned(),
        is_iban: is_iban_shaped(number),
        owner: None,
        bank_bic: bank.filter(|bank| is_bic(bank)).map(str::to_owned),
    }
}

/// `1291.99.348EUR` and `BIC/123/HUF` without the currency.
fn without_currency(number: &str) -> (&str, Option<Currency>) {
    let split = number
        .len()
        .checked_sub(3)
        .and_then(|at| number.split_at_checked(at))
        .filter(|(base, _)| base.ends_with(|letter: char| letter.is_ascii_digit() || letter == '/'));
    match split.map(|(base, code)| (base, Currency::parse(code))) {
        Some((base, Ok(currency))) => (base.trim_end_matches('/'), Some(currency)),
        _ => (number, None),
    }
}

fn is_bic(text: &str) -> bool {
    matches!(text.len(), 8 | 11)
        && text.bytes().take(6).all(|byte| byte.is_ascii_uppercase())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// Countries whose letters (ă, ș, ł, ő, č, …) Windows-1252 does not have.
fn is_central(country: &str) -> bool {
    ["RO", "PL", "HU", "CZ", "SK", "SI", "HR", "BA", "RS", "AL"].contains(&country)
}

/// Whether the account is where Windows-1252 cannot write the language.
pub(super) fn is_in_central_europe(account: &StatementAccount, currency: Option<Currency>) -> bool {
    let country = if account.is_iban {
        account.number.get(..2)
    } else {
        account.bank_bic.as_deref().and_then(|bic| bic.get(4..6))
    };
    let by_currency = currency.is_some_and(|currency| matches!(currency.code(), "RON" | "PLN" | "HUF" | "CZK"));
    by_currency || country.is_some_and(is_central)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts() {
        for (text, number, iban, bic, currency) in [
            (
                "/RO19INGB0000999904621843",
                "RO19INGB0000999904621843",
                true,
                None,
                None,
            ),
            (
                " RO40RZBR0000060001111111",
                "RO40RZBR0000060001111111",
                true,
                None,
                None,
            ),
            ("RO87BUCU1052235283028RON", "RO87BUCU1052235283028RON", true, None, None),
            (
                "RO19INGB0000999904621843RON",
                "RO19INGB0000999904621843",
                true,
                None,
                Some("RON"),
            ),
            (
                "DE19 6628 0053 0622 1609 00",
                "DE19662800530622160900",
                true,
                None,
                None,
            ),
            ("25040066/0123456789", "25040066/0123456789", false, None, None),
            ("1291.99.348EUR", "1291.99.348", false, None, Some("EUR")),
            (
                "DABADKKK/1234567890",
                "DABADKKK/1234567890",
                false,
                Some("DABADKKK"),
                None,
            ),
            (
                "UBRTHUHB/123456789150/HUF",
                "UBRTHUHB/123456789150",
                false,
                Some("UBRTHUHB"),
                Some("HUF"),
            ),
            (
                "INGBNL2A/NL65INGB0123456789",
                "NL65INGB0123456789",
                true,
                Some("INGBNL2A"),
                None,
            ),
            ("517852257", "517852257", false, None, None),
            (
                "TRIODOSBANK/0390123456",
                "TRIODOSBANK/0390123456",
                false,
                Some("TRIODOSBANK"),
                None,
            ),
            ("", "", false, None, None),
            ("ŞŞ", "ŞŞ", false, None, None),
        ] {
            let (found, of) = read(text);
            assert_eq!(found.number, number, "{text}");
            assert_eq!((found.is_iban, found.bank_bic.as_deref()), (iban, bic), "{text}");
            assert_eq!(of.map(|of| of.code()), currency, "{text}");
        }
    }
}
