//! Creditor references of ISO 11649: `RF`, two check digits, up to 21 letters and digits of the creditor's own.

use std::fmt;
use std::str::FromStr;

use crate::iban::compact;
use crate::text::serde_as_text;

/// A creditor reference whose check digits hold.
///
/// Kept, shown and compared in capitals without blanks (`RF18539007547034`): the check digits do not tell `w9` from
/// `W9`, so neither may a comparison.
#[derive(Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Iso11649(String);

/// Why a text is not a creditor reference.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Iso11649Error {
    /// Not `RF`, two digits and 1 to 21 letters and digits.
    #[error("not of the form of an ISO 11649 reference (RF, two digits, 1 to 21 letters and digits)")]
    Malformed,
    /// The check digits do not fit the rest: mistyped.
    #[error("the ISO 11649 reference's check digits do not hold")]
    Checksum,
    /// A creditor's own reference that cannot be made into one: not 1 to 21 letters and digits.
    #[error("only 1 to 21 letters and digits can be made into an ISO 11649 reference")]
    NotReferable,
}

impl Iso11649 {
    /// Reads a reference as people and banks write it: blanks anywhere, lower case allowed.
    ///
    /// # Errors
    /// [`Iso11649Error::Malformed`] or [`Iso11649Error::Checksum`].
    pub fn parse(text: &str) -> Result<Self, Iso11649Error> {
        let text = compact(text, 25).ok_or(Iso11649Error::Malformed)?;
        let (given, own) = text
            .strip_prefix("RF")
            .and_then(|rest| rest.split_at_checked(2))
            .unwrap_or_default();
        let digits = given.len() == 2 && given.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || own.is_empty() {
            return Err(Iso11649Error::Malformed);
        }
        // Computed anew rather than `mod 97 == 1`: that would let 00, 01 and 99 pass for 97, 98 and 02.
        if check_digits(own) == given {
            Ok(Self(text))
        } else {
            Err(Iso11649Error::Checksum)
        }
    }

    /// The reference for a creditor's own one: 1 to 21 letters and digits (blanks are dropped, letters made capitals).
    ///
    /// # Errors
    /// [`Iso11649Error::NotReferable`].
    pub fn generate(own: &str) -> Result<Self, Iso11649Error> {
        match compact(own, 21) {
            Some(own) if !own.is_empty() => Ok(Self(format!("RF{}{own}", check_digits(&own)))),
            _ => Err(Iso11649Error::NotReferable),
        }
    }

    /// The whole reference.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The creditor's own part, after `RF` and the check digits.
    #[must_use]
    pub fn own(&self) -> &str {
        self.0.get(4..).unwrap_or_default()
    }
}

/// ISO 11649's check digits: 98 − (own ‖ "RF00" with A = 10 … Z = 35) mod 97, two digits.
fn check_digits(own: &str) -> String {
    let remainder = own
        .chars()
        .chain("RF00".chars())
        .filter_map(|character| character.to_digit(36))
        .fold(0_u32, |remainder, value| {
            let shift = if value < 10 { 10 } else { 100 };
            (remainder * shift + value) % 97
        });
    format!("{:02}", 98 - remainder)
}

impl FromStr for Iso11649 {
    type Err = Iso11649Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Iso11649 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Iso11649 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Iso11649({})", self.0)
    }
}

serde_as_text!(Iso11649, "an ISO 11649 creditor reference");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// pagoPA's annex (payment-feeds.md 12).
    #[test]
    fn published_vectors() {
        for (own, reference) in [("w9", "RF45W9"), ("539007547034", "RF18539007547034")] {
            let made = Iso11649::generate(own).unwrap();
            assert_eq!(made.as_str(), reference);
            assert_eq!(Iso11649::parse(reference), Ok(made));
        }
    }

    #[test]
    fn reads_what_people_write() {
        for text in [
            "RF18539007547034",
            "RF18 5390 0754 7034",
            " rf18\u{a0}5390 07547034\n",
            "Rf 1 8539007547034",
        ] {
            assert_eq!(Iso11649::parse(text).unwrap().as_str(), "RF18539007547034", "{text:?}");
        }
        assert_eq!(Iso11649::parse("RF45w9").unwrap().own(), "W9");
    }

    #[test]
    fn says_what_is_wrong() {
        for text in [
            "",
            "RF",
            "RF1",
            "RF18",
            "RFA8539007547034",
            "XX18539007547034",
            "RF18-539007547034",
            "18539007547034",
        ] {
            assert_eq!(Iso11649::parse(text), Err(Iso11649Error::Malformed), "{text:?}");
        }
        let longest = Iso11649::generate(&"9".repeat(21)).unwrap();
        assert_eq!(Iso11649::parse(&format!("{longest}9")), Err(Iso11649Error::Malformed));
        for text in ["RF19539007547034", "RF18539007547043", "RF18539007547035", "RF45W8"] {
            assert_eq!(Iso11649::parse(text), Err(Iso11649Error::Checksum), "{text:?}");
        }
        for own in ["", " ", "A-1", "ș", &"9".repeat(22)] {
            assert_eq!(Iso11649::generate(own), Err(Iso11649Error::NotReferable), "{own:?}");
        }
    }

    /// 97 more or less leaves the remainder the same: such twins of valid check digits are refused.
    #[test]
    fn check_digits_have_one_spelling() {
        let mut twins = 0;
        for n in 0..2000 {
            let reference = Iso11649::generate(&n.to_string()).unwrap();
            let check: u32 = reference.as_str()[2..4].parse().unwrap();
            assert!((2..=98).contains(&check));
            for twin in [check.checked_sub(97), check.checked_add(97)]
                .into_iter()
                .flatten()
                .filter(|twin| *twin < 100)
            {
                twins += 1;
                assert_eq!(
                    Iso11649::parse(&format!("RF{twin:02}{n}")),
                    Err(Iso11649Error::Checksum)
                );
            }
        }
        assert!(twins > 0);
    }

    proptest! {
        #[test]
        fn what_is_made_is_read(own in "[A-Za-z0-9]{1,21}") {
            let made = Iso11649::generate(&own).unwrap();
            prop_assert_eq!(Iso11649::parse(made.as_str()), Ok(made.clone()));
            prop_assert_eq!(Iso11649::parse(&made.as_str().to_lowercase()), Ok(made.clone()));
            prop_assert_eq!(made.own(), own.to_uppercase());
        }

        /// Mod 97 catches each single wrong digit and each swap of neighbouring digits.
        #[test]
        fn a_slip_is_caught(own in "[0-9]{2,21}", at in 0_usize..20, other in 0_u32..10) {
            let made = Iso11649::generate(&own).unwrap().to_string();
            let at = 4 + at % (own.len() - 1);
            let mut slip: Vec<char> = made.chars().collect();
            slip.swap(at, at + 1);
            let swapped: String = slip.iter().collect();
            if swapped != made {
                prop_assert_eq!(Iso11649::parse(&swapped), Err(Iso11649Error::Checksum));
            }
            slip = made.chars().collect();
            slip[at] = char::from_digit(other, 10).unwrap();
            let replaced: String = slip.iter().collect();
            if replaced != made {
                prop_assert_eq!(Iso11649::parse(&replaced), Err(Iso11649Error::Checksum));
            }
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,40}") {
            let _ = Iso11649::parse(&text);
            let _ = Iso11649::generate(&text);
        }
    }
}
