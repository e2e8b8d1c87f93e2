//! International bank account numbers (ISO 13616), checked against the SWIFT registry.

use std::fmt;
use std::str::FromStr;

use iban::{IbanLike, ParseIbanError};

use crate::text::serde_as_text;

/// A bank account number whose check digits hold (mod 97) and whose form is the one registered for its country.
///
/// `Display` and serde give the electronic form (`RO49AAAA1B31007593840000`). `Debug` shows only the country: an IBAN
/// is personal data and must not reach a log by accident.
#[derive(Copy, Clone, Eq, PartialEq, Hash)]
pub struct Iban(iban::Iban);

/// Why a text is not an IBAN. Carries no digit of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IbanError {
    /// Not two letters, two digits and at most 30 letters and digits.
    #[error("not of the form of an IBAN (country, check digits, account)")]
    Malformed,
    /// The check digits do not fit the rest: mistyped.
    #[error("the IBAN's check digits do not hold")]
    Checksum,
    /// The country has registered no IBAN.
    #[error("the IBAN's country has none in the registry")]
    UnknownCountry,
    /// The length or the kinds of characters are not those of the country.
    #[error("the IBAN has not the form registered for its country")]
    WrongForm,
}

impl Iban {
    /// Reads an IBAN as people and banks write it: blanks anywhere, lower case allowed.
    ///
    /// # Errors
    /// [`IbanError`].
    pub fn parse(text: &str) -> Result<Self, IbanError> {
        let electronic = compact(text, MAX_LENGTH).ok_or(IbanError::Malformed)?;
        electronic.parse::<iban::Iban>().map(Self).map_err(|error| match error {
            ParseIbanError::InvalidBaseIban {
                source: iban::ParseBaseIbanError::InvalidChecksum,
            } => IbanError::Checksum,
            ParseIbanError::InvalidBaseIban { .. } => IbanError::Malformed,
            ParseIbanError::InvalidBban(_) => IbanError::WrongForm,
            ParseIbanError::UnknownCountry(_) => IbanError::UnknownCountry,
        })
    }

    /// The electronic form: capitals and digits, no blanks.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.electronic_str()
    }

    /// The two letters of the country.
    #[must_use]
    pub fn country(&self) -> &str {
        self.0.country_code()
    }

    /// The bank's part, where the registry says which it is (`AAAA` in `RO49AAAA1B31007593840000`).
    #[must_use]
    pub fn bank(&self) -> Option<&str> {
        self.0.bank_identifier()
    }

    /// The paper form: groups of four.
    #[must_use]
    pub fn grouped(&self) -> String {
        self.0.to_string()
    }
}

/// Longest IBAN by ISO 13616.
const MAX_LENGTH: usize = 34;

/// `text` without blanks, in capitals; nothing where what is left is longer than `limit` or not letters and digits.
pub(crate) fn compact(text: &str, limit: usize) -> Option<String> {
    let mut out = String::with_capacity(limit);
    for character in text.chars().filter(|character| !character.is_whitespace()) {
        if !character.is_ascii_alphanumeric() || out.len() == limit {
            return None;
        }
        out.push(character.to_ascii_uppercase());
    }
    Some(out)
}

impl FromStr for Iban {
    type Err = IbanError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl Ord for Iban {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialOrd for Iban {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iban({}…)", self.country())
    }
}

serde_as_text!(Iban, "an IBAN");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_people_write() {
        for (text, electronic) in [
            ("RO49AAAA1B31007593840000", "RO49AAAA1B31007593840000"),
            ("RO49 AAAA 1B31 0075 9384 0000", "RO49AAAA1B31007593840000"),
            (" ro49\u{a0}aaaa1b31007593840000\n", "RO49AAAA1B31007593840000"),
            ("R O49AAAA1B3100759384000 0", "RO49AAAA1B31007593840000"),
            ("ES91 2100 0418 4502 0005 1332", "ES9121000418450200051332"),
            ("IT60X0542811101000000123456", "IT60X0542811101000000123456"),
            ("DE89370400440532013000", "DE89370400440532013000"),
            ("NO9386011117947", "NO9386011117947"),
        ] {
            let iban = Iban::parse(text).unwrap();
            assert_eq!((iban.as_str(), iban.to_string().as_str()), (electronic, electronic));
        }
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, error) in [
            ("", IbanError::Malformed),
            ("RO", IbanError::Malformed),
            ("RO49AAAA1B3100759384000O-", IbanError::Malformed),
            ("49ROAAAA1B31007593840000", IbanError::Malformed),
            ("RO49AAAA1B310075938400000000000000000", IbanError::Malformed),
            ("RO49AAAA1B31007593840001", IbanError::Checksum),
            ("RO48AAAA1B31007593840000", IbanError::Checksum),
            // Valid check digits, but 23 characters instead of 24, and a country that has no IBAN.
            ("RO23AAAA1B3100759384000", IbanError::WrongForm),
            ("CO15000000000000000000", IbanError::UnknownCountry),
        ] {
            assert_eq!(Iban::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn parts_and_forms() {
        let iban = Iban::parse("RO49AAAA1B31007593840000").unwrap();
        assert_eq!((iban.country(), iban.bank()), ("RO", Some("AAAA")));
        assert_eq!(iban.grouped(), "RO49 AAAA 1B31 0075 9384 0000");
        assert_eq!(serde_json::to_string(&iban).unwrap(), "\"RO49AAAA1B31007593840000\"");
        assert_eq!(
            serde_json::from_str::<Iban>("\"ro49 AAAA1B31007593840000\"").unwrap(),
            iban
        );
        assert!(serde_json::from_str::<Iban>("\"RO48AAAA1B31007593840000\"").is_err());
    }

    #[test]
    fn neither_debug_nor_errors_show_the_number() {
        let iban = Iban::parse("RO49AAAA1B31007593840000").unwrap();
        assert_eq!(format!("{iban:?}"), "Iban(RO…)");
        let error = Iban::parse("RO48AAAA1B31007593840000").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("AAAA"));
    }
}
